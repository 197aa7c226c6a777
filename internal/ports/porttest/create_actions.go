package porttest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func createActionsClauses() []Clause {
	return []Clause{
		{
			Name:  "CreateUser/TellsTheRequiredActions",
			Why:   "The administrator tells the employee what the first sign-in will ask for.",
			Check: createUserTellsTheRequiredActions,
		},
		{
			Name:  "CreateUser/LeavesOutActionsThatTheRealmLacks",
			Why:   "One list of actions serves every realm; what a realm does not know must not keep employees out of it.",
			Check: createUserLeavesOutLackedActions,
		},
		{
			Name:  "CreateUser/LeavesOutActionsThatAreSwitchedOff",
			Why:   "A user with such an action is never let in, and no page says why.",
			Check: createUserLeavesOutDisabledActions,
		},
		{
			Name:  "ActionAvailable/TellsWhatTheRealmAsksFor",
			Why:   "A new password that nobody will be asked for must not be reported as required.",
			Check: actionAvailableTells,
		},
		{
			Name:  "CreateUser/RequiresANewPasswordUnasked",
			Why:   "The administrator has seen the password, whatever the list of actions says.",
			Check: createUserRequiresANewPassword,
		},
		{
			Name:  "CreateUser/MakesAUserWithoutAPassword",
			Why:   "An empty password that is stored lets anybody in who knows the username.",
			Check: createUserMakesAUserWithoutAPassword,
		},
		{
			Name:  "CreateUser/AsksNoNewPasswordOfAUserWithoutOne",
			Why:   "The provider asks for it by itself; an action that nobody wanted would be reported as wanted.",
			Check: createUserAsksNoNewPassword,
		},
	}
}

// assertActions checks which required actions a user has whom the provider has just
// created, by its answer and by what it shows.
func (s Subject) assertActions(t T, want []domain.RequiredAction, created domain.CreatedUser, name string) {
	t.Helper()
	assert.ElementsMatch(t, want, s.find(t, name).RequiredActions, "the user's required actions")
	assert.ElementsMatch(t, want, created.RequiredActions, "the required actions by CreateUser's answer")
}

func createUserTellsTheRequiredActions(t T, s Subject) {
	for _, password := range []domain.Secret{domain.NewSecret(strongPassword()), {}} {
		for _, actions := range [][]domain.RequiredAction{nil, {domain.RegisterSecondFactor}, {domain.VerifyEmail, domain.UpdatePassword}} {
			name := uniqueName()
			user := s.newUser(t, name)
			user.Password, user.RequiredActions = password, actions
			created := s.create(t, user)
			assert.ElementsMatch(t, s.find(t, name).RequiredActions, created.RequiredActions, "asked for %q", actions)
		}
	}
}

func createUserLeavesOutLackedActions(t T, s Subject) { s.leavesOut(t, s.LackedAction) }

func createUserLeavesOutDisabledActions(t T, s Subject) {
	if s.DisabledAction == "" {
		t.Skipf("the subject has no DisabledAction")
	}
	s.leavesOut(t, s.DisabledAction)
}

// leavesOut checks that users are created without the action.
func (s Subject) leavesOut(t T, action domain.RequiredAction) {
	t.Helper()
	name := uniqueName()
	user := s.newUser(t, name)
	user.RequiredActions = []domain.RequiredAction{domain.VerifyEmail, action, domain.UpdatePassword}
	created := s.create(t, user)
	s.assertActions(t, []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail}, created, name)
	assert.Contains(t, s.memberships(t, created.ID).Roles, s.Role, "the rest of the user is made")

	name = uniqueName()
	user = s.newUser(t, name)
	user.Password, user.RequiredActions = domain.Secret{}, []domain.RequiredAction{action}
	s.assertActions(t, nil, s.create(t, user), name)
}

func actionAvailableTells(t T, s Subject) {
	for action, want := range map[domain.RequiredAction]bool{domain.UpdatePassword: true, s.LackedAction: false, s.DisabledAction: false} {
		if action == "" {
			continue // The subject has no DisabledAction.
		}
		available, err := s.Provider.ActionAvailable(t.Context(), action)
		require.NoError(t, err)
		assert.Equal(t, want, available, "%q", action)
	}
	assert.False(t, s.create(t, s.newUser(t, uniqueName())).PasswordLasts, "the user is made to change the password")
}

func createUserRequiresANewPassword(t T, s Subject) {
	for _, actions := range [][]domain.RequiredAction{nil, {domain.VerifyEmail}, {domain.UpdatePassword}} {
		name := uniqueName()
		user := s.newUser(t, name)
		user.RequiredActions = actions
		created := s.create(t, user)
		assert.True(t, s.find(t, name).Requires(domain.UpdatePassword), "asked for %q", actions)
		assert.Contains(t, created.RequiredActions, domain.UpdatePassword, "the answer, asked for %q", actions)
	}
}

func createUserMakesAUserWithoutAPassword(t T, s Subject) {
	name := uniqueName()
	user := s.newUser(t, name)
	user.Password, user.RequiredActions = domain.Secret{}, nil
	created := s.create(t, user)
	assert.False(t, s.details(t, created.ID).HasPassword)
	assert.Contains(t, s.memberships(t, created.ID).Roles, s.Role, "the rest of the user is made")
	if s.SignIn == nil {
		return
	}
	for _, password := range []string{"", strongPassword()} {
		outcome, _ := s.SignIn(name, password)
		assert.Equal(t, Refused, outcome, "nobody signs in without a password")
	}
}

func createUserAsksNoNewPassword(t T, s Subject) {
	for _, actions := range [][]domain.RequiredAction{nil, {domain.VerifyEmail}, {domain.VerifyEmail, domain.UpdatePassword}} {
		name := uniqueName()
		user := s.newUser(t, name)
		user.Password, user.RequiredActions = domain.Secret{}, actions
		s.assertActions(t, actions, s.create(t, user), name)
	}
}
