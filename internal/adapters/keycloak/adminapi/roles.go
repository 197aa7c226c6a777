package adminapi

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// Role is a role of the realm or of a client.
type Role struct {
	ID        string           `json:"id"`
	Name      domain.RealmRole `json:"name"`
	Composite *bool            `json:"composite"` // nil: Keycloak does not tell
	OfClient  bool             `json:"clientRole"`
	Container string           `json:"containerId"` // the id of its realm or client
}

func (r Role) isWhole() bool { return r.ID != "" && r.Name != "" }

// mapping is the role as Keycloak wants it in a mapping: id and name, and both right.
func (r Role) mapping() []gocloak.Role {
	return []gocloak.Role{{ID: &r.ID, Name: (*string)(&r.Name)}}
}

// ClientRoles are roles of clients that are mapped to something, by the client's name.
type ClientRoles map[string]struct {
	ID    string `json:"id"`
	Roles []Role `json:"mappings"`
}

// Role reads the realm role with this name, or fails for the reason Missing.
func (c *Client) Role(ctx context.Context, name domain.RealmRole) (Role, error) {
	role, err := read[Role](ctx, c, opGetRole, nil, "roles", string(name))
	if err == nil && (role.ID == "" || role.Name != name) {
		err = badAnswer(opGetRole, "an answer about something else")
	}
	return role, err
}

// RoleParts returns the roles that the role with this id contains directly.
func (c *Client) RoleParts(ctx context.Context, id string) ([]Role, error) {
	return list[Role](ctx, c, opGetRoleParts, nil, "roles-by-id", id, "composites")
}

// UserRoles returns the realm roles assigned to the user directly.
func (c *Client) UserRoles(ctx context.Context, id domain.UserID) ([]Role, error) {
	return list[Role](ctx, c, opGetUserRoles, nil, "users", string(id), "role-mappings", "realm")
}

// EffectiveUserRoles returns the realm roles that the user holds, through groups and other
// roles too.
func (c *Client) EffectiveUserRoles(ctx context.Context, id domain.UserID) ([]Role, error) {
	return list[Role](ctx, c, opGetUserRoles, nil, "users", string(id), "role-mappings", "realm", "composite")
}

// EffectiveUserClientRoles is the same for the roles of the client with this id.
func (c *Client) EffectiveUserClientRoles(ctx context.Context, id domain.UserID, client string) ([]Role, error) {
	return list[Role](ctx, c, opGetAdministration, nil, "users", string(id), "role-mappings", "clients", client, "composite")
}

// OwnClientRoles returns the roles of clients assigned to the user, the service account's
// own, directly.
func (c *Client) OwnClientRoles(ctx context.Context, id domain.UserID) (ClientRoles, error) {
	mapped, err := read[mappings](ctx, c, opGetOwnRoles, nil, "users", string(id), "role-mappings")
	return mapped.OfClients, err
}

type mappings struct {
	OfClients ClientRoles `json:"clientMappings"`
}

// AssignRole gives the user the realm role. It fails for the reason Missing when the role
// has gone, a new one of the same name included.
func (c *Client) AssignRole(ctx context.Context, id domain.UserID, role Role) error {
	return unlessGiven(c.onUser(ctx, opAssignRole, id, func(ctx context.Context, token, userID string) error {
		return c.gocloak.AddRealmRoleToUser(ctx, token, c.realm, userID, role.mapping())
	}))
}

// unlessGiven returns err, unless the user has got at this moment what was to be given.
func unlessGiven(err error) error {
	if errors.Is(err, given) {
		return nil
	}
	return err
}

// UnassignRole takes the realm role from the user. What the user lacks is no error.
func (c *Client) UnassignRole(ctx context.Context, id domain.UserID, role Role) error {
	return c.onUser(ctx, opUnassignRole, id, func(ctx context.Context, token, userID string) error {
		return c.gocloak.DeleteRealmRoleFromUser(ctx, token, c.realm, userID, role.mapping())
	})
}

// Group is a group of the realm.
type Group struct {
	ID     string `json:"id"`
	Path   string `json:"path"`
	Parent string `json:"parentId"` // the id of the group above, if there is one
	// ClientRoles are the names of the roles of clients that the group carries itself, by
	// the client's name.
	ClientRoles map[string][]string `json:"clientRoles"`
	// RealmRoles are the names of the realm roles that it carries itself.
	RealmRoles []domain.RealmRole `json:"realmRoles"`
}

func (g Group) isWhole() bool { return g.ID != "" && len(g.Path) > 1 && g.Path[0] == '/' }

// At returns where the group is, in the port's words.
func (g Group) At() domain.Group { return domain.Group(strings.TrimPrefix(g.Path, "/")) }

// Group reads the group with this path, or fails for the reason Missing. Keycloak wants
// the slashes of a path raw, and 26.4.4 and later refuse one at the beginning.
func (c *Client) Group(ctx context.Context, path domain.Group) (Group, error) {
	group, err := read[Group](ctx, c, opGetGroup, nil, append([]string{"group-by-path"}, strings.Split(string(path), "/")...)...)
	if err == nil && (group.ID == "" || group.Path != "/"+string(path)) {
		err = badAnswer(opGetGroup, "an answer about something else")
	}
	return group, err
}

// GroupByID reads the group with this id, or fails for the reason Missing.
func (c *Client) GroupByID(ctx context.Context, id string) (Group, error) {
	group, err := read[Group](ctx, c, opGetGroup, nil, "groups", id)
	if err == nil && (group.ID != id || !group.isWhole()) {
		err = badAnswer(opGetGroup, "an answer about something else")
	}
	return group, err
}

// DefaultGroups returns the groups that every new user joins, without their roles.
func (c *Client) DefaultGroups(ctx context.Context) ([]Group, error) {
	return list[Group](ctx, c, opGetDefaultGroups, nil, "default-groups")
}

// EffectiveGroupRoles returns the realm roles that the group carries, with its parents.
func (c *Client) EffectiveGroupRoles(ctx context.Context, id string) ([]Role, error) {
	return list[Role](ctx, c, opGetGroupRoles, nil, "groups", id, "role-mappings", "realm", "composite")
}

// EffectiveGroupClientRoles is the same for the roles of the client with this id.
func (c *Client) EffectiveGroupClientRoles(ctx context.Context, id, client string) ([]Role, error) {
	return list[Role](ctx, c, opGetAdministration, nil, "groups", id, "role-mappings", "clients", client, "composite")
}

// GroupClientRoles returns the roles of clients that the group carries itself.
func (c *Client) GroupClientRoles(ctx context.Context, id string) (ClientRoles, error) {
	mapped, err := read[mappings](ctx, c, opGetGroupRoles, nil, "groups", id, "role-mappings")
	return mapped.OfClients, err
}

// UserGroups returns all groups of the user: Keycloak cuts the list into pages only for
// those who ask for pages.
func (c *Client) UserGroups(ctx context.Context, id domain.UserID) ([]Group, error) {
	return list[Group](ctx, c, opGetUserGroups, nil, "users", string(id), "groups")
}

// JoinGroup makes the user a member. It fails for the reason Missing when the group has
// gone, a new one at the same place included.
func (c *Client) JoinGroup(ctx context.Context, id domain.UserID, group string) error {
	return unlessGiven(c.onUser(ctx, opJoinGroup, id, func(ctx context.Context, token, userID string) error {
		return c.gocloak.AddUserToGroup(ctx, token, c.realm, userID, url.PathEscape(group))
	}))
}

// LeaveGroup ends the membership.
func (c *Client) LeaveGroup(ctx context.Context, id domain.UserID, group string) error {
	return c.onUser(ctx, opLeaveGroup, id, func(ctx context.Context, token, userID string) error {
		return c.gocloak.DeleteUserFromGroup(ctx, token, c.realm, userID, url.PathEscape(group))
	})
}
