package keycloak_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// rightsCase is what comes with an assignment in a realm, as it is set up, with the
// rights that the service account should have.
type rightsCase struct {
	realm      func(s *stub)
	assignment domain.Assignment
	want       domain.Rights
}

// asItIs leaves the realm as it is.
func asItIs(*stub) {}

func assertRights(t *testing.T, cases map[string]rightsCase, mode func(*stub)) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			c.realm(s)
			mode(s)
			got, err := s.provider(t).RightsOf(t.Context(), c.assignment)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestRightsOf_ARole(t *testing.T) {
	assertRights(t, map[string]rightsCase{
		"that contains nothing": {asItIs, domain.Assignment{Role: "teller"}, domain.Rights{Roles: []domain.RealmRole{"teller"}}},
		"with a role":           {asItIs, domain.Assignment{Role: "chief"}, domain.Rights{Roles: []domain.RealmRole{"auditor", "chief"}}},
		"with a role with a role": {
			func(s *stub) { s.contain("boss", "chief", "teller") },
			domain.Assignment{Role: "boss"}, domain.Rights{Roles: []domain.RealmRole{"auditor", "boss", "chief", "teller"}},
		},
		"with itself": {func(s *stub) { s.contain("ring", "ring") }, domain.Assignment{Role: "ring"}, domain.Rights{Roles: []domain.RealmRole{"ring"}}},
		"with a role that contains it": {
			func(s *stub) {
				s.contain("ring", "ring 2", "teller")
				s.contain("ring 2", "ring 3")
				s.contain("ring 3", "ring")
			},
			domain.Assignment{Role: "ring 2"}, domain.Rights{Roles: []domain.RealmRole{"ring", "ring 2", "ring 3", "teller"}},
		},
		"with the same role twice": {
			func(s *stub) { s.contain("boss", "chief", "chief 2"); s.contain("chief 2", "auditor") },
			domain.Assignment{Role: "boss"}, domain.Rights{Roles: []domain.RealmRole{"auditor", "boss", "chief", "chief 2"}},
		},
		"with odd names": {
			func(s *stub) { s.contain("a/b", "100%", "é ö"); s.contain("é ö", "?x=#"); s.contain("?x=#") },
			domain.Assignment{Role: "a/b"}, domain.Rights{Roles: []domain.RealmRole{"100%", "?x=#", "a/b", "é ö"}},
		},
		"with a right to administer": {
			asItIs, domain.Assignment{Role: "operator"}, domain.Rights{Roles: []domain.RealmRole{"operator"}, Administration: []domain.RealmRole{"manage-users"}},
		},
		"with an application's role": {
			func(s *stub) { s.contain("clerk", "ledger:read") },
			domain.Assignment{Role: "clerk"}, domain.Rights{Roles: []domain.RealmRole{"clerk", "read"}},
		},
		"with an application's role called like a right to administer": {
			func(s *stub) { s.contain("clerk", "ledger:manage-users") },
			domain.Assignment{Role: "clerk"}, domain.Rights{Roles: []domain.RealmRole{"clerk", "manage-users"}},
		},
		// Without view-clients nobody tells what these contain.
		"with an application's composite role": {
			func(s *stub) {
				s.contain("clerk", "ledger:book")
				s.rights.contains["ledger:book"] = []string{"auditor"}
			},
			domain.Assignment{Role: "clerk"}, domain.Rights{Roles: []domain.RealmRole{"book", "clerk"}, Unseen: []domain.RealmRole{"book"}},
		},
		"with all rights to administer": {
			func(s *stub) {
				s.contain("boss", "realm-management:realm-admin")
				s.rights.contains["realm-management:realm-admin"] = []string{"realm-management:manage-realm"}
			},
			domain.Assignment{Role: "boss"}, domain.Rights{Roles: []domain.RealmRole{"boss"}, Administration: []domain.RealmRole{"realm-admin"}, Unseen: []domain.RealmRole{"realm-admin"}},
		},
	}, asItIs)
}

func TestRightsOf_ARoleForAnAccountThatMayViewClients(t *testing.T) {
	assertRights(t, map[string]rightsCase{
		"with an application's composite role": {
			func(s *stub) {
				s.contain("clerk", "ledger:book")
				s.rights.contains["ledger:book"] = []string{"ledger:read", "operator"}
			},
			domain.Assignment{Role: "clerk"}, domain.Rights{Roles: []domain.RealmRole{"book", "clerk", "operator", "read"}, Administration: []domain.RealmRole{"manage-users"}},
		},
		"with all rights to administer": {
			func(s *stub) {
				s.contain("boss", "realm-management:realm-admin")
				s.rights.contains["realm-management:realm-admin"] = []string{"realm-management:manage-realm"}
			},
			domain.Assignment{Role: "boss"}, domain.Rights{Roles: []domain.RealmRole{"boss"}, Administration: []domain.RealmRole{"manage-realm", "realm-admin"}},
		},
	}, func(s *stub) { s.rights.viewClients = true })
}

func TestRightsOf_AGroup(t *testing.T) {
	in := func(group domain.Group) domain.Assignment { return domain.Assignment{Role: "teller", Group: group} }
	assertRights(t, map[string]rightsCase{
		"that carries nothing": {asItIs, in("tellers"), domain.Rights{Roles: []domain.RealmRole{"teller"}}},
		"that the realm lacks": {asItIs, in("no-such-group"), domain.Rights{Roles: []domain.RealmRole{"teller"}}},
		"with no good name":    {asItIs, in("../users"), domain.Rights{Roles: []domain.RealmRole{"teller"}}},
		"that carries roles":   {asItIs, in("head"), domain.Rights{Roles: []domain.RealmRole{"auditor", "read", "teller"}}},
		"with a parent":        {asItIs, in("head/board"), domain.Rights{Roles: []domain.RealmRole{"auditor", "read", "teller"}}},
		"with two parents": {
			func(s *stub) {
				s.carry("a b", "100%", "ledger:read")
				s.carry("a b/é")
				s.carry("a b/é/50%", "ledger:book")
			},
			in("a b/é/50%"), domain.Rights{Roles: []domain.RealmRole{"100%", "book", "read", "teller"}},
		},
		"that carries a role with a role": {
			func(s *stub) { s.carry("leads", "chief") }, in("leads"), domain.Rights{Roles: []domain.RealmRole{"auditor", "chief", "teller"}},
		},
		"that carries a role with a right to administer": {
			func(s *stub) { s.carry("leads", "operator") }, in("leads"),
			domain.Rights{Roles: []domain.RealmRole{"operator", "teller"}, Administration: []domain.RealmRole{"manage-users"}},
		},
		"whose parent carries rights to administer": {
			func(s *stub) {
				s.carry("leads", "realm-management:realm-admin")
				s.carry("leads/deputies")
				s.rights.contains["realm-management:realm-admin"] = []string{"realm-management:manage-realm"}
			},
			in("leads/deputies"), domain.Rights{Roles: []domain.RealmRole{"teller"}, Administration: []domain.RealmRole{"manage-realm", "realm-admin"}},
		},
		// What it contains of the realm and of administration shows, other applications' roles do not.
		"that carries an application's composite role": {
			func(s *stub) {
				s.carry("clerks", "ledger:book")
				s.rights.contains["ledger:book"] = []string{"ledger:read", "operator"}
			},
			in("clerks"), domain.Rights{Roles: []domain.RealmRole{"book", "operator", "teller"}, Administration: []domain.RealmRole{"manage-users"}, Unseen: []domain.RealmRole{"book"}},
		},
		"that repeats the role": {
			func(s *stub) { s.carry("leads", "teller", "chief", "auditor") },
			in("leads"), domain.Rights{Roles: []domain.RealmRole{"auditor", "chief", "teller"}},
		},
	}, asItIs)
}

func TestRightsOf_AGroupForAnAccountThatMayViewClients(t *testing.T) {
	assertRights(t, map[string]rightsCase{
		"that carries an application's composite role": {
			func(s *stub) {
				s.carry("clerks", "ledger:book")
				s.rights.contains["ledger:book"] = []string{"ledger:read", "operator"}
			},
			domain.Assignment{Role: "teller", Group: "clerks"},
			domain.Rights{Roles: []domain.RealmRole{"book", "operator", "read", "teller"}, Administration: []domain.RealmRole{"manage-users"}},
		},
	}, func(s *stub) { s.rights.viewClients = true })
}

// What a blind realm does not show may be anything, so it must not read as nothing.
func TestRightsOf_InABlindRealm(t *testing.T) {
	assertRights(t, map[string]rightsCase{
		"a plain role":               {asItIs, domain.Assignment{Role: "teller"}, domain.Rights{Roles: []domain.RealmRole{"teller"}}},
		"a role with a role":         {asItIs, domain.Assignment{Role: "chief"}, domain.Rights{Roles: []domain.RealmRole{"auditor", "chief"}, Unseen: []domain.RealmRole{"chief"}}},
		"a right to administer":      {asItIs, domain.Assignment{Role: "operator"}, domain.Rights{Roles: []domain.RealmRole{"operator"}, Unseen: []domain.RealmRole{"operator"}}},
		"a group of nothing":         {asItIs, domain.Assignment{Role: "teller", Group: "tellers"}, domain.Rights{Roles: []domain.RealmRole{"teller"}}},
		"an application's role":      {asItIs, domain.Assignment{Role: "teller", Group: "head"}, domain.Rights{Roles: []domain.RealmRole{"auditor", "read", "teller"}, Unseen: []domain.RealmRole{"read"}}},
		"a parent's":                 {asItIs, domain.Assignment{Role: "teller", Group: "head/board"}, domain.Rights{Roles: []domain.RealmRole{"auditor", "read", "teller"}, Unseen: []domain.RealmRole{"read"}}},
		"a group's role with a role": {func(s *stub) { s.carry("leads", "chief") }, domain.Assignment{Role: "teller", Group: "leads"}, domain.Rights{Roles: []domain.RealmRole{"auditor", "chief", "teller"}, Unseen: []domain.RealmRole{"chief"}}},
		"a group's right to administer": {
			func(s *stub) { s.carry("leads", "realm-management:manage-users"); s.carry("leads/deputies") },
			domain.Assignment{Role: "teller", Group: "leads/deputies"}, domain.Rights{Roles: []domain.RealmRole{"teller"}, Administration: []domain.RealmRole{"manage-users"}},
		},
	}, func(s *stub) { s.rights.blind = true })
}

func TestRightsOf_AnUnknownRole(t *testing.T) {
	for _, group := range []domain.Group{"", "tellers", "no-such-group"} {
		s := newStub(t)
		got, err := s.provider(t).RightsOf(t.Context(), domain.Assignment{Role: "no-such-role", Group: group})
		assertOnlyKind(t, domain.UnknownRole, err)
		assert.Zero(t, got)
	}
}

// A gateway's 403 does not say that Keycloak hides something, so it is not kept as that.
func TestRightsOf_PartsRefusedByAGateway(t *testing.T) {
	s := newStub(t)
	s.answers(partsRoute, 1, saying(403, "text/html", "<h1>blocked</h1>"))
	p := s.provider(t)
	_, err := p.RightsOf(t.Context(), domain.Assignment{Role: "chief"})
	assertOnlyKind(t, domain.Internal, err)
	got, err := p.RightsOf(t.Context(), domain.Assignment{Role: "chief"})
	require.NoError(t, err, "a failure is not kept")
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"auditor", "chief"}}, got)
}

// Keycloak 24 refuses in other words, and 26.7 leaves out the roles of clients that it does not show.
func TestRightsOf_PartsHiddenInOtherWords(t *testing.T) {
	for body, status := range map[string]int{`{"error":"unknown_error"}`: 403, `[]`: 200} {
		s := newStub(t)
		s.answers(partsRoute, 1, saying(status, "application/json", body))
		got, err := s.provider(t).RightsOf(t.Context(), domain.Assignment{Role: "chief"})
		require.NoError(t, err)
		assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"chief"}, Unseen: []domain.RealmRole{"chief"}}, got)
	}
}

// A group, or a parent, that goes between two calls is a group that the realm lacks.
func TestRightsOf_AGroupThatGoesMeanwhile(t *testing.T) {
	gone := map[string]http.HandlerFunc{
		groupRealmRoute:  saying(404, "application/json", `{"error":"Could not find group by id"}`),
		groupClientRoute: saying(404, "application/json", `{"error":"Could not find group by id"}`),
		groupRolesRoute:  saying(404, "application/json", `{"error":"Could not find group by id"}`),
	}
	for route, with := range gone {
		s := newStub(t)
		s.answers(route, 1, with)
		got, err := s.provider(t).RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "head"})
		require.NoError(t, err, route)
		assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"teller"}}, got, route)
	}
	s := newStub(t)
	delete(s.groups, "head")
	got, err := s.provider(t).RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "head/board"})
	require.NoError(t, err)
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"teller"}}, got)
}

func TestRightsOf_TakeNoCallWhenWarm(t *testing.T) {
	roleCalls := []string{"GET roles/{role}", partsRoute, "GET users", ownRoute}                           // whether the parts were all
	groupCalls := []string{groupRoute, groupByIDRoute, groupRealmRoute, groupClientRoute, groupRolesRoute} // the parent has a client's role
	for name, c := range map[string]struct {
		assignment domain.Assignment
		mode       func(*stub)
		cold       []string
	}{
		"a plain role":             {domain.Assignment{Role: "teller"}, asItIs, []string{"GET roles/{role}"}},
		"a composite role":         {domain.Assignment{Role: "chief"}, asItIs, roleCalls},
		"a plain group":            {domain.Assignment{Role: "teller", Group: "tellers"}, asItIs, []string{"GET roles/{role}", groupRoute, groupRealmRoute, groupClientRoute}},
		"a group with a parent":    {domain.Assignment{Role: "chief", Group: "head/board"}, asItIs, slices.Concat(roleCalls, groupCalls)},
		"a blind realm":            {domain.Assignment{Role: "chief", Group: "head/board"}, func(s *stub) { s.rights.blind = true }, slices.Concat(roleCalls[:2], groupCalls[:3])},
		"a group that administers": {domain.Assignment{Role: "teller", Group: "leads"}, func(s *stub) { s.carry("leads", "realm-management:view-users") }, []string{"GET roles/{role}", groupRoute, groupRealmRoute, groupClientRoute}},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := newStub(t), newClock()
			c.mode(s)
			p := s.provider(t, clock.set)
			require.NoError(t, p.Check(t.Context()))
			s.taken()
			ask := func() []string {
				t.Helper()
				_, err := p.RightsOf(t.Context(), c.assignment)
				require.NoError(t, err)
				return s.taken()
			}
			assert.ElementsMatch(t, c.cold, ask(), "cold")
			clock.pass(30*time.Second - time.Nanosecond)
			assert.Empty(t, ask(), "warm")
			clock.pass(time.Nanosecond)
			require.NoError(t, p.Check(t.Context()))
			s.taken()
			assert.ElementsMatch(t, c.cold, ask(), "expired")
		})
	}
}

// What somebody puts into a role is noticed within half a minute.
func TestRightsOf_ExpireSoon(t *testing.T) {
	s, c := newStub(t), newClock()
	p := s.provider(t, c.set)
	assignment := domain.Assignment{Role: "teller", Group: "tellers"}
	before, err := p.RightsOf(t.Context(), assignment)
	require.NoError(t, err)
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"teller"}}, before)
	s.change(func() { s.contain("teller", "auditor"); s.carry("tellers", "operator") })
	c.pass(30 * time.Second)
	after, err := p.RightsOf(t.Context(), assignment)
	require.NoError(t, err)
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"auditor", "operator", "teller"}, Administration: []domain.RealmRole{"manage-users"}}, after)
}

// A missing role or group is asked for every time: administrators make it and try again.
func TestRightsOf_NoticeWhatHasCome(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	// One after the other: what is still being read would be waited for.
	_, err := p.RightsOf(t.Context(), domain.Assignment{Role: "owner"})
	require.ErrorIs(t, err, domain.UnknownRole)
	_, err = p.RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "owners"})
	require.NoError(t, err)
	s.change(func() { s.contain("owner"); s.carry("owners", "auditor") })
	got, err := p.RightsOf(t.Context(), domain.Assignment{Role: "owner", Group: "owners"})
	require.NoError(t, err)
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"auditor", "owner"}}, got)
}

// The role and the group are read side by side, and so is what a group brings along.
func TestRightsOf_AskSideBySide(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	s.together(t, map[string]http.HandlerFunc{"GET roles/{role}": s.role, groupRoute: s.group})
	s.together(t, map[string]http.HandlerFunc{groupRealmRoute: s.groupRealmRights, groupClientRoute: s.groupClientRights, groupRolesRoute: s.groupMappings})
	got, err := p.RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "head"})
	require.NoError(t, err)
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"auditor", "read", "teller"}}, got)
}

func TestRightsOf_AskForPartsSideBySide(t *testing.T) {
	s := newStub(t)
	s.contain("boss", "chief", "operator")
	p := s.provider(t)
	s.answers(partsRoute, 1, s.asUsual(s.roleParts)) // of boss
	both := make(chan struct{}, 2)
	s.answers(partsRoute, 2, func(w http.ResponseWriter, r *http.Request) {
		both <- struct{}{}
		for deadline := time.Now().Add(2 * time.Second); len(both) < 2; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Error("the parts of one role were not asked for side by side with those of another")
				break
			}
		}
		s.asUsual(s.roleParts)(w, r)
	})
	got, err := p.RightsOf(t.Context(), domain.Assignment{Role: "boss"})
	require.NoError(t, err)
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"auditor", "boss", "chief", "operator"}, Administration: []domain.RealmRole{"manage-users"}}, got)
}

func TestRightsOf_ForManyAtOnceAreReadOnce(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	s.taken()
	reached, goOn := make(chan struct{}), make(chan struct{})
	s.answers("GET roles/{role}", 1, func(w http.ResponseWriter, r *http.Request) {
		close(reached)
		<-goOn
		s.asUsual(s.role)(w, r)
	})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			got, err := p.RightsOf(t.Context(), domain.Assignment{Role: "chief", Group: "tellers"})
			assert.NoError(t, err)
			assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"auditor", "chief"}}, got)
		})
	}
	<-reached
	close(goOn)
	all.Wait()
	assert.ElementsMatch(t, []string{"GET roles/{role}", partsRoute, "GET users", ownRoute, groupRoute, groupRealmRoute, groupClientRoute}, s.taken())
}

// What is kept must not change under the hands of the next caller.
func TestRightsOf_BelongToTheCaller(t *testing.T) {
	s := newStub(t)
	s.contain("boss", "operator", "ledger:book")
	s.rights.contains["ledger:book"] = []string{"auditor"}
	p := s.provider(t)
	want := domain.Rights{Roles: []domain.RealmRole{"book", "boss", "operator"}, Administration: []domain.RealmRole{"manage-users"}, Unseen: []domain.RealmRole{"book"}}
	for range 3 {
		got, err := p.RightsOf(t.Context(), domain.Assignment{Role: "boss"})
		require.NoError(t, err)
		assert.Equal(t, want, got)
		for _, list := range [][]domain.RealmRole{got.Roles, got.Administration, got.Unseen} {
			clear(list)
		}
	}
}

// The caller who leaves does not spoil the reading for the next one.
func TestRightsOf_ForACallerWhoLeaves(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	s.taken()
	ctx, leave := context.WithCancel(t.Context())
	goOn := make(chan struct{})
	s.answers(groupClientRoute, 1, func(w http.ResponseWriter, r *http.Request) {
		leave()
		<-goOn
		s.asUsual(s.groupClientRights)(w, r)
	})
	assignment := domain.Assignment{Role: "teller", Group: "tellers"}
	_, err := p.RightsOf(ctx, assignment)
	assertOnlyKind(t, domain.Unavailable, err)
	close(goOn)
	_, err = p.RightsOf(t.Context(), assignment)
	require.NoError(t, err)
	assert.Equal(t, 1, s.count(groupClientRoute))
}
