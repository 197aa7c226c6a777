package porttest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func createRefusedClauses() []Clause {
	return []Clause{
		{
			Name:  "CreateUser/RefusesAnUnknownRole",
			Why:   "The administrator must learn that the realm lacks a role, not that something failed.",
			Check: createUserRefusesAnUnknownRole,
		},
		{
			Name:  "CreateUser/LeavesNothingBehindForAnUnknownRole",
			Why:   "A user left without a role blocks the username and makes the next try say \"exists\".",
			Check: createUserLeavesNothingBehindForAnUnknownRole,
		},
		{
			Name:  "CreateUser/RefusesAPasswordAgainstThePolicy",
			Why:   "Only this kind makes the program read the policy anew and try again.",
			Check: createUserRefusesAPasswordAgainstThePolicy,
		},
		{
			Name:  "CreateUser/LeavesNothingBehindForARefusedPassword",
			Why:   "A user without a password blocks the username for the second try.",
			Check: createUserLeavesNothingBehindForARefusedPassword,
		},
		{
			Name:  "CreateUser/NamesTheRefusedField",
			Why:   "The administrator can only correct the field that is named.",
			Check: createUserNamesTheRefusedField,
		},
		{
			Name:  "CreateUser/LeavesNothingBehindForARefusedField",
			Why:   "The administrator corrects the field and sends the same employee again.",
			Check: createUserLeavesNothingBehindForARefusedField,
		},
	}
}

// withUnknownRole and the next two return a user to be refused, and the same
// user without the flaw.
func (s Subject) withUnknownRole(t T) (flawed, sound domain.NewUser) {
	t.Helper()
	sound = s.newUser(t, uniqueName())
	flawed = sound
	flawed.Assignment.Role = s.MissingRole
	return flawed, sound
}

func (s Subject) withShortPassword(t T) (flawed, sound domain.NewUser) {
	t.Helper()
	sound = s.newUser(t, uniqueName())
	flawed = sound
	flawed.Password = domain.NewSecret("zQ9!")
	return flawed, sound
}

func (s Subject) withRefusedName(t T) (flawed, sound domain.NewUser) {
	t.Helper()
	s.requireRefusedName(t)
	sound = s.newUser(t, uniqueName())
	flawed = sound
	flawed.FirstName = s.RefusedName
	return flawed, sound
}

func (s Subject) requireRefusedName(t T) {
	t.Helper()
	if s.RefusedName == "" {
		t.Skipf("the subject has no RefusedName")
	}
}

// assertNothingLeft checks that a refused user is not there, and that nothing
// keeps the user from being created without the flaw.
func (s Subject) assertNothingLeft(t T, flawed, sound domain.NewUser) {
	t.Helper()
	_, err := s.Provider.CreateUser(t.Context(), flawed)
	require.Error(t, err, "the user is refused")
	s.assertAbsent(t, sound.Username.String())
	_, err = s.Provider.CreateUser(t.Context(), sound)
	assert.NoError(t, err, "the same user without the flaw is created")
}

func createUserRefusesAnUnknownRole(t T, s Subject) {
	flawed, _ := s.withUnknownRole(t)
	s.assertRefusal(t, domain.UnknownRole, flawed, "the realm lacks the role")
}

func createUserLeavesNothingBehindForAnUnknownRole(t T, s Subject) {
	flawed, sound := s.withUnknownRole(t)
	s.assertNothingLeft(t, flawed, sound)
}

func createUserRefusesAPasswordAgainstThePolicy(t T, s Subject) {
	flawed, _ := s.withShortPassword(t)
	s.assertRefusal(t, domain.PasswordRefused, flawed, "the password is too short")
}

func createUserLeavesNothingBehindForARefusedPassword(t T, s Subject) {
	flawed, sound := s.withShortPassword(t)
	s.assertNothingLeft(t, flawed, sound)
}

func createUserNamesTheRefusedField(t T, s Subject) {
	if s.RefusedUsername == "" {
		t.Skipf("the subject has no RefusedUsername")
	}
	flawed := s.newUser(t, uniqueName())
	flawed.Username = parseNewUsername(t, s.RefusedUsername)
	_, err := s.Provider.CreateUser(t.Context(), flawed)
	assertKind(t, domain.InvalidField, err, "the username breaks the realm's rules")
	assert.NotEmpty(t, domain.AsError(err).Fields["username"], "the error says what is wrong with the username")

	if s.RefusedName != "" {
		flawed, _ := s.withRefusedName(t)
		_, err := s.Provider.CreateUser(t.Context(), flawed)
		assertNamesField(t, err)
	}
}

func createUserLeavesNothingBehindForARefusedField(t T, s Subject) {
	flawed, sound := s.withRefusedName(t)
	s.assertNothingLeft(t, flawed, sound)
}

// assertNamesField checks the answer to a first name that the realm's rules refuse.
func assertNamesField(t T, err error) {
	t.Helper()
	assertKind(t, domain.InvalidField, err, "the first name breaks the realm's rules")
	assert.NotEmpty(t, domain.AsError(err).Fields, "the error says which field it is")
}
