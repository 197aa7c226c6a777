package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// What surrounds every handler: the request id, the answer to a panic, the count.

// sendWithID sends a request with the given X-Request-Id headers, unchecked as a
// careless client or proxy may write them.
func (a *api) sendWithID(method, target string, ids ...string) reply {
	a.t.Helper()
	request := httptest.NewRequestWithContext(a.t.Context(), method, target, http.NoBody)
	request.Header["X-Request-Id"] = ids
	return a.do(request)
}

func TestRequestID_IsTakenFromTheRequestWhenItIsSane(t *testing.T) {
	a := newAPI(t, newRealm(t))
	for _, id := range []string{
		"1", "0b9f3c1e-52a7-4a7c-9d5e-2f6f1c1b7a10", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "A.b_c~d:e+f/g=h",
		strings.Repeat("x", 128),
	} {
		answer := a.sendWithID(http.MethodGet, "/users/nobody/keycloak-status", id)
		assert.Equal(t, []string{id}, answer.header.Values("X-Request-Id"))
		assert.Equal(t, id, answer.object()["request_id"])
	}
}

// What is written back and into the log must not be able to forge either.
func TestRequestID_IsReplacedWhenItIsNotSane(t *testing.T) {
	a := newAPI(t, newRealm(t))
	seen := map[string]bool{}
	for _, id := range []string{
		"", " ", "a b", " a", "a\n", "\na", "a\r\nSet-Cookie: x=1", "a\x00", "a\tb", "a;b", "a,b", `a"b`, "{}", "<b>", "ä", "\xff",
		"anna@bank.example", "a%0d", strings.Repeat("x", 129), strings.Repeat("x", 1000),
	} {
		answer := a.sendWithID(http.MethodGet, "/users/nobody/keycloak-status", id)
		made := answer.header.Get("X-Request-Id")
		assert.NotEqual(t, id, made)
		assert.Regexp(t, `^[A-Z2-7]{26}$`, made, "%q", id)
		assert.Equal(t, made, answer.object()["request_id"])
		assert.NotContains(t, seen, made)
		seen[made] = true
	}
	assert.NotContains(t, a.log.String(), "Set-Cookie")
	assert.NotContains(t, a.log.String(), "xxx")
}

func TestRequestID_IsReturnedWithEveryAnswer(t *testing.T) {
	a := newAPI(t, newRealm(t))
	a.draining, a.healthErr = true, domain.Unavailable
	for _, target := range []string{"/health", "/livez", "/readyz", "/metrics", "/openapi.json", "/nowhere", "/sync/user", "/users/anna/keycloak-status"} {
		assert.Equal(t, "r1", a.sendWithID(http.MethodGet, target, "r1").header.Get("X-Request-Id"), target)
		assert.NotEmpty(t, a.sendWithID(http.MethodGet, target).header.Get("X-Request-Id"), target)
		assert.Equal(t, "r1", a.sendWithID(http.MethodGet, target, "r1", "r2").header.Get("X-Request-Id"), target)
	}
}

// panicking is a provider with a bug: it panics with what it was given to create.
type panicking struct {
	ports.IdentityProvider
	cause func(domain.NewUser) any
	given domain.NewUser
}

func (p *panicking) CreateUser(_ context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	p.given = user
	panic(p.cause(user))
}

func TestPanic_IsAnsweredAsInternalAndLoggedWithoutSecrets(t *testing.T) {
	for name, cause := range map[string]func(domain.NewUser) any{
		"text":               func(domain.NewUser) any { return "s3cret cause" },
		"an error":           func(domain.NewUser) any { return errors.New("s3cret cause") },
		"a domain error":     func(domain.NewUser) any { return &domain.Error{Kind: domain.NotFound, Message: "s3cret cause"} },
		"a nil pointer":      func(domain.NewUser) any { var none *domain.NewUser; return none.FirstName },
		"the password":       func(user domain.NewUser) any { return user.Password },
		"all of the user":    func(user domain.NewUser) any { return user },
		"a pointer to it":    func(user domain.NewUser) any { return &user },
		"inside of an error": func(user domain.NewUser) any { return &domain.Error{Err: errorOf{user.Password}} },
	} {
		provider := &panicking{IdentityProvider: newRealm(t), cause: cause}
		a := newAPI(t, provider)

		answer := a.send(http.MethodPost, "/sync/user", employee)

		answer.failed(http.StatusInternalServerError, "internal", "Something went wrong on our side. Please tell your system administrator.", name)
		assert.NotContains(t, answer.body, "s3cret", name)
		password := provider.given.Password.Reveal()
		require.NotEmpty(t, password)
		assert.NotContains(t, a.log.String(), password, name)

		logged := a.log.parse(t)
		require.Len(t, logged, 2, name)
		assert.Equal(t, "panic", logged[0]["msg"])
		assert.Contains(t, logged[0]["stack"], "panicking", "the stack does not lead to the bug")
		assert.Equal(t, "request", logged[1]["msg"])
		for _, line := range logged {
			assert.Equal(t, "ERROR", line["level"])
			assert.Equal(t, answer.header.Get("X-Request-Id"), line["request_id"])
		}
		assert.Equal(t, []observation{{http.MethodPost, "/sync/user", http.StatusInternalServerError}}, a.observed)
	}
}

// errorOf is an error that prints what it holds.
type errorOf struct{ secret domain.Secret }

func (e errorOf) Error() string { return "refused " + strings.Join([]string{e.text()}, "") }

func (e errorOf) text() string {
	text, _ := e.secret.MarshalText() // It never fails.
	return string(text)
}

// The standard library ends a connection that way; an answer would be a lie.
func TestPanic_ToAbortTheConnectionIsPassedOn(t *testing.T) {
	provider := &panicking{IdentityProvider: newRealm(t), cause: func(domain.NewUser) any { return http.ErrAbortHandler }}
	a := newAPI(t, provider)
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { a.send(http.MethodPost, "/sync/user", employee) })
}

func TestObserve_IsToldOfEveryRequestButProbes(t *testing.T) {
	for _, test := range []struct {
		method, target, body string
		want                 observation
	}{
		{"POST", "/sync/user", employee, observation{"POST", "/sync/user", 201}},
		{"POST", "/api/user-sync/sync/user", "{}", observation{"POST", "/sync/user", 400}},
		{"PUT", "/users/anna/status", `{"enabled":true}`, observation{"PUT", "/users/{username}/status", 200}},
		{"PUT", "/api/user-sync/users/a%2Fb/status", `{"enabled":true}`, observation{"PUT", "/users/{username}/status", 404}},
		{"POST", "/users/anna/reset-password", "", observation{"POST", "/users/{username}/reset-password", 200}},
		{"POST", "/users//force-password-change", "", observation{"POST", "/users/{username}/force-password-change", 404}},
		{"GET", "/users/anna/keycloak-status?x=1", "", observation{"GET", "/users/{username}/keycloak-status", 200}},
		{"GET", "/openapi.json", "", observation{"GET", "/openapi.json", 200}},
		{"GET", "/api/user-sync/openapi.json", "", observation{"GET", "/openapi.json", 200}},
		{"PUT", "/users/anna", `{"lastName":"Edited"}`, observation{"PUT", "/users/{username}", 200}},
		{"PUT", "/api/user-sync/users/a%2Fb", "{}", observation{"PUT", "/users/{username}", 400}},
		{"POST", "/users/anna/logout", "", observation{"POST", "/users/{username}/logout", 200}},
		{"GET", "/users/anna", "", observation{"GET", "other", 405}},
		{"GET", "/api/user-syncx/health", "", observation{"GET", "other", 404}},
		{"DELETE", "/users/anna/status", "", observation{"DELETE", "other", 405}},
		{"HEAD", "/health", "", observation{"HEAD", "other", 405}},
		{"BREW", "/users/anna/status", "", observation{"other", "other", 405}},
		{"BREW", "/nowhere", "", observation{"other", "other", 404}},
	} {
		a := newAPI(t, newRealm(t))
		a.send(test.method, test.target, test.body)
		assert.Equal(t, []observation{test.want}, a.observed, "%s %s", test.method, test.target)
	}

	a := newAPI(t, newRealm(t))
	for _, target := range []string{"/health", "/livez", "/readyz"} {
		a.send(http.MethodGet, target, "")
		a.send(http.MethodGet, prefix+target, "")
	}
	a.send(http.MethodGet, "/metrics", "")
	a.healthErr, a.draining = domain.Unavailable, true
	a.send(http.MethodGet, "/health", "")
	a.send(http.MethodGet, "/readyz", "")
	assert.Empty(t, a.observed)
}
