package porttest

import (
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func privilegesClauses() []Clause {
	return []Clause{
		{
			Name:  "Privileges/FindsARoleOfTheUser",
			Why:   "Whoever holds a protected role must not be changed, and this is the plainest way to hold one.",
			Check: privilegesFindsARoleOfTheUser,
		},
		{
			Name:  "Privileges/FindsARoleWithinARole",
			Why:   "Protected roles are mostly held through others; an administrator would look like anybody.",
			Check: privilegesFindsARoleWithinARole,
		},
		{
			Name:  "Privileges/FindsARoleOfAGroup",
			Why:   "A group can make administrators who have no role of their own.",
			Check: privilegesFindsARoleOfAGroup,
		},
		{
			Name:  "Privileges/FindsARoleOfAParentGroup",
			Why:   "What a group carries is also carried by the groups below it, which show nothing of it.",
			Check: privilegesFindsARoleOfAParentGroup,
		},
		{
			Name:  "Privileges/IsEmptyForAPlainUser",
			Why:   "A plain user who seems to be privileged can be managed by nobody.",
			Check: privilegesIsEmptyForAPlainUser,
		},
		{
			Name:  "Privileges/NamesAskedRolesOnly",
			Why:   "Every name in the answer protects the user, so ordinary roles would protect everybody.",
			Check: privilegesNamesAskedRolesOnly,
		},
		{
			Name:  "Privileges/PassesOverAMissingRole",
			Why:   "One list of protected roles serves every realm; a role that a realm lacks must not stop all work there.",
			Check: privilegesPassesOverAMissingRole,
		},
		{
			Name:  "Privileges/TellsRolesApartByLetterCase",
			Why:   "The provider does so too: a role that is spelt otherwise is another one.",
			Check: privilegesTellsRolesApartByLetterCase,
		},
		{
			Name:  "Privileges/NamesRightsToAdminister",
			Why:   "Who can administer the provider can take over everything, whatever roles a list of protected ones holds.",
			Check: privilegesNamesRightsToAdminister,
		},
		{
			Name:  "Privileges/IsCurrent",
			Why:   "A user who has become an administrator a minute ago must not be taken over by a resetter of passwords.",
			Check: privilegesIsCurrent,
		},
		{
			Name:  "Privileges/ReturnsNotFoundForAnUnknownUser",
			Why:   "An empty list would say that the user has no privileges, where nothing was read at all.",
			Check: privilegesReturnsNotFound,
		},
	}
}

func privilegesFindsARoleOfTheUser(t T, s Subject) {
	// Not Role, which Group may carry as well.
	id := s.addWith(t, s.CarriedRole, s.Group)
	assert.Equal(t, []domain.RealmRole{s.CarriedRole}, s.privileges(t, id, s.CarriedRole, s.CompositeRole))
}

func privilegesFindsARoleWithinARole(t T, s Subject) {
	id := s.addWith(t, s.CompositeRole, s.Group)
	assert.Equal(t, []domain.RealmRole{s.CarriedRole}, s.privileges(t, id, s.CarriedRole))
}

func privilegesFindsARoleOfAGroup(t T, s Subject) {
	id := s.addWith(t, s.Role, s.carryingParent())
	assert.Equal(t, []domain.RealmRole{s.CarriedRole}, s.privileges(t, id, s.CarriedRole))
}

func privilegesFindsARoleOfAParentGroup(t T, s Subject) {
	id := s.addWith(t, s.Role, s.CarryingGroup)
	assert.Equal(t, []domain.RealmRole{s.CarriedRole}, s.privileges(t, id, s.CarriedRole))
}

func privilegesIsEmptyForAPlainUser(t T, s Subject) {
	s.addWith(t, s.CompositeRole, s.CarryingGroup)
	id := s.addWith(t, s.Role, s.Group)
	assert.Empty(t, s.privileges(t, id, s.CarriedRole, s.CompositeRole))
	assert.Empty(t, s.privileges(t, id), "nothing is asked for")
}

func privilegesNamesAskedRolesOnly(t T, s Subject) {
	id := s.addWith(t, s.CompositeRole, s.Group)
	assert.Equal(t, []domain.RealmRole{s.CompositeRole}, s.privileges(t, id, s.CompositeRole))
	assert.Equal(t, []domain.RealmRole{s.CarriedRole}, s.privileges(t, id, s.CarriedRole))
	assert.ElementsMatch(t, []domain.RealmRole{s.CarriedRole, s.CompositeRole},
		s.privileges(t, id, s.CarriedRole, s.CompositeRole))
}

func privilegesPassesOverAMissingRole(t T, s Subject) {
	id := s.addWith(t, s.Role, s.Group)
	assert.Empty(t, s.privileges(t, id, s.MissingRole))
	assert.Equal(t, []domain.RealmRole{s.Role}, s.privileges(t, id, s.MissingRole, s.Role))
}

func privilegesTellsRolesApartByLetterCase(t T, s Subject) {
	id := s.addWith(t, s.Role, s.Group)
	other := domain.RealmRole(strings.ToUpper(string(s.Role)))
	if other == s.Role {
		other = domain.RealmRole(strings.ToLower(string(s.Role)))
	}
	assert.Empty(t, s.privileges(t, id, other))
}

func privilegesNamesRightsToAdminister(t T, s Subject) {
	s.requireAdministratorRole(t)
	id := s.addWith(t, s.AdministratorRole, s.Group)
	rights := s.privileges(t, id)
	assert.NotEmpty(t, rights, "no role is asked for")
	assert.ElementsMatch(t, rights, s.privileges(t, id, s.CarriedRole), "a role that the user lacks is asked for")
	assert.ElementsMatch(t, append(rights, s.AdministratorRole), s.privileges(t, id, s.AdministratorRole),
		"a role that the user holds is asked for")
}

// privilegesIsCurrent asks before there is a user, while there is one, and afterwards,
// so that whatever was kept of an answer shows in the next.
func privilegesIsCurrent(t T, s Subject) {
	assert.Empty(t, s.privileges(t, s.addWith(t, s.Role, s.Group), s.CarriedRole))

	id := s.addWith(t, s.CompositeRole, s.Group)
	assert.Equal(t, []domain.RealmRole{s.CarriedRole}, s.privileges(t, id, s.CarriedRole), "the user was just made")

	require.NoError(t, s.DeleteUser(id), "the hook DeleteUser failed")
	_, err := s.Provider.Privileges(t.Context(), id, []domain.RealmRole{s.CarriedRole})
	assertNotFound(t, err)
}

func privilegesReturnsNotFound(t T, s Subject) {
	id := s.deletedUser(t)
	for _, roles := range [][]domain.RealmRole{nil, {s.MissingRole}, {s.Role, s.CarriedRole}} {
		privileges, err := s.Provider.Privileges(t.Context(), id, roles)
		assertNotFound(t, err)
		assert.Zero(t, privileges, "an error comes without privileges")
	}
}
