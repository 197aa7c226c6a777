package domain

import (
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxNameLength is the longest username and e-mail address, in characters. Keycloak's
// default user profile and its database columns end there too.
const maxNameLength = 255

// UserID is the identity provider's own name for a user. It never changes.
type UserID string

// Username is a well-formed username. The zero Username is not one.
type Username struct {
	text string
}

// ParseUsername checks what any provider must be able to rely on: 1 to 255 characters
// of valid UTF-8, neither blanks nor control characters. The realm may ask for more.
// It returns InvalidField.
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

// RequiredAction is something a user must do at the next sign-in. The constants carry
// the values that the HTTP contract fixes; providers with other names translate them.
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
	// CreatedAt is when the account was made; zero: the provider does not tell.
	CreatedAt time.Time
	// Attributes are those of ours that the provider keeps for the user.
	Attributes Attributes
	// Managed tells that this program created the user. It is false for users of others,
	// and for all where the provider cannot keep who created whom.
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

// AccountDetails are what takes more than a look at the user to know.
type AccountDetails struct {
	// Locked tells that the provider lets nobody sign in after wrong passwords, until
	// LockedUntil; a zero LockedUntil means until somebody lifts the lock.
	Locked      bool
	LockedUntil time.Time
	// EffectiveRoles are all realm roles that the user holds, through groups and other
	// roles too, in alphabetical order.
	EffectiveRoles []RealmRole
	HasPassword    bool
	// SecondFactors are the kinds of credentials beside the password, each once, in
	// alphabetical order and in the provider's own words ("otp", "webauthn").
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
	// Password is temporary: it must be changed at the first sign-in. Empty: the user
	// gets none, and cannot sign in before having chosen one by way of a mail.
	Password        Secret
	RequiredActions []RequiredAction
}

// CreatedUser says what became of a NewUser.
type CreatedUser struct {
	ID UserID
	// MissingGroup is the group of the assignment when the realm lacks it and the user
	// was created without; empty otherwise.
	MissingGroup Group
	// RequiredActions are those that the user has now.
	RequiredActions []RequiredAction
	// Unstored are the attributes that the realm does not keep, in alphabetical order.
	Unstored []Attribute
}

// UserChange is what to change of a user; what is nil stays as it is. An empty name, or
// an attribute with an empty value, is taken away.
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
	return &Error{Kind: InvalidField, Message: "The " + field + " " + problem + ".", Fields: map[string]string{field: problem}}
}
