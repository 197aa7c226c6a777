package keycloak

import (
	"context"

	"user-sync-service/internal/adapters/keycloak/adminapi"
)

// Check reads the realm: that shows that Keycloak answers, that it accepts our
// credentials, and keeps the realm's settings fresh. It is not held up when many other
// calls are under way, and closes the circuit when Keycloak is well again.
func (p *Provider) Check(ctx context.Context) error {
	ctx = adminapi.BypassBulkhead(ctx)
	if _, err := p.settings.Refresh(ctx); err != nil {
		return err
	}
	// Kept ready, so that no write has to wait for it.
	_, err := p.administration.Get(ctx)
	return err
}
