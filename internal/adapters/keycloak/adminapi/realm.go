package adminapi

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"user-sync-service/internal/domain"
)

// Realm are the realm's settings, as far as they are looked at.
type Realm struct {
	Enabled         *bool  `json:"enabled"`
	PasswordPolicy  string `json:"passwordPolicy"` // in Keycloak's notation
	EmailAsUsername bool   `json:"registrationEmailAsUsername"`
	DefaultRole     Role   `json:"defaultRole"` // whose content every new user gets
	// The rest is for the doctor.
	SelfRegistration bool              `json:"registrationAllowed"`
	SharedEmails     bool              `json:"duplicateEmailsAllowed"`
	SMTP             map[string]string `json:"smtpServer"`
}

// Realm reads the settings.
func (c *Client) Realm(ctx context.Context) (Realm, error) {
	realm, err := read[Realm](ctx, c, opGetRealm, nil)
	switch {
	case errors.Is(err, RightMissing):
		err = Lacks("manage-users and view-realm")
	case err == nil && realm.Enabled == nil:
		// Without view-realm Keycloak answers 200 with a few members. The policy is not
		// among them, which would read as "no policy".
		err = Lacks("view-realm")
	}
	return realm, err
}

// RequiredAction is one that the realm knows.
type RequiredAction struct {
	Alias   domain.RequiredAction `json:"alias"`
	Enabled *bool                 `json:"enabled"`
	Default bool                  `json:"defaultAction"` // Keycloak gives it to every new user by itself.
}

func (a RequiredAction) isWhole() bool { return a.Alias != "" && a.Enabled != nil }

// RequiredActions returns those that the realm knows.
func (c *Client) RequiredActions(ctx context.Context) ([]RequiredAction, error) {
	return list[RequiredAction](ctx, c, opGetActions, nil, "authentication", "required-actions")
}

// Directory is an LDAP server that the realm takes users from.
type Directory struct {
	ID     string              `json:"id"`
	Kind   string              `json:"providerId"`
	Config map[string][]string `json:"config"`
}

func (d Directory) isWhole() bool { return d.ID != "" && d.Kind != "" }

// IsReadOnly reports whether Keycloak may not write to it, passwords included.
func (d Directory) IsReadOnly() bool { return slices.Contains(d.Config["editMode"], "READ_ONLY") }

// Directories returns those that are in use.
func (c *Client) Directories(ctx context.Context) ([]Directory, error) {
	found, err := list[Directory](ctx, c, opGetDirectories, url.Values{"type": {"org.keycloak.storage.UserStorageProvider"}}, "components")
	return slices.DeleteFunc(found, func(d Directory) bool { return d.Kind != "ldap" || slices.Contains(d.Config["enabled"], "false") }), err
}

// TryDirectory returns Unavailable when the directory with this id is away. Keycloak has to
// ask it for a user whom it does not import.
func (c *Client) TryDirectory(ctx context.Context, id string) error {
	_, err := read[User](ctx, c, opTryDirectory, nil, "users", "f:"+id+":-")
	if errors.Is(err, domain.NotFound) {
		return nil
	}
	return err
}

// UserProfile is what the realm says of the attributes that its users have.
type UserProfile struct {
	Attributes      []Declaration `json:"attributes"`
	UnmanagedPolicy string        `json:"unmanagedAttributePolicy"`
}

// Declaration is one attribute of the profile. Usernames, addresses and names are some.
type Declaration struct {
	Name        string `json:"name"`
	Permissions struct {
		View []string `json:"view"`
		Edit []string `json:"edit"`
	} `json:"permissions"`
	Selector any `json:"selector"` // for which requests it is declared; nil: for all
	// Required is nil for what may be missing. With scopes it is required in sign-ins with
	// one of them only; with nothing in it, of everybody.
	Required *struct {
		Roles  []string `json:"roles"`
		Scopes []string `json:"scopes"`
	} `json:"required"`
}

// UserProfile reads the profile.
func (c *Client) UserProfile(ctx context.Context) (UserProfile, error) {
	return read[UserProfile](ctx, c, opGetUserProfile, nil, "users", "profile")
}

// Introspection is what Keycloak says of a token. All but Active is empty for one that is
// not active.
type Introspection struct {
	Active            *bool  `json:"active"`
	Subject           string `json:"sub"`
	Username          string `json:"username"`
	PreferredUsername string `json:"preferred_username"` // as the realm maps it; may be absent
	// The roles of the owner at this moment, as far as the mappers of the token's client
	// put them into the answer.
	RealmAccess    access            `json:"realm_access"`
	ResourceAccess map[string]access `json:"resource_access"`
}

type access struct {
	Roles []string `json:"roles"`
}

// Introspect asks about a caller's access token. From 26.7 on Keycloak calls only those
// active that name this client in their audience.
func (c *Client) Introspect(ctx context.Context, token string) (Introspection, error) {
	// As an access token: of another kind the owner is not told.
	form := map[string]string{"token": token, "token_type_hint": "access_token"}
	answer, err := asClient[Introspection](ctx, c, opIntrospectToken, "token/introspect", form)
	if err == nil && answer.Active == nil {
		err = badAnswer(opIntrospectToken, "an answer that does not say whether the token is active")
	}
	return answer, err
}

// Honours reports whether Keycloak honours a caller's access token. Introspection also says
// no to a client that the token is not meant for; the admin API takes any token, and refuses
// a dead one in another way than one without rights.
func (c *Client) Honours(ctx context.Context, token string) (bool, error) {
	err := c.do(ctx, opTryToken, func(ctx context.Context) error {
		_, err := c.gocloak.GetRequestWithBearerAuth(ctx, token).SetDoNotParseResponse(true).Get(c.admin)
		return err
	})
	switch {
	case errors.Is(err, badLogin):
		return false, nil
	case err != nil && asFailure(err).Code == "403":
		return true, nil
	}
	return err == nil, err
}

// logIn fetches an access token for the service account.
func (c *Client) logIn(ctx context.Context) (token string, lifetime time.Duration, err error) {
	answer, err := asClient[struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"` // seconds
	}](BypassBulkhead(ctx), c, opLogin, "token", map[string]string{"grant_type": "client_credentials"})
	if err == nil && answer.AccessToken == "" {
		err = badAnswer(opLogin, "an answer without an access token")
	}
	if err != nil {
		failure := *asFailure(err) // The call that the token was for has not been sent.
		failure.Outcome = NotSent
		if failure.Reason == badLogin { // No token has become stale.
			failure.Reason = ""
		}
		return "", 0, &failure
	}
	c.loggedIn.Store(new(c.Now()))
	lifetime = time.Duration(answer.ExpiresIn) * time.Second
	// Renewed early, so that no token expires on its way to Keycloak.
	return answer.AccessToken, lifetime - min(30*time.Second, lifetime/5), nil
}
