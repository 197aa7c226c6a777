package domain_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"user-sync-service/internal/domain"
)

// satisfies checks a password against a policy, by counting.
func satisfies(t require.TestingT, password string, policy domain.PasswordPolicy) {
	var lower, upper, digits, special int
	for i, r := range password {
		switch {
		case unicode.IsLower(r):
			lower++
		case unicode.IsUpper(r):
			upper++
		case unicode.IsDigit(r):
			digits++
		case strings.ContainsRune("!@#$%^&*", r):
			special++
		default:
			t.Errorf("%q is in no alphabet", r)
		}
		if i > 0 {
			assert.NotEqual(t, password[i-1], password[i], "equal neighbours in %s", password)
		}
	}
	length := len(password)
	assert.GreaterOrEqual(t, length, max(16, policy.MinLength))
	if policy.MaxLength > 0 {
		assert.LessOrEqual(t, length, policy.MaxLength)
	}
	assert.GreaterOrEqual(t, lower, max(1, policy.MinLower))
	assert.GreaterOrEqual(t, upper, max(1, policy.MinUpper))
	assert.GreaterOrEqual(t, digits, max(1, policy.MinDigits))
	assert.GreaterOrEqual(t, special, max(1, policy.MinSpecial))
}

func parsed(t require.TestingT, username, email string) (domain.Username, domain.Email) {
	name, err := domain.ParseUsername(username)
	require.NoError(t, err)
	address, err := domain.ParseEmail(email)
	require.NoError(t, err)
	return name, address
}

func TestGeneratePassword_SatisfiesEveryPolicyThatCanBe(t *testing.T) {
	username, email := parsed(t, "anna", "anna@bank.example")
	rapid.Check(t, func(t *rapid.T) {
		policy := domain.PasswordPolicy{
			MinLength:  rapid.IntRange(0, 64).Draw(t, "length"),
			MinLower:   rapid.IntRange(0, 30).Draw(t, "lower"),
			MinUpper:   rapid.IntRange(0, 30).Draw(t, "upper"),
			MinDigits:  rapid.IntRange(0, 30).Draw(t, "digits"),
			MinSpecial: rapid.IntRange(0, 30).Draw(t, "special"),
		}
		if rapid.Bool().Draw(t, "limited") {
			needed := max(16, policy.MinLength, max(1, policy.MinLower)+max(1, policy.MinUpper)+max(1, policy.MinDigits)+max(1, policy.MinSpecial))
			policy.MaxLength = needed + rapid.IntRange(0, 10).Draw(t, "spare")
		}
		password, err := domain.GeneratePassword(rand.Reader, policy, username, email)
		require.NoError(t, err)
		satisfies(t, password.Reveal(), policy)
	})
}

// Two in a row, or a fixed place for a class, would make guessing easier.
func TestGeneratePassword_VariesInEveryPlace(t *testing.T) {
	username, email := parsed(t, "anna", "anna@bank.example")
	places := make([]map[byte]bool, 16)
	for range 500 {
		password, err := domain.GeneratePassword(rand.Reader, domain.PasswordPolicy{}, username, email)
		require.NoError(t, err)
		require.Len(t, password.Reveal(), 16)
		for i := range places {
			if places[i] == nil {
				places[i] = make(map[byte]bool)
			}
			places[i][password.Reveal()[i]] = true
		}
	}
	for i, seen := range places {
		assert.Greater(t, len(seen), 40, "place %d has few characters", i)
	}
}

// A short username turns up in a random password now and then: with three characters
// in about one of 8,000.
func TestGeneratePassword_DoesNotContainTheUsername(t *testing.T) {
	username, email := parsed(t, "x", "x@bank.example")
	for range 2000 {
		password, err := domain.GeneratePassword(rand.Reader, domain.PasswordPolicy{NotContainsUsername: true, NotUsername: true, NotEmail: true}, username, email)
		require.NoError(t, err)
		assert.NotContains(t, strings.ToLower(password.Reveal()), "x")
	}
}

func TestGeneratePassword_SaysWhatCannotBe(t *testing.T) {
	username, email := parsed(t, "anna", "anna@bank.example")
	for _, policy := range []domain.PasswordPolicy{
		{MaxLength: 15}, {MinLength: 30, MaxLength: 20}, {MinDigits: 10, MinSpecial: 10, MaxLength: 20},
	} {
		_, err := domain.GeneratePassword(rand.Reader, policy, username, email)
		require.ErrorIs(t, err, domain.UnsatisfiablePolicy)
		assert.NotEmpty(t, domain.AsError(err).Message)
		assert.LessOrEqual(t, len(domain.AsError(err).Message), 90)
	}
}

func TestGeneratePassword_FailsWithoutRandomness(t *testing.T) {
	username, email := parsed(t, "anna", "anna@bank.example")
	_, err := domain.GeneratePassword(iotest.ErrReader(errors.New("no entropy")), domain.PasswordPolicy{}, username, email)
	require.Error(t, err)
	assert.Equal(t, domain.Internal, domain.AsError(err).Kind)
}
