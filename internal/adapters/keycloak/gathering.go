package keycloak

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// partsAtOnce is for how many composite roles one gathering asks at a time.
const partsAtOnce = 8

// gathering collects the rights that come with roles, and with all that these contain.
type gathering struct {
	api    *adminapi.Client
	client string          // the id of the administration client, or blind
	known  map[string]bool // the ids of the roles gathered so far
	rights domain.Rights
	// everybodys is the id of the role that every user has, when its content is gathered.
	everybodys string
}

func newGathering(api *adminapi.Client, client string) *gathering {
	return &gathering{api: api, client: client, known: make(map[string]bool)}
}

// add gathers the roles and, level by level, what they contain. Composite roles may go
// round in circles; no role is gathered twice.
func (g *gathering) add(ctx context.Context, roles []adminapi.Role) error {
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
func (g *gathering) addThese(roles []adminapi.Role) (composites []adminapi.Role, err error) {
	for _, role := range roles {
		if role.ID == "" || role.Name == "" || role.Composite == nil {
			return nil, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("gather rights: a role without an id, a name, or whether it is composite")}
		}
		if g.known[role.ID] {
			continue
		}
		g.known[role.ID] = true
		if role.OfClient && g.client != blind && role.Container == g.client {
			g.rights.Administration = append(g.rights.Administration, role.Name)
		} else {
			g.rights.Roles = append(g.rights.Roles, role.Name)
		}
		if *role.Composite {
			composites = append(composites, role)
		}
	}
	return composites, nil
}

// partsOf returns what the composite roles contain directly.
func (g *gathering) partsOf(ctx context.Context, composites []adminapi.Role) (together []adminapi.Role, err error) {
	parts := make([][]adminapi.Role, len(composites))
	hidden := make([]bool, len(composites))
	all, allCtx := errgroup.WithContext(ctx)
	all.SetLimit(partsAtOnce)
	for i, composite := range composites {
		all.Go(func() (err error) {
			parts[i], err = g.api.RoleParts(allCtx, composite.ID)
			if errors.Is(err, adminapi.Hidden) {
				hidden[i] = true
				return nil
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	for i, composite := range composites {
		if g.isUnseen(composite, len(parts[i]), hidden[i]) {
			g.rights.Unseen = append(g.rights.Unseen, composite.Name)
		}
		together = append(together, parts[i]...)
	}
	return together, nil
}

// isUnseen reports whether the composite role may contain more than Keycloak shows: it
// refuses to show the parts, or shows none although each composite role has some. In a
// blind realm each may, as roles of clients are left out there without a word. Of the
// role of everybody that says nothing: it is always composite. Nor do these two of its
// parts, which every realm has and Keycloak hides from accounts without view-clients.
func (g *gathering) isUnseen(role adminapi.Role, shown int, hidden bool) bool {
	if hidden && g.everybodys != "" && role.OfClient && (role.Name == "manage-account" || role.Name == "manage-consent") {
		return false
	}
	return hidden || (g.client == blind || shown == 0) && role.ID != g.everybodys
}
