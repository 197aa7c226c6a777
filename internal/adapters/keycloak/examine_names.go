package keycloak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// callerRoles looks whether the roles exist that callers must have.
func (e *examination) callerRoles(ctx context.Context) {
	for _, variable := range sortedKeys(e.needs.CallerRoles) {
		for _, name := range e.needs.CallerRoles[variable] {
			if _, exists := e.roles[domain.RealmRole(name)]; exists {
				continue
			}
			const breaks = "Nobody can have it, so nobody gets in by it."
			if client, role, ofClient := strings.Cut(name, ":"); ofClient {
				e.callerClientRole(ctx, variable, client, role, breaks)
				continue
			}
			e.roleMissing(domain.Fault, domain.RealmRole(name), variable+" names", breaks)
		}
	}
}

// callerClientRole is callerRoles for a role of a client.
func (e *examination) callerClientRole(ctx context.Context, variable, client, role, breaks string) {
	subject := "role " + quoted(client+":"+role)
	if !e.hasRight(viewClients) {
		e.hide(viewClients, "the "+subject+" of "+variable)
		return
	}
	clients, err := e.api.Clients(ctx, client)
	if e.unread(err, "the client "+quoted(client), viewClients) {
		return
	}
	if len(clients) == 0 {
		e.add(domain.Fault, "role-missing", subject, fmt.Sprintf("%s names a role of the client %s, which the realm does not have.", variable, quoted(client)), breaks,
			step("Correct "+variable+": a role of a client is written client:role."))
		return
	}
	roles, err := e.api.RolesOfClient(ctx, clients[0].ID)
	if e.unread(err, "the roles of the client "+quoted(client), viewClients) {
		return
	}
	if !slices.ContainsFunc(roles, func(known adminapi.Role) bool { return string(known.Name) == role }) {
		e.add(domain.Fault, "role-missing", subject, fmt.Sprintf("%s names it, and the client has no such role.", variable), breaks,
			run(e.kcadm("create", e.clientAt(client)+"/roles", "-s", set("name", role))))
	}
}

// guarded looks whether those exist whom the guard protects, and the roles that it knows.
// A misspelt name protects nobody.
func (e *examination) guarded(ctx context.Context) {
	guard, usual := e.needs.Guard, domain.DefaultGuard()
	for _, list := range []struct {
		variable     string
		names, usual []domain.RealmRole
		anyCase      bool // letter case does not count
	}{
		{"PRIVILEGED_ROLES", guard.PrivilegedRoles, usual.PrivilegedRoles, true},
		{"PROTECTED_ROLES", guard.ProtectedRoles, usual.ProtectedRoles, false},
	} {
		for _, name := range list.names {
			_, exists := e.roles[name]
			if !exists && !slices.Contains(list.usual, name) && (!list.anyCase || !e.hasRoleLike(name)) {
				e.roleMissing(domain.Warning, name, list.variable+" names", "A misspelt name guards nothing.")
			}
		}
	}
	for _, path := range guard.ProtectedGroups {
		err := e.read.groups[path].err
		subject := "group " + quoted(path)
		if errors.Is(err, adminapi.Missing) {
			e.add(domain.Fault, "protected-group-missing", subject, "PROTECTED_GROUPS names this group, which the realm does not have.",
				"Its members are not protected: whoever calls the service can disable them.", e.createGroup(ctx, path))
		} else {
			e.unread(err, subject, manageUsers)
		}
	}
	for _, name := range guard.ProtectedUsers {
		users, err := e.api.UsersNamed(ctx, name)
		if !e.unread(err, "the users of PROTECTED_USERS", manageUsers) && len(users) == 0 {
			e.add(domain.Warning, "protected-user-missing", "user "+quoted(name), "PROTECTED_USERS names this user, whom the realm does not have.",
				"If the name is misspelt, the user is not protected.", step("Correct PROTECTED_USERS, or take the name out."))
		}
	}
}

// hasRoleLike reports whether the realm has the role, letter case aside.
func (e *examination) hasRoleLike(name domain.RealmRole) bool {
	for known := range e.roles {
		if strings.EqualFold(string(known), string(name)) {
			return true
		}
	}
	return false
}
