package porttest

import (
	"slices"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func rightsOfClauses() []Clause {
	return []Clause{
		{
			Name:  "RightsOf/ContainsTheRole",
			Why:   "A privileged role in the role map itself is then given away unseen.",
			Check: rightsOfContainsTheRole,
		},
		{
			Name:  "RightsOf/ContainsRolesWithinTheRole",
			Why:   "Somebody may have put a privileged role into a harmless one.",
			Check: rightsOfContainsRolesWithinTheRole,
		},
		{
			Name:  "RightsOf/ContainsRolesOfTheGroup",
			Why:   "Whoever is put into the head office becomes an administrator, whatever the role.",
			Check: rightsOfContainsRolesOfTheGroup,
		},
		{
			Name:  "RightsOf/ContainsRolesOfParentGroups",
			Why:   "A group below the head office shows no roles and makes administrators all the same.",
			Check: rightsOfContainsRolesOfParentGroups,
		},
		{
			Name:  "RightsOf/ContainsNothingElse",
			Why:   "With a privileged role that does not come along, users can no longer be created.",
			Check: rightsOfContainsNothingElse,
		},
		{
			Name:  "RightsOf/TakesAMissingGroupForNone",
			Why:   "A group that is missing is left out when a user is created, so it must neither give rights nor prevent the user.",
			Check: rightsOfTakesAMissingGroupForNone,
		},
		{
			Name:  "RightsOf/ReturnsUnknownRole",
			Why:   "A role that is missing gives nothing today, and anything once somebody has made it.",
			Check: rightsOfReturnsUnknownRole,
		},
		{
			Name:  "RightsOf/NamesRightsToAdminister",
			Why:   "Rights to administer the provider are refused whatever they are called, so they must be told from other roles.",
			Check: rightsOfNamesRightsToAdminister,
		},
		{
			Name:  "RightsOf/ForetellsWhatACreatedUserHolds",
			Why:   "The rights are judged before the user is created; the two must not read the assignment differently.",
			Check: rightsOfForetellsWhatACreatedUserHolds,
		},
	}
}

func defaultRightsClauses() []Clause {
	return []Clause{
		{
			Name:  "DefaultRights/ContainWhatAUserHoldsUnasked",
			Why:   "What comes by itself is judged before the user is created; a privileged role that is overlooked makes everybody an administrator.",
			Check: defaultRightsContainWhatAUserHoldsUnasked,
		},
		{
			Name:  "DefaultRights/ContainNothingElse",
			Why:   "With a privileged role that nobody gets by itself, users can no longer be created.",
			Check: defaultRightsContainNothingElse,
		},
	}
}

func defaultRightsContainWhatAUserHoldsUnasked(t T, s Subject) {
	id, err := s.AddUser(plainUser(uniqueName()), "")
	require.NoError(t, err, "the hook AddUser failed")
	assert.Subset(t, s.defaultRights(t).Roles, s.details(t, id).EffectiveRoles)
}

func defaultRightsContainNothingElse(t T, s Subject) {
	rights := s.defaultRights(t)
	for _, role := range []domain.RealmRole{s.Role, s.CarriedRole, s.CompositeRole, s.MissingRole} {
		assert.NotContains(t, rights.Roles, role)
	}
	assert.Empty(t, rights.Administration)
	assert.Empty(t, rights.Unseen)
}

// defaultRights returns what every user gets.
func (s Subject) defaultRights(t T) domain.Rights {
	t.Helper()
	rights, err := s.Provider.DefaultRights(t.Context())
	require.NoError(t, err, "DefaultRights fails")
	return rights
}

func rightsOfContainsTheRole(t T, s Subject) {
	for _, role := range []domain.RealmRole{s.Role, s.CarriedRole, s.CompositeRole} {
		assert.Contains(t, s.rightsOf(t, domain.Assignment{Role: role}).Roles, role)
	}
}

func rightsOfContainsRolesWithinTheRole(t T, s Subject) {
	rights := s.rightsOf(t, domain.Assignment{Role: s.CompositeRole})
	assert.Contains(t, rights.Roles, s.CarriedRole)
}

func rightsOfContainsRolesOfTheGroup(t T, s Subject) {
	rights := s.rightsOf(t, domain.Assignment{Role: s.Role, Group: s.carryingParent()})
	assert.Contains(t, rights.Roles, s.CarriedRole)
}

func rightsOfContainsRolesOfParentGroups(t T, s Subject) {
	rights := s.rightsOf(t, domain.Assignment{Role: s.Role, Group: s.CarryingGroup})
	assert.Contains(t, rights.Roles, s.CarriedRole)
}

func rightsOfContainsNothingElse(t T, s Subject) {
	itself := domain.Rights{Roles: []domain.RealmRole{s.Role}}
	assertRights(t, itself, s.rightsOf(t, domain.Assignment{Role: s.Role}), "a role that contains no other")

	// What may come along does not come along by that.
	tolerant := domain.Assignment{Role: s.Role, Privileged: []domain.RealmRole{s.CarriedRole}}
	assertRights(t, itself, s.rightsOf(t, tolerant), "with privileged roles allowed")

	inGroup := s.rightsOf(t, domain.Assignment{Role: s.Role, Group: s.Group})
	assert.NotContains(t, inGroup.Roles, s.CarriedRole, "what another group carries")
	assert.NotContains(t, inGroup.Roles, s.CompositeRole)
	assert.Empty(t, inGroup.Administration)
}

func rightsOfTakesAMissingGroupForNone(t T, s Subject) {
	want := s.rightsOf(t, domain.Assignment{Role: s.CompositeRole})
	got := s.rightsOf(t, domain.Assignment{Role: s.CompositeRole, Group: s.MissingGroup})
	assertRights(t, want, got, "the group is missing")
}

func rightsOfReturnsUnknownRole(t T, s Subject) {
	for _, group := range []domain.Group{"", s.CarryingGroup, s.MissingGroup} {
		rights, err := s.Provider.RightsOf(t.Context(), domain.Assignment{Role: s.MissingRole, Group: group})
		assertKind(t, domain.UnknownRole, err, "the realm lacks the role; the group is %q", group)
		assert.Zero(t, rights, "an error comes without rights")
	}
}

func rightsOfNamesRightsToAdminister(t T, s Subject) {
	s.requireAdministratorRole(t)
	rights := s.rightsOf(t, domain.Assignment{Role: s.AdministratorRole})
	assert.NotEmpty(t, rights.Administration)
	assert.Contains(t, rights.Roles, s.AdministratorRole, "the role itself is a role like others")
}

func rightsOfForetellsWhatACreatedUserHolds(t T, s Subject) {
	all := []domain.RealmRole{s.Role, s.CarriedRole, s.CompositeRole}
	for _, assignment := range []domain.Assignment{
		{Role: s.Role},
		{Role: s.CompositeRole},
		{Role: s.Role, Group: s.Group},
		{Role: s.Role, Group: s.CarryingGroup},
		{Role: s.Role, Group: s.MissingGroup},
	} {
		rights := s.rightsOf(t, assignment)
		foretold := slices.DeleteFunc(slices.Clone(all), func(role domain.RealmRole) bool {
			return !slices.Contains(rights.Roles, role)
		})
		user := s.newUser(t, uniqueName())
		user.Assignment = assignment
		held := s.privileges(t, s.create(t, user).ID, all...)
		assert.Equal(t, sorted(foretold), sorted(held), "role %q, group %q", assignment.Role, assignment.Group)
	}
}

// assertRights compares rights without regard to order.
func assertRights(t T, want, got domain.Rights, message string) {
	t.Helper()
	assert.ElementsMatch(t, want.Roles, got.Roles, message)
	assert.ElementsMatch(t, want.Administration, got.Administration, message)
	assert.ElementsMatch(t, want.Unseen, got.Unseen, message)
}
