package keycloak

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"golang.org/x/sync/errgroup"

	"user-sync-service/internal/domain"
)

// group is what is known of a group that exists.
type group struct {
	rights domain.Rights
}

func (p *Provider) loadGroup(ctx context.Context, path string) (*group, time.Duration, error) {
	found, err := p.readGroup(ctx, path)
	if err != nil {
		return nil, 0, err
	}
	loaded := &group{}
	err = p.withAdministration(ctx, func(client string) error {
		var err error
		loaded.rights, err = p.groupRights(ctx, path, found, client)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return loaded, rightsLifetime, nil
}

// readGroup reads the group with this path. Keycloak wants the slashes of a path raw,
// and 26.4.4 and later refuse one at the beginning.
func (p *Provider) readGroup(ctx context.Context, path string) (*gocloak.Group, error) {
	var segments []string
	for name := range strings.SplitSeq(path, "/") {
		segment, ok := pathSegment(name)
		if !ok {
			return nil, &domain.Error{Kind: groupGone}
		}
		segments = append(segments, segment)
	}
	var found *gocloak.Group
	err := p.call(ctx, opGetGroup, func(ctx context.Context, token string) error {
		var err error
		found, err = p.client.GetGroupByPath(ctx, token, p.realm, strings.Join(segments, "/"))
		return err
	})
	if err != nil {
		return nil, err
	}
	if gocloak.NilOrEmpty(found.ID) || gocloak.PString(found.Path) != "/"+path {
		return nil, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get group: an answer about something else")}
	}
	return found, nil
}

// groupRights gathers what the group carries, with its parents. The realm roles and the
// rights in the administration client are in the end known to Keycloak in one call
// each; the roles of other clients are read group by group.
func (p *Provider) groupRights(ctx context.Context, path string, found *gocloak.Group, client string) (domain.Rights, error) {
	var ofRealm, ofClient []*gocloak.Role
	paths := withParents(path)
	carried := make([]clientRoles, len(paths))
	all, allCtx := errgroup.WithContext(ctx)
	all.Go(func() (err error) {
		ofRealm, err = p.realmRolesOf(allCtx, *found.ID)
		return err
	})
	if client != blind {
		all.Go(func() (err error) {
			ofClient, err = p.administrationOf(allCtx, *found.ID, client)
			return err
		})
	}
	for i, each := range paths {
		all.Go(func() (err error) {
			carrier := found
			if each != path {
				if carrier, err = p.readGroup(allCtx, each); err != nil {
					return err
				}
			}
			carried[i], err = p.clientRolesOf(allCtx, carrier, client)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return domain.Rights{}, err
	}

	g := newGathering(p, client)
	// Alone: what these contain is among them already.
	if _, err := g.addThese(ofClient); err != nil {
		return domain.Rights{}, err
	}
	roles := ofRealm
	for _, each := range carried {
		g.rights.Administration = append(g.rights.Administration, each.administration...)
		g.rights.Roles = append(g.rights.Roles, each.hidden...)
		g.rights.Unseen = append(g.rights.Unseen, each.hidden...)
		roles = append(roles, each.shown...)
	}
	if err := g.add(ctx, roles); err != nil {
		return domain.Rights{}, err
	}
	return g.rights, nil
}

// withParents returns the path of a group and those of its parents.
func withParents(path string) []string {
	paths := []string{path}
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '/' {
			paths = append(paths, path[:i])
		}
	}
	return paths
}

// realmRolesOf returns the realm roles that the group carries in the end.
func (p *Provider) realmRolesOf(ctx context.Context, groupID string) (roles []*gocloak.Role, err error) {
	err = p.call(ctx, opGetGroupRoles, func(ctx context.Context, token string) (err error) {
		roles, err = p.client.GetCompositeRealmRolesByGroupID(ctx, token, p.realm, url.PathEscape(groupID))
		return err
	})
	return roles, err
}

// administrationOf returns the group's rights in the administration client.
func (p *Provider) administrationOf(ctx context.Context, groupID, client string) (rights []*gocloak.Role, err error) {
	err = p.call(ctx, opGetAdministration, func(ctx context.Context, token string) (err error) {
		rights, err = p.client.GetCompositeClientRolesByGroupID(ctx, token, p.realm, url.PathEscape(client), url.PathEscape(groupID))
		return err
	})
	return rights, err
}
