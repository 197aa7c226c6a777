package keycloak

import (
	"context"
	"errors"

	"github.com/Nerzal/gocloak/v13"
	"golang.org/x/sync/errgroup"

	"user-sync-service/internal/domain"
)

// Memberships reads the user's roles and groups side by side.
func (p *Provider) Memberships(ctx context.Context, id domain.UserID) (domain.Memberships, error) {
	var roles []*gocloak.Role
	var groups []*gocloak.Group
	both, bothCtx := errgroup.WithContext(ctx)
	both.Go(func() error {
		return p.onUser(bothCtx, opGetUserRoles, id, func(ctx context.Context, token, userID string) error {
			var err error
			roles, err = p.client.GetRealmRolesByUserID(ctx, token, p.realm, userID)
			return err
		})
	})
	both.Go(func() error {
		return p.onUser(bothCtx, opGetUserGroups, id, func(ctx context.Context, token, userID string) error {
			var err error
			groups, err = p.client.GetUserGroups(ctx, token, p.realm, userID, gocloak.GetGroupsParams{})
			return err
		})
	})
	if err := both.Wait(); err != nil {
		return domain.Memberships{}, err
	}

	var memberships domain.Memberships
	for _, role := range roles {
		if role == nil || gocloak.NilOrEmpty(role.Name) {
			return domain.Memberships{}, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get user roles: a role without a name")}
		}
		memberships.Roles = append(memberships.Roles, domain.RealmRole(*role.Name))
	}
	for _, group := range groups {
		if group == nil || gocloak.NilOrEmpty(group.Name) {
			return domain.Memberships{}, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get user groups: a group without a name")}
		}
		memberships.Groups = append(memberships.Groups, *group.Name)
	}
	return memberships, nil
}
