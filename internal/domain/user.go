package domain

import (
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxNameLength is the longest username and e-mail address, in characters, as in Keycloak's
// default user profile and database columns.
const maxNameLength = 255

// UserID is the identity provider's own name for a user. It never changes.
type UserID string

// Username is a well-formed username. The zero Username is not one.
type Username struct {
	text string
}

// ParseUsername accepts 1 to 255 characters of valid UTF-8 without blanks and control
// characters. The realm may ask for more. It returns InvalidField.
func ParseUsername(s string) (Username, error) {
	switch {
	case s == "":
		return Username{}, invalidField("username", "must not be empty")
	case !utf8.ValidString(s):
		return Username{}, invalidField("username", "must be valid UTF-8")
	case utf8.RuneCountInString(s) > maxNameLength:
		return Username{}, invalidField("username", "must be at most 255 characters long")
	case strings.ContainsFunc(s, isBlankOrControl):
		return Username{}, invalidField("username", "must not contain blanks or control characters")
	}
	return Username{text: s}, nil
}

// String returns the username as it was given.
func (u Username) String() string { return u.text }

// Matches reports whether name is this username, without regard to letter case.
func (u Username) Matches(name string) bool { return strings.EqualFold(u.text, name) }

// Email is a well-formed e-mail address. The zero Email is not one.
type Email struct {
	text string
}

// ParseEmail accepts a bare address (RFC 5322 addr-spec) of at most 255 characters. It
// returns InvalidField.
func ParseEmail(s string) (Email, error) {
	if s == "" {
		return Email{}, invalidField("email", "must not be empty")
	}
	address, err := mail.ParseAddress(s)
	// mail.ParseAddress also takes "Anna <anna@example.com>" and comments; a bare
	// address is the only input that comes back unchanged.
	if err != nil || address.Address != s || utf8.RuneCountInString(s) > maxNameLength || strings.ContainsFunc(s, isBlankOrControl) {
		return Email{}, invalidField("email", "must be an e-mail address")
	}
	return Email{text: s}, nil
}

// String returns the address as it was given.
func (e Email) String() string { return e.text }

// Matches reports whether address is this one, without regard to letter case.
func (e Email) Matches(address string) bool { return strings.EqualFold(e.text, address) }

// RequiredAction is something a user must do at the next sign-in. The values are those of
// the HTTP contract; an adapter whose provider has other names translates them.
type RequiredAction string

// The required actions this program sets itself. A user may have others.
const (
	UpdatePassword       RequiredAction = "UPDATE_PASSWORD"
	VerifyEmail          RequiredAction = "VERIFY_EMAIL"
	RegisterSecondFactor RequiredAction = "webauthn-register"
)

// User is an account as the identity provider reports it. Email, FirstName and
// LastName are empty where the provider has none.
type User struct {
	ID              UserID
	Username        string
	Email           string
	FirstName       string
	LastName        string
	Enabled         bool
	EmailVerified   bool
	RequiredActions []RequiredAction
	// CreatedAt is when the user was created; zero: the provider does not tell.
	CreatedAt time.Time
	// Attributes are those of ours that the provider keeps for the user.
	Attributes Attributes
	// Managed tells that this program created the user. It is always false where the provider
	// cannot keep a mark of that.
	Managed bool
}

// Requires reports whether the user has the required action.
func (u User) Requires(action RequiredAction) bool {
	return slices.Contains(u.RequiredActions, action)
}

// Memberships are the realm roles assigned to a user directly and the user's groups.
type Memberships struct {
	Roles  []RealmRole
	Groups []Group
}

// AccountDetails are what a provider does not tell with the user itself.
type AccountDetails struct {
	// Locked tells that the user cannot sign in after wrong passwords, until LockedUntil; if
	// that is zero, until an administrator lifts the lock.
	Locked      bool
	LockedUntil time.Time
	// EffectiveRoles are all realm roles of the user, also those through groups and other
	// roles, in alphabetical order.
	EffectiveRoles []RealmRole
	HasPassword    bool
	// SecondFactors are the kinds of credentials beside the password, each once, in the
	// provider's words ("otp", "webauthn") and in alphabetical order.
	SecondFactors []string
}

// NewUser is what it takes to create an enabled user.
type NewUser struct {
	Username      Username
	Email         Email
	FirstName     string // may be empty
	LastName      string // may be empty
	EmailVerified bool
	Assignment    Assignment
	Attributes    Attributes
	// Password is temporary: it must be changed at the first sign-in. Empty: the user gets
	// none, and must choose one through a link in a mail before the first sign-in.
	Password        Secret
	RequiredActions []RequiredAction
}

// CreatedUser says what became of a NewUser.
type CreatedUser struct {
	ID UserID
	// MissingGroup is the group of the assignment if the realm lacks it and the user was
	// created without it; empty otherwise.
	MissingGroup Group
	// RequiredActions are those that the user now has.
	RequiredActions []RequiredAction
	// Unstored are the attributes that the realm does not keep, in alphabetical order.
	Unstored []Attribute
}

// UserChange is what to change of a user. What is nil stays; an empty name or attribute is
// removed.
type UserChange struct {
	Email      *Email
	FirstName  *string
	LastName   *string
	Attributes Attributes
}

// IsEmpty reports whether nothing is to be changed.
func (c UserChange) IsEmpty() bool {
	return c.Email == nil && c.FirstName == nil && c.LastName == nil && len(c.Attributes) == 0
}

func isBlankOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

func invalidField(field, problem string) error {
	return &Error{Kind: InvalidField, Fields: map[string]string{field: problem}}
}
