package memory

import (
	"context"
	"slices"

	"user-sync-service/internal/domain"
)

// Privileges implements [ports.IdentityProvider].
func (p *Provider) Privileges(ctx context.Context, id domain.UserID, roles []domain.RealmRole) (privileges []domain.RealmRole, err error) {
	err = p.onUser(ctx, id, func(holder *account) error {
		for _, role := range p.effective(holder.roles, holder.groups) {
			if slices.Contains(roles, role) || slices.Contains(p.realm.Administration, role) {
				privileges = append(privileges, role)
			}
		}
		return nil
	})
	return privileges, err
}

// RightsOf implements [ports.IdentityProvider]. Nothing is unseen here.
func (p *Provider) RightsOf(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
	if err := ended(ctx); err != nil {
		return domain.Rights{}, err
	}
	if !slices.Contains(p.realm.Roles, assignment.Role) {
		return domain.Rights{}, &domain.Error{Kind: domain.UnknownRole}
	}
	var groups []domain.Group
	if slices.Contains(p.realm.Groups, assignment.Group) {
		groups = []domain.Group{assignment.Group}
	}
	var rights domain.Rights
	for _, role := range p.effective([]domain.RealmRole{assignment.Role}, groups) {
		if slices.Contains(p.realm.Administration, role) {
			rights.Administration = append(rights.Administration, role)
		} else {
			rights.Roles = append(rights.Roles, role)
		}
	}
	return rights, nil
}

// effective returns every role that comes with the roles and the groups, sorted and each
// once.
func (p *Provider) effective(roles []domain.RealmRole, groups []domain.Group) []domain.RealmRole {
	var held []domain.RealmRole
	var hold func(roles []domain.RealmRole)
	hold = func(roles []domain.RealmRole) {
		for _, role := range roles {
			// Roles may contain each other; one that is held already has been opened.
			if !slices.Contains(held, role) {
				held = append(held, role)
				hold(p.realm.Contains[role])
			}
		}
	}
	hold(roles)
	for _, group := range groups {
		for _, carrier := range append(group.Parents(), group) {
			hold(p.realm.Carries[carrier])
		}
	}
	slices.Sort(held)
	return held
}
