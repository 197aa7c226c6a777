package keycloak

import (
	"context"
	"errors"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// SetEnabled sends the one member to change: Keycloak leaves members that are not sent
// as they are.
func (p *Provider) SetEnabled(ctx context.Context, id domain.UserID, enabled bool) error {
	return p.update(ctx, id, gocloak.User{Enabled: &enabled})
}

// SetRequiredActions replaces the list, also by an empty one.
func (p *Provider) SetRequiredActions(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
	names := actionNames(actions)
	return p.update(ctx, id, gocloak.User{RequiredActions: &names})
}

// EndSessions logs the user out everywhere. Keycloak then also refuses tokens issued
// before, but for an offline token of the very same second.
func (p *Provider) EndSessions(ctx context.Context, id domain.UserID) error {
	return p.onUser(ctx, opEndSessions, id, func(ctx context.Context, token, userID string) error {
		return p.client.LogoutAllSessions(ctx, token, p.realm, userID)
	})
}

// SendActionsMail mails the user a link to the actions.
func (p *Provider) SendActionsMail(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
	names := actionNames(actions)
	return p.onUser(ctx, opSendActionsMail, id, func(ctx context.Context, token, userID string) error {
		return p.client.ExecuteActionsEmail(ctx, token, p.realm, gocloak.ExecuteActionsEmail{
			UserID:   &userID,
			Lifespan: new(int(lifespan.Seconds())),
			Actions:  &names,
		})
	})
}

// update changes the user. Of those who change one user at the same moment, Keycloak may
// turn some away with a conflict; whoever was faster is done then.
func (p *Provider) update(ctx context.Context, id domain.UserID, change gocloak.User) error {
	send := func() error {
		return p.onUser(ctx, opUpdateUser, id, func(ctx context.Context, token, userID string) error {
			change.ID = &userID
			return p.client.UpdateUser(ctx, token, p.realm, change)
		})
	}
	err := send()
	if errors.Is(err, conflictUnclear) {
		err = send()
	}
	if errors.Is(err, conflictUnclear) {
		return &domain.Error{Kind: domain.BadAnswer, Err: err}
	}
	return err
}
