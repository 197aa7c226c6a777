package domain

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of a generated password in characters, whatever the realm allows. The upper one
// keeps a policy from filling this program's memory.
const (
	minPasswordLength = 16
	maxPasswordLength = 1024
)

// PasswordPolicy is what a realm asks of passwords. Counts are in characters; the zero value
// asks for nothing.
type PasswordPolicy struct {
	MinLength  int
	MaxLength  int // 0: no limit
	MinLower   int
	MinUpper   int
	MinDigits  int
	MinSpecial int
	// NotUsername and NotEmail forbid a password that equals it, NotContainsUsername one that
	// contains it, all without regard to letter case.
	NotUsername         bool
	NotEmail            bool
	NotContainsUsername bool
	// Patterns must each fit the whole password.
	Patterns []PasswordPattern
}

// PasswordPattern is a rule that can only be tried out.
type PasswordPattern struct {
	Rule string // as it stands in the realm, for the log
	Fits func(password string) bool
}

// characterClass is an alphabet and how many characters to take from it at least.
type characterClass struct {
	alphabet string
	min      int
}

// classes returns the alphabets with what the policy asks for.
func (p PasswordPolicy) classes() []characterClass {
	return []characterClass{
		{"abcdefghijklmnopqrstuvwxyz", max(0, p.MinLower)},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", max(0, p.MinUpper)},
		{"0123456789", max(0, p.MinDigits)},
		{"!@#$%^&*", max(0, p.MinSpecial)},
	}
}

// longest returns how long a generated password may be.
func (p PasswordPolicy) longest() int {
	if p.MaxLength == 0 {
		return maxPasswordLength
	}
	return min(p.MaxLength, maxPasswordLength)
}

// contradiction returns UnsatisfiablePolicy, with a sentence that names the rules, if no
// password can have the length and counts that are asked for.
func (p PasswordPolicy) contradiction() error {
	counts := total(p.classes())
	switch {
	case p.MaxLength != 0 && p.MinLength > p.MaxLength:
		return unsatisfiable("The password policy's minimum length (%d) is above its maximum length (%d).", p.MinLength, p.MaxLength)
	case p.MaxLength != 0 && counts > p.MaxLength:
		return unsatisfiable("The password policy's minimum counts add up to %d, above its maximum length (%d).", counts, p.MaxLength)
	case p.longest() < minPasswordLength:
		return unsatisfiable("The password policy allows %d characters, but %d are needed.", p.MaxLength, minPasswordLength)
	case p.MinLength > maxPasswordLength:
		return unsatisfiable("The password policy's minimum length (%d) is too long, %d are possible.", p.MinLength, maxPasswordLength)
	case counts > maxPasswordLength:
		return unsatisfiable("The password policy's minimum counts add up to %d, but %d are possible.", counts, maxPasswordLength)
	}
	return nil
}

// unsatisfiable returns an error whose sentence is for the client and the log.
func unsatisfiable(format string, numbers ...any) error {
	sentence := fmt.Sprintf(format, numbers...)
	return &Error{Kind: UnsatisfiablePolicy, Message: sentence, Err: errors.New(strings.TrimSuffix(sentence, "."))}
}

// violation returns UnsatisfiablePolicy if the password breaks a rule that can only be tried
// out.
func (p PasswordPolicy) violation(password string, username Username, email Email) error {
	if p.NotUsername && strings.EqualFold(password, username.String()) ||
		p.NotEmail && strings.EqualFold(password, email.String()) {
		return unsatisfiable("The password policy forbids this username or e-mail address as the password.")
	}
	for _, pattern := range p.Patterns {
		if !pattern.Fits(password) {
			return &Error{
				Kind:    UnsatisfiablePolicy,
				Message: "The password policy has a regular expression that no generated password fits.",
				Err:     fmt.Errorf("no generated password fits the pattern %q", pattern.Rule),
			}
		}
	}
	return nil
}

// total returns how many characters the classes ask for.
func total(classes []characterClass) int {
	sum := 0
	for _, class := range classes {
		sum += class.min
	}
	return sum
}
