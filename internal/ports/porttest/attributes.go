package porttest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

// kept returns the attributes that the realm keeps.
func (s Subject) kept() []domain.Attribute {
	return slices.DeleteFunc(domain.AllAttributes(), func(name domain.Attribute) bool { return !s.keeps(name) })
}

// keeps reports whether the realm keeps the attribute.
func (s Subject) keeps(name domain.Attribute) bool { return !slices.Contains(s.UnkeptAttributes, name) }

// requireKept skips the check when the realm keeps no attribute.
func (s Subject) requireKept(t T) {
	t.Helper()
	if len(s.kept()) == 0 {
		t.Skipf("the subject keeps no attributes")
	}
}

// requireUnkept skips the check when the realm keeps every attribute.
func (s Subject) requireUnkept(t T) {
	t.Helper()
	if len(s.UnkeptAttributes) == 0 {
		t.Skipf("the subject has no UnkeptAttributes")
	}
}

// requireRefusedAttribute skips the check when the realm has no rule for attributes.
func (s Subject) requireRefusedAttribute(t T) {
	t.Helper()
	if s.RefusedAttribute == "" {
		t.Skipf("the subject has no RefusedAttribute")
	}
}

// valuesOf returns a value for each of the attributes, which differs every time.
func valuesOf(names ...domain.Attribute) domain.Attributes {
	values := domain.Attributes{}
	for _, name := range names {
		number := strconv.Itoa(rand.IntN(1_000_000_000))
		switch name {
		case domain.OfficeName, domain.FineractRoleName:
			values[name] = `Süd/West & "Mitte"; 100% = <` + number + `>`
		case domain.MobileNumber:
			values[name] = "+49 " + number
		default:
			values[name] = number
		}
	}
	return values
}

// merged returns the attributes with the changes made to them.
func merged(attributes, changes domain.Attributes) domain.Attributes {
	result := present(attributes)
	for name, value := range changes {
		result[name] = value
		if value == "" {
			delete(result, name)
		}
	}
	return result
}

// present returns a copy that is not nil, so that nil does not count.
func present(attributes domain.Attributes) domain.Attributes {
	result := domain.Attributes{}
	maps.Copy(result, attributes)
	return result
}

// assertAttributes checks which attributes the provider shows of a user.
func (s Subject) assertAttributes(t T, want domain.Attributes, name, message string) {
	t.Helper()
	assert.Equal(t, present(want), present(s.find(t, name).Attributes), message)
}

// assertNamesAttribute checks the answer to a value of RefusedAttribute that the realm's
// rules refuse.
func (s Subject) assertNamesAttribute(t T, err error) {
	t.Helper()
	assertKind(t, domain.InvalidField, err, "the attribute breaks the realm's rules")
	assert.NotEmpty(t, domain.AsError(err).Fields[string(s.RefusedAttribute)], "the error says what is wrong with the attribute")
}
