package porttest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func groupsClauses() []Clause {
	return []Clause{
		{
			Name:  "Groups/ReturnsPaths",
			Why:   "Protected groups are told by their paths, with all that is below them; by its name alone a group below one goes unprotected.",
			Check: groupsReturnsPaths,
		},
		{
			Name:  "Groups/HoldsNothingOfOthers",
			Why:   "A user who seems to be in a protected group can be managed by nobody.",
			Check: groupsHoldsNothingOfOthers,
		},
		{
			Name:  "Groups/ReturnsNotFoundForAnUnknownUser",
			Why:   "An empty list would say that the user is in no protected group, where nothing was read at all.",
			Check: groupsReturnsNotFound,
		},
	}
}

func groupsReturnsPaths(t T, s Subject) {
	both := []domain.Assignment{{Role: s.Role, Group: s.Group}, {Role: s.Role, Group: s.CarryingGroup}}
	id, err := s.AddUser(plainUser(uniqueName()), "", both...)
	require.NoError(t, err, "the hook AddUser failed")

	// The parent of the nested group is none of the user's groups.
	assert.ElementsMatch(t, []domain.Group{s.Group, s.CarryingGroup}, s.groups(t, id))
}

func groupsHoldsNothingOfOthers(t T, s Subject) {
	s.addWith(t, s.Role, s.CarryingGroup)
	id, err := s.AddUser(plainUser(uniqueName()), "")
	require.NoError(t, err, "the hook AddUser failed")
	assert.Empty(t, s.groups(t, id))
}

func groupsReturnsNotFound(t T, s Subject) {
	groups, err := s.Provider.Groups(t.Context(), s.deletedUser(t))
	assertNotFound(t, err)
	assert.Zero(t, groups, "an error comes without groups")
}
