package porttest

import (
	"slices"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func ownershipClauses() []Clause {
	return []Clause{
		{
			Name:  "EveryMethod/GivesResultsAway",
			Why:   "A caller that sorts or extends a list must not change what the next one reads.",
			Check: everyMethodGivesResultsAway,
		},
		{
			Name:  "EveryMethod/LeavesArgumentsToTheCaller",
			Why:   "A caller may use a list again that it has passed, and builds one list from another.",
			Check: everyMethodLeavesArgumentsToTheCaller,
		},
	}
}

func everyMethodGivesResultsAway(t T, s Subject) {
	user := s.busyUser(uniqueName())
	id := s.add(t, user)
	s.addSecondFactor(t, id)
	before := s.state(t, user.Username)

	found := s.find(t, user.Username)
	spoil(found.RequiredActions)
	spoilAttributes(found.Attributes)
	memberships := s.memberships(t, id)
	spoil(memberships.Roles)
	spoil(memberships.Groups)
	spoil(s.groups(t, id))
	spoil(s.privileges(t, id, s.Role, s.CarriedRole, s.CompositeRole))
	details := s.details(t, id)
	spoil(details.EffectiveRoles)
	spoil(details.SecondFactors)

	assert.Equal(t, before, s.state(t, user.Username))
	s.givesAnswersAway(t, id)
	s.givesRightsAway(t)
}

// givesAnswersAway is the same for what writes return: the provider gives the same answer
// again.
func (s Subject) givesAnswersAway(t T, id domain.UserID) {
	t.Helper()
	change := domain.UserChange{Attributes: valuesOf(s.UnkeptAttributes...)}
	spoil(s.updateUser(t, id, change))
	assert.Equal(t, sorted(s.UnkeptAttributes), sorted(s.updateUser(t, id, change)), "UpdateUser's attributes")

	name := uniqueName()
	user := s.newUser(t, name)
	user.Attributes = change.Attributes
	created := s.create(t, user)
	want := sorted(created.RequiredActions)
	spoil(created.RequiredActions)
	spoil(created.Unstored)
	assert.Equal(t, want, s.state(t, name).User.RequiredActions, "CreateUser's required actions")
	again := user
	again.Username, again.Email = parseNewUsername(t, uniqueName()), parseEmail(t, emailOf(uniqueName()))
	assert.Equal(t, sorted(s.UnkeptAttributes), sorted(s.create(t, again).Unstored), "CreateUser's attributes")
}

// givesRightsAway is the same for what belongs to no user.
func (s Subject) givesRightsAway(t T) {
	t.Helper()
	given := []domain.Assignment{{Role: s.CompositeRole, Group: s.Group}}
	if s.AdministratorRole != "" {
		given = append(given, domain.Assignment{Role: s.AdministratorRole, Group: s.Group})
	}
	for _, assignment := range given {
		rights := s.rightsOf(t, assignment)
		before := domain.Rights{
			Roles:          slices.Clone(rights.Roles),
			Administration: slices.Clone(rights.Administration),
			Unseen:         slices.Clone(rights.Unseen),
		}
		spoil(rights.Roles)
		spoil(rights.Administration)
		spoil(rights.Unseen)
		assertRights(t, before, s.rightsOf(t, assignment), "the rights are as they were")
	}
}

// spoil overwrites a list.
func spoil[E ~string](list []E) {
	for i := range list {
		list[i] = "spoilt"
	}
}

// spoilAttributes overwrites attributes.
func spoilAttributes(attributes domain.Attributes) {
	for name := range attributes {
		attributes[name] = "spoilt"
	}
}

func everyMethodLeavesArgumentsToTheCaller(t T, s Subject) {
	// The third action is not passed: it only sits behind the two that are, where an
	// append would overwrite it.
	three := []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, secondFactor}
	two := sorted(three[:2])

	name := uniqueName()
	user := s.newUser(t, name)
	passed := slices.Clone(three)
	user.RequiredActions = passed[:2]
	created := s.create(t, user)
	assert.Equal(t, three, passed, "CreateUser leaves the list as it was")
	passed[0] = domain.RegisterSecondFactor
	assert.Equal(t, two, s.state(t, name).User.RequiredActions, "CreateUser keeps no hold of the list")

	passed = slices.Clone(three)
	require.NoError(t, s.Provider.SetRequiredActions(t.Context(), created.ID, passed[:2]))
	assert.Equal(t, three, passed, "SetRequiredActions leaves the list as it was")
	passed[0] = domain.RegisterSecondFactor
	assert.Equal(t, two, s.state(t, name).User.RequiredActions, "SetRequiredActions keeps no hold of the list")

	s.leavesRolesToTheCaller(t, created.ID)
	s.leavesAttributesToTheCaller(t)
}

// leavesAttributesToTheCaller is the same for attributes.
func (s Subject) leavesAttributesToTheCaller(t T) {
	t.Helper()
	name := uniqueName()
	user := s.newUser(t, name)
	user.Attributes = valuesOf(domain.AllAttributes()...)
	passed := present(user.Attributes)
	created := s.create(t, user)
	assert.Equal(t, passed, user.Attributes, "CreateUser leaves the attributes as they were")
	before := s.state(t, name)
	spoilAttributes(user.Attributes)
	assert.Equal(t, before, s.state(t, name), "CreateUser keeps no hold of the attributes")

	change := domain.UserChange{FirstName: new("Änne"), Attributes: valuesOf(domain.AllAttributes()...)}
	passed = present(change.Attributes)
	s.updateUser(t, created.ID, change)
	assert.Equal(t, passed, change.Attributes, "UpdateUser leaves the attributes as they were")
	before = s.state(t, name)
	*change.FirstName = "spoilt"
	spoilAttributes(change.Attributes)
	assert.Equal(t, before, s.state(t, name), "UpdateUser keeps no hold of the change")
}

// leavesRolesToTheCaller is the same for the lists of roles.
func (s Subject) leavesRolesToTheCaller(t T, id domain.UserID) {
	t.Helper()
	three := sorted([]domain.RealmRole{s.Role, s.CarriedRole, s.CompositeRole})
	slices.Reverse(three) // A provider that sorts the list shows.

	passed := slices.Clone(three)
	before := sorted(s.privileges(t, id, passed[:2]...))
	assert.Equal(t, three, passed, "Privileges leaves the list as it was")
	spoil(passed)
	assert.Equal(t, before, sorted(s.privileges(t, id, three[0], three[1])), "Privileges keeps no hold of the list")

	passed = slices.Clone(three)
	s.rightsOf(t, domain.Assignment{Role: s.Role, Group: s.Group, Privileged: passed[:2]})
	assert.Equal(t, three, passed, "RightsOf leaves the list as it was")
}
