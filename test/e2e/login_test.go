package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// readAndWrite are an attempt of each sort on the user target.
func readAndWrite() []attempt {
	return []attempt{attempts()[4].on("target", ""), writeAttempts()[2].on("target", "")}
}

// Whatever the id of the service's client is, and however its realm wants the secret.
func TestLogin_AnyClientID(t *testing.T) {
	ids := []string{"svc:sync/ü", "dév ice", "x+y&z=\"100%\"", "%41İΣ😀", "form only", "header only"}
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "ids", CheapHash: true, Mutate: func(rep map[string]any) {
		clients, users := rep["clients"].([]any), rep["users"].([]any)
		logIns, account := clients[1].(map[string]any), users[0].(map[string]any)
		for _, id := range ids {
			attributes := map[string]string{}
			if method, found := strings.CutSuffix(id, " only"); found { // Known from 26.6 on.
				attributes["client.secret.authentication.allowed.method"] = map[string]string{"form": "client_secret_post", "header": "client_secret_basic"}[method]
			}
			clients = append(clients, map[string]any{
				"clientId": id, "secret": "s:ö%+ &=\"" + id, "publicClient": false, "serviceAccountsEnabled": true, "attributes": attributes,
			})
			users = append(users, map[string]any{
				"username": "service-account-" + id, "enabled": true, "serviceAccountClientId": id, "clientRoles": account["clientRoles"],
			})
			logIns["protocolMappers"] = append(logIns["protocolMappers"].([]any), keycloaktest.AudienceMapper(id))
		}
		rep["clients"], rep["users"] = clients, users
	}})
	addRealmUser(t, realm, teller("target"))
	for _, id := range ids {
		t.Run(id, func(t *testing.T) {
			environment := environmentFor(realm, realm.URL)
			environment["KEYCLOAK_CLIENT_ID"], environment["KEYCLOAK_CLIENT_SECRET"] = id, "s:ö%+ &=\""+id
			p := serveWith(t, realm, environment)
			for _, a := range readAndWrite() {
				assertVerdict(t, granted, a, a.sendWith(t, p, bearer(p.token)))
			}
			assert.NotContains(t, p.log(), "cannot be recognised", "its own account is found")
		})
	}
}

// The URL counts as it is given. An "/auth" at its end does not where Keycloak answers only
// without it. That is asked of Keycloak itself, whenever it is there.
func TestLogin_BasePath(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "base", CheapHash: true})
	addRealmUser(t, realm, teller("target"))
	for _, c := range []struct {
		name, url string
		served    []string         // the paths below which Keycloak is
		want      string           // the one that counts
		away      http.HandlerFunc // at first; may be nil
	}{
		{"below", "/auth/", []string{"/auth"}, "/auth", nil},
		{"deep below, away at first", "/sso/auth", []string{"/sso/auth"}, "/sso/auth", status(502, "text/html", "<h1>Bad Gateway</h1>")},
		{"below and not", "/auth", []string{"/auth", ""}, "/auth", nil},
		{"not below", "/auth", []string{""}, "", nil},
		{"deep and not below, away at first", "/sso/auth", []string{"/sso"}, "/sso", status(404, "text/html", "<h1>no such host</h1>")},
		{"another path", "/kc/", []string{"/kc"}, "/kc", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t, realm.URL)
			var away atomic.Bool
			away.Store(c.away != nil)
			keycloak := proxyTo(t, realm.URL)
			g.breakWith(func(w http.ResponseWriter, r *http.Request) {
				if away.Load() {
					c.away(w, r)
					return
				}
				for _, path := range c.served {
					if strings.HasPrefix(r.URL.Path, path+"/") {
						http.StripPrefix(path, keycloak).ServeHTTP(w, r)
						return
					}
				}
				http.NotFound(w, r)
			})
			p := startOn(t, realm, environmentFor(realm, g.URL+c.url))
			if c.away != nil {
				awaitHealth(t, p.URL, http.StatusServiceUnavailable)
				away.Store(false)
			}
			awaitHealth(t, p.URL, http.StatusOK)
			p.awaitKeys(t)
			g.taken()
			for _, a := range readAndWrite() {
				assertVerdict(t, granted, a, a.sendWith(t, p, bearer(p.token)))
			}
			for _, call := range g.taken() {
				if call.Method != http.MethodGet || !strings.HasSuffix(call.Path, "/auth/realms/"+realm.Name) { // what is asked again
					assert.Regexp(t, "^"+c.want+"/(admin/)?realms/", call.Path)
				}
			}
			if strings.HasSuffix(strings.TrimRight(c.url, "/"), "/auth") {
				assert.Contains(t, p.log(), `"url":"`+g.URL+c.want+`"`)
			}
		})
	}
}

// A token may leave out whose it is and with which roles. Introspection tells, or it is
// said what to change: signing in again would not help.
func TestLogin_LightweightTokens(t *testing.T) {
	light := func(id string, mappers ...any) map[string]any {
		return member(publicClient(id, map[string]string{"client.use.lightweight.access.token.enabled": "true"}, mappers...), "fullScopeAllowed", true)
	}
	roles := map[string]any{
		"name": "roles", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-realm-role-mapper",
		"config": map[string]string{"claim.name": "realm_access.roles", "multivalued": "true", "jsonType.label": "String", "access.token.claim": "true", "introspection.token.claim": "false"},
	}
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "light", CheapHash: true, Mutate: func(rep map[string]any) {
		letLogInAgain(rep)
		rep["clients"] = append(rep["clients"].([]any), light("light"), member(light("not-for-us"), "protocolMappers", []any{}),
			member(light("untold", roles), "defaultClientScopes", []string{"basic", "profile"}))
		rep["users"] = append(rep["users"].([]any), actor("boss", "admin"), actor("cashier", "teller"), actor("dismissed", "admin"))
	}})
	addRealmUser(t, realm, teller("target"))
	p := serveRealm(t, realm, realm.URL)
	environment := environmentFor(realm, realm.URL)
	environment["AUTH_INTROSPECTION"] = "off"
	off := serveWith(t, realm, environment)
	log := func(client, username string) string {
		token := logIn(t, realm, client, username).Access
		require.NotContains(t, claimsOf(t, token), "realm_access")
		return bearer(token)
	}
	dismissed := log("light", "dismissed")
	dismiss(t, realm, "dismissed")
	elsewhere := granted
	if keycloakServer(t).AtLeast(26, 7) {
		elsewhere = forbidden
	}
	const setting = "client.use.lightweight.access.token.enabled"
	for i, c := range []struct {
		name, token string
		on          *program
		want        verdict
		log         string
	}{
		{"an administrator", log("light", "boss"), p, granted, ""},
		{"a cashier", log("light", "cashier"), p, forbidden, ""},
		{"dismissed", dismissed, p, unauthenticated, ""},
		{"roles not told", log("untold", "boss"), p, forbidden, setting},
		{"not for us", log("not-for-us", "boss"), p, elsewhere, setting},
		{"introspection is off", log("light", "boss"), off, forbidden, setting},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, a := range readAndWrite() {
				id := "light-" + strconv.Itoa(i) + a.action
				assertVerdict(t, c.want, a, a.sendWith(t, c.on, c.token, "X-Request-Id: "+id))
				if c.want == granted {
					assert.Equal(t, "boss", auditEventOf(t, c.on, id).Actor.Username)
				} else {
					assert.Contains(t, logLine(c.on, "request", id), c.log)
				}
			}
		})
	}
}
