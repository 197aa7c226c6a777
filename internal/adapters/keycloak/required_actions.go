package keycloak

import (
	"context"
	"slices"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// SetRequiredActions replaces the list, also by an empty one. Keycloak drops actions that
// it does not know: what is looked for afterwards is UpdatePassword, if it is among them.
func (p *Provider) SetRequiredActions(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
	wanted := texts(actions)
	send := &gocloak.User{RequiredActions: &wanted}
	return p.settle(ctx, id, time.Now(), send, func(user adminapi.User) (*gocloak.User, error) {
		if !slices.Contains(wanted, string(domain.UpdatePassword)) || slices.Contains(user.RequiredActions, string(domain.UpdatePassword)) {
			return nil, nil
		}
		return send, nil
	})
}

// verifyProfile is the action by which a sign-in asks for what the realm's user profile
// requires of users. Where it is switched off, nothing is asked.
const verifyProfile domain.RequiredAction = "VERIFY_PROFILE"

// realmActions are the required actions that the realm has switched on, and those of
// them that Keycloak gives to every new user by itself.
type realmActions struct {
	enabled, byDefault []domain.RequiredAction
}

// loadActions reads the realm's list. Keycloak takes any action that it has a program
// for: one that is switched off, or not in the list, would keep the user from signing in
// or be passed over.
func (p *Provider) loadActions(ctx context.Context) (*realmActions, time.Duration, error) {
	registered, err := p.api.RequiredActions(ctx)
	actions := &realmActions{}
	for _, action := range registered {
		if !*action.Enabled {
			continue
		}
		actions.enabled = append(actions.enabled, action.Alias)
		if action.Default {
			actions.byDefault = append(actions.byDefault, action.Alias)
		}
	}
	return actions, settingsLifetime, err
}

// ActionAvailable looks into the realm's list, which may be a minute old.
func (p *Provider) ActionAvailable(ctx context.Context, action domain.RequiredAction) (bool, error) {
	actions, err := p.actions.Get(ctx)
	return err == nil && slices.Contains(actions.enabled, action), err
}

// of returns the actions to send for a new user, and those that the user has then: a
// temporary password must be changed whatever the realm has switched on.
func (a *realmActions) of(user domain.NewUser) (sent, has []domain.RequiredAction) {
	for _, action := range user.RequiredActions {
		if slices.Contains(a.enabled, action) {
			sent = append(sent, action)
		}
	}
	if !user.Password.IsEmpty() {
		has = append(has, domain.UpdatePassword)
	}
	for _, action := range slices.Concat(sent, a.byDefault) {
		if !slices.Contains(has, action) {
			has = append(has, action)
		}
	}
	return sent, has
}
