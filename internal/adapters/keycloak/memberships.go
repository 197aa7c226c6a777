package keycloak

import (
	"context"
	"errors"
	"strings"

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
		var err error
		roles, err = p.userRoles(bothCtx, id)
		return err
	})
	both.Go(func() error {
		var err error
		groups, err = p.userGroups(bothCtx, id)
		return err
	})
	if err := both.Wait(); err != nil {
		return domain.Memberships{}, err
	}

	names, err := roleNames(opGetUserRoles, roles)
	if err != nil {
		return domain.Memberships{}, err
	}
	paths, err := groupPaths(groups)
	if err != nil {
		return domain.Memberships{}, err
	}
	return domain.Memberships{Roles: names, Groups: paths}, nil
}

// Groups returns the paths of the user's groups.
func (p *Provider) Groups(ctx context.Context, id domain.UserID) ([]domain.Group, error) {
	found, err := p.userGroups(ctx, id)
	if err != nil {
		return nil, err
	}
	return groupPaths(found)
}

func groupPaths(found []*gocloak.Group) (groups []domain.Group, err error) {
	for _, group := range found {
		path, err := groupPath(group)
		if err != nil {
			return nil, err
		}
		groups = append(groups, path)
	}
	return groups, nil
}

// groupPath returns the path of a group of a user, without Keycloak's slash before it.
func groupPath(group *gocloak.Group) (domain.Group, error) {
	if group == nil {
		return "", &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get user groups: a group that is none")}
	}
	path, ok := strings.CutPrefix(gocloak.PString(group.Path), "/")
	if !ok || path == "" {
		return "", &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get user groups: a group without a path")}
	}
	return domain.Group(path), nil
}

// userRoles reads the realm roles assigned to the user directly.
func (p *Provider) userRoles(ctx context.Context, id domain.UserID) (roles []*gocloak.Role, err error) {
	err = p.onUser(ctx, opGetUserRoles, id, func(ctx context.Context, token, userID string) error {
		var err error
		roles, err = p.client.GetRealmRolesByUserID(ctx, token, p.realm, userID)
		return err
	})
	return roles, err
}

// userGroups reads all groups of the user: Keycloak cuts the list into pages only for
// those who ask for pages.
func (p *Provider) userGroups(ctx context.Context, id domain.UserID) (groups []*gocloak.Group, err error) {
	err = p.onUser(ctx, opGetUserGroups, id, func(ctx context.Context, token, userID string) error {
		var err error
		groups, err = p.client.GetUserGroups(ctx, token, p.realm, userID, gocloak.GetGroupsParams{})
		return err
	})
	return groups, err
}
