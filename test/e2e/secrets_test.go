package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// Whatever happens, neither the log, at its most talkative, nor the metrics hold a
// secret, or who was concerned.
func TestSecrets_NeverInLogsOrMetrics(t *testing.T) {
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "secrets", SMTPPort: sink.Port()})
	g := newGateway(t, realm.URL)
	environment := environmentFor(realm, g.URL)
	environment["KEYCLOAK_TIMEOUT"] = "1s"
	p := startProgram(t, nil, environment)
	awaitHealth(t, p.URL, http.StatusOK)
	addRealmUser(t, realm, teller("watched"))

	secrets := map[string]bool{
		realm.ClientSecret: true, url.QueryEscape(realm.ClientSecret): true,
		"watched": true, "fresh.person": true, "bank.example": true, "nobody.there": true, "Tariq": true, "Freya": true,
	}
	allRoutes := func() {
		for _, route := range []struct{ method, path, body string }{
			{http.MethodPost, syncPath, `{"username":"fresh.person","email":"fresh.person@bank.example","role":"Cashier","firstName":"Freya"}`},
			{http.MethodPost, syncPath, `{"username":"fresh.person","email":"watched@bank.example","role":"Branch Manager"}`},
			{http.MethodPost, syncPath, `{"username":"fresh.person2","email":"watched@bank.example","role":"Cashier"}`},
			{http.MethodPost, syncPath, `{"username":"fresh.person<>","email":"fresh.person3@bank.example","role":"Cashier"}`},
			{http.MethodPost, "/users/watched/reset-password", ""},
			{http.MethodPut, "/users/watched/status", `{"enabled":true}`},
			{http.MethodPost, "/users/watched/force-password-change", ""},
			{http.MethodGet, "/users/watched/keycloak-status", ""},
			{http.MethodGet, "/users/nobody.there/keycloak-status", ""},
			{http.MethodGet, "/health", ""},
			{http.MethodGet, "/watched/bank.example", ""},
		} {
			answer := send(t, route.method, p.URL+route.path, route.body)
			if password := answer.member(t, "temporary_password"); password != "" {
				secrets[password] = true
			}
		}
	}
	allRoutes()
	require.NoError(t, realm.DeleteGroup(t.Context(), "tellers"))
	sink.Reject(true)
	allRoutes()
	for _, fault := range []http.HandlerFunc{
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		hang,
		status(500, "application/json", `{"error":"Error when sending to watched@bank.example"}`),
		status(401, "application/json", `{"error":"HTTP 401 Unauthorized"}`),
		status(200, "application/json", "null"),
	} {
		g.breakWith(fault)
		allRoutes()
	}
	g.breakWith(nil)

	passwords := 0
	for _, c := range g.taken() {
		if scheme, credentials, ok := strings.Cut(c.Authorization, " "); ok && scheme != "" {
			secrets[credentials] = true
			if plain, err := base64.StdEncoding.DecodeString(credentials); err == nil && scheme == "Basic" {
				_, secret, _ := strings.Cut(string(plain), ":")
				secrets[secret] = true
			}
		}
		var user struct {
			Credentials []struct{ Value string }
		}
		if json.Unmarshal([]byte(c.Body), &user) == nil {
			for _, credential := range user.Credentials {
				secrets[credential.Value] = true
				passwords++
			}
		}
	}
	require.NotZero(t, passwords, "the gateway has seen temporary passwords")

	log := p.log()
	require.Contains(t, log, `"route":"/users/{username}/keycloak-status"`)
	metrics := send(t, http.MethodGet, p.URL+"/metrics", "").body
	require.Contains(t, metrics, `http_requests_total{endpoint="/users/{username}/keycloak-status",method="GET",status="200"}`)
	for secret := range secrets {
		assert.False(t, strings.Contains(log, secret), "the log holds %q", secret)
		assert.False(t, strings.Contains(metrics, secret), "the metrics hold %q", secret)
	}
}
