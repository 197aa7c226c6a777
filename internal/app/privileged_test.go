package app_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// Nobody makes others what they are not themselves, and nobody becomes another
// administrator by way of the mail box.

// by is the actor of a bench on which tellers may write too, with the roles of now.
func by(provider *memory.Provider, mode app.Mode, roles ...string) *bench {
	token := admin()
	token.Roles = []string{"admin", "teller"}
	asking := &introspector{answer: active, owner: func(owner *domain.Actor) { owner.Roles = roles }}
	return newBench(provider, checking(token), introspecting(asking), repairing, func(config *app.Config) {
		config.Access.Mode, config.Access.WriteRoles = mode, []string{"admin", "teller", "Super User", "Admin", "web:admin"}
	})
}

// promotions are the ways to make an administrator of veronica. She is a cashier who lacks
// what the sync of an administrator gives.
func promotions() []useCase {
	sync := func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
		_, err := s.SyncUser(ctx, attempt, employee(t, name, "veronica@bank.example", "Super User"))
		return err
	}
	move := func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
		_, err := s.UpdateUser(ctx, attempt, username(t, name), app.UpdateUserInput{FineractRole: "Super User", Change: domain.UserChange{LastName: new("New")}})
		return err
	}
	return []useCase{{"create", domain.ActionSyncUser, sync}, {"repair", domain.ActionSyncUser, sync}, {"move", domain.ActionUpdateUser, move}}
}

func TestPrivileged_IsGivenByThoseWhoHoldIt(t *testing.T) {
	const message = "Only an administrator may give the role 'Super User'."
	for _, test := range []struct {
		roles []string
		may   bool
	}{
		{[]string{"admin"}, true}, {[]string{"teller", "Super User"}, true},
		{[]string{"teller"}, false}, {[]string{"Admin"}, false}, {[]string{"web:admin"}, false},
	} {
		for _, mode := range []app.Mode{app.Enforce, app.Report, app.Off} {
			for _, do := range promotions() {
				provider := newMovingRealm()
				if do.name != "create" {
					addVeronica(t, provider)
				}
				users := provider.Users()
				b := by(provider, mode, test.roles...)
				err := b.attempt(t, app.Caller{Token: goodToken}, do, "veronica")
				event := b.audit.only(t)
				if test.may || mode != app.Enforce {
					require.NoError(t, err, "%s %v", do.name, test.roles)
					assert.Contains(t, holdsOf(t, provider, provider.Users()[0].ID).Roles, domain.RealmRole("Super User"), "%s %v", do.name, test.roles)
					assert.Equal(t, !test.may && mode == app.Report, event.NotEnforced == domain.Forbidden, "%s %v %s", do.name, test.roles, mode)
					continue
				}
				assert.Equal(t, users, provider.Users(), "%s %v", do.name, test.roles)
				if do.name == "repair" {
					require.NoError(t, err, "the drift is told")
					assert.Equal(t, []domain.RealmRole{"teller"}, holdsOf(t, provider, users[0].ID).Roles)
					continue
				}
				require.ErrorIs(t, err, domain.Forbidden, "%s %v", do.name, test.roles)
				assert.Equal(t, message, domain.AsError(err).Message)
				assert.Equal(t, map[refusal]int{{domain.Forbidden, true}: 1}, b.observer.refused)
			}
		}
	}

	provider := newMovingRealm()
	addVeronica(t, provider)
	b := by(provider, app.Enforce, "teller")
	attempt := b.Begin(domain.ActionSyncUser, app.Request{})
	require.NoError(t, b.Admit(t.Context(), attempt, app.Caller{Token: goodToken}))
	result, err := b.SyncUser(t.Context(), attempt, employee(t, "veronica", "veronica@bank.example", "Super User"))
	require.NoError(t, err)
	assert.Equal(t, app.SyncUserResult{ID: provider.Users()[0].ID, Drift: domain.Assignment{Role: "Super User", Group: "head-office"}, Warnings: []string{message}}, result)
}

// What is the user's already is not given, and what is not privileged anybody may give.
func TestPrivileged_IsNoBusinessOfOtherWrites(t *testing.T) {
	provider := newMovingRealm()
	_, err := provider.AddUser(veronica(), "", domain.Assignment{Role: "admin", Group: "head-office"})
	require.NoError(t, err)
	for _, in := range []app.UpdateUserInput{{FineractRole: "Admin"}, {FineractRole: "Cashier"}} {
		b := by(provider, app.Enforce, "teller")
		move := useCase{"move", domain.ActionUpdateUser, func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
			_, err := s.UpdateUser(ctx, attempt, username(t, name), in)
			return err
		}}
		require.NoError(t, b.attempt(t, app.Caller{Token: goodToken}, move, "veronica"), in.FineractRole)
	}
}

func TestPrivileged_AddressesAreNotChanged(t *testing.T) {
	for name, test := range map[string]struct {
		in      domain.Assignment
		refused bool
	}{
		"a role":                   {domain.Assignment{Role: "admin"}, true},
		"in other letter case":     {domain.Assignment{Role: "ADMIN"}, true},
		"within a role":            {domain.Assignment{Role: "bundle"}, true},
		"by a group":               {domain.Assignment{Group: "vips"}, true},
		"by a parent group":        {domain.Assignment{Group: "vips/deputies"}, true},
		"a right to administer":    {domain.Assignment{Role: "operator"}, true},
		"a role that is none":      {domain.Assignment{Role: "teller", Group: "tellers"}, false},
		"a role that is called so": {domain.Assignment{Role: "administrator"}, false},
	} {
		provider := memory.New(memory.Realm{
			Roles:          []domain.RealmRole{"admin", "ADMIN", "administrator", "bundle", "operator", "teller"},
			Groups:         []domain.Group{"vips", "vips/deputies", "tellers"},
			Contains:       map[domain.RealmRole][]domain.RealmRole{"bundle": {"admin"}, "operator": {"manage-users"}},
			Carries:        map[domain.Group][]domain.RealmRole{"vips": {"admin"}},
			Administration: []domain.RealmRole{"manage-users"},
		})
		_, err := provider.AddUser(veronica(), "", test.in)
		require.NoError(t, err)
		same := unchanged(t, provider)
		for _, change := range []domain.UserChange{{Email: email(t, "mine@home.example")}, {Email: email(t, "mine@home.example"), LastName: new("New")}} {
			b := newBench(provider)
			_, err := b.update(t, editing(change))
			if !test.refused {
				require.NoError(t, err, name)
				continue
			}
			require.ErrorIs(t, err, domain.ProtectedUser, name)
			if name != "a right to administer" {
				assert.Equal(t, "An administrator's e-mail address cannot be changed here.", domain.AsError(err).Message)
			}
			same(name)
			assert.Equal(t, domain.Refused, b.audit.only(t).Outcome)
		}
		if name != "a right to administer" {
			_, err = newBench(provider).update(t, editing(domain.UserChange{Email: email(t, provider.Users()[0].Email), LastName: new("New")}))
			require.NoError(t, err, "the same address is no change")
		}
	}
}

// A check that could not be made is not a check that was passed.
func TestPrivileged_AddressesAreSafeWhileTheProviderCannotSay(t *testing.T) {
	provider := newMemory()
	addVeronica(t, provider)
	same := unchanged(t, provider)
	hidden := meetingProvider{provider, map[string]func() error{"Details": func() error { return &domain.Error{Kind: domain.Timeout} }}}
	_, err := newBench(hidden).update(t, editing(domain.UserChange{Email: email(t, "mine@home.example")}))
	require.ErrorIs(t, err, domain.Timeout)
	same()
}

// Whose addresses nobody vouches for, has to prove a new one.
func TestUpdateUser_MakesANewAddressUnverified(t *testing.T) {
	for _, verified := range []bool{true, false} {
		provider := newMemory()
		addVeronica(t, provider)
		b := newBench(provider, func(config *app.Config) { config.EmailVerified = verified })
		_, err := b.update(t, editing(domain.UserChange{Email: email(t, "VERONICA@bank.example"), LastName: new("New")}))
		require.NoError(t, err)
		assert.True(t, provider.Users()[0].EmailVerified, "no new address")
		_, err = b.update(t, editing(domain.UserChange{Email: email(t, "v@bank.example")}))
		require.NoError(t, err)
		assert.Equal(t, verified, provider.Users()[0].EmailVerified)
		after := map[string]any{"email": "v@bank.example"}
		if !verified {
			after["email_verified"] = false
		}
		assert.Equal(t, after, b.audit.events[1].After)
	}
}
