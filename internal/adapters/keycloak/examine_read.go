package keycloak

import (
	"context"
	"sync"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// reading is what one read has brought.
type reading[T any] struct {
	value T
	err   error
}

// readings are what most realms can be judged by.
type readings struct {
	realm         reading[adminapi.Realm]
	actions       reading[[]adminapi.RequiredAction]
	profile       reading[adminapi.UserProfile]
	roles         reading[[]adminapi.Role]
	defaultGroups reading[[]adminapi.Group]
	defaultRights reading[domain.Rights] // of the default role; not read where the realm is not
	client        reading[string]        // see loadAdministration
	own           reading[adminapi.ClientRoles]
	introspection reading[adminapi.Introspection]
	// groups are those of the role map and those that protect their members.
	groups map[domain.Group]*reading[adminapi.Group]
}

// readAll reads side by side: a dozen calls one after the other take long where Keycloak is
// far away or busy.
func (e *examination) readAll(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	e.read.realm.start(ctx, &all, func(ctx context.Context) (adminapi.Realm, error) {
		realm, err := e.api.Realm(ctx)
		if err == nil {
			e.read.defaultRights.value, e.read.defaultRights.err = e.roleRights(ctx, realm.DefaultRole, realm.DefaultRole.ID)
		}
		return realm, err
	})
	e.read.actions.start(ctx, &all, e.api.RequiredActions)
	e.read.profile.start(ctx, &all, e.api.UserProfile)
	e.read.roles.start(ctx, &all, e.api.RealmRoles)
	e.read.defaultGroups.start(ctx, &all, e.api.DefaultGroups)
	e.read.client.start(ctx, &all, e.administration.Get)
	e.read.own.start(ctx, &all, e.ownRoles)
	if e.needs.Introspects {
		e.read.introspection.start(ctx, &all, func(ctx context.Context) (adminapi.Introspection, error) { return e.api.Introspect(ctx, e.token.Text) })
	}
	e.read.groups = make(map[domain.Group]*reading[adminapi.Group])
	want := func(path domain.Group) {
		if path == "" || e.read.groups[path] != nil {
			return
		}
		e.read.groups[path] = new(reading[adminapi.Group])
		e.read.groups[path].start(ctx, &all, func(ctx context.Context) (adminapi.Group, error) { return e.api.Group(ctx, path) })
	}
	for _, assignment := range e.needs.Assignments {
		want(assignment.Group)
	}
	for _, path := range e.needs.Guard.ProtectedGroups {
		want(path)
	}
}

// start reads in the background.
func (r *reading[T]) start(ctx context.Context, all *sync.WaitGroup, read func(context.Context) (T, error)) {
	all.Go(func() { r.value, r.err = read(ctx) })
}
