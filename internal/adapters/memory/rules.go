package memory

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"user-sync-service/internal/domain"
)

// The rules of Keycloak's default user profile, as version 26.4 applies them.
const (
	minUsernameLength  = 3
	maxLength          = 255
	maxLocalPartLength = 64   // of an e-mail address, before the "@"
	maxAttributeLength = 2048 // of a value, in characters

	prohibitedInUsername = " !\"#$%&'()*,/:;<=>?[\\]^`{|}~§"
	prohibitedInName     = "!\"#$%&()*/;<=>?[\\]^{|}~§"
)

// check returns InvalidField with every field and attribute that the realm's rules refuse.
// Keycloak looks at the username of a new user only, and at everything else always.
func (p *Provider) check(user domain.User, isNew bool) error {
	problems := map[string]string{}
	for name, value := range user.Attributes {
		pattern := p.realm.AttributePatterns[name]
		switch {
		case utf8.RuneCountInString(value) > maxAttributeLength:
			problems[string(name)] = fmt.Sprintf("must be at most %d characters long", maxAttributeLength)
		case pattern != nil && !pattern.MatchString(value):
			problems[string(name)] = "does not match the pattern " + pattern.String()
		}
	}
	for field, name := range map[string]string{"firstName": user.FirstName, "lastName": user.LastName} {
		switch {
		case utf8.RuneCountInString(name) > maxLength:
			problems[field] = "must be at most 255 characters long"
		case strings.ContainsFunc(name, unicode.IsControl) || strings.ContainsAny(name, prohibitedInName):
			problems[field] = "contains a character that is not allowed"
		}
	}
	localPart, _, _ := strings.Cut(user.Email, "@")
	if len(localPart) > maxLocalPartLength || strings.ContainsFunc(localPart, func(r rune) bool { return r > unicode.MaxASCII }) {
		problems["email"] = "must be an e-mail address"
	}
	if problem := usernameProblem(user.Username); isNew && problem != "" {
		problems["username"] = problem
	}
	if p.byAddress && user.Email == "" {
		problems["email"] = "is required"
	}
	if p.byAddress && isNew && lower(user.Username) != lower(user.Email) {
		problems["username"] = "must be the e-mail address in this realm"
	}
	if len(problems) == 0 {
		return nil
	}
	return &domain.Error{Kind: domain.InvalidField, Fields: problems}
}

// usernameProblem says what is wrong with the username. Scripts other than Latin are
// refused because their letters can look like Latin ones.
func usernameProblem(name string) string {
	length := utf8.RuneCountInString(name)
	switch {
	case length < minUsernameLength || length > maxLength:
		return "must be 3 to 255 characters long"
	case strings.ContainsFunc(name, unicode.IsControl) || strings.ContainsAny(name, prohibitedInUsername):
		return "contains a character that is not allowed"
	case strings.ContainsFunc(lower(name), func(r rune) bool { return !unicode.In(r, unicode.Latin, unicode.Common) }):
		return "contains a character of another script than Latin"
	}
	return ""
}

// satisfies reports whether the password is what the policy asks for. It is written
// without package domain's own rules on purpose: those make passwords, these judge
// them.
func satisfies(password string, policy domain.PasswordPolicy, user domain.User) bool {
	var letters struct{ lower, upper, digits, special, all int }
	for _, r := range password {
		letters.all++
		switch {
		case unicode.IsLower(r):
			letters.lower++
		case unicode.IsUpper(r):
			letters.upper++
		case unicode.IsDigit(r):
			letters.digits++
		case !unicode.IsLetter(r):
			letters.special++
		}
	}
	folded, username := lower(password), lower(user.Username)
	switch {
	case letters.all < policy.MinLength,
		policy.MaxLength > 0 && letters.all > policy.MaxLength,
		letters.lower < policy.MinLower,
		letters.upper < policy.MinUpper,
		letters.digits < policy.MinDigits,
		letters.special < policy.MinSpecial,
		policy.NotUsername && folded == username,
		policy.NotEmail && folded == lower(user.Email),
		policy.NotContainsUsername && strings.Contains(folded, username):
		return false
	}
	return !slices.ContainsFunc(policy.Patterns, func(pattern domain.PasswordPattern) bool { return !pattern.Fits(password) })
}
