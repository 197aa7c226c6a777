package keycloak

import (
	"context"
	"errors"
	"slices"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// Privileges asks for the user's rights in the administration client and, where the
// realm has one of the roles, for the user's realm roles. In most realms that is one
// call. In a blind realm only the realm roles can be told, and the rest is Hidden. A
// realm that has just become blind refuses the call, so that this is noticed at once.
func (p *Provider) Privileges(ctx context.Context, id domain.UserID, roles []domain.RealmRole) (held domain.Privileges, err error) {
	existing, err := p.existing(ctx, roles)
	if err != nil {
		return domain.Privileges{}, err
	}
	err = p.withAdministration(ctx, func(client string) error {
		held, err = p.held(ctx, id, existing, client)
		return err
	})
	return held, err
}

// existing returns those of the roles that the realm has.
func (p *Provider) existing(ctx context.Context, roles []domain.RealmRole) ([]domain.RealmRole, error) {
	exists := make([]bool, len(roles))
	var reads []func(context.Context) error
	for i, role := range roles {
		reads = append(reads, into(&exists[i], func(ctx context.Context) (bool, error) { return p.existence.Get(ctx, string(role)) }))
	}
	if err := together(ctx, reads...); err != nil {
		return nil, err
	}
	var existing []domain.RealmRole
	for i, role := range roles {
		if exists[i] {
			existing = append(existing, role)
		}
	}
	return existing, nil
}

// loadExistence finds out whether the realm has the role.
func (p *Provider) loadExistence(ctx context.Context, name string) (bool, time.Duration, error) {
	_, err := p.api.Role(ctx, domain.RealmRole(name))
	if errors.Is(err, adminapi.Missing) {
		return false, existenceLifetime, nil
	}
	return err == nil, existenceLifetime, err
}

// held returns which of the roles the user holds effectively, and the user's rights in
// the administration client.
func (p *Provider) held(ctx context.Context, id domain.UserID, roles []domain.RealmRole, client string) (domain.Privileges, error) {
	var ofClient, ofRealm []adminapi.Role
	var reads []func(context.Context) error
	if client != blind {
		reads = append(reads, into(&ofClient, func(ctx context.Context) ([]adminapi.Role, error) {
			return p.api.EffectiveUserClientRoles(ctx, id, client)
		}))
	}
	// In a blind realm also without roles: only this call tells whether there is such a user.
	if len(roles) > 0 || client == blind {
		reads = append(reads, into(&ofRealm, func(ctx context.Context) ([]adminapi.Role, error) { return p.api.EffectiveUserRoles(ctx, id) }))
	}
	if err := together(ctx, reads...); err != nil {
		return domain.Privileges{}, err
	}
	listed := slices.DeleteFunc(namesOf(ofRealm), func(name domain.RealmRole) bool { return !slices.Contains(roles, name) })
	return domain.Privileges{Roles: sortedOnce(namesOf(ofClient), listed), Hidden: client == blind}, nil
}
