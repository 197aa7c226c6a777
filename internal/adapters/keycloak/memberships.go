package keycloak

import (
	"context"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// Memberships reads the user's roles and groups side by side.
func (p *Provider) Memberships(ctx context.Context, id domain.UserID) (domain.Memberships, error) {
	var memberships domain.Memberships
	err := together(ctx, func(ctx context.Context) (err error) {
		memberships.Groups, err = p.Groups(ctx, id)
		return err
	}, func(ctx context.Context) error {
		roles, err := p.api.UserRoles(ctx, id)
		memberships.Roles = namesOf(roles)
		return err
	})
	if err != nil {
		return domain.Memberships{}, err
	}
	return memberships, nil
}

// namesOf returns the names of the roles.
func namesOf(roles []adminapi.Role) (names []domain.RealmRole) {
	for _, role := range roles {
		names = append(names, role.Name)
	}
	return names
}

// Groups returns the paths of the user's groups.
func (p *Provider) Groups(ctx context.Context, id domain.UserID) (paths []domain.Group, err error) {
	groups, err := p.api.UserGroups(ctx, id)
	for _, group := range groups {
		paths = append(paths, group.At())
	}
	return paths, err
}
