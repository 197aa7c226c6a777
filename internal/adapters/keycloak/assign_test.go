package keycloak_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// warmedForAssign is warmed, and the user "present" has nothing yet.
func warmedForAssign(t *testing.T) (*stub, *keycloak.Provider, domain.UserID) {
	t.Helper()
	s, p, id := warmed(t)
	s.change(func() { s.users[string(id)].roles, s.users[string(id)].groups = nil, nil })
	return s, p, id
}

// What is given, with how many calls.
func TestAssign_GivesWhatIsAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		assignment domain.Assignment
		roles      []string
		groups     []string
		calls      []string
	}{
		"both":      {domain.Assignment{Role: "teller", Group: "tellers"}, []string{"teller"}, []string{"tellers"}, []string{assignRoute, joinRoute}},
		"the role":  {domain.Assignment{Role: "teller"}, []string{"teller"}, nil, []string{assignRoute}},
		"the group": {domain.Assignment{Group: "tellers"}, nil, []string{"tellers"}, []string{groupsRoute, joinRoute}},
		"nothing":   {domain.Assignment{}, nil, nil, []string{groupsRoute}},
	} {
		t.Run(name, func(t *testing.T) {
			s, p, id := warmedForAssign(t)
			for range 2 { // The second time the user has it.
				s.taken()
				missing, err := p.Assign(t.Context(), id, c.assignment)
				require.NoError(t, err)
				assert.Empty(t, missing)
				assert.Equal(t, c.calls, s.taken())
				assert.Equal(t, c.roles, s.users[string(id)].roles)
				assert.Equal(t, c.groups, s.users[string(id)].groups)
			}
		})
	}
}

func TestAssign_NamesTheMissingGroup(t *testing.T) {
	for name, c := range map[string]struct {
		assignment domain.Assignment
		roles      []string
	}{
		"with a role":    {domain.Assignment{Role: "teller", Group: "nobody's"}, []string{"teller"}},
		"without a role": {domain.Assignment{Group: "nobody's"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, p, id := warmedForAssign(t)
			missing, err := p.Assign(t.Context(), id, c.assignment)
			require.NoError(t, err)
			assert.Equal(t, domain.Group("nobody's"), missing)
			assert.Equal(t, c.roles, s.users[string(id)].roles)
			assert.Empty(t, s.users[string(id)].groups)
			assert.Zero(t, s.count(joinRoute))
		})
	}
}

// Groups and roles that were deleted and made again have other ids.
func TestAssign_FindsOutAboutNewIDs(t *testing.T) {
	s, p, id := warmedForAssign(t)
	s.change(func() { s.remade, s.roles["teller"] = "-again", "role-9" })
	missing, err := p.Assign(t.Context(), id, domain.Assignment{Role: "teller", Group: "tellers"})
	require.NoError(t, err)
	assert.Empty(t, missing)
	assert.Equal(t, []string{"teller"}, s.users[string(id)].roles)
	assert.Equal(t, []string{"tellers"}, s.users[string(id)].groups)
	assert.Equal(t, 2, s.count(assignRoute))
	assert.Equal(t, 2, s.count(joinRoute))
}

func TestAssign_FindsOutThatAGroupHasGone(t *testing.T) {
	s, p, id := warmedForAssign(t)
	s.change(func() { delete(s.groups, "tellers") })
	for range 2 {
		missing, err := p.Assign(t.Context(), id, domain.Assignment{Role: "teller", Group: "tellers"})
		require.NoError(t, err)
		assert.Equal(t, domain.Group("tellers"), missing)
	}
	assert.Equal(t, 1, s.count(joinRoute), "known by then")
}

// Two who give the same at once have both given it, though Keycloak answers one of them
// with a conflict.
func TestAssign_TakesAConflictForGiven(t *testing.T) {
	s, p, id := warmedForAssign(t)
	duplicate := saying(409, "application/json", `{"error":"conflict","error_description":"Duplicate resource error"}`)
	s.spoil(assignRoute, duplicate)
	s.spoil(joinRoute, duplicate)
	missing, err := p.Assign(t.Context(), id, domain.Assignment{Role: "teller", Group: "tellers"})
	require.NoError(t, err)
	assert.Empty(t, missing)
	assert.Equal(t, 1, s.count(joinRoute))
}

// A group that is refused time and again is one that the realm lacks.
func TestAssign_TriesAGroupTwiceOnly(t *testing.T) {
	s, p, id := warmedForAssign(t)
	s.spoil(joinRoute, saying(404, "application/json", `{"error":"Group not found"}`))
	missing, err := p.Assign(t.Context(), id, domain.Assignment{Group: "tellers"})
	require.NoError(t, err)
	assert.Equal(t, domain.Group("tellers"), missing)
	assert.Equal(t, 2, s.count(joinRoute))
}

func TestAssign_GivesNothingForAnUnknownRole(t *testing.T) {
	for name, change := range map[string]func(s *stub){
		"always unknown": func(*stub) {},
		"gone since":     func(s *stub) { delete(s.roles, "teller") },
	} {
		t.Run(name, func(t *testing.T) {
			s, p, id := warmedForAssign(t)
			s.change(func() { change(s) })
			role := domain.RealmRole("teller")
			if name == "always unknown" {
				role = "nobody's"
			}
			missing, err := p.Assign(t.Context(), id, domain.Assignment{Role: role, Group: "tellers"})
			assertOnlyKind(t, domain.UnknownRole, err)
			assert.Empty(t, missing)
			assert.Empty(t, s.users[string(id)].groups)
		})
	}
}

func TestAssign_ReturnsNotFound(t *testing.T) {
	_, p, _ := warmedForAssign(t)
	for _, id := range []domain.UserID{"nobody", "..", ""} {
		for _, assignment := range []domain.Assignment{
			{Role: "teller", Group: "tellers"}, {Role: "teller"}, {Group: "tellers"}, {Group: "nobody's"}, {},
		} {
			missing, err := p.Assign(t.Context(), id, assignment)
			assertOnlyKind(t, domain.NotFound, err)
			assert.Empty(t, missing)
		}
	}
}

// The user may go between the two calls.
func TestAssign_ReturnsNotFoundForAUserWhoGoesMeanwhile(t *testing.T) {
	s, p, id := warmedForAssign(t)
	s.answers(assignRoute, 1, func(w http.ResponseWriter, _ *http.Request) {
		s.change(func() { delete(s.users, string(id)) })
		w.WriteHeader(http.StatusNoContent)
	})
	_, err := p.Assign(t.Context(), id, domain.Assignment{Role: "teller", Group: "tellers"})
	assertOnlyKind(t, domain.NotFound, err)
}

// The id of a group goes into a path as one segment, whatever it is.
func TestAssign_EscapesTheGroupsID(t *testing.T) {
	s, p, id := warmedForAssign(t)
	var path string
	s.answers(groupRoute, always, saying(200, "application/json", `{"id":"a/../b?c","path":"/others","clientRoles":{}}`))
	s.answers(groupRealmRoute, always, saying(200, "application/json", `[]`))
	s.answers(groupClientRoute, always, saying(200, "application/json", `[]`))
	s.answers(joinRoute, 1, func(w http.ResponseWriter, r *http.Request) {
		path = r.PathValue("group")
		w.WriteHeader(http.StatusNoContent)
	})
	_, err := p.Assign(t.Context(), id, domain.Assignment{Group: "others"})
	require.NoError(t, err)
	assert.Equal(t, "a/../b?c", path)
}
