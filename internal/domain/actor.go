package domain

import (
	"cmp"
	"slices"
	"strings"
)

// Actor is the administrator whose access token came with the request. The zero Actor is
// unknown.
type Actor struct {
	// Subject is the token's own name for the actor: often the UserID, in some realms
	// the username.
	Subject string
	// Username may be empty.
	Username string
	// Roles are the names of realm roles, and "client:role" for those of a client.
	Roles []string
	// Incomplete says that the token leaves out who the actor is, or the roles of a kind.
	// The identity provider may tell them.
	Incomplete bool
}

// Name returns the username, or else the subject.
func (a Actor) Name() string { return cmp.Or(a.Username, a.Subject) }

// HasAnyRole reports whether the actor holds one of the roles, which are exact names.
func (a Actor) HasAnyRole(roles []string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(a.Roles, role) })
}

// Same reports whether both are the same actor, by their subjects or by their usernames:
// a mapper may give one of them another subject.
func (a Actor) Same(other Actor) bool {
	return a.Subject != "" && a.Subject == other.Subject || a.Username != "" && strings.EqualFold(a.Username, other.Username)
}

// Is reports whether the actor is this user.
func (a Actor) Is(user User) bool {
	if a.Subject != "" && (a.Subject == string(user.ID) || strings.EqualFold(a.Subject, user.Username)) {
		return true
	}
	return a.Username != "" && strings.EqualFold(a.Username, user.Username)
}
