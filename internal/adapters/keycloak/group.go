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
	id     string
	rights domain.Rights
}

func (p *Provider) loadGroup(ctx context.Context, path string) (*group, time.Duration, error) {
	found, err := p.readGroup(ctx, path)
	if err != nil {
		return nil, 0, err
	}
	loaded := &group{id: *found.ID}
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

// groupRights gathers what the group carries, with its parents.
func (p *Provider) groupRights(ctx context.Context, path string, found *gocloak.Group, client string) (domain.Rights, error) {
	carried, err := p.readCarried(ctx, path, found, client)
	if err != nil {
		return domain.Rights{}, err
	}
	g := newGathering(p, client)
	// Alone: what these contain is among them already.
	if _, err := g.addThese(carried.ofAdministration); err != nil {
		return domain.Rights{}, err
	}
	roles := carried.ofRealm
	for _, own := range carried.ofClients {
		g.rights.Administration = append(g.rights.Administration, own.administration...)
		g.rights.Roles = append(g.rights.Roles, own.hidden...)
		g.rights.Unseen = append(g.rights.Unseen, own.hidden...)
		roles = append(roles, own.shown...)
	}
	if err := g.add(ctx, roles); err != nil {
		return domain.Rights{}, err
	}
	return g.rights, nil
}

// carriedRoles are the roles that a group carries with its parents. Those of the realm
// and of the administration client Keycloak tells in the end, in one call each; those
// of other clients are what the group and each parent carry themselves.
type carriedRoles struct {
	ofRealm, ofAdministration []*gocloak.Role
	ofClients                 []clientRoles
}

func (p *Provider) readCarried(ctx context.Context, path string, found *gocloak.Group, client string) (carriedRoles, error) {
	groups := append([]domain.Group{domain.Group(path)}, domain.Group(path).Parents()...)
	carried := carriedRoles{ofClients: make([]clientRoles, len(groups))}
	all, allCtx := errgroup.WithContext(ctx)
	all.Go(func() (err error) {
		carried.ofRealm, err = p.realmRolesOf(allCtx, *found.ID)
		return err
	})
	if client != blind {
		all.Go(func() (err error) {
			carried.ofAdministration, err = p.administrationOf(allCtx, *found.ID, client)
			return err
		})
	}
	for i, each := range groups {
		all.Go(func() (err error) {
			carrier := found
			if string(each) != path {
				carrier, err = p.readGroup(allCtx, string(each))
			}
			if err == nil {
				carried.ofClients[i], err = p.clientRolesOf(allCtx, carrier, client)
			}
			return err
		})
	}
	err := all.Wait()
	return carried, err
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
