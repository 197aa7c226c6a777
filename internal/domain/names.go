package domain

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxNameLength is the longest username, address, name or other short text, in characters,
// as in Keycloak's default user profile and database columns.
const maxNameLength = 255

// dottedCapitalI has two characters in Java's lower case.
const dottedCapitalI = "\u0130"

// What may be wrong with a text.
const (
	isEmpty      = "must not be empty"
	isBroken     = "must be valid UTF-8"
	isTooLong    = "must be at most 255 characters long"
	hasBlanks    = "must not contain blanks or control characters"
	hasControls  = "must not contain control characters"
	hasInvisible = "must not contain invisible or unassigned characters"
	isNoAddress  = "must be an e-mail address"
)

// Username is what an account may be called, whoever made it. The zero Username is not one.
type Username struct {
	text string
}

// ParseUsername accepts what an identity provider may hold: 1 to 255 characters of valid
// UTF-8 without NUL. It returns InvalidField.
func ParseUsername(s string) (Username, error) {
	switch {
	case s == "":
		return Username{}, invalidField("username", isEmpty)
	case !utf8.ValidString(s):
		return Username{}, invalidField("username", isBroken)
	case utf8.RuneCountInString(s) > maxNameLength:
		return Username{}, invalidField("username", isTooLong)
	case strings.ContainsRune(s, 0):
		return Username{}, invalidField("username", hasBlanks)
	}
	return Username{text: s}, nil
}

// String returns the username as it was given.
func (u Username) String() string { return u.text }

// Matches reports whether name is this username, without regard to letter case.
func (u Username) Matches(name string) bool { return sameName(u.text, name) }

// NewUsername is a Username that a new account may have. The zero NewUsername is not one.
type NewUsername struct {
	Username
}

// ParseNewUsername accepts a Username without blanks and without characters that cannot be
// seen: one that reads like another's would be taken for it. The realm may ask for more. It
// returns InvalidField.
func ParseNewUsername(s string) (NewUsername, error) {
	username, err := ParseUsername(s)
	switch {
	case err != nil:
		return NewUsername{}, err
	case units(s) > maxNameLength:
		return NewUsername{}, invalidField("username", isTooLong)
	case strings.ContainsFunc(s, isBlankOrControl):
		return NewUsername{}, invalidField("username", hasBlanks)
	case strings.ContainsFunc(s, isInvisible):
		return NewUsername{}, invalidField("username", hasInvisible)
	}
	return NewUsername{username}, nil
}

// Email is a well-formed e-mail address. The zero Email is not one.
type Email struct {
	text string
}

// ParseEmail accepts a bare address (RFC 5322 addr-spec) of at most 255 characters that can
// all be seen. It returns InvalidField.
func ParseEmail(s string) (Email, error) {
	if s == "" {
		return Email{}, invalidField("email", isEmpty)
	}
	address, err := mail.ParseAddress(s)
	// mail.ParseAddress also takes "Anna <anna@example.com>" and comments; a bare
	// address is the only input that comes back unchanged.
	if err != nil || address.Address != s || units(s) > maxNameLength || strings.ContainsFunc(s, isBlankOrControl) {
		return Email{}, invalidField("email", isNoAddress)
	}
	if strings.ContainsFunc(s, isInvisible) {
		return Email{}, invalidField("email", hasInvisible)
	}
	return Email{text: s}, nil
}

// String returns the address as it was given.
func (e Email) String() string { return e.text }

// Domain returns what follows the last "@".
func (e Email) Domain() string { return e.text[strings.LastIndex(e.text, "@")+1:] }

// Matches reports whether address is this one, without regard to letter case.
func (e Email) Matches(address string) bool { return sameName(e.text, address) }

// CheckText returns InvalidField for the member unless the text is fit to be a person's name
// or another short text: at most 255 characters that can be seen, or blanks. The two joiners
// may stand between letters, where they are part of the spelling of some languages.
func CheckText(member, text string) error {
	switch {
	case !utf8.ValidString(text):
		return invalidField(member, isBroken)
	case units(text) > maxNameLength:
		return invalidField(member, isTooLong)
	case strings.ContainsFunc(text, unicode.IsControl):
		return invalidField(member, hasControls)
	}
	characters := []rune(text)
	for i, r := range characters {
		between := i > 0 && i < len(characters)-1 && isSpelling(characters[i-1]) && isSpelling(characters[i+1])
		if isInvisible(r) && (!isJoiner(r) || !between) {
			return invalidField(member, hasInvisible)
		}
	}
	return nil
}

// units is the length of a text as Keycloak and some of its databases count it, in UTF-16 and
// in lower case, where the dotted capital I becomes two characters.
func units(text string) int {
	return len(utf16.Encode([]rune(strings.ReplaceAll(text, dottedCapitalI, "i\u0307"))))
}

// isJoiner reports whether r is U+200C or U+200D.
func isJoiner(r rune) bool { return r == '\u200c' || r == '\u200d' }

// isSpelling reports whether r is a letter, or a mark on one.
func isSpelling(r rune) bool { return unicode.In(r, unicode.L, unicode.M) && !isInvisible(r) }

func isBlankOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// isInvisible reports whether r shows nothing or has no meaning: format characters, private
// and unassigned ones, the ends of lines and paragraphs, what Unicode says to pass over in
// silence, and the empty Braille cell.
func isInvisible(r rune) bool {
	const brailleBlank = '\u2800'
	return !unicode.IsGraphic(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == brailleBlank
}

// sameName reports whether two names are one to Keycloak, which keeps and looks names up in
// Java's lower case. That has two characters for the dotted capital I, and a choice of two
// for the capital sigma.
func sameName(a, b string) bool {
	x := []rune(strings.ReplaceAll(a, dottedCapitalI, "i\u0307"))
	y := []rune(strings.ReplaceAll(b, dottedCapitalI, "i\u0307"))
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if unicode.ToLower(x[i]) != unicode.ToLower(y[i]) && !isFinalSigmaOf(x[i], y[i]) && !isFinalSigmaOf(y[i], x[i]) {
			return false
		}
	}
	return true
}

// isFinalSigmaOf reports whether lower is what capital may become at the end of a word.
func isFinalSigmaOf(lower, capital rune) bool { return lower == 'ς' && capital == 'Σ' }
