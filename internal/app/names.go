package app

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"user-sync-service/internal/domain"
)

// What the tables of other libraries have to say about new names, after package domain has
// looked at their characters.

// checkUsername returns InvalidField unless the username is in Unicode's normal form C:
// another form looks the same and is another name to the identity provider.
func checkUsername(username domain.NewUsername) error {
	if !norm.NFC.IsNormalString(username.String()) {
		return refusedField("username", "must be in Unicode's composed form (NFC)")
	}
	return nil
}

// checkEmail returns InvalidField unless the address is in normal form C and its domain is
// ASCII or an internationalized name (RFC 5891) in which no label mixes scripts.
func checkEmail(email domain.Email) error {
	if !norm.NFC.IsNormalString(email.String()) {
		return refusedField("email", "must be in Unicode's composed form (NFC)")
	}
	name := strings.ToLower(email.Domain())
	if !isInternational(name) {
		return nil
	}
	ascii, err := idna.Registration.ToASCII(name)
	if err != nil {
		return refusedField("email", "must have a valid domain")
	}
	name, err = idna.Registration.ToUnicode(ascii)
	if err != nil {
		return refusedField("email", "must have a valid domain")
	}
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case strings.ContainsFunc(label, isNoLetter):
			return refusedField("email", "must have a valid domain")
		case !hasOneScript(label):
			return refusedField("email", "must not mix scripts in its domain")
		}
	}
	return nil
}

// isInternational reports whether a domain in lower case has other characters than ASCII,
// or a label that stands for such ones.
func isInternational(name string) bool {
	return strings.HasPrefix(name, "xn--") || strings.Contains(name, ".xn--") ||
		strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII })
}

// isNoLetter reports whether r is a symbol or a sign, such as one that looks like a slash:
// the library does not refuse all that RFC 5892 does. The two dots belong to Catalan and
// Japanese.
func isNoLetter(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("-·・", r)
}

// hasOneScript reports whether all letters of the label belong to one script, or to those
// that Japanese, Korean and Chinese are written in (Unicode Technical Standard 39).
func hasOneScript(label string) bool {
	common := func(r rune) bool { return unicode.In(r, unicode.Common, unicode.Inherited) }
	only := func(scripts ...*unicode.RangeTable) bool {
		return !strings.ContainsFunc(label, func(r rune) bool { return !common(r) && !unicode.In(r, scripts...) })
	}
	if only(unicode.Han, unicode.Hiragana, unicode.Katakana) || only(unicode.Han, unicode.Hangul) || only(unicode.Han, unicode.Bopomofo) {
		return true
	}
	first := strings.IndexFunc(label, func(r rune) bool { return !common(r) })
	letter := []rune(label[first:])[0] // There is one, else all three would have been fine.
	for _, script := range unicode.Scripts {
		if unicode.Is(script, letter) {
			return only(script)
		}
	}
	return false // Its script is not known.
}

func refusedField(field, problem string) error {
	return &domain.Error{Kind: domain.InvalidField, Fields: map[string]string{field: problem}}
}
