package keycloak

import (
	"context"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// SetEnabled sends the one member to change: Keycloak leaves members that are not sent
// as they are.
func (p *Provider) SetEnabled(ctx context.Context, id domain.UserID, enabled bool) error {
	send := &gocloak.User{Enabled: &enabled}
	return p.settle(ctx, id, time.Now(), send, func(user adminapi.User) (*gocloak.User, error) {
		if user.Enabled == enabled {
			return nil, nil
		}
		return send, nil
	})
}
