package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// The calls to Keycloak, as the gateway notes them.
const (
	fetchToken         = "POST protocol/openid-connect/token"
	introspect         = "POST protocol/openid-connect/token/introspect"
	discover           = "GET .well-known/openid-configuration"
	readKeys           = "GET protocol/openid-connect/certs"
	findUser           = "GET users"
	readAdministration = "GET users/{id}/role-mappings/clients/{id}/composite"
	readEffectiveRoles = "GET users/{id}/role-mappings/realm/composite"
	readDirectRoles    = "GET users/{id}/role-mappings/realm"
	readParts          = "GET roles-by-id/{id}/composites"
	readGroups         = "GET users/{id}/groups"
	readActions        = "GET authentication/required-actions"
	readProfile        = "GET users/profile"
	readDirectories    = "GET components" // once in a minute, when nobody is found: one may be away
	updateUser         = "PUT users/{id}"
	lookAtUser         = "GET users/{id}" // after a write: another one at the same moment may have undone it
	endSessions        = "POST users/{id}/logout"
	sendMail           = "PUT users/{id}/execute-actions-email"
	postUser           = "POST users"
	giveRole           = "POST users/{id}/role-mappings/realm"
)

// counted is a request and the calls that it causes.
type counted struct {
	name, method, path, body string
	status                   int
	calls                    []string
}

func (c counted) check(t *testing.T, p *program, g *gateway) {
	t.Run(c.name, func(t *testing.T) {
		answer := p.send(t, c.method, c.path, c.body)
		assert.Equal(t, c.status, answer.status, answer.body)
		assert.ElementsMatch(t, c.calls, g.requestCalls())
	})
}

// Each route makes the fewest calls to Keycloak that its answer can be true with. The
// Python service made eight per created user. Looking at the caller and at the target
// costs a write two calls, and a read none.
func TestCalls_PerRoute(t *testing.T) {
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "calls", CheapHash: true, SMTPPort: sink.Port()})
	g := newGateway(t, realm.URL)
	p := startOn(t, realm, environmentFor(realm, g.URL))
	awaitHealth(t, p.URL, http.StatusOK)
	addRealmUser(t, realm, teller("present"))
	const body = `{"username":"second","email":"second@bank.example","role":"Cashier"}`

	// Before any request: one login, and by what client administrators of the realm are known.
	assert.ElementsMatch(t, []string{fetchToken, findUser, "GET users/{id}/role-mappings"}, g.requestCalls())
	for _, c := range []counted{
		{"health", http.MethodGet, "/health", "", 200, nil},
		{"the first caller", http.MethodGet, "/users/nobody/keycloak-status", "", 404, []string{discover, readKeys, findUser, readDirectories}},
		{"create, cold", http.MethodPost, syncPath, `{"username":"first","email":"first@bank.example","role":"Cashier"}`, 201, []string{
			introspect, findUser, "GET roles/teller", "GET group-by-path/tellers", "GET groups/{id}/role-mappings/realm/composite",
			"GET groups/{id}/role-mappings/clients/{id}/composite", readActions, readProfile, postUser, giveRole,
			// What everybody gets: the default role, one role of the client account in it, and whether all was shown.
			"GET default-groups", readParts, readParts, findUser, "GET users/{id}/role-mappings",
		}},
		{"create, warm", http.MethodPost, syncPath, body, 201, []string{introspect, findUser, postUser, giveRole}},
		{"exists, cold", http.MethodPost, syncPath, body, 200, []string{introspect, findUser, "GET roles/teller", readGroups, readAdministration, readEffectiveRoles}},
		{"exists", http.MethodPost, syncPath, body, 200, []string{introspect, findUser, readGroups, readAdministration, readEffectiveRoles}},
		{"status read", http.MethodGet, "/users/second/keycloak-status", "", 200, []string{findUser, readGroups, readDirectRoles}},
		{"enable, cold", http.MethodPut, "/users/second/status", `{"enabled":true}`, 200, []string{introspect, findUser, "GET roles/realm-admin", readAdministration, updateUser, lookAtUser}},
		{"enable", http.MethodPut, "/users/second/status", `{"enabled":true}`, 200, []string{introspect, findUser, readAdministration, updateUser, lookAtUser}},
		{"disable", http.MethodPut, "/users/second/status", `{"enabled":false}`, 200, []string{introspect, findUser, readAdministration, updateUser, lookAtUser, endSessions}},
		{"force", http.MethodPost, "/users/present/force-password-change", "", 200, []string{introspect, findUser, readAdministration, updateUser, lookAtUser}},
		{"force, required already", http.MethodPost, "/users/present/force-password-change", "", 200, []string{introspect, findUser, readAdministration}},
		{"reset", http.MethodPost, "/users/present/reset-password", "", 200, []string{introspect, findUser, readAdministration, sendMail}},
		{"log out", http.MethodPost, "/users/present/logout", "", 200, []string{introspect, findUser, readAdministration, endSessions}},
		{"rename", http.MethodPut, "/users/present", `{"lastName":"Renamed"}`, 200, []string{introspect, findUser, readAdministration, lookAtUser, updateUser, lookAtUser}},
		{"move, cold", http.MethodPut, "/users/present", `{"role":"Branch Manager"}`, 200, []string{
			introspect, findUser, readAdministration, "GET roles/branch-manager", "GET group-by-path/branch-managers",
			"GET groups/{id}/role-mappings/realm/composite", "GET groups/{id}/role-mappings/clients/{id}/composite", readDirectRoles, readGroups, lookAtUser,
			giveRole, "PUT users/{id}/groups/{id}", readDirectRoles, "DELETE users/{id}/role-mappings/realm", readGroups, "DELETE users/{id}/groups/{id}",
			readDirectRoles, readGroups, endSessions, // It is looked whether that stands, and the old role's sessions end.
		}},
		{"write to nobody", http.MethodPut, "/users/nobody/status", `{"enabled":true}`, 404, []string{introspect, findUser}},
		{"bad body", http.MethodPost, syncPath, `{}`, 400, []string{introspect}},
		{"protected name", http.MethodPut, "/users/service-account-x/status", `{"enabled":true}`, 403, []string{introspect}},
	} {
		c.check(t, p, g)
	}
	p.token = "made.up.token"
	counted{"a stranger", http.MethodPost, syncPath, body, 401, nil}.check(t, p, g)
}

// What operators switch on or off costs or saves one call, and not on other routes.
func TestCalls_OfOptionalChecks(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "options", CheapHash: true})
	addRealmUser(t, realm, teller("present"))
	for _, option := range []struct {
		name, variable, value string
		write, create         []string
	}{
		{"no introspection", "AUTH_INTROSPECTION", "off", []string{findUser, readAdministration, updateUser, lookAtUser}, []string{findUser, postUser, giveRole}},
		{"protected groups", "PROTECTED_GROUPS", "head-office", []string{introspect, findUser, readAdministration, readGroups, updateUser, lookAtUser}, []string{introspect, findUser, postUser, giveRole}},
		{"a protected role", "PROTECTED_ROLES", "realm-admin,branch-manager", []string{introspect, findUser, readAdministration, readEffectiveRoles, updateUser, lookAtUser}, []string{introspect, findUser, postUser, giveRole}},
	} {
		t.Run(option.name, func(t *testing.T) {
			g := newGateway(t, realm.URL)
			environment := environmentFor(realm, g.URL)
			environment[option.variable] = option.value
			p := serveWith(t, realm, environment)
			user := "made-with-" + strings.ToLower(option.variable)
			creates := func(name string) string {
				return fmt.Sprintf(`{"username":%q,"email":"%s@bank.example","role":"Cashier"}`, name, name)
			}
			// The caches fill.
			require.Equal(t, http.StatusCreated, p.send(t, http.MethodPost, syncPath, creates(user)).status)
			require.Equal(t, http.StatusOK, p.send(t, http.MethodPut, "/users/present/status", `{"enabled":true}`).status)
			g.taken()
			for _, c := range []counted{
				{"write", http.MethodPut, "/users/present/status", `{"enabled":true}`, 200, option.write},
				{"create", http.MethodPost, syncPath, creates(user + "2"), 201, option.create},
				{"read", http.MethodGet, "/users/present/keycloak-status", "", 200, []string{findUser, readGroups, readDirectRoles}},
			} {
				c.check(t, p, g)
			}
		})
	}
}

// Of the calls that a request needs, those that do not need each other's answers are
// made at the same time.
func TestCalls_SideBySide(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "beside"})
	addRealmUser(t, realm, teller("present"))
	g := newGateway(t, realm.URL)
	environment := environmentFor(realm, g.URL)
	environment["PROTECTED_GROUPS"] = "head-office"
	environment["PROTECTED_ROLES"] = "branch-manager"
	p := serveWith(t, realm, environment)
	// The caches fill, so that only the calls of one request are left.
	require.Equal(t, http.StatusOK, p.send(t, http.MethodPut, "/users/present/status", `{"enabled":true}`).status)
	keycloak := proxyTo(t, realm.URL)

	for _, c := range []struct {
		name, method, path, body string
		together                 []string // how the paths of the calls end, one ending for each call
	}{
		{"status read: roles and groups", http.MethodGet, "/users/present/keycloak-status", "", []string{"/groups", "/role-mappings/realm"}},
		{"write: what protects the target", http.MethodPut, "/users/present/status", `{"enabled":true}`,
			[]string{"/groups", "/role-mappings/realm/composite", "/composite"}}, // the last one: rights in realm-management
	} {
		t.Run(c.name, func(t *testing.T) {
			var arrived, alone atomic.Int32
			all := make(chan struct{})
			g.breakWith(func(w http.ResponseWriter, r *http.Request) {
				if slices.ContainsFunc(c.together, func(end string) bool { return strings.HasSuffix(r.URL.Path, end) }) {
					if int(arrived.Add(1)) == len(c.together) {
						close(all)
					}
					select {
					case <-all: // Answered only once the others have come too.
					case <-time.After(3 * time.Second):
						alone.Add(1)
					}
				}
				keycloak(w, r)
			})
			defer g.breakWith(nil)
			answer := p.send(t, c.method, c.path, c.body)
			assert.Equal(t, http.StatusOK, answer.status, answer.body)
			assert.EqualValues(t, len(c.together), arrived.Load(), "calls")
			assert.Zero(t, alone.Load(), "calls that had to be answered before the others came")
		})
	}
}

// A token that Keycloak no longer accepts costs one new login and no failed request.
func TestCalls_RevokedTokenIsReplacedOnce(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "revoked"})
	g := newGateway(t, realm.URL)
	p := serveRealm(t, realm, g.URL)
	addRealmUser(t, realm, teller("present"))
	g.taken()

	if err := realm.RevokeServiceTokens(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		answer := p.send(t, http.MethodGet, "/users/present/keycloak-status", "")
		assert.Equal(t, http.StatusOK, answer.status, answer.body)
	}
	logins := 0
	for _, call := range g.requestCalls() {
		if strings.HasSuffix(call, "/token") {
			logins++
		}
	}
	assert.Equal(t, 1, logins)
}
