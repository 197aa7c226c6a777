package keycloak

import (
	"context"
	"errors"
	"fmt"
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
	return united(ofRole, ofGroup), nil
}

// united returns all the rights, sorted and each once.
func united(all ...domain.Rights) (rights domain.Rights) {
	for _, some := range all {
		rights.Roles = sortedOnce(rights.Roles, some.Roles)
		rights.Administration = sortedOnce(rights.Administration, some.Administration)
		rights.Unseen = sortedOnce(rights.Unseen, some.Unseen)
	}
	return rights
}

func (p *Provider) loadRole(ctx context.Context, name string) (*role, time.Duration, error) {
	found, err := p.api.Role(ctx, domain.RealmRole(name))
	if err != nil {
		return nil, 0, err
	}
	loaded := &role{Role: found}
	loaded.rights, err = p.roleRights(ctx, found, "")
	return loaded, rightsLifetime, err
}

// roleRights gathers what the realm role contains; everybodys is its id if it is the role
// that every user has. A realm that has become blind leaves roles of clients out of the
// answers without a word, so whoever has asked for parts looks afterwards.
func (p *Provider) roleRights(ctx context.Context, found adminapi.Role, everybodys string) (rights domain.Rights, err error) {
	err = p.withAdministration(ctx, func(client string) error {
		g := newGathering(p.api, client)
		g.everybodys = everybodys
		if err := g.add(ctx, []adminapi.Role{found}); err != nil {
			return err
		}
		rights = g.rights
		if client == blind || !*found.Composite {
			return nil
		}
		present, err := p.administration.Refresh(ctx)
		if err == nil && present != client {
			err = &domain.Error{Kind: domain.BadAnswer, Err: fmt.Errorf("gather rights: the administration client: %w", adminapi.Hidden)}
		}
		return err
	})
	return rights, err
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
	carriers := []adminapi.Group{found}
	for above := found.Parent; above != ""; {
		parent, err := p.api.GroupByID(ctx, above)
		if err != nil {
			return domain.Rights{}, err
		}
		carriers, above = append(carriers, parent), parent.Parent
	}
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
	for i, carrier := range carriers {
		reads = append(reads, into(&ofClients[i], func(ctx context.Context) (clientRoles, error) { return p.clientRolesOf(ctx, carrier, client) }))
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
