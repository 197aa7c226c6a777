package adminapi

import (
	"context"
	"errors"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// Realm are the realm's settings, as far as they are looked at.
type Realm struct {
	Enabled         *bool  `json:"enabled"`
	PasswordPolicy  string `json:"passwordPolicy"` // in Keycloak's notation
	EmailAsUsername bool   `json:"registrationEmailAsUsername"`
}

// Realm reads the settings.
func (c *Client) Realm(ctx context.Context) (Realm, error) {
	realm, err := read[Realm](ctx, c, opGetRealm, nil)
	if err == nil && realm.Enabled == nil {
		// Without view-realm Keycloak answers 200 with a few members. The policy is not
		// among them, which would read as "no policy".
		err = &Error{Outcome: Refused, err: &domain.Error{
			Kind: domain.Internal, Err: errors.New("get realm: the service account may not read the realm's settings, it lacks view-realm"),
		}}
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

// UserProfile is what the realm says of the attributes that its users have.
type UserProfile struct {
	Attributes      []Declaration `json:"attributes"`
	UnmanagedPolicy string        `json:"unmanagedAttributePolicy"`
}

// Declaration is one attribute of the profile. Usernames, addresses and names are some.
type Declaration struct {
	Name        string `json:"name"`
	Permissions struct {
		Edit []string `json:"edit"`
	} `json:"permissions"`
	Selector any `json:"selector"` // for which requests it is declared; nil: for all
}

// UserProfile reads the profile.
func (c *Client) UserProfile(ctx context.Context) (UserProfile, error) {
	return read[UserProfile](ctx, c, opGetUserProfile, nil, "users", "profile")
}

// TokenActive asks about a caller's access token. From 26.7 on Keycloak says so only of
// tokens that name this client in their audience.
func (c *Client) TokenActive(ctx context.Context, token string) (bool, error) {
	var answer *gocloak.IntroSpectTokenResult
	err := c.asClient(ctx, opIntrospectToken, func(ctx context.Context, id, secret string) (err error) {
		answer, err = c.gocloak.RetrospectToken(ctx, token, id, secret, c.realm)
		return err
	})
	if err != nil {
		return false, err
	}
	if answer.Active == nil {
		return false, badAnswer(opIntrospectToken, "an answer that does not say whether the token is active")
	}
	return *answer.Active, nil
}

// logIn fetches an access token for the service account.
func (c *Client) logIn(ctx context.Context) (token string, lifetime time.Duration, err error) {
	var jwt *gocloak.JWT
	err = c.asClient(BypassBulkhead(ctx), opLogin, func(ctx context.Context, id, secret string) (err error) {
		jwt, err = c.gocloak.LoginClient(ctx, id, secret, c.realm)
		return err
	})
	if err == nil && jwt.AccessToken == "" {
		err = badAnswer(opLogin, "an answer without an access token")
	}
	if err != nil {
		failure := *asFailure(err) // The call that the token was for has not been sent.
		failure.Outcome, failure.Reason = NotSent, ""
		return "", 0, &failure
	}
	c.loggedIn.Store(new(c.Now()))
	lifetime = time.Duration(jwt.ExpiresIn) * time.Second
	// Renewed early, so that no token expires on its way to Keycloak.
	return jwt.AccessToken, lifetime - min(30*time.Second, lifetime/5), nil
}
