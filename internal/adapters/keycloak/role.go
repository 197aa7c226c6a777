package keycloak

import (
	"context"
	"errors"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// role is a realm role with all that comes with it. Id and name are what Keycloak wants
// to know to assign it: both, and both right.
type role struct {
	id, name string
	rights   domain.Rights
}

// assignedRole returns the role of the assignment, or UnknownRole.
func (p *Provider) assignedRole(ctx context.Context, assignment domain.Assignment) (*role, error) {
	assigned, err := p.roles.get(ctx, string(assignment.Role))
	if errors.Is(err, roleGone) {
		return nil, &domain.Error{Kind: domain.UnknownRole, Err: err}
	}
	return assigned, err
}

func (p *Provider) loadRole(ctx context.Context, name string) (*role, time.Duration, error) {
	found, err := p.readRole(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	client, err := p.administration.get(ctx, "")
	if err != nil {
		return nil, 0, err
	}
	g := newGathering(p, client)
	if err := g.add(ctx, []*gocloak.Role{found}); err != nil {
		return nil, 0, err
	}
	return &role{id: *found.ID, name: name, rights: g.rights}, rightsLifetime, nil
}

// loadExistence finds out whether the realm has the role.
func (p *Provider) loadExistence(ctx context.Context, name string) (bool, time.Duration, error) {
	_, err := p.readRole(ctx, name)
	if errors.Is(err, roleGone) {
		return false, existenceLifetime, nil
	}
	return err == nil, existenceLifetime, err
}

func (p *Provider) readRole(ctx context.Context, name string) (*gocloak.Role, error) {
	segment, ok := pathSegment(name)
	if !ok {
		return nil, &domain.Error{Kind: roleGone}
	}
	var found *gocloak.Role
	err := p.call(ctx, opGetRole, func(ctx context.Context, token string) error {
		var err error
		found, err = p.client.GetRealmRole(ctx, token, p.realm, segment)
		return err
	})
	if err != nil {
		return nil, err
	}
	if gocloak.NilOrEmpty(found.ID) || gocloak.PString(found.Name) != name {
		return nil, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get role: an answer about something else")}
	}
	return found, nil
}

// roleNames returns the names of what op has read.
func roleNames(op operation, roles []*gocloak.Role) ([]domain.RealmRole, error) {
	var names []domain.RealmRole
	for _, role := range roles {
		if role == nil || gocloak.NilOrEmpty(role.Name) {
			return nil, &domain.Error{Kind: domain.BadAnswer, Err: errors.New(string(op) + ": a role without a name")}
		}
		names = append(names, domain.RealmRole(*role.Name))
	}
	return names, nil
}
