package keycloak_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// What is taken away, with which calls. The second time the user does not have it.
func TestUnassign_TakesWhatTheUserHas(t *testing.T) {
	for name, c := range map[string]struct {
		assignment    domain.Assignment
		roles, groups []string // what is left
		first, second []string // the calls
	}{
		"both": {
			domain.Assignment{Role: "teller", Group: "tellers"}, []string{"auditor"}, []string{"branches/north"},
			[]string{rolesRoute, groupsRoute, takeRoleRoute, leaveRoute}, []string{rolesRoute, groupsRoute},
		},
		"the role": {domain.Assignment{Role: "teller"}, []string{"auditor"}, []string{"tellers", "branches/north"}, []string{rolesRoute, takeRoleRoute}, []string{rolesRoute}},
		"the group": {
			domain.Assignment{Group: "branches/north"}, []string{"teller", "auditor"}, []string{"tellers"},
			[]string{groupsRoute, leaveRoute}, []string{groupsRoute},
		},
		"nothing": {domain.Assignment{}, []string{"teller", "auditor"}, []string{"tellers", "branches/north"}, []string{groupsRoute}, []string{groupsRoute}},
		"what the realm lacks": {
			domain.Assignment{Role: "no-such-role", Group: "no-such-group"}, []string{"teller", "auditor"}, []string{"tellers", "branches/north"},
			[]string{rolesRoute, groupsRoute}, []string{rolesRoute, groupsRoute},
		},
		"names of other letters": {
			domain.Assignment{Role: "Teller", Group: "north"}, []string{"teller", "auditor"}, []string{"tellers", "branches/north"},
			[]string{rolesRoute, groupsRoute}, []string{rolesRoute, groupsRoute},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, p, _ := warmed(t)
			user := present()
			user.roles, user.groups = []string{"teller", "auditor"}, []string{"tellers", "branches/north"}
			id := s.plant(user)
			for _, calls := range [][]string{c.first, c.second} {
				require.NoError(t, p.Unassign(t.Context(), domain.UserID(id), c.assignment))
				assert.ElementsMatch(t, calls, s.taken())
				assert.Equal(t, c.roles, s.users[id].roles)
				assert.Equal(t, c.groups, s.users[id].groups)
			}
			require.ErrorIs(t, p.Unassign(t.Context(), "user-unknown", c.assignment), domain.NotFound)
		})
	}
}

// A role that the user holds through a group stays, as the group does.
func TestUnassign_TakesNoRoleOfAGroup(t *testing.T) {
	s, p, _ := warmed(t)
	user := present()
	user.roles, user.groups = nil, []string{"head"}
	id := domain.UserID(s.plant(user))
	require.NoError(t, p.Unassign(t.Context(), id, domain.Assignment{Role: "auditor"}))
	assert.Zero(t, s.count(takeRoleRoute))
	found, err := p.Details(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, []domain.RealmRole{"auditor"}, found.EffectiveRoles)
}

// Somebody else may take it away at the same moment, or delete it from the realm.
func TestUnassign_OfWhatHasGoneMeanwhile(t *testing.T) {
	for name, meanwhile := range map[string]func(*stub, *stubUser){
		"taken away": func(_ *stub, user *stubUser) { user.roles, user.groups = nil, nil },
		"deleted":    func(s *stub, _ *stubUser) { delete(s.roles, "teller"); delete(s.groups, "tellers") },
		"made anew": func(s *stub, user *stubUser) {
			s.remade, s.roles["teller"] = "-again", "role-9"
			user.roles, user.groups = nil, nil
		},
		"user deleted": func(s *stub, user *stubUser) { delete(s.users, user.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			s, p, id := warmed(t)
			user := s.users[string(id)]
			for route, do := range map[string]http.HandlerFunc{takeRoleRoute: s.take, leaveRoute: s.leave} {
				s.answers(route, 1, func(w http.ResponseWriter, r *http.Request) {
					s.change(func() { meanwhile(s, user) })
					s.asUsual(do)(w, r)
				})
			}
			err := p.Unassign(t.Context(), id, domain.Assignment{Role: "teller", Group: "tellers"})
			if name == "user deleted" {
				require.ErrorIs(t, err, domain.NotFound)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

// Keycloak wants the ids.
func TestUnassign_NeedsIDs(t *testing.T) {
	for route, body := range map[string]string{rolesRoute: `[{"name":"teller"}]`, groupsRoute: `[{"id":"","name":"tellers","path":"/tellers"}]`} {
		s, p, id := warmed(t)
		s.answers(route, 1, saying(http.StatusOK, "application/json", body))
		require.ErrorIs(t, p.Unassign(t.Context(), id, domain.Assignment{Role: "teller", Group: "tellers"}), domain.BadAnswer)
		assert.Zero(t, s.count(takeRoleRoute))
		assert.Zero(t, s.count(leaveRoute))
	}
}

func TestUnassign_ReadsSideBySide(t *testing.T) {
	s, p, id := warmed(t)
	s.together(t, map[string]http.HandlerFunc{rolesRoute: s.userRoles, groupsRoute: s.userGroups})
	require.NoError(t, p.Unassign(t.Context(), id, domain.Assignment{Role: "teller", Group: "tellers"}))
}

// Of several who give the same role at once one may be refused, though the user has it
// then. What goes on being refused is an error.
func TestAssign_OfARoleThatSomebodyGivesAtTheSameMoment(t *testing.T) {
	const raced = `{"error":"invalid_request","error_description":"Could not add user role mappings!"}`
	for times, kind := range map[int]domain.Kind{1: "", 2: domain.Internal} {
		s, p, id := warmedForAssign(t)
		s.answers(assignRoute, times, saying(http.StatusBadRequest, "application/json", raced))
		_, err := p.Assign(t.Context(), id, domain.Assignment{Role: "teller"})
		if kind == "" {
			require.NoError(t, err)
			assert.Equal(t, []string{"teller"}, s.users[string(id)].roles)
		} else {
			assertOnlyKind(t, kind, err)
		}
		assert.Equal(t, 2, s.count(assignRoute))
	}
}
