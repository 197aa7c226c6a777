package domain

import (
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"strings"
)

// minPasswordLength is the least length of a generated password in characters,
// whatever the realm allows.
const minPasswordLength = 16

// maxPasswordTries bounds the search for a password that does not happen to contain a
// forbidden name. One try nearly always does.
const maxPasswordTries = 100

// PasswordPolicy is what a realm asks of passwords. Counts are in characters; the zero
// value asks for nothing.
type PasswordPolicy struct {
	MinLength  int
	MaxLength  int // 0: no limit
	MinLower   int
	MinUpper   int
	MinDigits  int
	MinSpecial int
	// NotUsername and NotEmail forbid a password that equals the name,
	// NotContainsUsername one that has the username in it. Letter case never helps.
	NotUsername         bool
	NotEmail            bool
	NotContainsUsername bool
}

// characterClass is an alphabet and the least number of characters to take from it.
type characterClass struct {
	alphabet string
	min      int
}

// classes returns the alphabets of a generated password: at least one character of
// each, more where the policy asks for more.
func (p PasswordPolicy) classes() []characterClass {
	return []characterClass{
		{"abcdefghijklmnopqrstuvwxyz", max(1, p.MinLower)},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", max(1, p.MinUpper)},
		{"0123456789", max(1, p.MinDigits)},
		{"!@#$%^&*", max(1, p.MinSpecial)},
	}
}

// length returns the length of a generated password, or UnsatisfiablePolicy.
func (p PasswordPolicy) length() (int, error) {
	required := 0
	for _, class := range p.classes() {
		required += class.min
	}
	length := max(minPasswordLength, p.MinLength, required)
	if p.MaxLength > 0 && length > p.MaxLength {
		return 0, &Error{
			Kind:    UnsatisfiablePolicy,
			Message: fmt.Sprintf("The password policy allows %d characters, but %d are needed.", p.MaxLength, length),
			Err:     fmt.Errorf("maxLength %d is below the needed %d characters", p.MaxLength, length),
		}
	}
	return length, nil
}

// allows reports whether the rules about names let password pass.
func (p PasswordPolicy) allows(password string, username Username, email Email) bool {
	lower, name := strings.ToLower(password), strings.ToLower(username.String())
	switch {
	case p.NotUsername && lower == name:
		return false
	case p.NotEmail && lower == strings.ToLower(email.String()):
		return false
	case p.NotContainsUsername && strings.Contains(lower, name):
		return false
	}
	return true
}

// GeneratePassword makes a temporary password that satisfies the policy: 16 characters
// or more with lower and upper case letters, digits and "!@#$%^&*", and no two equal
// neighbours. It returns UnsatisfiablePolicy, or Internal when random fails.
func GeneratePassword(random io.Reader, policy PasswordPolicy, username Username, email Email) (Secret, error) {
	length, err := policy.length()
	if err != nil {
		return Secret{}, err
	}
	for range maxPasswordTries {
		password, err := generate(random, policy.classes(), length)
		if err != nil {
			return Secret{}, fmt.Errorf("generate password: %w", err)
		}
		if policy.allows(password, username, email) {
			return NewSecret(password), nil
		}
	}
	return Secret{}, &Error{
		Kind:    UnsatisfiablePolicy,
		Message: "The password policy forbids passwords that contain this username.",
		Err:     fmt.Errorf("no allowed password in %d tries", maxPasswordTries),
	}
}

// generate draws the class of every position first, then the characters: so each is
// free but for its left neighbour, and nothing has to be drawn again.
func generate(random io.Reader, classes []characterClass, length int) (string, error) {
	alphabets := make([]string, 0, length)
	everything := ""
	for _, class := range classes {
		everything += class.alphabet
		for range class.min {
			alphabets = append(alphabets, class.alphabet)
		}
	}
	for len(alphabets) < length {
		alphabets = append(alphabets, everything)
	}
	for i := len(alphabets) - 1; i > 0; i-- { // Fisher-Yates shuffle
		j, err := draw(random, i+1)
		if err != nil {
			return "", err
		}
		alphabets[i], alphabets[j] = alphabets[j], alphabets[i]
	}

	password := make([]byte, 0, length)
	for _, alphabet := range alphabets {
		if len(password) > 0 {
			alphabet = strings.ReplaceAll(alphabet, string(password[len(password)-1]), "")
		}
		i, err := draw(random, len(alphabet))
		if err != nil {
			return "", err
		}
		password = append(password, alphabet[i])
	}
	return string(password), nil
}

// draw returns a uniform number in [0, n).
func draw(random io.Reader, n int) (int, error) {
	i, err := rand.Int(random, big.NewInt(int64(n)))
	if err != nil {
		return 0, err
	}
	return int(i.Int64()), nil
}
