package httpapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// The log is read by people who may not know who works at the bank, and who must never
// see a password.

func TestLog_HasOneLineForEachRequest(t *testing.T) {
	for _, test := range []struct {
		method, target, body       string
		level, logged, route, code string
		status                     float64
	}{
		{"POST", "/sync/user", employee, "INFO", "POST", "/sync/user", "", 201},
		{"POST", "/sync/user", "{}", "INFO", "POST", "/sync/user", "missing_field", 400},
		{"PUT", "/api/user-sync/users/anna/status", `{"enabled":false}`, "INFO", "PUT", "/users/{username}/status", "", 200},
		{"PUT", "/users/a%2Fb/status", `{"enabled":false}`, "INFO", "PUT", "/users/{username}/status", "user_not_found", 404},
		{"GET", "/users/anna/keycloak-status", "", "INFO", "GET", "/users/{username}/keycloak-status", "", 200},
		{"POST", "/users/%ff/reset-password", "", "INFO", "POST", "/users/{username}/reset-password", "user_not_found", 404},
		{"POST", "/users/forced/force-password-change", "", "INFO", "POST", "/users/{username}/force-password-change", "", 200},
		{"PUT", "/users/anna", `{"lastName":"Edited"}`, "INFO", "PUT", "/users/{username}", "", 200},
		{"POST", "/users/anna/logout", "", "INFO", "POST", "/users/{username}/logout", "", 200},
		{"GET", "/users/anna", "", "INFO", "GET", "other", "method_not_allowed", 405},
		{"GET", "/user/anna", "", "INFO", "GET", "other", "not_found", 404},
		{"BREW", "/users/anna/status", "", "INFO", "other", "other", "method_not_allowed", 405},
		{"GET", "/health", "", "DEBUG", "GET", "/health", "", 200},
		{"GET", "/api/user-sync/livez", "", "DEBUG", "GET", "/livez", "", 200},
		{"GET", "/readyz", "", "DEBUG", "GET", "/readyz", "", 200},
		{"GET", "/metrics", "", "DEBUG", "GET", "/metrics", "", 200},
		{"GET", "/openapi.json", "", "INFO", "GET", "/openapi.json", "", 200},
	} {
		a := newAPI(t, newRealm(t))

		answer := a.send(test.method, test.target, test.body)

		logged := a.log.parse(t)
		require.Len(t, logged, 1, test.target)
		line := logged[0]
		when, err := time.Parse(time.RFC3339Nano, line["time"].(string))
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), when, time.Minute)
		assert.Positive(t, line["duration"])
		delete(line, "time")
		delete(line, "duration")
		want := members{
			"level": test.level, "msg": "request", "method": test.logged, "route": test.route, "status": test.status,
			"request_id": answer.header.Get("X-Request-Id"),
		}
		if test.code != "" {
			want["code"] = test.code
			delete(line, "error") // Some have a cause.
		}
		assert.Equal(t, want, line, "%s %s", test.method, test.target)
	}
}

// An alarm follows the level: a fault of ours is one, a provider that is away less so.
func TestLog_LevelFollowsWhoseFaultItIs(t *testing.T) {
	for kind, level := range map[domain.Kind]string{
		domain.Unavailable: "WARN",
		domain.Overloaded:  "WARN",
		domain.Timeout:     "WARN",
		domain.BadAnswer:   "ERROR",
		domain.Internal:    "ERROR",
		domain.NotFound:    "INFO",
	} {
		a := newAPI(t, failing{newRealm(t), map[string]error{"FindUser": &domain.Error{Kind: kind, Err: errors.New("the cause")}}})
		a.send(http.MethodGet, "/users/anna/keycloak-status", "")
		logged := a.log.parse(t)
		require.Len(t, logged, 1, kind)
		assert.Equal(t, level, logged[0]["level"], kind)
		assert.Equal(t, kind.Error(), logged[0]["code"])
		assert.Equal(t, "the cause", logged[0]["error"])
	}
}

// Somebody has to look after such a user, so it is one error in the log, and the log
// names the id that the provider gave.
func TestLog_AUserWhoWasLeftIncompleteIsOneError(t *testing.T) {
	left := &domain.Error{
		Kind: domain.Partial, Message: "A user without a role was left: 0b9f3c1e. Please set the role.",
		Err: errors.New("assign role: status 503: ; then the user 0b9f3c1e could not be deleted: delete user: status 503"),
	}
	a := newAPI(t, failing{newRealm(t), map[string]error{"CreateUser": left}})
	a.send(http.MethodPost, "/sync/user", employee).failed(http.StatusBadGateway, "partial", left.Message)
	logged := a.log.parse(t)
	require.Len(t, logged, 1)
	assert.Equal(t, "ERROR", logged[0]["level"])
	assert.Equal(t, "partial", logged[0]["code"])
	assert.Contains(t, logged[0]["error"], "0b9f3c1e")
}

// zuleika is a user of whom nothing may be in the log, and the realm lacks the group of
// her role, so that there is something to warn of.
const zuleika = `{"username":"zuleika","email":"zuleika@hidden.example","role":"Cashier","firstName":"Zuleika","lastName":"Verborgen","note":"inthebody"}`

func TestLog_NamesNoPersonAndNoSecret(t *testing.T) {
	realm := memory.New(memory.Realm{Roles: []domain.RealmRole{"teller"}})
	var passwords []string
	everything := ""
	// run sends one request of each sort to all routes.
	run := func(a *api) {
		for _, before := range []string{"", prefix} {
			created := a.sendWithSecrets(http.MethodPost, before+"/sync/user", zuleika)
			if created.status == http.StatusCreated {
				passwords = append(passwords, created.object()["temporary_password"].(string))
			}
			for _, other := range []struct{ from, to string }{
				{`"zuleika"`, `"zuleika2"`},               // the address is taken
				{`zuleika@hidden`, `zuleika2@hidden`},     // the username is taken
				{`"zuleika"`, `"zuleika*"`},               // the realm refuses it
				{`"zuleika"`, `"zuleika zuleika"`},        // we refuse it
				{`zuleika@hidden.example`, `zuleika`},     // so here
				{`"zuleika"`, `["zuleika"]`},              // wrong type
				{`"Cashier"`, `"Zuleika"`},                // unknown role
				{`"Cashier"`, `""`},                       // none
				{`{"username"`, `zuleika{"username"`},     // no JSON
				{`"inthebody"`, "\"inthebody\xff\""},      // no UTF-8
				{`"Zuleika"`, `"Zuleika<inthebody>"`},     // refused name
				{`"inthebody"`, strings.Repeat("z", 2e6)}, // too large
			} {
				a.sendWithSecrets(http.MethodPost, before+"/sync/user", strings.Replace(zuleika, other.from, other.to, 1))
			}
			for _, name := range []string{"zuleika", "ZULEIKA", "zuleika%2F..", "%00zuleika", "%ffzuleika", "zuleika%20verborgen"} {
				for _, route := range userRoutes {
					target := before + strings.Replace(route.target, "%s", name, 1) + "?token=inthequery"
					a.sendWithSecrets(route.method, target, route.body)
					a.sendWithSecrets(route.method, target, "inthebody")
					a.sendWithSecrets(http.MethodDelete, target, "inthebody")
					a.sendWithSecrets("ZULEIKA", target, "")
				}
				a.sendWithSecrets(http.MethodGet, before+"/users/"+name, "")
			}
			for _, target := range []string{"/health", "/livez", "/readyz", "/metrics", "/openapi.json", "/zuleika"} {
				a.sendWithSecrets(http.MethodGet, before+target, "")
			}
		}
		everything += a.log.String()
	}

	run(newAPI(t, realm))
	user := userNamed(t, realm, "zuleika")
	require.NoError(t, realm.DeleteUser(user.ID))
	bugs := &panicking{IdentityProvider: realm, cause: func(user domain.NewUser) any { return user.Password }}
	run(newAPI(t, bugs))
	passwords = append(passwords, bugs.given.Password.Reveal())
	for _, kind := range []domain.Kind{domain.Unavailable, domain.Internal} {
		run(newAPI(t, failing{realm, map[string]error{
			"FindUser":   &domain.Error{Kind: kind, Message: "zuleika", Fields: map[string]string{"email": "zuleika"}, Err: errors.New("a cause")},
			"CreateUser": &domain.Error{Kind: kind, Message: "zuleika", Fields: map[string]string{"email": "zuleika"}, Err: errors.New("a cause")},
		}}))
	}

	require.Len(t, passwords, 2)
	require.Contains(t, everything, "the realm lacks a mapped group")
	lower := strings.ToLower(everything)
	for _, hidden := range append([]string{"zuleika", "verborgen", "hidden.example", "inthebody", "inthequery", "intheheader", "/../", "zzzzzzzz"}, passwords...) {
		assert.False(t, strings.Contains(lower, strings.ToLower(hidden)), "the log has %q", hidden)
	}
}

// sendWithSecrets is send with headers that must not be logged either.
func (a *api) sendWithSecrets(method, target, body string) reply {
	a.t.Helper()
	request := httptest.NewRequestWithContext(a.t.Context(), http.MethodGet, target, strings.NewReader(body))
	request.Method = method
	for name, value := range map[string]string{
		"Content-Type": jsonType, "Authorization": "Bearer intheheader", "Cookie": "session=intheheader", "User-Agent": "intheheader",
		"X-Auth-Request-Email": "zuleika@hidden.example", "X-Request-Id": "zuleika@hidden.example",
	} {
		request.Header.Set(name, value)
	}
	return a.do(request)
}
