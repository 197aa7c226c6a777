package memory

import (
	"context"
	"slices"

	"user-sync-service/internal/domain"
)

// Privileges implements [ports.IdentityProvider].
func (p *Provider) Privileges(ctx context.Context, id domain.UserID, roles []domain.RealmRole) (privileges domain.Privileges, err error) {
	err = p.onUser(ctx, id, func(holder *account) error {
		for _, role := range p.effective(holder.roles, holder.groups) {
			if slices.Contains(roles, role) || slices.Contains(p.realm.Administration, role) {
				privileges.Roles = append(privileges.Roles, role)
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
	return p.rights(assignment), nil
}

// DefaultRights implements [ports.IdentityProvider].
func (p *Provider) DefaultRights(ctx context.Context) (domain.Rights, error) {
	if err := ended(ctx); err != nil {
		return domain.Rights{}, err
	}
	return p.rights(p.realm.Default), nil
}

// rights returns what comes with the assignment. A group that the realm lacks carries
// nothing.
func (p *Provider) rights(assignment domain.Assignment) (rights domain.Rights) {
	var groups []domain.Group
	if slices.Contains(p.realm.Groups, assignment.Group) {
		groups = []domain.Group{assignment.Group}
	}
	for _, role := range p.effective([]domain.RealmRole{assignment.Role}, groups) {
		if role == "" {
			continue // There is none.
		}
		if slices.Contains(p.realm.Administration, role) {
			rights.Administration = append(rights.Administration, role)
		} else {
			rights.Roles = append(rights.Roles, role)
		}
	}
	return rights
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
