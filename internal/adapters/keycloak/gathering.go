package keycloak

import (
	"context"
	"errors"
	"net/url"

	"github.com/Nerzal/gocloak/v13"
	"golang.org/x/sync/errgroup"

	"user-sync-service/internal/domain"
)

// partsAtOnce is for how many composite roles one gathering asks at a time.
const partsAtOnce = 8

// gathering collects the rights that come with roles, and with all that these contain.
type gathering struct {
	provider *Provider
	client   string          // the id of the administration client, or blind
	known    map[string]bool // the ids of the roles gathered so far
	rights   domain.Rights
}

func newGathering(provider *Provider, client string) *gathering {
	return &gathering{provider: provider, client: client, known: make(map[string]bool)}
}

// add gathers the roles and, level by level, what they contain. Composite roles may go
// round in circles; no role is gathered twice.
func (g *gathering) add(ctx context.Context, roles []*gocloak.Role) error {
	for len(roles) > 0 {
		composites, err := g.addThese(roles)
		if err != nil {
			return err
		}
		roles, err = g.partsOf(ctx, composites)
		if err != nil {
			return err
		}
	}
	return nil
}

// addThese gathers the roles alone and returns the composite ones that are new.
func (g *gathering) addThese(roles []*gocloak.Role) (composites []*gocloak.Role, err error) {
	for _, role := range roles {
		if role == nil || gocloak.NilOrEmpty(role.ID) || gocloak.NilOrEmpty(role.Name) || role.Composite == nil {
			return nil, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("gather rights: a role without an id, a name, or whether it is composite")}
		}
		if g.known[*role.ID] {
			continue
		}
		g.known[*role.ID] = true
		if g.administers(role) {
			g.rights.Administration = append(g.rights.Administration, domain.RealmRole(*role.Name))
		} else {
			g.rights.Roles = append(g.rights.Roles, domain.RealmRole(*role.Name))
		}
		if *role.Composite {
			composites = append(composites, role)
		}
	}
	return composites, nil
}

func (g *gathering) administers(role *gocloak.Role) bool {
	return gocloak.PBool(role.ClientRole) && g.client != blind && gocloak.PString(role.ContainerID) == g.client
}

// partsOf returns what the composite roles contain directly. A role whose parts are
// hidden becomes Unseen; so does every one in a blind realm, where Keycloak leaves
// roles of clients out without a word.
func (g *gathering) partsOf(ctx context.Context, composites []*gocloak.Role) ([]*gocloak.Role, error) {
	parts := make([][]*gocloak.Role, len(composites))
	hidden := make([]bool, len(composites))
	all, allCtx := errgroup.WithContext(ctx)
	all.SetLimit(partsAtOnce)
	for i, composite := range composites {
		all.Go(func() error {
			var err error
			parts[i], err = g.provider.readParts(allCtx, *composite.ID)
			if errors.Is(err, partsHidden) {
				hidden[i] = true
				return nil
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	var together []*gocloak.Role
	for i, composite := range composites {
		if hidden[i] || g.client == blind {
			g.rights.Unseen = append(g.rights.Unseen, domain.RealmRole(*composite.Name))
		}
		together = append(together, parts[i]...)
	}
	return together, nil
}

// readParts returns the roles that the role with this id contains directly.
func (p *Provider) readParts(ctx context.Context, id string) ([]*gocloak.Role, error) {
	var parts []*gocloak.Role
	err := p.call(ctx, opGetRoleParts, func(ctx context.Context, token string) error {
		var err error
		parts, err = p.client.GetCompositeRolesByRoleID(ctx, token, p.realm, url.PathEscape(id))
		return err
	})
	return parts, err
}
