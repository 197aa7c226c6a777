package keycloak

import (
	"context"
	"errors"
	"strings"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// Check reads the realm: that shows that Keycloak answers, that it accepts our
// credentials, and keeps the realm's settings fresh. It also looks at the rights of the
// service account. It is not held up when many other calls are under way, and closes the
// circuit when Keycloak is well again. A [domain.SetupFault] says what is wrong with the
// set-up.
func (p *Provider) Check(ctx context.Context) error {
	ctx = adminapi.BypassBulkhead(ctx)
	p.api.CheckBaseURL(ctx)
	err := p.checkSetup(ctx)
	if errors.Is(err, adminapi.RightMissing) {
		p.api.ForgetToken(ctx) // So that a right counts as soon as it is given.
	}
	return err
}

func (p *Provider) checkSetup(ctx context.Context) error {
	if _, err := p.settings.Refresh(ctx); err != nil {
		if errors.Is(err, adminapi.RightMissing) && p.mayNotManage(ctx) {
			err = adminapi.Lacks("manage-users and view-realm")
		}
		return err
	}
	// Kept ready, so that no write has to wait for it.
	if _, err := p.administration.Get(ctx); err != nil {
		return err
	}
	account, err := p.account.Get(ctx)
	if err == nil && !account.manages {
		p.account.Forget(account) // It is about to change.
		return adminapi.Lacks("manage-users")
	}
	return err
}

// mayNotManage reports whether it is known that the service account may not change users.
func (p *Provider) mayNotManage(ctx context.Context) bool {
	account, err := p.account.Refresh(ctx)
	return errors.Is(err, adminapi.RightMissing) || err == nil && !account.manages
}

// ownAccount is the service account.
type ownAccount struct {
	id domain.UserID // empty: Keycloak does not show it
	// manages is false when it may not change users.
	manages bool
}

// loadAccount reads it. Keycloak tells with each user whether it may be changed; the claims
// of a token do not always have the rights, and not those of this moment.
func (p *Provider) loadAccount(ctx context.Context) (ownAccount, time.Duration, error) {
	// In the client's own letters: Keycloak puts some into lower case in another way than Go.
	username := "service-account-" + p.ClientID
	users, err := p.api.UsersNamed(ctx, username)
	if err != nil {
		return ownAccount{}, 0, err
	}
	for _, user := range users {
		if len(users) > 1 && !strings.EqualFold(user.Username, username) {
			continue
		}
		return ownAccount{id: user.ID, manages: user.Access.Manage == nil || *user.Access.Manage}, rightsLifetime, nil
	}
	return ownAccount{manages: true}, 0, nil
}
