package keycloak

import (
	"context"
	"net/url"
	"slices"

	"github.com/Nerzal/gocloak/v13"
	"golang.org/x/sync/errgroup"

	"user-sync-service/internal/domain"
)

// Privileges asks for the user's rights in the administration client and, where the
// realm has one of the roles, for the user's realm roles. In most realms that is one
// call. In a blind realm only the realm roles can be told.
func (p *Provider) Privileges(ctx context.Context, id domain.UserID, roles []domain.RealmRole) ([]domain.RealmRole, error) {
	existing, err := p.existing(ctx, roles)
	if err != nil {
		return nil, err
	}
	var held []domain.RealmRole
	err = p.withAdministration(ctx, func(client string) error {
		var err error
		held, err = p.held(ctx, id, existing, client)
		return err
	})
	if err != nil {
		return nil, err
	}
	return held, nil
}

// existing returns those of the roles that the realm has.
func (p *Provider) existing(ctx context.Context, roles []domain.RealmRole) ([]domain.RealmRole, error) {
	exists := make([]bool, len(roles))
	all, allCtx := errgroup.WithContext(ctx)
	for i, role := range roles {
		all.Go(func() error {
			var err error
			exists[i], err = p.existence.get(allCtx, string(role))
			return err
		})
	}
	if err := all.Wait(); err != nil {
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

// held returns which of the roles the user holds in the end, and the user's rights in
// the administration client.
func (p *Provider) held(ctx context.Context, id domain.UserID, roles []domain.RealmRole, client string) ([]domain.RealmRole, error) {
	var ofClient, ofRealm []*gocloak.Role
	both, bothCtx := errgroup.WithContext(ctx)
	if client != blind {
		both.Go(func() error {
			return p.onUser(bothCtx, opGetAdministration, id, func(ctx context.Context, token, userID string) error {
				var err error
				ofClient, err = p.client.GetCompositeClientRolesByUserID(ctx, token, p.realm, url.PathEscape(client), userID)
				return err
			})
		})
	}
	// In a blind realm also without roles: only this call tells whether there is such a user.
	if len(roles) > 0 || client == blind {
		both.Go(func() error {
			var err error
			ofRealm, err = p.realmRolesInTheEnd(bothCtx, id)
			return err
		})
	}
	if err := both.Wait(); err != nil {
		return nil, err
	}
	rights, err := roleNames(opGetAdministration, ofClient)
	if err != nil {
		return nil, err
	}
	names, err := roleNames(opGetUserRoles, ofRealm)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if slices.Contains(roles, name) {
			rights = append(rights, name)
		}
	}
	return sortedOnce(rights), nil
}
