package domain

import (
	"slices"
	"strings"
)

// Actor is who asks: the administrator whose access token came with the request. The
// zero Actor is somebody unknown.
type Actor struct {
	// Subject is the token's own name for the actor: often the UserID, in some realms
	// the username.
	Subject string
	// Username may be empty.
	Username string
	// Roles are realm roles by their names, and roles of a client as "client:role".
	Roles []string
}

// Name is how the actor is told apart from others: the username where there is one.
func (a Actor) Name() string {
	if a.Username != "" {
		return a.Username
	}
	return a.Subject
}

// HasAnyRole reports whether the actor holds one of the roles, by its exact name.
func (a Actor) HasAnyRole(roles []string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(a.Roles, role) })
}

// Is reports whether the actor is this user.
func (a Actor) Is(user User) bool {
	if a.Subject != "" && (a.Subject == string(user.ID) || strings.EqualFold(a.Subject, user.Username)) {
		return true
	}
	return a.Username != "" && strings.EqualFold(a.Username, user.Username)
}
