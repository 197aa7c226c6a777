package keycloak_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// everybodyGets returns the rights of a realm in which every user gets the roles, beside
// those that come with each of them.
func everybodyGets(roles ...domain.RealmRole) domain.Rights {
	return domain.Rights{Roles: roles}
}

func TestDefaultRights(t *testing.T) {
	blind := func(s *stub) { s.rights.blind = true }
	for name, c := range map[string]struct {
		realm func(s *stub)
		want  domain.Rights
	}{
		"of a realm as it is made": {asItIs, everybodyGets("everybody", "offline_access")},
		"of one with no groups":    {func(s *stub) { s.rights.defaultGroups = nil }, everybodyGets("everybody", "offline_access")},
		"with the account's own": {
			// Keycloak does not say what is in them, and says the same of every realm.
			func(s *stub) {
				s.contain("everybody", "ledger:manage-account", "ledger:view-profile")
				s.rights.contains["ledger:manage-account"] = []string{"ledger:manage-account-links"}
			},
			everybodyGets("everybody", "manage-account", "view-profile"),
		},
		"with what the account's own contain": {
			func(s *stub) {
				s.rights.viewClients = true
				s.contain("everybody", "ledger:manage-account")
				s.rights.contains["ledger:manage-account"] = []string{"realm-management:manage-users"}
			},
			domain.Rights{Roles: []domain.RealmRole{"everybody", "manage-account"}, Administration: []domain.RealmRole{"manage-users"}},
		},
		"with an application's composite role": {
			func(s *stub) {
				s.contain("everybody", "ledger:book")
				s.rights.contains["ledger:book"] = []string{"auditor"}
			},
			domain.Rights{Roles: []domain.RealmRole{"book", "everybody"}, Unseen: []domain.RealmRole{"book"}},
		},
		"with a right to administer": {
			func(s *stub) { s.contain("everybody", "realm-management:view-users") },
			domain.Rights{Roles: []domain.RealmRole{"everybody"}, Administration: []domain.RealmRole{"view-users"}},
		},
		"with one two roles deep": {
			func(s *stub) { s.contain("everybody", "bundle"); s.contain("bundle", "operator") },
			domain.Rights{Roles: []domain.RealmRole{"bundle", "everybody", "operator"}, Administration: []domain.RealmRole{"manage-users"}},
		},
		"of groups with parents and roles of clients": {
			func(s *stub) {
				s.rights.defaultGroups = []string{"tellers", "head/board"}
				s.carry("tellers", "realm-management:view-users")
			},
			domain.Rights{Roles: []domain.RealmRole{"auditor", "everybody", "offline_access", "read"}, Administration: []domain.RealmRole{"view-users"}},
		},
		"of a blind realm": {blind, everybodyGets("everybody", "offline_access")},
		"of a blind realm with a composite role": {
			func(s *stub) { blind(s); s.contain("everybody", "chief") },
			domain.Rights{Roles: []domain.RealmRole{"auditor", "chief", "everybody"}, Unseen: []domain.RealmRole{"chief"}},
		},
		"of a blind realm with a group that administers": {
			func(s *stub) { blind(s); s.carry("tellers", "realm-management:view-users", "ledger:read") },
			domain.Rights{
				Roles: []domain.RealmRole{"everybody", "offline_access", "read"}, Administration: []domain.RealmRole{"view-users"}, Unseen: []domain.RealmRole{"read"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			c.realm(s)
			p := s.provider(t)
			for range 2 { // Read, and kept out of the reach of callers.
				got, err := p.DefaultRights(t.Context())
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
				clear(got.Roles)
			}
		})
	}
}

func TestDefaultRights_AreReadOnceInHalfAMinute(t *testing.T) {
	s, c := newStub(t), newClock()
	p := s.provider(t, c.set)
	require.NoError(t, p.Check(t.Context()))
	s.taken()
	calls := func() []string {
		_, err := p.DefaultRights(t.Context())
		require.NoError(t, err)
		return s.taken()
	}
	cold := []string{"GET realm", partsRoute, "GET users", ownRoute, defaultsRoute, groupByIDRoute, groupRealmRoute, groupClientRoute}
	assert.ElementsMatch(t, cold, calls())
	c.pass(30*time.Second - time.Nanosecond)
	assert.Empty(t, calls())
	s.change(func() { s.contain("everybody", "operator") })
	c.pass(time.Nanosecond)
	rights, err := p.DefaultRights(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []domain.RealmRole{"manage-users"}, rights.Administration)
}

// A realm that has become blind leaves roles of clients out of the answers without a
// word. What was known of it a moment ago must not make that read as "there are none".
func TestRights_AreUnseenAsSoonAsTheRealmIsBlind(t *testing.T) {
	s := newStub(t)
	s.contain("everybody", "operator")
	var lines bytes.Buffer
	p := s.provider(t, logInto(&lines))
	require.NoError(t, p.Check(t.Context()))
	s.change(func() { s.rights.blind = true })
	got, err := p.DefaultRights(t.Context())
	require.NoError(t, err)
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"everybody", "operator"}, Unseen: []domain.RealmRole{"operator"}}, got)
	assertWarnedOnce(t, &lines)

	s.change(func() { s.rights.blind = false })
	p = s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	s.change(func() { s.rights.blind = true })
	got, err = p.RightsOf(t.Context(), domain.Assignment{Role: "operator"})
	require.NoError(t, err)
	assert.Equal(t, []domain.RealmRole{"operator"}, got.Unseen)
}
