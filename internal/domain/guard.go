package domain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// serviceAccountPrefix begins the usernames of accounts that belong to programs.
const serviceAccountPrefix = "service-account-"

// Rights are the effective rights of an assignment, or of every new user: what the roles
// contain and what the groups and their parents carry.
type Rights struct {
	// Roles include the given ones, and roles that belong to a single application.
	Roles []RealmRole
	// Administration are rights to administer the identity provider itself.
	Administration []RealmRole
	// Unseen are roles that contain others which the provider does not show: any right may
	// hide there.
	Unseen []RealmRole
}

// Privileges are what a user effectively holds of certain roles and of the rights to
// administer the identity provider.
type Privileges struct {
	Roles []RealmRole
	// Hidden tells that the provider does not show who administers it: the user may.
	Hidden bool
}

// Guard says which users must not be changed and which rights must not be granted. Letter
// case does not matter in names of users and privileged roles: a refusal too many is the
// smaller harm.
type Guard struct {
	// ProtectedUsers are usernames that are never a target. Nor is any service account.
	ProtectedUsers []string
	// ProtectedGroups protect their members and those of the groups below them.
	ProtectedGroups []Group
	// ProtectedRoles protect users who hold one of them as an effective role.
	ProtectedRoles []RealmRole
	// PrivilegedRoles are granted only where the role map names them. Rights to administer
	// the identity provider are always privileged.
	PrivilegedRoles []RealmRole
}

// DefaultGuard returns the guard of a realm without names of its own.
func DefaultGuard() Guard {
	return Guard{
		ProtectedRoles:  []RealmRole{"realm-admin"},
		PrivilegedRoles: []RealmRole{"admin", "Super User", "realm-admin"},
	}
}

// CheckName returns ProtectedUser if the user with this name must not be changed.
func (g Guard) CheckName(username string) error {
	name := []rune(username)
	isServiceAccount := len(name) >= len(serviceAccountPrefix) && strings.EqualFold(string(name[:len(serviceAccountPrefix)]), serviceAccountPrefix)
	isProtected := slices.ContainsFunc(g.ProtectedUsers, func(protected string) bool {
		return strings.EqualFold(protected, username) || sameName(protected, username)
	})
	if isServiceAccount || isProtected {
		return &Error{Kind: ProtectedUser}
	}
	return nil
}

// CheckPrivileges returns ProtectedUser if the user holds any, and RightsHidden if that
// cannot be told and no names say who is protected.
func (g Guard) CheckPrivileges(held Privileges) error {
	if len(held.Roles) > 0 {
		return &Error{Kind: ProtectedUser, Err: fmt.Errorf("the target holds %q", held.Roles)}
	}
	if held.Hidden && len(g.ProtectedUsers) == 0 && len(g.ProtectedGroups) == 0 {
		return &Error{Kind: RightsHidden, Err: errors.New("the identity provider does not show who administers it")}
	}
	return nil
}

// CheckGroups returns ProtectedUser if one of the user's groups, or a parent of one, is
// protected.
func (g Guard) CheckGroups(groups []Group) error {
	for _, group := range groups {
		for _, protected := range g.ProtectedGroups {
			if group.Within(protected) {
				return &Error{Kind: ProtectedUser, Err: fmt.Errorf("a member of the protected group %s", protected)}
			}
		}
	}
	return nil
}

// CheckGrant returns PrivilegeEscalation if the rights of the assignment include a privileged
// one that the assignment does not name, or cannot all be seen.
func (g Guard) CheckGrant(assignment Assignment, rights Rights) error {
	return g.nothingBeyond(assignment, rights, "the user would also get the role '%s'", fmt.Sprintf("role %q and group %q", assignment.Role, assignment.Group))
}

// CheckDefaults is CheckGrant for what every new user gets without being given it.
func (g Guard) CheckDefaults(assignment Assignment, rights Rights) error {
	return g.nothingBeyond(assignment, rights, "the realm gives the role '%s' to every new user", "the realm's default role or default groups")
}

// nothingBeyond returns PrivilegeEscalation if there is anything beyond the assignment. How
// it comes is told in words for an administrator, and with what for the log.
func (g Guard) nothingBeyond(assignment Assignment, rights Rights, how, with string) error {
	role, beyond := g.beyond(assignment, rights)
	if !beyond {
		return nil
	}
	if !g.IsPrivileged(role) && slices.Contains(rights.Unseen, role) {
		how = "the role '%s' may hide other rights"
	}
	return &Error{
		Kind:    PrivilegeEscalation,
		Message: fmt.Sprintf("Nothing was changed: "+how+".", role),
		Err:     fmt.Errorf("the role %s, which the role map does not name, comes with %s", role, with),
	}
}

// beyond returns a privileged role among the rights that the assignment does not name, if
// there is one.
func (g Guard) beyond(assignment Assignment, rights Rights) (role RealmRole, found bool) {
	beyond := g.Escalation(assignment, rights)
	if len(beyond) == 0 {
		return "", false
	}
	// Of a dozen rights that come together, a listed one tells most.
	return beyond[max(0, slices.IndexFunc(beyond, g.IsPrivileged))], true
}

// Escalation returns the privileged roles among the rights that the assignment does not name:
// those for which [Guard.CheckGrant] refuses it.
func (g Guard) Escalation(assignment Assignment, rights Rights) []RealmRole {
	return slices.DeleteFunc(slices.Concat(rights.Administration, rights.Roles, rights.Unseen), func(role RealmRole) bool {
		privileged := g.IsPrivileged(role) || slices.Contains(rights.Administration, role) || slices.Contains(rights.Unseen, role)
		return !privileged || slices.Contains(assignment.Privileged, role)
	})
}

// IsPrivileged reports whether the role is one of the PrivilegedRoles.
func (g Guard) IsPrivileged(role RealmRole) bool {
	return slices.ContainsFunc(g.PrivilegedRoles, func(p RealmRole) bool { return strings.EqualFold(string(p), string(role)) })
}
