package e2e

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/rolemap"
	"user-sync-service/test/keycloaktest"
)

// An operator who has set something up wrongly is told what, by /health and by the log.
func TestSetup_HealthAndLogSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "misset", CheapHash: true, Mutate: func(rep map[string]any) {
		rep["clients"] = append(rep["clients"].([]any), map[string]any{"clientId": "switched-off", "secret": "s", "enabled": false, "serviceAccountsEnabled": true})
	}})
	mapped := "/users/" + userID(t, realm, "service-account-"+realm.ClientID) + "/role-mappings/clients/" + clientUUID(t, realm, "realm-management")
	change := func(method string, rights ...string) {
		t.Helper()
		var roles []any
		for _, right := range rights {
			roles = append(roles, administrationRole(t, realm, right))
		}
		require.NoError(t, realm.Call(t.Context(), method, mapped, roles, nil))
	}
	unhealthy := func(name, want string, changes map[string]string) *program {
		t.Helper()
		environment := environmentFor(realm, realm.URL)
		for variable, value := range changes {
			environment[variable] = value
		}
		p := startProgram(t, nil, environment)
		want = `"error":"Failed to connect to Keycloak: ` + want + `"`
		eventually(t, func() bool { return strings.Contains(send(t, http.MethodGet, p.URL+"/health", "").body, want) }, 30*time.Second, 100*time.Millisecond, "%s: %s", name, want)
		assert.Contains(t, p.log(), strings.TrimSuffix(strings.TrimPrefix(want, `"error":"Failed to connect to Keycloak: `), `"`), name)
		return p
	}
	for name, c := range map[string]struct {
		changes map[string]string
		want    string
	}{
		"realm unknown":    {map[string]string{"KEYCLOAK_REALM": "no-such-realm"}, "the realm does not exist"},
		"client unknown":   {map[string]string{"KEYCLOAK_CLIENT_ID": "no-such-client"}, "the client does not exist or is disabled"},
		"client disabled":  {map[string]string{"KEYCLOAK_CLIENT_ID": "switched-off", "KEYCLOAK_CLIENT_SECRET": "s"}, "the client does not exist or is disabled"},
		"client public":    {map[string]string{"KEYCLOAK_CLIENT_ID": keycloaktest.LoginClientID}, "the client is public, it has no secret and no service account"},
		"secret refused":   {map[string]string{"KEYCLOAK_CLIENT_SECRET": "another"}, "it refuses the client's secret"},
		"no Keycloak here": {map[string]string{"KEYCLOAK_URL": realm.URL + "/elsewhere"}, "there is no Keycloak at this address"},
	} {
		unhealthy(name, c.want, c.changes)
	}
	change(http.MethodDelete, "manage-users")
	change(http.MethodPost, "view-users")
	p := unhealthy("view-users", "the service account lacks manage-users", nil)
	change(http.MethodPost, "manage-users")
	awaitHealth(t, p.URL, http.StatusOK) // With a new token, without a restart.
	change(http.MethodDelete, "view-realm")
	unhealthy("no view-realm", "the service account lacks view-realm", nil)
	change(http.MethodDelete, "manage-users", "view-users")
	unhealthy("neither", "the service account lacks manage-users and view-realm", nil)
	require.NoError(t, realm.UpdateRealm(t.Context(), map[string]any{"enabled": false}))
	unhealthy("realm disabled", "the realm is disabled", nil)
}

// The log tells whether the token or the configuration is wrong, and the answer's header what
// is wrong with the token.
func TestSetup_RefusalsNameBothSides(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "sides", CheapHash: true})
	token := administrator(t, realm)
	staff, err := realm.NewActor(t.Context(), "a.teller", "teller")
	require.NoError(t, err)
	issuer := realm.URL + "/realms/" + realm.Name
	for name, c := range map[string]struct {
		changes   map[string]string
		token     string
		header    string
		status    int
		log       []string
		challenge string
	}{
		"issuer":     {map[string]string{"AUTH_ISSUERS": "https://id.bank.example/realms/bank"}, token, "", 401, []string{`WARN`, `https://id.bank.example/realms/bank`, issuer}, `Bearer error="invalid_token", error_description="wrong issuer"`},
		"client":     {map[string]string{"AUTH_CLIENTS": "oauth2-proxy"}, token, "", 401, []string{`WARN`, `oauth2-proxy`, keycloaktest.LoginClientID}, `Bearer error="invalid_token", error_description="issued to another client"`},
		"audience":   {map[string]string{"AUTH_AUDIENCE": "web-app"}, token, "", 401, []string{`WARN`, `web-app`, realm.ClientID}, `Bearer error="invalid_token", error_description="meant for another audience"`},
		"roles":      {map[string]string{"AUTH_WRITE_ROLES": "boss,chief"}, staff.AccessToken, "", 403, []string{`INFO`, `boss`, `chief`, `teller`}, `Bearer error="insufficient_scope", error_description="its owner has none of the roles that this takes"`},
		"cross-site": {nil, token, "https://admin.bank.example", 403, []string{`WARN`, `https://admin.bank.example`, `127.0.0.1`, `TRUSTED_ORIGINS`}, ""},
		"no token":   {nil, "", "", 401, []string{`INFO`, `no token`}, `Bearer`},
		"garbage":    {nil, "eyJ.eyJ.x\\\"y", "", 401, []string{`INFO`, `malformed`}, `Bearer error="invalid_token", error_description="malformed"`},
	} {
		environment := environmentFor(realm, realm.URL)
		for variable, value := range c.changes {
			environment[variable] = value
		}
		p := startProgram(t, nil, environment)
		awaitHealth(t, p.URL, http.StatusOK)
		answer := send(t, http.MethodPut, p.URL+"/users/nobody/status", `{"enabled":true}`, bearer(c.token), "Origin: "+c.header, "X-Request-Id: sides")
		assert.Equal(t, c.status, answer.status, "%s: %s", name, answer.body)
		assert.Equal(t, c.challenge, answer.header.Get("WWW-Authenticate"), name)
		line := logLine(p, "request", "sides")
		for _, part := range c.log {
			assert.Contains(t, line, part, name)
		}
		assert.NotContains(t, line, "a.teller")
		assert.NotContains(t, line, "boss-")
	}
}

// The bank's own roles, in the realm that it has.
func TestRoleMap_OfTheBanksOwn(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "ownmap", CheapHash: true})
	keepAttributes(t, realm)
	require.NoError(t, realm.CreateRole(t.Context(), "cash/desk"))
	var north map[string]any
	require.NoError(t, realm.CreateGroup(t.Context(), "branches"))
	require.NoError(t, realm.Call(t.Context(), http.MethodPost, "/groups/"+groupID(t, realm, "branches")+"/children", map[string]any{"name": "north"}, &north))
	file := filepath.Join(t.TempDir(), "roles.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("roles:\n  - fineract: [Kassier]\n    role: cash/desk\n    group: branches/north\n  - {fineract: [Chef], role: admin, group: head-office, privileged: [admin, Super User]}\nother: refuse\n")
	environment := environmentFor(realm, realm.URL)
	environment["ROLE_MAP_FILE"] = file
	p := serveWith(t, realm, environment)
	for username, role := range map[string]string{"kim": "  kassier", "chris": "Chef"} {
		answer := p.send(t, http.MethodPost, syncPath, `{"username":"`+username+`","email":"`+username+`@bank.example","firstName":"Kim","lastName":"Chris","role":"`+role+`"}`)
		require.Equal(t, http.StatusCreated, answer.status, answer.body)
		assert.NotContains(t, answer.body, "warnings")
	}
	assert.Equal(t, []string{"cash/desk"}, effectiveRoles(t, realm, userID(t, realm, "kim")))
	groups, err := realm.Groups(t.Context(), userID(t, realm, "kim"))
	require.NoError(t, err)
	assert.Equal(t, []string{"north"}, groups)
	for _, answer := range []reply{
		p.send(t, http.MethodPost, syncPath, `{"username":"sam","email":"sam@bank.example","role":"Cashier"}`),
		p.send(t, http.MethodPost, syncPath, `{"username":"kim","email":"kim@bank.example","role":"Cashier"}`),
		p.send(t, http.MethodPut, "/users/kim", `{"role":"Cashier"}`),
	} {
		assert.Equal(t, http.StatusBadRequest, answer.status, answer.body)
		assert.Contains(t, answer.body, `"code":"unknown_role"`)
		assert.Contains(t, answer.body, "'Cashier'")
	}
	_, found, err := realm.User(t.Context(), "sam")
	require.NoError(t, err)
	assert.False(t, found)
	roles, _, err := rolemap.Read(file)
	require.NoError(t, err)
	assert.Contains(t, send(t, http.MethodGet, p.URL+"/metrics", "").body, `usersync_role_map_info{hash="`+roles.Fingerprint()+`"} 1`)
}

// What cannot work stops the start, all of it told at once, so that a rolling update stops at
// the first copy.
func TestProcess_NamesWhatIsMisspeltBrokenOrTaken(t *testing.T) {
	sound := []string{"KEYCLOAK_URL=http://127.0.0.1:1", "KEYCLOAK_REALM=bank", "KEYCLOAK_CLIENT_ID=x", "KEYCLOAK_CLIENT_SECRET=very-secret", "LISTEN_HOST=127.0.0.1"}
	file := filepath.Join(t.TempDir(), "roles.yaml")
	require.NoError(t, os.WriteFile(file, []byte("roles:\n  - fineract: [A, a]\n    role: x\n    grop: y\n"), 0o600))
	code, output := runToEnd(t, nil, append(sound, "ROLE_MAP_FILE="+file, "PROTECTED_USER=asha", "KEYCLOAK_SERVICE_HOST=10.0.0.1", "KEYCLOAK_PORT=tcp://10.0.0.1:8080", "KEYCLOAK_PORT_8080_TCP_ADDR=10.0.0.1")...)
	assert.Equal(t, 2, code, output)
	for _, fault := range []string{
		"PROTECTED_USER: there is no such variable, PROTECTED_USERS is meant", "line 1, column 1: the key other is missing",
		"line 2, column 19: the Fineract role \"a\" is mapped twice", "line 4, column 5: unknown key \"grop\"", "4 |     grop: y",
	} {
		assert.Contains(t, output, fault)
	}
	assert.Equal(t, 4, strings.Count(output, "\n  - "), output)

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	for fault, variables := range map[string][]string{
		"PORT: listen":            {"PORT=" + port},
		"MANAGEMENT_ADDR: listen": {"PORT=0", "MANAGEMENT_ADDR=" + taken.Addr().String()},
		"LISTEN_HOST: listen":     {"PORT=0", "LISTEN_HOST=192.0.2.1"},
		"ROLE_MAP_FILE: open":     {"PORT=0", "ROLE_MAP_FILE=/nowhere/roles.yaml"},
		"ROLE_MAP_FILE: read":     {"PORT=0", "ROLE_MAP_FILE=/"},
		"AUDIT_LOG: audit log":    {"PORT=0", "AUDIT_LOG=/nowhere/audit.log"},
	} {
		code, output := runToEnd(t, nil, append(sound, variables...)...)
		assert.Equal(t, 2, code, "%s: %s", fault, output)
		assert.Contains(t, output, "  - "+fault)
	}

	code, output = runToEnd(t, []string{"role-map"})
	assert.Equal(t, 0, code)
	assert.Equal(t, string(rolemap.BuiltIn()), output)
	code, output = runToEnd(t, []string{"role-map"}, "ROLE_MAP_FILE="+file)
	assert.Equal(t, 2, code)
	assert.Contains(t, output, "unknown key")
}
