package keycloak

import (
	"context"
	"errors"
	"net/url"

	"github.com/Nerzal/gocloak/v13"
	"golang.org/x/sync/errgroup"

	"user-sync-service/internal/domain"
)

// Unassign looks what the user has of the assignment and takes that away: so it needs to
// know nothing of the realm, and the ids are those of this moment. What has gone by then
// is taken away already.
func (p *Provider) Unassign(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
	var held *gocloak.Role
	var joined *gocloak.Group
	both, bothCtx := errgroup.WithContext(ctx)
	if assignment.Role != "" {
		both.Go(func() (err error) {
			held, err = p.heldRole(bothCtx, id, string(assignment.Role))
			return err
		})
	}
	// Without a role to take, only this call tells whether there is such a user.
	if assignment.Group != "" || assignment.Role == "" {
		both.Go(func() (err error) {
			joined, err = p.joinedGroup(bothCtx, id, assignment.Group)
			return err
		})
	}
	if err := both.Wait(); err != nil {
		return err
	}
	if held != nil {
		if err := p.takeRole(ctx, id, held); err != nil {
			return err
		}
	}
	if joined != nil {
		return p.leaveGroup(ctx, id, joined)
	}
	return nil
}

// heldRole returns the realm role of this name if the user holds it directly.
func (p *Provider) heldRole(ctx context.Context, id domain.UserID, name string) (*gocloak.Role, error) {
	roles, err := p.userRoles(ctx, id)
	if err != nil {
		return nil, err
	}
	if _, err := roleNames(opGetUserRoles, roles); err != nil {
		return nil, err
	}
	for _, role := range roles {
		if *role.Name != name {
			continue
		}
		if gocloak.NilOrEmpty(role.ID) {
			return nil, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get user roles: a role without an id")}
		}
		return role, nil
	}
	return nil, nil
}

// joinedGroup returns the group with this path if the user is a member.
func (p *Provider) joinedGroup(ctx context.Context, id domain.UserID, path domain.Group) (*gocloak.Group, error) {
	groups, err := p.userGroups(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, group := range groups {
		found, err := groupPath(group)
		if err != nil {
			return nil, err
		}
		if found != path {
			continue
		}
		if gocloak.NilOrEmpty(group.ID) {
			return nil, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get user groups: a group without an id")}
		}
		return group, nil
	}
	return nil, nil
}

func (p *Provider) takeRole(ctx context.Context, id domain.UserID, held *gocloak.Role) error {
	err := p.onUser(ctx, opUnassignRole, id, func(ctx context.Context, token, userID string) error {
		return p.client.DeleteRealmRoleFromUser(ctx, token, p.realm, userID, []gocloak.Role{{ID: held.ID, Name: held.Name}})
	})
	if errors.Is(err, roleGone) {
		return nil
	}
	return err
}

func (p *Provider) leaveGroup(ctx context.Context, id domain.UserID, joined *gocloak.Group) error {
	err := p.onUser(ctx, opLeaveGroup, id, func(ctx context.Context, token, userID string) error {
		return p.client.DeleteUserFromGroup(ctx, token, p.realm, userID, url.PathEscape(*joined.ID))
	})
	if errors.Is(err, groupGone) {
		return nil
	}
	return err
}
