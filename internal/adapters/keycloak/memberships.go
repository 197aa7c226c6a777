package keycloak

import (
	"cmp"
	"context"

	"golang.org/x/sync/errgroup"

	"user-sync-service/internal/domain"
)

// Memberships reads the user's roles and groups side by side.
func (p *Provider) Memberships(ctx context.Context, id domain.UserID) (domain.Memberships, error) {
	var memberships domain.Memberships
	both, bothCtx := errgroup.WithContext(ctx)
	both.Go(func() error {
		roles, err := p.api.UserRoles(bothCtx, id)
		for _, role := range roles {
			memberships.Roles = append(memberships.Roles, role.Name)
		}
		return err
	})
	groups, err := p.Groups(bothCtx, id)
	if err := cmp.Or(both.Wait(), err); err != nil {
		return domain.Memberships{}, err
	}
	memberships.Groups = groups
	return memberships, nil
}

// Groups returns the paths of the user's groups.
func (p *Provider) Groups(ctx context.Context, id domain.UserID) (paths []domain.Group, err error) {
	groups, err := p.api.UserGroups(ctx, id)
	for _, group := range groups {
		paths = append(paths, group.At())
	}
	return paths, err
}
