package keycloak

import (
	"context"
	"errors"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// realmSettings are the settings of the realm that a creation depends on.
type realmSettings struct {
	passwordPolicy  domain.PasswordPolicy
	emailAsUsername bool
	defaultRole     adminapi.Role
}

// PasswordPolicy returns the realm's password policy.
func (p *Provider) PasswordPolicy(ctx context.Context) (domain.PasswordPolicy, error) {
	settings, err := p.settings.Get(ctx)
	if err != nil {
		return domain.PasswordPolicy{}, err
	}
	return settings.passwordPolicy, nil
}

func (p *Provider) loadSettings(ctx context.Context) (*realmSettings, time.Duration, error) {
	realm, err := p.api.Realm(ctx)
	return &realmSettings{
		passwordPolicy:  p.parsePasswordPolicy(realm.PasswordPolicy),
		emailAsUsername: realm.EmailAsUsername,
		defaultRole:     realm.DefaultRole,
	}, settingsLifetime, err
}

// checkUsername refuses what a realm with e-mail addresses as usernames would do
// silently: create the user under the address, where a look-up of the username does not
// find it.
func (s *realmSettings) checkUsername(user domain.NewUser) error {
	if !s.emailAsUsername || user.Username.Matches(user.Email.String()) {
		return nil
	}
	return invalidField("username", "must be the e-mail address in this realm")
}

// checkEmail refuses what such a realm would do silently as well: change the username with
// the address. Who has none cannot be changed at all before there is one.
func (s *realmSettings) checkEmail(present string, change domain.UserChange) error {
	if !s.emailAsUsername || change.Email == nil || present == "" || change.Email.Matches(present) {
		return nil
	}
	return invalidField("email", "is the username in this realm and cannot be changed")
}

func invalidField(field, problem string) error {
	return &domain.Error{
		Kind:   domain.InvalidField,
		Fields: map[string]string{field: problem},
		Err:    errors.New("the realm uses the e-mail address as username"),
	}
}
