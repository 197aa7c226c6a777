package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// status returns a Keycloak that answers everything with a status and a body.
func status(code int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// only applies a fault to the calls whose path ends so; the rest reaches Keycloak's
// place with an answer that fits.
func only(suffix string, fault, otherwise http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, suffix) {
			fault(w, r)
			return
		}
		otherwise(w, r)
	}
}

// A Keycloak in trouble gives an honest answer in the contract's form on every route,
// and /health says so within its own time.
func TestFaults_OnEveryRoute(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "faults"})
	addRealmUser(t, realm, teller("present"))
	g := newGateway(t, realm.URL)
	environment := environmentFor(realm, g.URL)
	environment["KEYCLOAK_TIMEOUT"] = "500ms"
	p := serveWith(t, realm, environment)
	document := openAPIOf(t, p.URL)

	routes := []struct{ method, path, body string }{
		{http.MethodPost, syncPath, `{"username":"newcomer","email":"newcomer@bank.example","role":"Cashier"}`},
		{http.MethodPost, "/users/present/reset-password", ""},
		{http.MethodPut, "/users/present/status", `{"enabled":false}`},
		{http.MethodPost, "/users/present/force-password-change", ""},
		{http.MethodGet, "/users/present/keycloak-status", ""},
		{http.MethodGet, "/users/present/keycloak-status?detail=full", ""},
		{http.MethodPut, "/users/present", `{"role":"Loan Officer","lastName":"Edited"}`},
		{http.MethodPost, "/users/present/logout", ""},
	}
	for _, c := range []struct {
		name   string
		fault  http.HandlerFunc
		status int
		code   string
	}{
		{"connection closed", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 503, "provider_unavailable"},
		{"no answer", hang, 504, "provider_timeout"},
		{"503", status(503, "text/html", "<h1>upstream secret.internal is down</h1>"), 503, "provider_unavailable"},
		{"429", status(429, "text/plain", "slow down"), 503, "provider_unavailable"},
		{"500", status(500, "application/json", `{"error":"unknown_error"}`), 502, "bad_gateway"},
		{"a page instead of JSON", status(200, "text/html", "<h1>Welcome</h1>"), 502, "bad_gateway"},
		{"null", status(200, "application/json", "null"), 502, "bad_gateway"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, 502, "bad_gateway"},
		{"a gateway's 404", status(404, "text/html", "<h1>no such backend</h1>"), 502, "bad_gateway"},
		{"403", status(403, "application/json", `{"error":"HTTP 403 Forbidden"}`), 500, "internal"},
		{"401 for ever", only("/token", status(200, "application/json", `{"access_token":"x","expires_in":60}`),
			status(401, "application/json", `{"error":"HTTP 401 Unauthorized"}`)), 500, "internal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer g.breakWith(nil)
			for _, route := range routes {
				g.breakWith(nil)
				awaitCircuit(t, p)
				g.breakWith(c.fault)
				answer := p.send(t, route.method, route.path, route.body)
				assert.Equal(t, c.status, answer.status, "%s %s: %s", route.method, route.path, answer.body)
				assert.Equal(t, c.code, answer.member(t, "code"))
				assert.NotContains(t, answer.body, "secret.internal")
				if c.status == http.StatusServiceUnavailable {
					assert.NotEmpty(t, answer.header.Get("Retry-After"))
				}
				document.check(t, route.method, route.path, answer)
			}
			awaitHealth(t, p.URL, http.StatusServiceUnavailable)
			health := p.send(t, http.MethodGet, "/health", "")
			assertMembers(t, `{"status":"unhealthy","error":"<text>","service":"fineract-keycloak-sync","keycloak_connected":false}`, health.body)
			assert.Contains(t, health.body, "Failed to connect to Keycloak: ")
			assert.Equal(t, http.StatusOK, p.send(t, http.MethodGet, "/livez", "").status)
			assert.Equal(t, http.StatusOK, p.send(t, http.MethodGet, "/readyz", "").status)
		})
	}
	_, found := realmAccount(t, realm, "newcomer")
	assert.False(t, found)
	present, _ := realmAccount(t, realm, "present")
	assert.True(t, present.Enabled)
}

// A secret or a realm that is wrong is our fault, not the caller's: never a 401 to the
// browser, and never a program that ends.
func TestFaults_WrongConfiguration(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "wrong"})
	for _, c := range []struct {
		name, value string
		status      int
		code        string
	}{
		{"KEYCLOAK_CLIENT_SECRET", "not-the-secret", http.StatusInternalServerError, "internal"},
		{"KEYCLOAK_CLIENT_ID", "nobody", http.StatusInternalServerError, "internal"},
		// Such a realm has no keys, so nobody can be told that a token is wrong.
		{"KEYCLOAK_REALM", "no-such-realm", http.StatusServiceUnavailable, "provider_unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			environment := environmentFor(realm, realm.URL)
			environment[c.name] = c.value
			p := startOn(t, realm, environment)
			answer := p.send(t, http.MethodGet, "/users/anna/keycloak-status", "")
			assert.Equal(t, c.status, answer.status, answer.body)
			assert.Equal(t, c.code, answer.member(t, "code"))
			awaitHealth(t, p.URL, http.StatusServiceUnavailable)
			assert.Equal(t, http.StatusOK, p.send(t, http.MethodGet, "/readyz", "").status)
		})
	}
}

// The service starts and lives without Keycloak, and recovers by itself.
func TestFaults_KeycloakDownAtStart(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "late"})
	addRealmUser(t, realm, teller("present"))
	g := newGateway(t, realm.URL)
	g.breakWith(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	p := startOn(t, realm, environmentFor(realm, g.URL))

	awaitHealth(t, p.URL, http.StatusServiceUnavailable)
	answer := p.send(t, http.MethodGet, "/users/present/keycloak-status", "")
	assert.Equal(t, http.StatusServiceUnavailable, answer.status, answer.body)
	g.breakWith(nil)
	answer = p.send(t, http.MethodGet, "/users/present/keycloak-status", "")
	assert.Equal(t, http.StatusOK, answer.status, answer.body)
	awaitHealth(t, p.URL, http.StatusOK)
}

// A user whose role cannot be given is deleted again, also when the caller has gone
// away in the meantime: nobody may be left half made.
func TestFaults_NoUserWithoutItsRole(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "whole"})
	g := newGateway(t, realm.URL)
	p := serveRealm(t, realm, g.URL)
	keycloak := proxyTo(t, realm.URL)

	t.Run("the role is refused", func(t *testing.T) {
		g.breakWith(only("/role-mappings/realm", status(403, "application/json", `{"error":"HTTP 403 Forbidden"}`), keycloak))
		answer := p.send(t, http.MethodPost, syncPath, `{"username":"half1","email":"half1@bank.example","role":"Cashier"}`)
		assert.Equal(t, http.StatusInternalServerError, answer.status, answer.body)
		assert.Contains(t, answer.member(t, "message"), "no user was created")
		_, found := realmAccount(t, realm, "half1")
		assert.False(t, found)
	})
	t.Run("the caller goes away", func(t *testing.T) {
		reached := make(chan struct{})
		g.breakWith(only("/role-mappings/realm", func(w http.ResponseWriter, r *http.Request) {
			close(reached)
			hang(w, r)
		}, keycloak))
		caller, leave := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = p.trySend(caller, http.MethodPost, syncPath, `{"username":"half2","email":"half2@bank.example","role":"Cashier"}`)
		}()
		<-reached
		_, found := realmAccount(t, realm, "half2")
		require.True(t, found, "the user was there for a moment")
		leave()
		<-gone
		eventually(t, func() bool {
			count, err := realm.CountByUsername(t.Context(), "half2")
			return err == nil && count == 0
		}, 10*time.Second, 50*time.Millisecond, "the user was left without its role")
	})
	t.Run("it cannot be deleted either", func(t *testing.T) {
		g.breakWith(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/role-mappings/realm") || r.Method == http.MethodDelete {
				status(503, "text/plain", "")(w, r)
				return
			}
			keycloak(w, r)
		})
		answer := p.send(t, http.MethodPost, syncPath, `{"username":"half3","email":"half3@bank.example","role":"Cashier"}`)
		assert.Equal(t, http.StatusBadGateway, answer.status, answer.body)
		assert.Equal(t, "partial", answer.member(t, "code"))
		left, found := realmAccount(t, realm, "half3")
		require.True(t, found)
		assert.Contains(t, answer.member(t, "message"), left.ID)
	})
}

// awaitCircuit waits until the program calls Keycloak again after too many failures: while
// the circuit is open, all of them look alike.
func awaitCircuit(t *testing.T, p *program) {
	t.Helper()
	eventually(t, func() bool {
		return p.send(t, http.MethodGet, "/users/nobody/keycloak-status", "").status == http.StatusNotFound
	}, 30*time.Second, 50*time.Millisecond, "the circuit stays open")
}
