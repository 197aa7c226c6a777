package adminapi

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// User is a user as Keycloak shows it, as far as it is looked at.
type User struct {
	ID              domain.UserID       `json:"id"`
	Username        string              `json:"username"`
	Email           string              `json:"email"`
	FirstName       string              `json:"firstName"`
	LastName        string              `json:"lastName"`
	Enabled         bool                `json:"enabled"`
	EmailVerified   bool                `json:"emailVerified"`
	RequiredActions []string            `json:"requiredActions"`
	Attributes      map[string][]string `json:"attributes"`
	// Created is in milliseconds since 1970; zero: Keycloak does not tell.
	Created int64 `json:"createdTimestamp"`
	// Access is what the service account may do with this user; Manage is nil where Keycloak
	// does not tell.
	Access struct {
		Manage *bool `json:"manage"`
	} `json:"access"`
	// Link is the id of the directory that the user was imported from, if there is one.
	Link string `json:"federationLink"`
}

// Directory returns the id of the directory that the user is kept in, "" for none, and
// whether Keycloak has imported the user. If not, the user's id names the directory.
func (u User) Directory() (id string, imported bool) {
	if rest, ok := strings.CutPrefix(string(u.ID), "f:"); ok {
		id, _, _ = strings.Cut(rest, ":")
		return id, false
	}
	return u.Link, u.Link != ""
}

func (u User) isWhole() bool { return u.ID != "" && u.Username != "" }

// UsersNamed returns the users with this username. Keycloak compares without letter case;
// an empty name would find all users.
func (c *Client) UsersNamed(ctx context.Context, username string) ([]User, error) {
	// Without "exact" Keycloak also finds "annabel" for "ann".
	users, err := list[User](ctx, c, opFindUser, url.Values{"username": {username}, "exact": {"true"}}, "users")
	if errors.Is(err, RightMissing) {
		err = Lacks("manage-users")
	}
	return users, err
}

// UsersWithEmail returns the users with this address.
func (c *Client) UsersWithEmail(ctx context.Context, email string) ([]User, error) {
	return list[User](ctx, c, opFindUser, url.Values{"email": {email}, "exact": {"true"}}, "users")
}

// User reads the user whole: the entries of lists are cut short in some versions.
func (c *Client) User(ctx context.Context, id domain.UserID) (User, error) {
	user, err := read[User](ctx, c, opGetUser, nil, "users", string(id))
	if err == nil && (user.ID != id || user.Username == "") {
		err = badAnswer(opGetUser, "an answer about something else")
	}
	return user, err
}

// CreateUser creates the user and returns its id.
func (c *Client) CreateUser(ctx context.Context, user gocloak.User) (domain.UserID, error) {
	var id string
	err := c.call(ctx, opCreateUser, func(ctx context.Context, token string) (err error) {
		id, err = c.gocloak.CreateUser(ctx, token, c.realm, user)
		return err
	})
	if err == nil && id == "" {
		err = badAnswer(opCreateUser, "an answer without an id") // Created, by Keycloak's word.
	}
	return domain.UserID(id), err
}

// UpdateUser changes what is set of the user, all at once. Attributes replace all others,
// and take the address and the names away that are not set.
func (c *Client) UpdateUser(ctx context.Context, id domain.UserID, user gocloak.User) error {
	op := opUpdateUser
	if user.Enabled == nil && user.RequiredActions == nil {
		op = opChangeUser // of the data of a person
	}
	return c.onUser(ctx, op, id, func(ctx context.Context, token, userID string) error {
		user.ID = &userID
		return c.gocloak.UpdateUser(ctx, token, c.realm, user)
	})
}

// DeleteUser deletes the user.
func (c *Client) DeleteUser(ctx context.Context, id domain.UserID) error {
	return c.onUser(ctx, opDeleteUser, id, func(ctx context.Context, token, userID string) error {
		return c.gocloak.DeleteUser(ctx, token, c.realm, userID)
	})
}

// EndSessions logs the user out everywhere. Keycloak then also refuses tokens issued
// before, but for an offline token of the very same second.
func (c *Client) EndSessions(ctx context.Context, id domain.UserID) error {
	return c.onUser(ctx, opEndSessions, id, func(ctx context.Context, token, userID string) error {
		return c.gocloak.LogoutAllSessions(ctx, token, c.realm, userID)
	})
}

// Lock is what Keycloak made of a user's wrong passwords.
type Lock struct {
	Disabled  *bool  `json:"disabled"`
	NotBefore *int64 `json:"failedLoginNotBefore"` // in seconds since 1970
}

// Lock reads it. Keycloak tells of one also for users that it does not have.
func (c *Client) Lock(ctx context.Context, id domain.UserID) (Lock, error) {
	lock, err := read[Lock](ctx, c, opGetLock, nil, "attack-detection", "brute-force", "users", string(id))
	if err == nil && (lock.Disabled == nil || lock.NotBefore == nil) {
		err = badAnswer(opGetLock, "an answer that does not say whether the user is locked, or until when")
	}
	return lock, err
}

// Credentials returns the kinds of the user's credentials, in Keycloak's words.
func (c *Client) Credentials(ctx context.Context, id domain.UserID) ([]string, error) {
	credentials, err := read[[]struct {
		Type string `json:"type"`
	}](ctx, c, opGetCredentials, nil, "users", string(id), "credentials")
	var kinds []string
	for _, credential := range credentials {
		if credential.Type == "" {
			return nil, badAnswer(opGetCredentials, "a credential of no kind")
		}
		kinds = append(kinds, credential.Type)
	}
	return kinds, err
}
