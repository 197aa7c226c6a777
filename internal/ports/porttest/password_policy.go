package porttest

import (
	"crypto/rand"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func passwordPolicyClauses() []Clause {
	return []Clause{
		{
			Name:  "PasswordPolicy/AdmitsGeneratedPasswords",
			Why:   "Passwords are made to fit it; when it is wrong, no user can be created.",
			Check: passwordPolicyAdmitsGeneratedPasswords,
		},
		{
			Name:  "PasswordPolicy/IsCurrentAfterARefusedPassword",
			Why:   "After a refusal a second password is made; from an old policy it would be refused as well.",
			Check: passwordPolicyIsCurrentAfterARefusedPassword,
		},
	}
}

func passwordPolicyAdmitsGeneratedPasswords(t T, s Subject) {
	const users = 5 // Real providers take their time to hash a password.
	for range users {
		_, err := s.Provider.CreateUser(t.Context(), s.newUserWithGeneratedPassword(t))
		require.NoError(t, err, "a password made for the policy is accepted")
	}
}

func passwordPolicyIsCurrentAfterARefusedPassword(t T, s Subject) {
	if s.RequireLength == nil {
		t.Skipf("the subject has no hook RequireLength")
	}
	user := s.newUserWithGeneratedPassword(t) // reads the policy, which may be kept
	const longer = 40
	require.NoError(t, s.RequireLength(longer), "the hook RequireLength failed")
	s.assertRefusal(t, domain.PasswordRefused, user, "the password fits the old policy only")

	policy, err := s.Provider.PasswordPolicy(t.Context())
	require.NoError(t, err)
	assert.Equal(t, longer, policy.MinLength, "the policy is the current one")
}

// newUserWithGeneratedPassword is newUser with a password made as the program does.
func (s Subject) newUserWithGeneratedPassword(t T) domain.NewUser {
	t.Helper()
	policy, err := s.Provider.PasswordPolicy(t.Context())
	require.NoError(t, err)
	user := s.newUser(t, uniqueName())
	user.Password, err = domain.GeneratePassword(rand.Reader, policy, user.Username.Username, user.Email)
	require.NoError(t, err)
	return user
}
