package domain

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
)

// GeneratePassword makes a temporary password that satisfies the policy. It has at least 16
// characters, no two equal neighbours, and some of each class: lower and upper case letters,
// digits and "!@#$%^&*"; a class is missing only if the policy has no room for it.
// GeneratePassword returns UnsatisfiablePolicy, or Internal when random fails.
//
// A password is built to have the right length and counts and not to contain the username.
// The other rules are tried out: after some thousands of passwords that break one, the
// policy counts as unsatisfiable.
func GeneratePassword(random io.Reader, policy PasswordPolicy, username Username, email Email) (Secret, error) {
	if err := policy.contradiction(); err != nil {
		return Secret{}, err
	}
	avoided := ""
	if policy.NotContainsUsername {
		avoided = strings.ToLower(username.String())
	}
	var violation error
	for _, shape := range policy.shapes() {
		for range shape.tries {
			password, err := shape.generate(random, avoided)
			if err != nil {
				return Secret{}, fmt.Errorf("generate password: %w", err)
			}
			if violation = policy.violation(password, username, email); violation == nil {
				return NewSecret(password), nil
			}
		}
	}
	return Secret{}, violation
}

// shape is what a password is made of, and how many of its kind to try.
type shape struct {
	classes []characterClass
	length  int
	tries   int
}

// shapes returns the shapes to try, the best one first. The others are for patterns that
// allow only some of the characters, such as "[A-Za-z0-9]+", or want more of them, such as
// ".{20,}". Each is tried a few times before any is tried often.
func (p PasswordPolicy) shapes() []shape {
	// 50: many patterns allow only few of the special characters.
	shapes := []shape{p.shape(p.classes(), 50)}
	if len(p.Patterns) == 0 {
		return shapes
	}
	for _, part := range p.parts() {
		shapes = append(shapes, p.shape(part, 3))
	}
	longer := shapes[:min(2, len(shapes))]
	for more := range 48 {
		for _, next := range longer {
			next.length, next.tries = next.length+more+1, 1
			if next.length <= p.longest() {
				shapes = append(shapes, next)
			}
		}
	}
	for _, often := range shapes {
		often.tries *= 20
		shapes = append(shapes, often)
	}
	return shapes
}

// shape returns the shape of passwords with at least one character of each class, if there
// is room for that.
func (p PasswordPolicy) shape(classes []characterClass, tries int) shape {
	each := slices.Clone(classes)
	for i := range each {
		each[i].min = max(1, each[i].min)
	}
	if total(each) > p.longest() {
		each = classes
	}
	return shape{classes: each, length: max(minPasswordLength, p.MinLength, total(each)), tries: tries}
}

// parts returns the proper subsets of the classes that still have every class of which the
// policy wants characters. Larger ones come first, and first of all the one without special
// characters.
func (p PasswordPolicy) parts() [][]characterClass {
	all := p.classes()
	var parts [][]characterClass
	for chosen := range 1 << len(all) { // one bit for each class
		var part []characterClass
		for i, class := range all {
			if chosen>>i&1 == 1 {
				part = append(part, class)
			}
		}
		if len(part) > 0 && len(part) < len(all) && total(part) == total(all) {
			parts = append(parts, part)
		}
	}
	slices.SortStableFunc(parts, func(a, b []characterClass) int { return cmp.Compare(len(b), len(a)) })
	return parts
}

// generate draws the class of every position first, then the characters. A character may be
// neither its left neighbour nor one that completes the avoided name (in lower case),
// whatever its own letter case; so none has to be drawn again.
func (s shape) generate(random io.Reader, avoided string) (string, error) {
	alphabets := make([]string, 0, s.length)
	everything := ""
	for _, class := range s.classes {
		everything += class.alphabet
		for range class.min {
			alphabets = append(alphabets, class.alphabet)
		}
	}
	for len(alphabets) < s.length {
		alphabets = append(alphabets, everything)
	}
	for i := len(alphabets) - 1; i > 0; i-- { // Fisher-Yates shuffle
		j, err := draw(random, i+1)
		if err != nil {
			return "", err
		}
		alphabets[i], alphabets[j] = alphabets[j], alphabets[i]
	}

	password := make([]byte, 0, s.length)
	for _, alphabet := range alphabets {
		for _, forbidden := range completing(avoided, password) + string(password[max(0, len(password)-1):]) {
			alphabet = strings.ReplaceAll(alphabet, string(forbidden), "")
		}
		i, err := draw(random, len(alphabet))
		if err != nil {
			return "", err
		}
		password = append(password, alphabet[i])
	}
	return string(password), nil
}

// completing returns the characters that would make the password end with the name, which
// is in lower case.
func completing(name string, password []byte) string {
	if name == "" || !strings.HasSuffix(strings.ToLower(string(password)), name[:len(name)-1]) {
		return ""
	}
	last := name[len(name)-1:]
	return last + strings.ToUpper(last)
}

// draw returns a uniform number in [0, n).
func draw(random io.Reader, n int) (int, error) {
	i, err := rand.Int(random, big.NewInt(int64(n)))
	if err != nil {
		return 0, err
	}
	return int(i.Int64()), nil
}
