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
	user := busyUser(uniqueName())
	id := s.add(t, user)
	before := s.state(t, user.Username)

	for i, actions := 0, s.find(t, user.Username).RequiredActions; i < len(actions); i++ {
		actions[i] = "spoilt"
	}
	memberships := s.memberships(t, id)
	for i := range memberships.Roles {
		memberships.Roles[i] = "spoilt"
	}
	for i := range memberships.Groups {
		memberships.Groups[i] = "spoilt"
	}

	assert.Equal(t, before, s.state(t, user.Username))
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
}
