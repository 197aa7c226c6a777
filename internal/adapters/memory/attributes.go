package memory

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"user-sync-service/internal/domain"
)

// maxAttributeLength is the longest value of an attribute, in characters.
const maxAttributeLength = 2048

// set gives the account the attributes, takes those away that are empty, and returns
// those that the realm does not keep.
func (p *Provider) set(a *account, attributes domain.Attributes) (unstored []domain.Attribute) {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		value := attributes[name]
		switch {
		case value == "":
			delete(a.Attributes, name)
		case slices.Contains(p.lacksAttributes, name):
			unstored = append(unstored, name)
		default:
			if a.Attributes == nil {
				a.Attributes = make(domain.Attributes)
			}
			a.Attributes[name] = value
		}
	}
	return unstored
}

// attributeProblems says what is wrong with which attribute.
func (p *Provider) attributeProblems(attributes domain.Attributes) map[string]string {
	problems := map[string]string{}
	for name, value := range attributes {
		pattern := p.patterns[name]
		switch {
		case utf8.RuneCountInString(value) > maxAttributeLength:
			problems[string(name)] = fmt.Sprintf("must be at most %d characters long", maxAttributeLength)
		case pattern != nil && !pattern.MatchString(value):
			problems[string(name)] = "does not match the pattern " + pattern.String()
		}
	}
	return problems
}
