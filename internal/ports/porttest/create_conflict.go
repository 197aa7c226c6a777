package porttest

import (
	"strings"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

func createConflictClauses() []Clause {
	return []Clause{
		{
			Name:  "CreateUser/RefusesATakenUsername",
			Why:   "The program finds out by this kind that the employee has an account already.",
			Check: createUserRefusesATakenUsername,
		},
		{
			Name:  "CreateUser/RefusesATakenEmail",
			Why:   "Two accounts with one address receive each other's reset mails.",
			Check: createUserRefusesATakenEmail,
		},
		{
			Name:  "CreateUser/RefusesWhenBothAreTaken",
			Why:   "Providers name either; any other kind would read as a failure.",
			Check: createUserRefusesWhenBothAreTaken,
		},
		{
			Name:  "CreateUser/LeavesNothingBehindForATakenEmail",
			Why:   "A user left without the address blocks the username when the address is corrected.",
			Check: createUserLeavesNothingBehindForATakenEmail,
		},
		{
			Name:  "CreateUser/LeavesTheExistingUserAlone",
			Why:   "Otherwise whoever syncs a new employee changes the account of somebody else.",
			Check: createUserLeavesTheExistingUserAlone,
		},
	}
}

func createUserRefusesATakenUsername(t T, s Subject) {
	name := uniqueName()
	s.create(t, s.newUser(t, name))
	for _, spelling := range []string{name, strings.ToUpper(name)} {
		user := s.newUser(t, uniqueName())
		user.Username = parseNewUsername(t, spelling)
		s.assertRefusal(t, domain.UsernameConflict, user, "the username is taken")
	}
}

func createUserRefusesATakenEmail(t T, s Subject) {
	taken := emailOf(uniqueName())
	user := s.newUser(t, uniqueName())
	user.Email = parseEmail(t, taken)
	s.create(t, user)
	for _, spelling := range []string{taken, strings.ToUpper(taken)} {
		user := s.newUser(t, uniqueName())
		user.Email = parseEmail(t, spelling)
		s.assertRefusal(t, domain.EmailConflict, user, "the e-mail address is taken")
	}
}

func createUserRefusesWhenBothAreTaken(t T, s Subject) {
	one, other := s.newUser(t, uniqueName()), s.newUser(t, uniqueName())
	s.create(t, one)
	s.create(t, other)
	ofTwo := one
	ofTwo.Email = other.Email
	for _, user := range []domain.NewUser{one, ofTwo} {
		_, err := s.Provider.CreateUser(t.Context(), user)
		assert.Contains(t, []domain.Kind{domain.UsernameConflict, domain.EmailConflict}, domain.AsError(err).Kind)
	}
}

func createUserLeavesNothingBehindForATakenEmail(t T, s Subject) {
	existing := s.newUser(t, uniqueName())
	s.create(t, existing)
	sound := s.newUser(t, uniqueName())
	flawed := sound
	flawed.Email = existing.Email
	s.assertNothingLeft(t, flawed, sound)
}

func createUserLeavesTheExistingUserAlone(t T, s Subject) {
	name, password := uniqueName(), strongPassword()
	s.addWithPassword(t, plainUser(name), password)
	before := s.state(t, name)

	sameName, sameEmail := s.newUser(t, uniqueName()), s.newUser(t, uniqueName())
	sameName.Username = parseNewUsername(t, name)
	sameEmail.Email = parseEmail(t, emailOf(name))
	for _, user := range []domain.NewUser{sameName, sameEmail, s.newUser(t, name)} {
		_, err := s.Provider.CreateUser(t.Context(), user)
		assert.Error(t, err, "the user is refused")
	}

	assert.Equal(t, before, s.state(t, name))
	if s.SignIn != nil {
		outcome, _ := s.SignIn(name, password)
		assert.Equal(t, SignedIn, outcome, "the password is the old one")
	}
}
