package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The web app parses every answer as JSON, and one of the two gateways does not strip
// the prefix.

// targetOf turns a route's pattern into a path of the user anna.
func targetOf(pattern string) string { return strings.ReplaceAll(pattern, "{username}", "anna") }

// bodies are what the routes with a body are asked in these tests.
func bodyFor(pattern string) string {
	switch pattern {
	case "/sync/user":
		return `{"username":"anna","email":"anna@bank.example","role":"Cashier"}`
	case "/users/{username}/status":
		return `{"enabled":true}`
	case "/users/{username}":
		return `{"lastName":"Edited"}`
	}
	return ""
}

// Strangers reach what is below the prefix: /metrics is not there.
func TestRouter_ServesEveryRouteButMetricsWithAndWithoutThePrefix(t *testing.T) {
	a := newAPI(t, newRealm(t))
	for path, item := range a.document.spec.Paths.Map() {
		for method := range item.Operations() {
			for _, before := range []string{"", prefix} {
				want := http.StatusOK
				if before+path == prefix+"/metrics" {
					want = http.StatusNotFound
				}
				answer := a.send(method, before+targetOf(path), bodyFor(path))
				assert.Equal(t, want, answer.status, "%s %s%s: %s", method, before, path, answer.body)
			}
		}
	}
}

// Routes match exactly: gateways let paths through that only look like a static file,
// and one gateway's rule for the prefix has no boundary.
func TestRouter_AnswersUnknownPathsAsNotFound(t *testing.T) {
	a := newAPI(t, newRealm(t))
	for _, target := range []string{
		"/", prefix, prefix + "/", prefix + prefix + "/health", prefix + "x", prefix + "x/health",
		"/API/USER-SYNC/health", "/Health", "/health/", "/health.js", "/health/x.js", "/health;x.js", "/health%3F.js", "/health%2F",
		"//health", "/./health", "/sync/user/", "/sync%2Fuser", "/sync/user;x.js", "/users", "/users//", "/users/anna/", "/users/anna/keycloak-status/",
		"/users/anna/keycloak-status/x.js", "/users/anna/keycloak-status%3Fx.js", "/users/a/b/keycloak-status", "/%6C%69vez%00", "/%ff",
	} {
		a.send(http.MethodGet, target, "").failed(http.StatusNotFound, "not_found", "There is no such address.", target)
	}
}

func TestRouter_IgnoresQueries(t *testing.T) {
	a := newAPI(t, newRealm(t))
	assert.Equal(t, http.StatusOK, a.send(http.MethodGet, "/health?x.js", "").status)
	assert.Equal(t, http.StatusOK, a.send(http.MethodGet, "/users/anna/keycloak-status?username=dora;x.js", "").status)
}

// RFC 9110, section 15.5.6: an answer with 405 names the methods that there are.
func TestRouter_AnswersWrongMethodsWithTheMethodsThatThereAre(t *testing.T) {
	a := newAPI(t, newRealm(t))
	methods := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace, "QUERY", "BREW", "get",
	}
	for path, item := range a.document.spec.Paths.Map() {
		for _, method := range methods {
			if item.Operations()[method] != nil {
				continue
			}
			for _, target := range []string{targetOf(path), prefix + targetOf(path)} {
				if target == prefix+"/metrics" {
					continue
				}
				answer := a.do(requestTo(t, method, target))
				answer.failed(http.StatusMethodNotAllowed, "method_not_allowed", "This address does not support that method.", "%s %s", method, target)
				for allowed := range item.Operations() {
					assert.Equal(t, []string{allowed}, answer.header.Values("Allow"), "%s %s", method, target)
				}
			}
		}
	}
}

func TestRouter_NamesTheMethodsOfAnEscapedPathToo(t *testing.T) {
	a := newAPI(t, newRealm(t))
	for _, target := range []string{"/users/a%2Fb/status", "/users/..%2F..%2Fhealth/status", "/users/%ff/status"} {
		answer := a.send(http.MethodDelete, target, "")
		answer.failed(http.StatusMethodNotAllowed, "method_not_allowed", "This address does not support that method.", target)
		assert.Equal(t, []string{http.MethodPut}, answer.header.Values("Allow"), target)
	}
	answer := a.send(http.MethodGet, "/users/a%2Fb", "")
	answer.failed(http.StatusMethodNotAllowed, "method_not_allowed", "This address does not support that method.")
	assert.Equal(t, []string{http.MethodPut}, answer.header.Values("Allow"))
}

// An unknown path is unknown with any method; a 405 would need an Allow that names one.
func TestRouter_AnswersUnknownPathsAsNotFoundWithAnyMethod(t *testing.T) {
	a := newAPI(t, newRealm(t))
	for _, method := range []string{http.MethodHead, http.MethodPost, http.MethodOptions, http.MethodConnect, http.MethodTrace, "QUERY", "BREW"} {
		answer := a.do(requestTo(t, method, "/nowhere"))
		answer.failed(http.StatusNotFound, "not_found", "There is no such address.", method)
		assert.Empty(t, answer.header.Values("Allow"), method)
	}
}

// requestTo is for methods that httptest's reader of requests treats specially.
func requestTo(t *testing.T, method, target string) *http.Request {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	require.NotEmpty(t, method)
	request.Method = method
	return request
}

// A client behind a real connection gets the same: whole, and never empty.
func TestRouter_AnswersWholeOverARealConnection(t *testing.T) {
	a := newAPI(t, newRealm(t))
	server := httptest.NewServer(a)
	defer server.Close()
	tooLarge := `{"username":"` + strings.Repeat("a", 3<<20) + `"}`
	for _, test := range []struct {
		method, path, body string
		want               int
	}{
		{http.MethodPost, "/sync/user", tooLarge, http.StatusRequestEntityTooLarge},
		{http.MethodPut, "/users/anna/status", tooLarge, http.StatusRequestEntityTooLarge},
		{http.MethodPost, "/nowhere", tooLarge, http.StatusNotFound},
		{http.MethodGet, "/users/a%2Fb/keycloak-status", "", http.StatusNotFound},
		{http.MethodOptions, "/sync/user", "", http.StatusMethodNotAllowed},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.path, strings.NewReader(test.body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", jsonType)
		response, err := server.Client().Do(request)
		require.NoError(t, err, "%s %s", test.method, test.path)
		body := readAll(t, response)
		assert.Equal(t, test.want, response.StatusCode, "%s %s", test.method, test.path)
		assert.NoError(t, a.document.check(request, response.StatusCode, response.Header, body))
	}

	request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+"/health", http.NoBody)
	require.NoError(t, err)
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	assert.Empty(t, readAll(t, response))
	assert.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
	assert.Equal(t, jsonType, response.Header.Get("Content-Type"))
}
