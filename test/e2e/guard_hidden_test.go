package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
	"user-sync-service/test/keycloaktest"
)

// Keycloak 26.7 shows who administers a realm only to accounts with view-clients. When
// that is taken away from the running service, nobody is changed any more, unless the
// bank says who is protected.
func TestGuard_HiddenRights(t *testing.T) {
	if server := keycloakServer(t); !server.AtLeast(26, 7) {
		t.Skipf("Keycloak %s hides nothing", server.Version)
	}
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "hidden", CheapHash: true, SMTPPort: newSink(t).Port()})
	keepAttributes(t, realm)
	for _, name := range []string{"harmless", "harmless.too", "the.keeper"} {
		addRealmUser(t, realm, domain.User{Username: name, Email: name + "@bank.example", Enabled: true})
	}
	administer(t, realm, "users/"+userID(t, realm, "the.keeper"), "realm-admin")
	environment := environmentFor(realm, realm.URL)
	environment["ON_EXISTING"] = "repair"
	p := serveWith(t, realm, environment)
	assertAll := func(p *program, name string, want verdict) {
		t.Helper()
		for _, a := range changes() {
			assertVerdict(t, want, a, a.on(name, "").sendWith(t, p, bearer(p.token)))
		}
	}
	create := func(name, role string) reply {
		a := writeAttempts()[0].on("", name)
		return send(t, a.method, p.URL+a.path, strings.Replace(a.body, "Cashier", role, 1), bearer(p.token))
	}
	assertAll(p, "harmless", granted)
	assertAll(p, "the.keeper", protectedUser)
	managed := create("managed", "Cashier")
	require.Equal(t, http.StatusCreated, managed.status, managed.body)

	mapped := "/users/" + userID(t, realm, "service-account-"+realm.ClientID) + "/role-mappings/clients/" + clientUUID(t, realm, "realm-management")
	require.NoError(t, realm.Call(t.Context(), http.MethodDelete, mapped, []any{administrationRole(t, realm, "view-clients")}, nil))
	require.NoError(t, realm.Call(t.Context(), http.MethodDelete, "/users/"+managed.member(t, "keycloak_user_id")+"/role-mappings/realm", []any{realmRole(t, realm, "teller")}, nil))
	require.NoError(t, realm.RevokeServiceTokens(t.Context())) // Its next token comes without the right.
	ledger := ledgerOf(t, realm)
	before := len(ledger.writes(t))
	for _, name := range []string{"harmless", "the.keeper"} {
		assertAll(p, name, rightsHidden)
	}
	drifting := create("managed", "Branch Manager")
	assert.Equal(t, http.StatusOK, drifting.status, drifting.body)
	assert.Contains(t, drifting.body, `"drift":{"role":"branch-manager"`)
	ledger.unchanged(t, before)
	assert.Equal(t, strconv.Itoa(2*len(changes())), metric(t, p, `usersync_refusals_total{enforced="true",reason="rights_hidden"}`))
	assert.Contains(t, p.log(), "administrators of the realm cannot be recognised")

	read := attempts()[4].on("the.keeper", "")
	assertVerdict(t, granted, read, read.sendWith(t, p, bearer(p.token)))
	assert.Equal(t, http.StatusCreated, create("newcomer", "Accountant").status)
	makeComposite(t, realm, "Viewer", administrationRole(t, realm, "manage-users"))
	assert.Equal(t, http.StatusForbidden, create("trapped", "Viewer").status)

	environment["PROTECTED_USERS"] = "the.keeper"
	named := serveWith(t, realm, environment)
	assertAll(named, "harmless.too", granted)
	assertAll(named, "the.keeper", protectedUser)
}

// A realm that was set up for an older Keycloak changes nobody on 26.7: it lacks
// view-clients, and a client whose tokens are not meant for the service.
func TestGuard_SetUpForAnOlderKeycloak(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "older", CheapHash: true, SMTPPort: newSink(t).Port(), Mutate: func(rep map[string]any) {
		service := rep["users"].([]any)[0].(map[string]any)
		service["clientRoles"] = map[string]any{"realm-management": []string{"manage-users", "view-realm"}}
		rep["clients"] = append(rep["clients"].([]any), member(publicClient(strangerClient, nil), "protocolMappers", nil))
		rep["users"] = append(rep["users"].([]any), actor("boss", "admin"))
	}})
	addRealmUser(t, realm, teller("target"))
	p := serveRealm(t, realm, realm.URL)
	meant, stranger := logIn(t, realm, keycloaktest.LoginClientID, "boss").Access, logIn(t, realm, strangerClient, "boss").Access
	withoutRight, withoutAudience := granted, granted
	if keycloakServer(t).AtLeast(26, 7) {
		withoutRight, withoutAudience = rightsHidden, unauthenticated
	}
	for _, a := range changes() {
		a = a.on("target", "")
		assertVerdict(t, withoutAudience, a, a.sendWith(t, p, bearer(stranger)))
		assertVerdict(t, withoutRight, a, a.sendWith(t, p, bearer(meant)))
	}
}

// Permission to view the one client realm-management shows as much as view-clients does,
// and no secret of any client.
func TestGuard_SeesAdministratorsByPermission(t *testing.T) {
	if server := keycloakServer(t); !server.AtLeast(26, 7) {
		t.Skipf("Keycloak %s hides nothing", server.Version)
	}
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "permitted", CheapHash: true, SMTPPort: newSink(t).Port(), Mutate: func(rep map[string]any) {
		rep["adminPermissionsEnabled"] = true
		service := rep["users"].([]any)[0].(map[string]any)
		service["clientRoles"] = map[string]any{"realm-management": []string{"manage-users", "view-realm"}}
	}})
	administration := clientUUID(t, realm, "realm-management")
	permissions := "/clients/" + clientUUID(t, realm, "admin-permissions") + "/authz/resource-server"
	require.NoError(t, realm.Call(t.Context(), http.MethodPost, permissions+"/policy/user", map[string]any{
		"name": "the service", "users": []string{userID(t, realm, "service-account-"+realm.ClientID)},
	}, nil))
	require.NoError(t, realm.Call(t.Context(), http.MethodPost, permissions+"/permission/scope", map[string]any{
		"name": "who administers", "resourceType": "Clients", "resources": []string{administration}, "scopes": []string{"view"}, "policies": []string{"the service"},
	}, nil))

	addRealmUser(t, realm, teller("harmless"))
	for _, keeper := range []string{"by.right", "by.role", "by.group"} {
		addRealmUser(t, realm, teller(keeper))
	}
	administer(t, realm, "users/"+userID(t, realm, "by.right"), "realm-admin")
	makeComposite(t, realm, "Viewer", administrationRole(t, realm, "view-events"))
	carry(t, realm, "users/"+userID(t, realm, "by.role"), "Viewer")
	require.NoError(t, realm.CreateGroup(t.Context(), "keepers"))
	administer(t, realm, "groups/"+groupID(t, realm, "keepers"), "view-events")
	require.NoError(t, realm.Call(t.Context(), http.MethodPut, "/users/"+userID(t, realm, "by.group")+"/groups/"+groupID(t, realm, "keepers"), nil, nil))
	// A right that lies in a role of a client that is not shown.
	application := "/clients/" + clientUUID(t, realm, keycloaktest.LoginClientID) + "/roles"
	require.NoError(t, realm.Call(t.Context(), http.MethodPost, application, map[string]any{"name": "inner"}, nil))
	require.NoError(t, realm.Call(t.Context(), http.MethodPost, application+"/inner/composites", []any{administrationRole(t, realm, "manage-users")}, nil))
	var inner map[string]any
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, application+"/inner", nil, &inner))
	makeComposite(t, realm, "Manager", inner)

	p := serveRealm(t, realm, realm.URL)
	for name, want := range map[string]verdict{"harmless": granted, "by.right": protectedUser, "by.role": protectedUser, "by.group": protectedUser} {
		for _, a := range changes() {
			assertVerdict(t, want, a, a.on(name, "").sendWith(t, p, bearer(p.token)))
		}
	}
	for role, want := range map[string]int{"Cashier": http.StatusCreated, "Viewer": http.StatusForbidden, "Manager": http.StatusForbidden} {
		answer := p.send(t, http.MethodPost, syncPath, fmt.Sprintf(`{"username":"new.%[1]s","email":"new.%[1]s@bank.example","role":%[1]q}`, role))
		assert.Equal(t, want, answer.status, answer.body)
	}
	token := bearer(serviceToken(t, realm))
	for _, client := range []string{"", "/" + clientUUID(t, realm, realm.ClientID), "/" + clientUUID(t, realm, realm.ClientID) + "/client-secret"} {
		answer := send(t, http.MethodGet, realm.URL+"/admin/realms/"+realm.Name+"/clients"+client, "", token)
		assert.Equal(t, http.StatusForbidden, answer.status, answer.body)
	}
}
