package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// portrait is everything that Keycloak tells of a user, part by part.
type portrait struct {
	User          map[string]any
	RealmRoles    []string // given directly, sorted
	Groups        []string // paths, sorted
	ClientRoles   any
	Credentials   any
	Identities    any // at other providers
	Lock          any
	SessionsCount int
}

// portray asks Keycloak for everything about a user.
func portray(t *testing.T, realm *keycloaktest.Realm, username string) portrait {
	t.Helper()
	p := portrait{RealmRoles: []string{}, Groups: []string{}}
	var found bool
	var err error
	p.User, found, err = realm.User(t.Context(), username)
	require.NoError(t, err)
	require.True(t, found)
	id := p.User["id"].(string)
	read := func(path string, out any) {
		t.Helper()
		require.NoError(t, realm.Call(t.Context(), http.MethodGet, path, nil, out))
	}
	var mappings struct {
		RealmMappings  []struct{ Name string }
		ClientMappings any
	}
	var groups []struct{ Path string }
	read("/users/"+id+"/role-mappings", &mappings)
	read("/users/"+id+"/groups", &groups)
	read("/users/"+id+"/credentials", &p.Credentials)
	read("/users/"+id+"/federated-identity", &p.Identities)
	read("/attack-detection/brute-force/users/"+id, &p.Lock)
	p.ClientRoles = mappings.ClientMappings
	for _, role := range mappings.RealmMappings {
		p.RealmRoles = append(p.RealmRoles, role.Name)
	}
	for _, group := range groups {
		p.Groups = append(p.Groups, group.Path)
	}
	slices.Sort(p.RealmRoles)
	slices.Sort(p.Groups)
	p.SessionsCount, err = realm.Sessions(t.Context(), id)
	require.NoError(t, err)
	return p
}

// copied returns a portrait that shares nothing with p.
func (p portrait) copied(t *testing.T) portrait {
	t.Helper()
	text, err := json.Marshal(p)
	require.NoError(t, err)
	var c portrait
	require.NoError(t, json.Unmarshal(text, &c))
	return c
}

// set gives an attribute one value, or takes it away when the value is empty.
func (p portrait) set(name, value string) {
	attributes, _ := p.User["attributes"].(map[string]any)
	if attributes == nil {
		attributes = make(map[string]any)
		p.User["attributes"] = attributes
	}
	attributes[name] = []any{value}
	if value == "" {
		delete(attributes, name)
	}
}

// move takes the mapped roles and groups away, which ends the sessions, and gives others.
// Empty: none.
func (p *portrait) move(role, group string) {
	mapped := []string{"admin", "Super User", "loan-officer", "account-manager", "teller", "branch-manager", "accountant",
		"Supervisor Accountant", "Manager", "Viewer", "KYC_MANAGER", "ASSET_MANAGER", "staff"}
	mappedGroups := []string{"/head-office", "/loan-officers", "/account-managers", "/tellers", "/branch-managers"}
	p.RealmRoles = slices.DeleteFunc(p.RealmRoles, func(r string) bool { return slices.Contains(mapped, r) })
	p.Groups = slices.DeleteFunc(p.Groups, func(g string) bool { return slices.Contains(mappedGroups, g) })
	p.RealmRoles = append(p.RealmRoles, role)
	if group != "" {
		p.Groups = append(p.Groups, "/"+group)
	}
	slices.Sort(p.RealmRoles)
	slices.Sort(p.Groups)
	p.SessionsCount = 0
	delete(p.User, "notBefore") // When the sessions ended.
}

// portrayLike portrays the user as far as it can be expected.
func portrayLike(t *testing.T, realm *keycloaktest.Realm, expected portrait) portrait {
	t.Helper()
	p := portray(t, realm, expected.User["username"].(string))
	if _, known := expected.User["notBefore"]; !known {
		delete(p.User, "notBefore")
	}
	return p
}

// assertPortrait checks that the user is as expected in every respect.
func assertPortrait(t *testing.T, realm *keycloaktest.Realm, expected portrait) {
	t.Helper()
	assert.Equal(t, expected, portrayLike(t, realm, expected))
}

// employeesRealm has users of every kind that an edit can meet. The realm lets its
// administrators keep attributes of their own.
func employeesRealm(t *testing.T, name string) *keycloaktest.Realm {
	t.Helper()
	realm, _ := pagesRealm(t, name, func(rep map[string]any) {
		rep["bruteForceProtected"] = true
		rep["identityProviders"] = []any{map[string]any{
			"alias": "corporate", "providerId": "oidc", "enabled": true,
			"config": map[string]any{"clientId": "x", "clientSecret": "y", "authorizationUrl": "http://127.0.0.1:9/a", "tokenUrl": "http://127.0.0.1:9/t"},
		}}
	})
	require.NoError(t, realm.ChangeProfile(t.Context(), func(profile map[string]any) { profile["unmanagedAttributePolicy"] = "ADMIN_EDIT" }))
	require.NoError(t, realm.CreateRole(t.Context(), "auditor"))
	require.NoError(t, realm.CreateGroup(t.Context(), "auditors", "auditor"))
	require.NoError(t, realm.CreateGroup(t.Context(), "region"))
	makeSubgroup(t, realm, "region", "tellers") // The same name as a mapped group,
	makeSubgroup(t, realm, "tellers", "north")  // and one below a mapped group.

	password := map[string]any{"type": "password", "value": chosenPassword}
	employ := func(username string, changes map[string]any) {
		rep := map[string]any{
			"username": username, "email": addressOf(username), "firstName": "Rita", "lastName": "Rich", "enabled": true, "emailVerified": true,
			"groups": []string{"/tellers"}, "credentials": []any{password},
		}
		for member, value := range changes {
			rep[member] = value
		}
		id, err := realm.CreateUser(t.Context(), rep)
		require.NoError(t, err)
		carry(t, realm, "users/"+id, "teller")
	}
	employ("plain", nil)
	employ("rich", map[string]any{
		"emailVerified": false, "requiredActions": []string{"VERIFY_EMAIL", "CONFIGURE_TOTP"},
		"groups": []string{"/tellers", "/auditors", "/region/tellers", "/tellers/north"},
		"attributes": map[string]any{
			"languages": []string{"de", "fr"}, "phone.ext": []string{"17"}, "locale": []string{"sw"}, "office_id": []string{"9"}, "fineract_user_id": []string{"41"},
			"managed_by": []string{"user-sync-service"},
		},
		"credentials":         []any{password, oneTimePassword("phone")},
		"federatedIdentities": []any{map[string]any{"identityProvider": "corporate", "userId": "7", "userName": "rich7"}},
	})
	carry(t, realm, "users/"+userID(t, realm, "rich"), "auditor")
	giveClientRole(t, realm, userID(t, realm, "rich"), "account", "view-consent")
	employ("away", map[string]any{"enabled": false})
	employ("nameless", map[string]any{"email": "", "firstName": "", "lastName": ""})
	employ("busy", nil)
	grant, err := realm.Login(t.Context(), "busy", chosenPassword)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, grant.Status, grant.Description)
	employ("locked", nil)
	lockByGuessing(t, realm, "locked")
	return realm
}

// giveClientRole gives a user a role that belongs to a client.
func giveClientRole(t *testing.T, realm *keycloaktest.Realm, id, client, name string) {
	t.Helper()
	uuid := clientUUID(t, realm, client)
	var role map[string]any
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/clients/"+uuid+"/roles/"+name, nil, &role))
	require.NoError(t, realm.Call(t.Context(), http.MethodPost, "/users/"+id+"/role-mappings/clients/"+uuid, []any{role}, nil))
}

// dotted makes a username of the name of a test.
func dotted(name string) string { return strings.NewReplacer(" ", ".", ",", "").Replace(name) }
