package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// Whatever happens, neither the log, at its most talkative, nor the metrics hold a
// secret, or who was concerned. The audit log says who, and holds no secret either.
func TestSecrets_NeverInLogsOrMetrics(t *testing.T) {
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "secrets", SMTPPort: sink.Port()})
	g := newGateway(t, realm.URL)
	environment := environmentFor(realm, g.URL)
	environment["KEYCLOAK_TIMEOUT"] = "1s"
	p := serveWith(t, realm, environment)
	addRealmUser(t, realm, teller("watched"))
	someone, err := realm.NewActor(t.Context(), "someone.else", "teller")
	require.NoError(t, err)

	persons := []string{"watched", "fresh.person", "bank.example", "nobody.there", "Tariq", "Freya", "boss-", "someone.else", "Veiled", "254711222333"}
	secrets := map[string]bool{
		realm.ClientSecret: true, url.QueryEscape(realm.ClientSecret): true, keycloaktest.ActorPassword: true,
	}
	forms := []string{ // in which the administrator's token arrives
		"Authorization: Bearer " + p.token,
		"Authorization: bearer   " + p.token,
		"X-Auth-Request-Access-Token: " + p.token,
		"X-Forwarded-Access-Token: " + p.token,
	}
	unsigned := p.token[:strings.LastIndex(p.token, ".")]
	strangers := []string{ // who are refused
		"Authorization: Bearer " + someone.AccessToken,
		"Authorization: Bearer " + someone.RefreshToken,
		"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("someone:"+rand.Text())),
		"Authorization: Bearer " + rand.Text(),
		"Authorization: Bearer " + unsigned + "." + rand.Text(),
		"Authorization: Bearer " + rand.Text() + "." + rand.Text() + "." + rand.Text(),
		"X-Auth-Request-Access-Token: " + rand.Text() + " " + rand.Text(),
		"X-Forwarded-Access-Token: %" + rand.Text(),
	}
	for _, line := range slices.Concat(forms, strangers) {
		_, value, _ := strings.Cut(line, ": ")
		for word := range strings.FieldsSeq(value) {
			if len(word) > len("Bearer") {
				secrets[word] = true
			}
			// Not a piece of it either. Only the header of a token says the same in all of them.
			for _, part := range strings.Split(word, ".")[1:] {
				for piece := range slices.Chunk([]byte(part), 16) {
					if len(piece) == 16 {
						secrets[string(piece)] = true
					}
				}
			}
		}
	}
	sent := 0
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
			{http.MethodPut, "/users/watched", `{"lastName":"Veiled","mobileNumber":"+254711222333"}`},
			{http.MethodPost, "/users/watched/logout", ""},
			{http.MethodGet, "/users/nobody.there/keycloak-status", ""},
			{http.MethodGet, "/health", ""},
			{http.MethodGet, "/watched/bank.example", ""},
		} {
			sent++
			answer := send(t, route.method, p.URL+route.path+"?access_token="+p.token, route.body, forms[sent%len(forms)])
			if password := answer.member(t, "temporary_password"); password != "" {
				secrets[password] = true
			}
		}
		for _, stranger := range strangers {
			refusal := send(t, http.MethodPut, p.URL+"/users/watched/status", `{"enabled":false}`, stranger)
			assert.Contains(t, []int{401, 403}, refusal.status, refusal.body)
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

	metrics := p.send(t, http.MethodGet, "/metrics", "").body
	p.signal(t, syscall.SIGTERM)
	require.Zero(t, p.exitCode(t)) // All that was written has been read now.
	audit := p.auditText(t)
	for _, who := range []string{"watched", "fresh.person", "boss-", "someone.else"} {
		require.Contains(t, audit, who)
	}
	log := p.log()
	require.Contains(t, log, `"route":"/users/{username}/keycloak-status"`)
	require.Contains(t, metrics, `http_requests_total{endpoint="/users/{username}/keycloak-status",method="GET",status="200"}`)
	for secret := range secrets {
		assert.False(t, strings.Contains(audit, secret), "the audit log holds %q", secret)
	}
	for _, private := range slices.AppendSeq(persons, maps.Keys(secrets)) {
		assert.False(t, strings.Contains(log, private), "the log holds %q", private)
		assert.False(t, strings.Contains(metrics, private), "the metrics hold %q", private)
	}
}
