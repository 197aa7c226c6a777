package porttest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func membershipsClauses() []Clause {
	return []Clause{
		{
			Name:  "Memberships/ContainsRolesAndGroups",
			Why:   "Administrators read from it what a user may do, and a role move what it takes away: by its name alone a nested group would be another one.",
			Check: membershipsContainsRolesAndGroups,
		},
		{
			Name:  "Memberships/HoldsNothingOfOthers",
			Why:   "A right that the user lacks is no better than one that is missing.",
			Check: membershipsHoldsNothingOfOthers,
		},
		{
			Name:  "Memberships/ReturnsNotFoundForAnUnknownUser",
			Why:   "An empty list would say that the user has no rights, where nothing was read at all.",
			Check: membershipsReturnsNotFound,
		},
	}
}

func membershipsContainsRolesAndGroups(t T, s Subject) {
	memberships := s.memberships(t, s.add(t, plainUser(uniqueName())))
	assert.Contains(t, memberships.Roles, s.Role)
	assert.Equal(t, []domain.Group{s.Group}, memberships.Groups)

	nested := s.memberships(t, s.addWith(t, s.Role, s.CarryingGroup))
	assert.Equal(t, []domain.Group{s.CarryingGroup}, nested.Groups, "a path; the parent is none of the user's groups")
}

func membershipsHoldsNothingOfOthers(t T, s Subject) {
	s.add(t, plainUser(uniqueName()))
	id, err := s.AddUser(plainUser(uniqueName()), "")
	require.NoError(t, err, "the hook AddUser failed")

	memberships := s.memberships(t, id)
	assert.NotContains(t, memberships.Roles, s.Role)
	assert.Empty(t, memberships.Groups)
}

func membershipsReturnsNotFound(t T, s Subject) {
	memberships, err := s.Provider.Memberships(t.Context(), s.deletedUser(t))
	assertNotFound(t, err)
	assert.Zero(t, memberships, "an error comes without memberships")
}
