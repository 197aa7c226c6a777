package keycloak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// mapped looks at what the role map names, and what comes with it.
func (e *examination) mapped(ctx context.Context) {
	seen := make(map[domain.Group]bool)
	looked := make(map[domain.RealmRole]bool)
	for _, assignment := range e.needs.Assignments {
		role, exists := e.roles[assignment.Role]
		if !looked[assignment.Role] && assignment.Role != "" {
			looked[assignment.Role] = true
			switch {
			case !exists:
				e.roleMissing(domain.Fault, assignment.Role, "The role map gives", "A creation or an edit with a Fineract role that maps to it is a 400 unknown_role.")
			case role.Composite != nil && *role.Composite:
				e.roleEscalates(ctx, assignment, role)
			case e.needs.Guard.IsPrivileged(role.Name) && !slices.Contains(assignment.Privileged, role.Name):
				e.add(domain.Fault, "privileged-role-mapped", "realm role "+quoted(role.Name), "The role map gives this privileged role and does not name it among the privileged ones.",
					escalates, step("Name it in the role map as privileged, or take it off PRIVILEGED_ROLES."))
			}
		}
		if assignment.Group != "" && !seen[assignment.Group] {
			seen[assignment.Group] = true
			e.group(ctx, assignment)
		}
	}
}

const escalates = "Creations, edits and repairs with a Fineract role that maps to it are a 403 privilege_escalation."

// roleMissing tells of a role that somebody names and the realm lacks.
func (e *examination) roleMissing(severity domain.Severity, name domain.RealmRole, namer, breaks string) {
	problem := fmt.Sprintf("%s the role %s, which the realm does not have.", namer, quoted(name))
	for known := range e.roles {
		if strings.EqualFold(strings.TrimSpace(string(known)), strings.TrimSpace(string(name))) {
			problem += fmt.Sprintf(" It has %s; names are exact.", quoted(known))
		}
	}
	e.add(severity, "role-missing", "realm role "+quoted(name), problem, breaks, run(e.kcadm("create", "roles", "-s", set("name", name))))
}

// roleEscalates looks whether a composite role of the role map brings more than it may.
func (e *examination) roleEscalates(ctx context.Context, assignment domain.Assignment, role adminapi.Role) {
	rights, err := e.roleRights(ctx, role, "")
	if e.unread(err, "what the role "+quoted(role.Name)+" contains", viewRealm) {
		return
	}
	bad := e.beyond(assignment, rights)
	if len(bad) == 0 {
		return
	}
	remedy := step(fmt.Sprintf("Console: Realm roles > %s > Associated roles. Take away what brings them.", role.Name))
	if parts, err := e.api.RoleParts(ctx, role.ID); err == nil {
		if commands := e.takeAway(ctx, assignment, parts, "--rname", quote(role.Name)); len(commands) > 0 {
			remedy = run(commands...)
		}
	}
	e.escalating[role.Name] = bad
	e.add(domain.Fault, "role-escalates", "realm role "+quoted(role.Name), fmt.Sprintf("The role brings %s, which the role map does not allow with it.", listed(bad)), escalates, remedy)
}

// group looks at a group of the role map.
func (e *examination) group(ctx context.Context, assignment domain.Assignment) {
	subject := "group " + quoted(assignment.Group)
	found, err := e.read.groups[assignment.Group].value, e.read.groups[assignment.Group].err
	if errors.Is(err, adminapi.Missing) {
		e.add(domain.Warning, "group-missing", subject, "The role map gives this group, which the realm does not have.",
			"Creations and edits leave it out, and say so.", e.createGroup(ctx, assignment.Group))
		return
	}
	if e.unread(err, subject, manageUsers) {
		return
	}
	rights, err := e.carried(ctx, found)
	if e.unread(err, "what the group "+quoted(assignment.Group)+" carries", manageUsers) {
		return
	}
	bad := e.beyond(assignment, rights)
	if slices.Contains(found.RealmRoles, assignment.Role) { // Of the role itself it has been told.
		bad = slices.DeleteFunc(bad, func(role domain.RealmRole) bool { return slices.Contains(e.escalating[assignment.Role], role) })
	}
	if len(bad) == 0 {
		return
	}
	remedy := step(fmt.Sprintf("Console: Groups > %s > Role mapping. Take away there, or from a group above it, what brings them.", assignment.Group))
	if commands := e.takeAway(ctx, assignment, e.carriedDirectly(found), "--gid", word(found.ID)); len(commands) > 0 {
		remedy = run(commands...)
	}
	e.add(domain.Fault, "group-escalates", subject, fmt.Sprintf("The group carries %s, which the role map does not allow with it.", listed(bad)), escalates, remedy)
}

// carried returns what the group brings. Most groups carry a few simple roles, which are
// known already.
func (e *examination) carried(ctx context.Context, group adminapi.Group) (rights domain.Rights, err error) {
	simple := group.Parent == "" && len(group.ClientRoles) == 0
	for _, name := range group.RealmRoles {
		role, known := e.roles[name]
		simple = simple && known && role.Composite != nil && !*role.Composite
	}
	if simple {
		return domain.Rights{Roles: group.RealmRoles}, nil
	}
	err = e.withAdministration(ctx, func(client string) (err error) {
		rights, err = e.groupRights(ctx, group, client)
		return err
	})
	return rights, err
}

// carriedDirectly returns the roles that the group itself carries, without the ids of those
// of clients.
func (e *examination) carriedDirectly(group adminapi.Group) []adminapi.Role {
	var roles []adminapi.Role
	for _, name := range group.RealmRoles {
		roles = append(roles, e.roles[name])
	}
	for _, name := range group.ClientRoles[e.administrationClient] {
		roles = append(roles, adminapi.Role{Name: domain.RealmRole(name), OfClient: true, Container: e.client})
	}
	return roles
}

// beyond returns the privileged roles that may not come with the assignment. What is unseen
// for want of a right is no finding of its own.
func (e *examination) beyond(assignment domain.Assignment, rights domain.Rights) []domain.RealmRole {
	if e.client == blind {
		rights.Unseen = nil
	}
	bad := e.needs.Guard.Escalation(assignment, rights)
	slices.Sort(bad)
	if slices.Contains(bad, "realm-admin") {
		return []domain.RealmRole{"realm-admin"} // It brings the others.
	}
	return slices.Compact(bad)
}

// takeAway returns the commands that take away from a holder those of its roles that bring
// more than the assignment allows. None: it is none of these.
func (e *examination) takeAway(ctx context.Context, assignment domain.Assignment, roles []adminapi.Role, holder ...word) (commands []string) {
	ofRealm, ofClient := slices.Clone(holder), slices.Concat(holder, []word{"--cclientid", quote(e.administrationClient)})
	least := [...]int{len(ofRealm), len(ofClient)}
	for _, role := range roles {
		switch {
		case role.OfClient && role.Container == e.client && e.client != blind:
			ofClient = append(ofClient, "--rolename", quote(role.Name))
		case role.OfClient || role.Composite == nil:
		default:
			rights, err := e.roleRights(ctx, role, "")
			if err == nil && len(e.beyond(assignment, rights)) > 0 {
				ofRealm = append(ofRealm, "--rolename", quote(role.Name))
			}
		}
	}
	if len(ofRealm) > least[0] {
		commands = append(commands, e.kcadm("remove-roles", ofRealm...))
	}
	if len(ofClient) > least[1] {
		commands = append(commands, e.kcadm("remove-roles", ofClient...))
	}
	return commands
}

// createGroup makes the group, and those above it that are missing too.
func (e *examination) createGroup(ctx context.Context, path domain.Group) domain.Remedy {
	above := path.Parents()
	slices.Reverse(above)
	parent := word("")
	var commands []string
	for _, step := range append(above, path) {
		place := word("groups")
		if parent != "" {
			place = "groups/" + parent + "/children"
		}
		create := e.kcadm("create", place, "-s", set("name", step.Name()))
		if found, err := e.api.Group(ctx, step); step != path && err == nil {
			parent = word(found.ID)
			continue
		}
		if step != path {
			create, parent = "id=$("+create+" -i)", "$id"
		}
		commands = append(commands, create)
	}
	return run(commands...)
}

// defaultRights looks at what every new user gets without being given it.
func (e *examination) defaultRights(ctx context.Context) {
	const breaks = "Every creation is a 403 privilege_escalation: all users get these rights."
	role := e.realm.DefaultRole
	rights := e.read.defaultRights.value
	if !e.unread(e.read.defaultRights.err, "what the realm's default role contains", viewRealm) {
		if bad := e.beyond(domain.Assignment{}, rights); len(bad) > 0 {
			remedy := step("Console: Realm settings > User registration > Default roles. Take away what brings them.")
			if parts, err := e.api.RoleParts(ctx, role.ID); err == nil {
				if commands := e.takeAway(ctx, domain.Assignment{}, parts, "--rname", quote(role.Name)); len(commands) > 0 {
					remedy = run(commands...)
				}
			}
			e.add(domain.Fault, "default-role-escalates", "default role "+quoted(role.Name), fmt.Sprintf("The realm's default role brings %s.", listed(bad)), breaks, remedy)
		}
	}
	if e.unread(e.read.defaultGroups.err, "default groups", viewRealm) {
		return
	}
	for _, group := range e.read.defaultGroups.value {
		rights, err := e.defaultGroup(ctx, group.ID)
		if e.unread(err, "what the default group "+quoted(group.At())+" carries", manageUsers) {
			continue
		}
		if bad := e.beyond(domain.Assignment{}, rights); len(bad) > 0 {
			e.add(domain.Fault, "default-group-escalates", "default group "+quoted(group.At()), fmt.Sprintf("The default group brings %s.", listed(bad)), breaks,
				run(e.kcadm("delete", word("default-groups/"+group.ID))))
		}
	}
}

// sortedKeys returns the keys of a map in alphabetical order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
