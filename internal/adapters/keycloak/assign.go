package keycloak

import (
	"context"
	"errors"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// Assign gives the role and then the group. Neither call changes anything when the user
// has it already.
func (p *Provider) Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (missing domain.Group, err error) {
	if assignment.Role == "" {
		// Without a role to give, only this call tells whether there is such a user.
		_, err = p.Groups(ctx, id)
	} else {
		err = p.giveRole(ctx, id, assignment.Role)
	}
	if err != nil {
		return "", p.whyRefused(ctx, id, err)
	}
	if assignment.Group == "" {
		return "", nil
	}
	err = p.groups.Use(ctx, string(assignment.Group), adminapi.Missing, func(joined *group) error {
		return p.api.JoinGroup(ctx, id, joined.id)
	})
	if errors.Is(err, adminapi.Missing) {
		return assignment.Group, nil
	}
	if err != nil {
		err = p.whyRefused(ctx, id, err)
	}
	return "", err
}

// giveRole gives the user the realm role. A role that was deleted and made again has
// another id, so a refused one is read anew and tried once more.
func (p *Provider) giveRole(ctx context.Context, id domain.UserID, name domain.RealmRole) error {
	return p.roles.Use(ctx, string(name), adminapi.Missing, func(assigned *role) error {
		err := p.api.AssignRole(ctx, id, assigned.Role)
		if errors.Is(err, adminapi.Met) {
			// Somebody may have given it at the same moment; then this changes nothing.
			err = p.api.AssignRole(ctx, id, assigned.Role)
		}
		return err
	})
}

// Unassign looks what the user has of the assignment and takes that away: so it needs to
// know nothing of the realm, and the ids are those of this moment. What has gone by then
// is taken away already.
func (p *Provider) Unassign(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
	var roles []adminapi.Role
	var groups []adminapi.Group
	var reads []func(context.Context) error
	if assignment.Role != "" {
		reads = append(reads, into(&roles, func(ctx context.Context) ([]adminapi.Role, error) { return p.api.UserRoles(ctx, id) }))
	}
	// Without a role to take, only this call tells whether there is such a user.
	if assignment.Group != "" || assignment.Role == "" {
		reads = append(reads, into(&groups, func(ctx context.Context) ([]adminapi.Group, error) { return p.api.UserGroups(ctx, id) }))
	}
	if err := together(ctx, reads...); err != nil {
		return err
	}
	for _, role := range roles {
		if role.Name == assignment.Role {
			if err := p.api.UnassignRole(ctx, id, role); err != nil && !errors.Is(err, adminapi.Missing) {
				return err
			}
		}
	}
	for _, group := range groups {
		if group.At() == assignment.Group {
			if err := p.api.LeaveGroup(ctx, id, group.ID); err != nil && !errors.Is(err, adminapi.Missing) {
				return err
			}
		}
	}
	return nil
}
