package porttest

import (
	"strings"
	"time"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

func createUserClauses() []Clause {
	return []Clause{
		{
			Name:  "CreateUser/MakesAnEnabledUser",
			Why:   "The reply \"created\" promises an account that is as it was asked for.",
			Check: createUserMakesAnEnabledUser,
		},
		{
			Name:  "CreateUser/SetsTheRequiredActions",
			Why:   "Without them a new employee never confirms the address nor sets up a second factor.",
			Check: createUserSetsTheRequiredActions,
		},
		{
			Name:  "CreateUser/AssignsTheRole",
			Why:   "A user without the role can sign in and do nothing, and nobody knows why.",
			Check: createUserAssignsTheRole,
		},
		{
			Name:  "CreateUser/AssignsTheGroup",
			Why:   "Groups carry rights too, so a user outside the group lacks some.",
			Check: createUserAssignsTheGroup,
		},
		{
			Name:  "CreateUser/WorksWithoutAGroup",
			Why:   "Some Fineract roles have no group, which is no reason for a warning.",
			Check: createUserWorksWithoutAGroup,
		},
		{
			Name:  "CreateUser/NamesAMissingGroupAndGoesOnWithoutIt",
			Why:   "The employee must be able to work, and the administrator must learn what is missing.",
			Check: createUserNamesAMissingGroup,
		},
		{
			Name:  "CreateUser/MakesThePasswordTemporary",
			Why:   "The administrator has seen the password, so it must be good for one sign-in and its change only.",
			Check: createUserMakesThePasswordTemporary,
		},
	}
}

func createUserMakesAnEnabledUser(t T, s Subject) {
	for _, verified := range []bool{true, false} {
		name := uniqueName()
		user := s.newUser(t, name)
		user.EmailVerified = verified
		created := s.create(t, user)

		got := s.find(t, name)
		// Other clauses look at these.
		got.RequiredActions, got.Attributes, got.CreatedAt, got.Managed, got.TrustedID = nil, nil, time.Time{}, false, false
		assert.Equal(t, domain.User{
			ID:            created.ID,
			Username:      name,
			Email:         emailOf(name),
			FirstName:     user.FirstName,
			LastName:      user.LastName,
			Enabled:       true,
			EmailVerified: verified,
		}, got)
	}

	// Spelled otherwise, and without the names that may be empty.
	name := uniqueName()
	user := s.newUser(t, strings.ToUpper(name))
	user.FirstName, user.LastName = "", ""
	created := s.create(t, user)
	got := s.find(t, name)
	assert.Equal(t, created.ID, got.ID)
	assert.True(t, strings.EqualFold(name, got.Username), "the username is %q", got.Username)
	assert.True(t, strings.EqualFold(emailOf(name), got.Email), "the e-mail address is %q", got.Email)
	assert.Empty(t, got.FirstName)
	assert.Empty(t, got.LastName)
}

func createUserSetsTheRequiredActions(t T, s Subject) {
	name := uniqueName()
	user := s.newUser(t, name)
	user.RequiredActions = []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor}
	s.create(t, user)
	assert.ElementsMatch(t, user.RequiredActions, s.find(t, name).RequiredActions)
}

func createUserAssignsTheRole(t T, s Subject) {
	created := s.create(t, s.newUser(t, uniqueName()))
	assert.Contains(t, s.memberships(t, created.ID).Roles, s.Role)
}

func createUserAssignsTheGroup(t T, s Subject) {
	created := s.create(t, s.newUser(t, uniqueName()))
	assert.Equal(t, []domain.Group{s.Group}, s.memberships(t, created.ID).Groups)
	assert.Empty(t, created.MissingGroup, "the group is not missing")
}

func createUserWorksWithoutAGroup(t T, s Subject) {
	user := s.newUser(t, uniqueName())
	user.Assignment.Group = ""
	created := s.create(t, user)
	assert.Empty(t, created.MissingGroup, "no group was asked for")
	assert.Empty(t, s.memberships(t, created.ID).Groups)
}

func createUserNamesAMissingGroup(t T, s Subject) {
	name := uniqueName()
	user := s.newUser(t, name)
	user.Assignment.Group = s.MissingGroup
	created := s.create(t, user)

	assert.Equal(t, s.MissingGroup, created.MissingGroup)
	got := s.state(t, name)
	assert.Equal(t, created.ID, got.User.ID)
	assert.True(t, got.User.Enabled)
	assert.Equal(t, sorted(user.RequiredActions), got.User.RequiredActions)
	assert.Contains(t, got.Memberships.Roles, s.Role)
	assert.Empty(t, got.Memberships.Groups)
}

func createUserMakesThePasswordTemporary(t T, s Subject) {
	s.requireSignIn(t)
	for _, actions := range [][]domain.RequiredAction{nil, {domain.UpdatePassword}} {
		name := uniqueName()
		user := s.newUser(t, name)
		user.RequiredActions = actions
		s.create(t, user)

		outcome, _ := s.SignIn(name, user.Password.Reveal())
		assert.Equal(t, NotSetUp, outcome, "the password is right and must be changed")
		outcome, _ = s.SignIn(name, strongPassword())
		assert.Equal(t, Refused, outcome, "another password is wrong")
	}
}
