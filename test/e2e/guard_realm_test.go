package e2e

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// realmRole returns the representation of a realm role, to be put into another one.
func realmRole(t *testing.T, realm *keycloaktest.Realm, name string) map[string]any {
	t.Helper()
	var role map[string]any
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/roles/"+url.PathEscape(name), nil, &role))
	return role
}

// administrationRole returns the representation of a right to administer the realm.
func administrationRole(t *testing.T, realm *keycloaktest.Realm, name string) map[string]any {
	t.Helper()
	var role map[string]any
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/clients/"+clientUUID(t, realm, "realm-management")+"/roles/"+name, nil, &role))
	return role
}

func clientUUID(t *testing.T, realm *keycloaktest.Realm, clientID string) string {
	t.Helper()
	var found []struct{ ID string }
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/clients?clientId="+url.QueryEscape(clientID), nil, &found))
	require.Len(t, found, 1, clientID)
	return found[0].ID
}

// makeComposite lets a realm role contain other roles. It is made when it is not there.
func makeComposite(t *testing.T, realm *keycloaktest.Realm, name string, parts ...map[string]any) {
	t.Helper()
	var role struct{ ID string }
	if realm.Call(t.Context(), http.MethodGet, "/roles/"+url.PathEscape(name), nil, &role) != nil {
		require.NoError(t, realm.CreateRole(t.Context(), name))
		require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/roles/"+url.PathEscape(name), nil, &role))
	}
	require.NoError(t, realm.Call(t.Context(), http.MethodPost, "/roles-by-id/"+role.ID+"/composites", parts, nil))
}

// groupID returns the id of the group with a path.
func groupID(t *testing.T, realm *keycloaktest.Realm, path string) string {
	t.Helper()
	var group struct{ ID string }
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/group-by-path/"+path, nil, &group))
	return group.ID
}

// makeSubgroup makes a group below another one.
func makeSubgroup(t *testing.T, realm *keycloaktest.Realm, parent, name string) {
	t.Helper()
	require.NoError(t, realm.Call(t.Context(), http.MethodPost, "/groups/"+groupID(t, realm, parent)+"/children", map[string]any{"name": name}, nil))
}

// carry gives a group or a user ("groups/<id>", "users/<id>") realm roles.
func carry(t *testing.T, realm *keycloaktest.Realm, holder string, roles ...string) {
	t.Helper()
	for _, role := range roles {
		require.NoError(t, realm.Call(t.Context(), http.MethodPost, "/"+holder+"/role-mappings/realm", []any{realmRole(t, realm, role)}, nil))
	}
}

// administer gives a group or a user rights to administer the realm.
func administer(t *testing.T, realm *keycloaktest.Realm, holder string, rights ...string) {
	t.Helper()
	for _, right := range rights {
		path := "/" + holder + "/role-mappings/clients/" + clientUUID(t, realm, "realm-management")
		require.NoError(t, realm.Call(t.Context(), http.MethodPost, path, []any{administrationRole(t, realm, right)}, nil))
	}
}
