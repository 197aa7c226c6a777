package keycloak

import (
	"context"
	"errors"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// realmSettings are the settings of the realm that a creation depends on.
type realmSettings struct {
	passwordPolicy  domain.PasswordPolicy
	emailAsUsername bool
}

// Check reads the realm: that shows that Keycloak answers, that it accepts our
// credentials, and keeps the realm's settings fresh. It is not held up when many other
// calls are under way, and closes the circuit when Keycloak is well again.
func (p *Provider) Check(ctx context.Context) error {
	ctx = withExemption(ctx, fromLimit)
	if _, err := p.settings.refresh(ctx, ""); err != nil {
		return err
	}
	// Kept ready, so that no write has to wait for it.
	_, err := p.administration.get(ctx, "")
	return err
}

// PasswordPolicy returns the realm's password policy.
func (p *Provider) PasswordPolicy(ctx context.Context) (domain.PasswordPolicy, error) {
	settings, err := p.settings.get(ctx, "")
	if err != nil {
		return domain.PasswordPolicy{}, err
	}
	return settings.passwordPolicy, nil
}

func (p *Provider) loadSettings(ctx context.Context, _ string) (*realmSettings, time.Duration, error) {
	var realm *gocloak.RealmRepresentation
	err := p.call(ctx, opGetRealm, func(ctx context.Context, token string) error {
		var err error
		realm, err = p.client.GetRealm(ctx, token, p.realm)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	if realm.Enabled == nil {
		// Without view-realm Keycloak answers 200 with a few members. The policy is not
		// among them, which would read as "no policy".
		return nil, 0, &domain.Error{Kind: domain.Internal, Err: errors.New("get realm: the service account may not read the realm's settings, it lacks view-realm")}
	}
	return &realmSettings{
		passwordPolicy:  p.parsePasswordPolicy(gocloak.PString(realm.PasswordPolicy)),
		emailAsUsername: gocloak.PBool(realm.RegistrationEmailAsUsername),
	}, settingsLifetime, nil
}

// checkUsername refuses what a realm with e-mail addresses as usernames would do
// silently: create the user under the address, where nobody who asks for the username
// finds it.
func (s *realmSettings) checkUsername(user domain.NewUser) error {
	if s.emailAsUsername && !user.Username.Matches(user.Email.String()) {
		const problem = "must be the e-mail address in this realm"
		return &domain.Error{
			Kind:    domain.InvalidField,
			Message: "The username " + problem + ".",
			Fields:  map[string]string{"username": problem},
			Err:     errors.New("create user: the realm uses the e-mail address as username"),
		}
	}
	return nil
}
