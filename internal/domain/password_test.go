package domain_test

import (
	"crypto/rand"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// person is for whom a password is made.
type person struct {
	username domain.Username
	email    domain.Email
}

func newPerson(t require.TestingT, username, email string) person {
	name, err := domain.ParseUsername(username)
	require.NoError(t, err)
	address, err := domain.ParseEmail(email)
	require.NoError(t, err)
	return person{name, address}
}

func (p person) password(policy domain.PasswordPolicy) (string, error) {
	password, err := domain.GeneratePassword(rand.Reader, policy, p.username, p.email)
	return password.Reveal(), err
}

// brokenRules judges a password as Keycloak does, and by what this program promises
// beyond that. It shares nothing with the generator.
func brokenRules(password string, policy domain.PasswordPolicy, owner person) []string {
	var lower, upper, digits, special int
	var broken []string
	for i, c := range password { // Character.isLowerCase and so on
		if unicode.IsLower(c) {
			lower++
		}
		if unicode.IsUpper(c) {
			upper++
		}
		if unicode.IsDigit(c) {
			digits++
		}
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			special++
		}
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!@#$%^&*", c) {
			broken = append(broken, "our characters")
		}
		if i > 0 && password[i-1] == password[i] {
			broken = append(broken, "no equal neighbours")
		}
	}
	length, folded := len([]rune(password)), strings.ToLower(password)
	username, email := strings.ToLower(owner.username.String()), strings.ToLower(owner.email.String())
	for rule, isBroken := range map[string]bool{
		"our 16 characters":   length < 16,
		"length":              length < policy.MinLength,
		"maxLength":           policy.MaxLength != 0 && length > policy.MaxLength,
		"lowerCase":           lower < policy.MinLower,
		"upperCase":           upper < policy.MinUpper,
		"digits":              digits < policy.MinDigits,
		"specialChars":        special < policy.MinSpecial,
		"notUsername":         policy.NotUsername && folded == username,
		"notEmail":            policy.NotEmail && folded == email,
		"notContainsUsername": policy.NotContainsUsername && strings.Contains(folded, username),
	} {
		if isBroken {
			broken = append(broken, rule)
		}
	}
	for _, pattern := range policy.Patterns {
		if !pattern.Fits(password) {
			broken = append(broken, pattern.Rule)
		}
	}
	return broken
}

// lacking returns which of the four kinds of characters a password is without.
func lacking(password string) []string {
	var lacking []string
	for kind, characters := range map[string]string{
		"lower": "abcdefghijklmnopqrstuvwxyz", "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "digits": "0123456789", "special": "!@#$%^&*",
	} {
		if !strings.ContainsAny(password, characters) {
			lacking = append(lacking, kind)
		}
	}
	return lacking
}

// Two in a row, or a fixed place for a class, would make guessing easier.
func TestGeneratePassword_VariesInEveryPlace(t *testing.T) {
	p := newPerson(t, "anna", "anna@bank.example")
	places := make([]map[byte]bool, 16)
	for range 500 {
		password, err := p.password(domain.PasswordPolicy{})
		require.NoError(t, err)
		require.Len(t, password, 16)
		for i := range places {
			if places[i] == nil {
				places[i] = make(map[byte]bool)
			}
			places[i][password[i]] = true
		}
	}
	for i, seen := range places {
		assert.Greater(t, len(seen), 40, "place %d has few characters", i)
	}
}

// Almost any long password of digits has a short number in it.
func TestGeneratePassword_DoesNotContainEvenAShortUsername(t *testing.T) {
	for name, policy := range map[string]domain.PasswordPolicy{
		"x":  {NotContainsUsername: true, MinLength: 500},
		"12": {NotContainsUsername: true, MinDigits: 1000},
		"Zz": {NotContainsUsername: true, MinUpper: 500, MinLower: 500},
		"İa": {NotContainsUsername: true},
		"ña": {NotContainsUsername: true},
	} {
		p := newPerson(t, name, "anna@bank.example")
		for range 20 {
			password, err := p.password(policy)
			require.NoError(t, err)
			assert.Empty(t, brokenRules(password, policy, p), name)
		}
	}
}

// What a source of randomness brings forth at first is forbidden here, so the next
// password is taken.
func TestGeneratePassword_IsNeitherTheUsernameNorTheEmail(t *testing.T) {
	addresses := 0
	for seed := range byte(250) {
		source := func() io.Reader { return mathrand.NewChaCha8([32]byte{seed}) }
		first, err := domain.GeneratePassword(source(), domain.PasswordPolicy{}, domain.Username{}, domain.Email{})
		require.NoError(t, err)
		p := newPerson(t, strings.ToUpper(first.Reveal()), "anna@bank.example")
		if email, err := domain.ParseEmail(first.Reveal()); err == nil {
			p.email = email
			addresses++
		}
		for _, policy := range []domain.PasswordPolicy{{NotUsername: true}, {NotEmail: true}} {
			password, err := domain.GeneratePassword(source(), policy, p.username, p.email)
			require.NoError(t, err)
			assert.Empty(t, brokenRules(password.Reveal(), policy, p), password.Reveal())
		}
	}
	assert.NotZero(t, addresses, "passwords that could be addresses")
}

func TestGeneratePassword_FailsWithoutRandomness(t *testing.T) {
	p := newPerson(t, "anna", "anna@bank.example")
	_, err := domain.GeneratePassword(iotest.ErrReader(errors.New("no entropy")), domain.PasswordPolicy{}, p.username, p.email)
	require.Error(t, err)
	assert.Equal(t, domain.Internal, domain.AsError(err).Kind)
}
