package keycloak

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// realmActions are the required actions that the realm has switched on, and those of
// them that Keycloak gives to every new user by itself.
type realmActions struct {
	enabled, byDefault []domain.RequiredAction
}

// loadActions reads the realm's list. Keycloak takes any action that it has a program
// for: one that is switched off, or not in the list, would keep the user from signing in
// or be passed over.
func (p *Provider) loadActions(ctx context.Context, _ string) (*realmActions, time.Duration, error) {
	var registered []*gocloak.RequiredActionProviderRepresentation
	err := p.call(ctx, opGetActions, func(ctx context.Context, token string) error {
		var err error
		registered, err = p.client.GetRequiredActions(ctx, token, p.realm)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	actions := &realmActions{}
	for _, action := range registered {
		if action == nil || gocloak.NilOrEmpty(action.Alias) || action.Enabled == nil {
			return nil, 0, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get required actions: an action without a name, or whether it is enabled")}
		}
		if !*action.Enabled {
			continue
		}
		actions.enabled = append(actions.enabled, domain.RequiredAction(*action.Alias))
		if gocloak.PBool(action.DefaultAction) {
			actions.byDefault = append(actions.byDefault, domain.RequiredAction(*action.Alias))
		}
	}
	return actions, settingsLifetime, nil
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

func actionNames(actions []domain.RequiredAction) []string {
	names := make([]string, 0, len(actions))
	for _, action := range actions {
		names = append(names, string(action))
	}
	return names
}
