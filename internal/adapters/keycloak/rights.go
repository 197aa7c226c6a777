package keycloak

import (
	"context"
	"errors"
	"maps"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// role is a realm role with all that comes with it.
type role struct {
	adminapi.Role
	rights domain.Rights
}

// group is what is known of a group that exists.
type group struct {
	id     string
	rights domain.Rights
}

// RightsOf unites what is known of the role and of the group.
func (p *Provider) RightsOf(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
	var ofRole, ofGroup domain.Rights
	err := together(ctx, func(ctx context.Context) error {
		assigned, err := p.roles.Get(ctx, string(assignment.Role))
		if err == nil {
			ofRole = assigned.rights
		}
		return err
	}, func(ctx context.Context) error {
		joined, err := p.groups.Get(ctx, string(assignment.Group))
		switch {
		case assignment.Group == "", errors.Is(err, adminapi.Missing):
			return nil // The user will be created without one.
		case err == nil:
			ofGroup = joined.rights
		}
		return err
	})
	if err != nil {
		return domain.Rights{}, err
	}
	return domain.Rights{
		Roles:          sortedOnce(ofRole.Roles, ofGroup.Roles),
		Administration: sortedOnce(ofRole.Administration, ofGroup.Administration),
		Unseen:         sortedOnce(ofRole.Unseen, ofGroup.Unseen),
	}, nil
}

func (p *Provider) loadRole(ctx context.Context, name string) (*role, time.Duration, error) {
	found, err := p.api.Role(ctx, domain.RealmRole(name))
	if err != nil {
		return nil, 0, err
	}
	client, err := p.administration.Get(ctx)
	if err != nil {
		return nil, 0, err
	}
	g := newGathering(p.api, client)
	if err := g.add(ctx, []adminapi.Role{found}); err != nil {
		return nil, 0, err
	}
	return &role{found, g.rights}, rightsLifetime, nil
}

func (p *Provider) loadGroup(ctx context.Context, path string) (*group, time.Duration, error) {
	found, err := p.api.Group(ctx, domain.Group(path))
	if err != nil {
		return nil, 0, err
	}
	loaded := &group{id: found.ID}
	err = p.withAdministration(ctx, func(client string) (err error) {
		loaded.rights, err = p.groupRights(ctx, found, client)
		return err
	})
	return loaded, rightsLifetime, err
}

// groupRights gathers what the group carries, with its parents. Effective roles of the
// realm and of the administration client Keycloak tells in one call each; those of other
// clients group by group.
func (p *Provider) groupRights(ctx context.Context, found adminapi.Group, client string) (domain.Rights, error) {
	carriers := append([]domain.Group{found.At()}, found.At().Parents()...)
	ofClients := make([]clientRoles, len(carriers))
	var ofRealm, ofAdministration []adminapi.Role
	reads := []func(context.Context) error{func(ctx context.Context) (err error) {
		ofRealm, err = p.api.EffectiveGroupRoles(ctx, found.ID)
		return err
	}}
	if client != blind {
		reads = append(reads, func(ctx context.Context) (err error) {
			ofAdministration, err = p.api.EffectiveGroupClientRoles(ctx, found.ID, client)
			return err
		})
	}
	for i, path := range carriers {
		reads = append(reads, func(ctx context.Context) (err error) {
			carrier := found
			if i > 0 {
				carrier, err = p.api.Group(ctx, path)
			}
			if err == nil {
				ofClients[i], err = p.clientRolesOf(ctx, carrier, client)
			}
			return err
		})
	}
	if err := together(ctx, reads...); err != nil {
		return domain.Rights{}, err
	}
	g := newGathering(p.api, client)
	// Alone: what these contain is among them already.
	if _, err := g.addThese(ofAdministration); err != nil {
		return domain.Rights{}, err
	}
	for _, own := range ofClients {
		g.rights.Administration = append(g.rights.Administration, own.administration...)
		g.rights.Roles = append(g.rights.Roles, own.hidden...)
		g.rights.Unseen = append(g.rights.Unseen, own.hidden...)
		ofRealm = append(ofRealm, own.shown...)
	}
	err := g.add(ctx, ofRealm)
	return g.rights, err
}

// clientRoles are the roles of clients that one group carries itself.
type clientRoles struct {
	administration []domain.RealmRole // of the administration client
	shown          []adminapi.Role    // of other clients, where Keycloak shows them whole
	hidden         []domain.RealmRole // the others: they may contain anything
}

// clientRolesOf reads the roles of clients that the group carries itself. Every Keycloak
// shows their names with the group; a realm that is not blind also shows whether they
// are composite.
func (p *Provider) clientRolesOf(ctx context.Context, found adminapi.Group, client string) (carried clientRoles, err error) {
	names := maps.Clone(found.ClientRoles)
	for _, name := range names[p.administrationClient] {
		carried.administration = append(carried.administration, domain.RealmRole(name))
	}
	delete(names, p.administrationClient)
	var mapped adminapi.ClientRoles
	if len(names) > 0 && client != blind {
		if mapped, err = p.api.GroupClientRoles(ctx, found.ID); err != nil {
			return clientRoles{}, err
		}
	}
	for ofClient, roles := range names {
		shown := make(map[domain.RealmRole]adminapi.Role)
		for _, role := range mapped[ofClient].Roles {
			shown[role.Name] = role
		}
		for _, name := range roles {
			if role, ok := shown[domain.RealmRole(name)]; ok {
				carried.shown = append(carried.shown, role)
			} else {
				carried.hidden = append(carried.hidden, domain.RealmRole(name))
			}
		}
	}
	return carried, nil
}
