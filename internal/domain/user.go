package domain

import (
	"slices"
	"time"
)

// UserID is the identity provider's own name for a user. It never changes.
type UserID string

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
	ID       UserID
	Username string
	// NameHidden tells that the user goes by another name than the Username as well, or may:
	// by that one, or by the address that is shown in its place, the user was found.
	NameHidden      bool
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
	// cannot keep a mark of that, or where users could set the mark themselves.
	Managed bool
	// TrustedID tells of a Managed user that FineractUserID among the Attributes is a proof
	// too: no user can set it.
	TrustedID bool
	// PasswordElsewhere tells that the password is a directory's, and can only be changed there.
	PasswordElsewhere bool
	// ManagedErr is why the provider could not tell whether the user is Managed; nil: it could.
	ManagedErr error
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
	Username      NewUsername
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
	// PasswordLasts tells that the realm has UpdatePassword switched off: nobody is made to
	// choose a new password, neither at a sign-in nor by a link in a mail.
	PasswordLasts bool
	// Unstored is what the realm does not keep, in alphabetical order.
	Unstored []Attribute
	// AskedFor is what the realm requires of its users and this one lacks, in alphabetical
	// order: every sign-in asks for it until it is there.
	AskedFor []Attribute
}

// UserChange is what to change of a user. What is nil stays; an empty name or attribute is
// removed.
type UserChange struct {
	Email *Email
	// Unverified makes a new Email count as not verified. Else that stays as it is.
	Unverified bool
	FirstName  *string
	LastName   *string
	Attributes Attributes
}

// IsEmpty reports whether nothing is to be changed.
func (c UserChange) IsEmpty() bool {
	return c.Email == nil && c.FirstName == nil && c.LastName == nil && len(c.Attributes) == 0
}

func invalidField(field, problem string) error {
	return &Error{Kind: InvalidField, Fields: map[string]string{field: problem}}
}
