package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"user-sync-service/test/keycloaktest"
)

// Each route makes the fewest calls to Keycloak that its answer can be true with. The
// Python service made eight per created user.
func TestCalls_PerRoute(t *testing.T) {
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "calls", CheapHash: true, SMTPPort: sink.Port()})
	g := newGateway(t, realm.URL)
	p := serveRealm(t, realm, g.URL)
	addRealmUser(t, realm, teller("present"))

	const (
		token     = "POST protocol/openid-connect/token"
		find      = "GET users"
		update    = "PUT users/{id}"
		post      = "POST users"
		giveRole  = "POST users/{id}/role-mappings/realm"
		readRole  = "GET roles/teller"
		readGroup = "GET group-by-path/tellers"
	)
	assert.Equal(t, []string{token}, g.requestCalls(), "one login, before any request")

	for _, c := range []struct {
		name, method, path, body string
		status                   int
		calls                    []string
	}{
		{"health", http.MethodGet, "/health", "", 200, nil},
		{"create, cold", http.MethodPost, syncPath, `{"username":"first","email":"first@bank.example","role":"Cashier"}`, 201, []string{readRole, readGroup, post, giveRole}},
		{"create, warm", http.MethodPost, syncPath, `{"username":"second","email":"second@bank.example","role":"Cashier"}`, 201, []string{post, giveRole}},
		{"exists", http.MethodPost, syncPath, `{"username":"second","email":"second@bank.example","role":"Cashier"}`, 200, []string{post, find}},
		{"status read", http.MethodGet, "/users/second/keycloak-status", "", 200, []string{find, "GET users/{id}/groups", "GET users/{id}/role-mappings/realm"}},
		{"enable", http.MethodPut, "/users/second/status", `{"enabled":true}`, 200, []string{find, update}},
		{"disable", http.MethodPut, "/users/second/status", `{"enabled":false}`, 200, []string{find, update, "POST users/{id}/logout"}},
		{"force", http.MethodPost, "/users/present/force-password-change", "", 200, []string{find, update}},
		{"force, required already", http.MethodPost, "/users/present/force-password-change", "", 200, []string{find}},
		{"reset", http.MethodPost, "/users/present/reset-password", "", 200, []string{find, "PUT users/{id}/execute-actions-email"}},
		{"bad body", http.MethodPost, syncPath, `{}`, 400, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := send(t, c.method, p.URL+c.path, c.body)
			assert.Equal(t, c.status, answer.status, answer.body)
			assert.ElementsMatch(t, c.calls, g.requestCalls())
		})
	}
}

// Roles and groups of a status read are read side by side: neither waits for the other.
func TestCalls_StatusReadSideBySide(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "sides"})
	g := newGateway(t, realm.URL)
	p := serveRealm(t, realm, g.URL)
	addRealmUser(t, realm, teller("present"))

	arrived := make(chan struct{}, 2)
	both := make(chan struct{})
	g.breakWith(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/groups"), strings.HasSuffix(r.URL.Path, "/role-mappings/realm"):
			arrived <- struct{}{}
			select {
			case <-both: // Answered only once the other one has come too.
			case <-time.After(3 * time.Second):
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("[]"))
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`[{"id":"1","username":"present"}]`))
		}
	})
	go func() {
		<-arrived
		<-arrived
		close(both)
	}()
	answer := send(t, http.MethodGet, p.URL+"/users/present/keycloak-status", "")
	assert.Equal(t, http.StatusOK, answer.status, answer.body)
	select {
	case <-both:
	default:
		t.Error("the second call came only after the first was answered")
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
		answer := send(t, http.MethodGet, p.URL+"/users/present/keycloak-status", "")
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
