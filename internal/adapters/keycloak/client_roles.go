package keycloak

import (
	"context"
	"maps"
	"net/url"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// clientRoles are the roles of clients that one group carries itself.
type clientRoles struct {
	administration []domain.RealmRole // roles of the administration client
	shown          []*gocloak.Role    // of other clients, where Keycloak shows them whole
	hidden         []domain.RealmRole // names of the others: nobody knows whether they contain any
}

// clientRolesOf reads the roles of clients that the group carries itself. Every Keycloak
// shows their names with the group; a realm that is not blind also shows whether they
// are composite.
func (p *Provider) clientRolesOf(ctx context.Context, found *gocloak.Group, client string) (clientRoles, error) {
	var names map[string][]string // by the name of the client
	if found.ClientRoles != nil {
		names = maps.Clone(*found.ClientRoles)
	}
	var carried clientRoles
	for _, name := range names[p.administrationClient] {
		carried.administration = append(carried.administration, domain.RealmRole(name))
	}
	delete(names, p.administrationClient)
	if len(names) == 0 {
		return carried, nil
	}
	mappings := &gocloak.MappingsRepresentation{}
	if client != blind {
		err := p.call(ctx, opGetGroupRoles, func(ctx context.Context, token string) (err error) {
			mappings, err = p.client.GetRoleMappingByGroupID(ctx, token, p.realm, url.PathEscape(*found.ID))
			return err
		})
		if err != nil {
			return clientRoles{}, err
		}
	}
	for ofClient, roles := range names {
		for _, name := range roles {
			if role := mappedRole(mappings.ClientMappings[ofClient], name); role != nil {
				carried.shown = append(carried.shown, role)
			} else {
				carried.hidden = append(carried.hidden, domain.RealmRole(name))
			}
		}
	}
	return carried, nil
}

// mappedRole returns the role of this name, nil when it is not shown.
func mappedRole(mapped *gocloak.ClientMappingsRepresentation, name string) *gocloak.Role {
	if mapped == nil || mapped.Mappings == nil {
		return nil
	}
	for _, role := range *mapped.Mappings {
		if gocloak.PString(role.Name) == name {
			return &role
		}
	}
	return nil
}
