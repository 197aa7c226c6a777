package keycloak_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// asUsual answers as the stub does by itself.
func (s *stub) asUsual(do http.HandlerFunc) http.HandlerFunc {
	return s.carriedOut(do, func(w http.ResponseWriter) http.ResponseWriter { return w })
}

// together lets the stub answer the routes only when all of them have been asked.
func (s *stub) together(t *testing.T, routes map[string]http.HandlerFunc) {
	t.Helper()
	missing := new(atomic.Int64)
	missing.Store(int64(len(routes)))
	all := make(chan struct{})
	for route, do := range routes {
		s.answers(route, 1, func(w http.ResponseWriter, r *http.Request) {
			if missing.Add(-1) == 0 {
				close(all)
			}
			select {
			case <-all:
			case <-time.After(2 * time.Second):
				t.Errorf("%s was not asked side by side with the others", route)
			}
			s.asUsual(do)(w, r)
		})
	}
}

func TestPrivileges_HoweverTheyAreHeld(t *testing.T) {
	asked := []domain.RealmRole{"auditor", "a/b", "100%", "no-such-role", "realm-admin", "Teller"}
	for name, c := range map[string]struct {
		user stubUser
		want []domain.RealmRole
	}{
		"a plain user":                       {stubUser{roles: []string{"teller"}, groups: []string{"tellers"}}, nil},
		"a role":                             {stubUser{roles: []string{"auditor"}}, []domain.RealmRole{"auditor"}},
		"a role within a role":               {stubUser{roles: []string{"chief"}}, []domain.RealmRole{"auditor"}},
		"a role of a group":                  {stubUser{groups: []string{"head"}}, []domain.RealmRole{"auditor"}},
		"a role of a parent group":           {stubUser{groups: []string{"tellers", "head/board"}}, []domain.RealmRole{"auditor"}},
		"roles with odd names":               {stubUser{roles: []string{"a/b", "100%"}}, []domain.RealmRole{"100%", "a/b"}},
		"a role held in two ways":            {stubUser{roles: []string{"chief", "auditor"}, groups: []string{"head"}}, []domain.RealmRole{"auditor"}},
		"a role but for letter case":         {stubUser{roles: []string{"AUDITOR"}}, nil},
		"a right to administer":              {stubUser{roles: []string{"realm-management:view-users"}}, []domain.RealmRole{"view-users"}},
		"all rights to administer":           {stubUser{roles: []string{"realm-management:realm-admin"}}, []domain.RealmRole{"manage-realm", "manage-users", "realm-admin"}},
		"a right to administer in a role":    {stubUser{roles: []string{"operator"}}, []domain.RealmRole{"manage-users"}},
		"a right to administer in a group":   {stubUser{groups: []string{"staff/leads"}}, []domain.RealmRole{"manage-users"}},
		"a role and a right to administer":   {stubUser{roles: []string{"auditor", "operator"}}, []domain.RealmRole{"auditor", "manage-users"}},
		"another client's role of that name": {stubUser{roles: []string{"ledger:auditor", "ledger:realm-admin"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			s.rights.contains["realm-management:realm-admin"] = []string{"realm-management:manage-realm", "realm-management:manage-users"}
			s.contain("AUDITOR")
			s.carry("staff", "operator")
			s.carry("staff/leads")
			c.user.Username = "present"
			id := s.plant(c.user)
			held, err := s.provider(t).Privileges(t.Context(), domain.UserID(id), asked)
			require.NoError(t, err)
			assert.Equal(t, c.want, held.Roles)
		})
	}
}

// A realm role may have the name of a right to administer.
func TestPrivileges_NameEachOnce(t *testing.T) {
	s := newStub(t)
	s.contain("realm-admin", "realm-management:realm-admin")
	id := s.plant(stubUser{Username: "present", roles: []string{"realm-admin"}})
	held, err := s.provider(t).Privileges(t.Context(), domain.UserID(id), []domain.RealmRole{"realm-admin", "realm-admin"})
	require.NoError(t, err)
	assert.Equal(t, []domain.RealmRole{"realm-admin"}, held.Roles)
}

// Every write asks for the privileges of its target, and the realm role "realm-admin" of
// the default guard exists in next to no realm.
func TestPrivileges_TakeOneCallWhenWarm(t *testing.T) {
	s, c := newStub(t), newClock()
	id := domain.UserID(s.plant(present()))
	p := s.provider(t, c.set)
	ask := func(roles ...domain.RealmRole) []string {
		t.Helper()
		_, err := p.Privileges(t.Context(), id, roles)
		require.NoError(t, err)
		return s.taken()
	}
	assert.Equal(t, []string{"POST token", "GET roles/{role}", "GET users", ownRoute, userClientRoute}, ask("realm-admin"), "cold")
	assert.Equal(t, []string{userClientRoute}, ask("realm-admin"), "warm")
	assert.Equal(t, []string{userClientRoute}, ask(), "without roles")
	c.pass(time.Minute - time.Second)
	assert.Equal(t, []string{userClientRoute}, ask("realm-admin"), "the absence of the role is still known")
	c.pass(time.Second)
	assert.Equal(t, []string{"GET roles/{role}", userClientRoute}, ask("realm-admin"), "the absence has expired")

	require.NoError(t, p.Check(t.Context()))
	s.taken()
	assert.ElementsMatch(t, []string{"GET roles/{role}", userClientRoute, userRealmRoute}, ask("teller"), "a role that exists")
	assert.ElementsMatch(t, []string{userClientRoute, userRealmRoute}, ask("teller", "realm-admin"), "warm")
}

func TestPrivileges_NoticeARoleThatHasComeOrGone(t *testing.T) {
	s, c := newStub(t), newClock()
	id := domain.UserID(s.plant(stubUser{Username: "present", roles: []string{"owner"}}))
	p := s.provider(t, c.set)
	held := func() []domain.RealmRole {
		t.Helper()
		held, err := p.Privileges(t.Context(), id, []domain.RealmRole{"owner"})
		require.NoError(t, err)
		return held.Roles
	}
	assert.Empty(t, held())
	s.change(func() { s.contain("owner") })
	c.pass(time.Minute)
	assert.Equal(t, []domain.RealmRole{"owner"}, held())
	s.change(func() { delete(s.roles, "owner") })
	s.taken()
	c.pass(time.Minute)
	held()
	assert.Equal(t, []string{"GET roles/{role}", userClientRoute}, s.taken())
}

// Who holds what is never kept: an administrator of one second is one.
func TestPrivileges_AreCurrent(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(present()))
	p := s.provider(t)
	for _, roles := range [][]string{nil, {"auditor", "operator"}, nil} {
		s.change(func() { s.users[string(id)].roles = roles })
		held, err := p.Privileges(t.Context(), id, []domain.RealmRole{"auditor"})
		require.NoError(t, err)
		assert.Len(t, held.Roles, len(roles))
	}
}

func TestPrivileges_AskSideBySide(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(present()))
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	s.together(t, map[string]http.HandlerFunc{userClientRoute: s.userClientRights, userRealmRoute: s.userRealmRights})
	held, err := p.Privileges(t.Context(), id, []domain.RealmRole{"teller"})
	require.NoError(t, err)
	assert.Equal(t, []domain.RealmRole{"teller"}, held.Roles)
}

func TestPrivileges_OfNobody(t *testing.T) {
	for _, roles := range [][]domain.RealmRole{nil, {"realm-admin"}, {"teller"}} {
		s := newStub(t)
		held, err := s.provider(t).Privileges(t.Context(), "nobody", roles)
		assertOnlyKind(t, domain.NotFound, err)
		assert.Nil(t, held.Roles)
	}
}

// Names of roles that would lead elsewhere are names of no roles.
func TestPrivileges_OfRolesWithOddNames(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(present()))
	p := s.provider(t)
	for _, role := range []domain.RealmRole{"", ".", "..", "../users", "a%2Fb", "teller/composites", "teller?x", "TELLER"} {
		held, err := p.Privileges(t.Context(), id, []domain.RealmRole{role})
		require.NoError(t, err, "%q", role)
		assert.Empty(t, held.Roles, "%q", role)
	}
	assert.Zero(t, s.count(userRealmRoute), "none of them exists")
}
