package memory

import (
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
	maxLocalPartLength = 64 // of an e-mail address, before the "@"

	prohibitedInUsername = " !\"#$%&'()*,/:;<=>?[\\]^`{|}~§"
	prohibitedInName     = "!\"#$%&()*/;<=>?[\\]^{|}~§"
)

// checkNewProfile returns InvalidField with every field of a new user that the realm's
// rules refuse.
func checkNewProfile(user domain.User) error {
	problems := profileProblems(user)
	if problem := usernameProblem(user.Username); problem != "" {
		problems["username"] = problem
	}
	return invalidFields(problems)
}

// checkPresentProfile is the same for a user who exists. Keycloak does not look at a
// username that stays as it is, but at everything else.
func checkPresentProfile(user domain.User) error {
	return invalidFields(profileProblems(user))
}

func invalidFields(problems map[string]string) error {
	if len(problems) == 0 {
		return nil
	}
	return &domain.Error{Kind: domain.InvalidField, Fields: problems}
}

// profileProblems says what is wrong with which field, the username aside.
func profileProblems(user domain.User) map[string]string {
	problems := map[string]string{}
	for field, name := range map[string]string{"firstName": user.FirstName, "lastName": user.LastName} {
		switch {
		case utf8.RuneCountInString(name) > maxLength:
			problems[field] = "must be at most 255 characters long"
		case strings.ContainsFunc(name, unicode.IsControl) || strings.ContainsAny(name, prohibitedInName):
			problems[field] = "contains a character that is not allowed"
		}
	}
	localPart, _, _ := strings.Cut(user.Email, "@")
	if len(localPart) > maxLocalPartLength || strings.ContainsFunc(localPart, isNotASCII) {
		problems["email"] = "must be an e-mail address"
	}
	return problems
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
	case strings.ContainsFunc(lower(name), isOtherScript):
		return "contains a character of another script than Latin"
	}
	return ""
}

func isOtherScript(r rune) bool { return !unicode.In(r, unicode.Latin, unicode.Common) }

func isNotASCII(r rune) bool { return r > unicode.MaxASCII }

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
