package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/httpapi"
)

// managed has a listener of its own for metrics and probes.
func managed(with *settings) { with.managed = true }

// operatorRoutes are those that move there.
var operatorRoutes = []string{"/metrics", "/livez", "/readyz"}

// ask sends a request to a handler whose routes the document does not describe.
func (a *api) ask(handler http.Handler, method, target string) reply {
	a.t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, requestTo(a.t, method, target))
	return reply{t: a.t, status: recorder.Code, header: recorder.Result().Header, body: recorder.Body.String()}
}

// What the gateway can reach does not have them any more, under no name.
func TestManagement_TakesItsRoutesAway(t *testing.T) {
	a := newAPI(t, newRealm(t), managed)
	for _, before := range []string{"", prefix} {
		for _, target := range append([]string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile"}, operatorRoutes...) {
			a.ask(a.handler, http.MethodGet, before+target).failed(http.StatusNotFound, "not_found", "There is no such address.", before+target)
		}
		for _, target := range []string{"/health", "/openapi.json", "/users/anna/keycloak-status"} {
			assert.Equal(t, http.StatusOK, a.send(http.MethodGet, before+target, "").status, before+target)
		}
	}
}

func TestManagement_HasMetricsProbesAndWithTheirSwitchProfiles(t *testing.T) {
	a := newAPI(t, newRealm(t), managed)
	management := httpapi.NewManagement(a.config)
	a.config.Profiles = true
	withProfiles := httpapi.NewManagement(a.config)
	metrics := a.ask(management, http.MethodGet, "/metrics")
	assert.Equal(t, http.StatusOK, metrics.status)
	assert.Equal(t, metricsText, metrics.body)
	for _, target := range []string{"/livez", "/readyz"} {
		assert.Equal(t, members{"status": "ok"}, a.ask(management, http.MethodGet, target).object(), target)
	}
	a.draining = true
	ready := a.ask(management, http.MethodGet, "/readyz")
	assert.Equal(t, http.StatusServiceUnavailable, ready.status)
	assert.Equal(t, members{"status": "draining"}, ready.object())
	assert.Equal(t, http.StatusOK, a.ask(management, http.MethodGet, "/livez").status)

	for target, content := range map[string]string{
		"/debug/pprof/": "text/html; charset=utf-8", "/debug/pprof/heap": "application/octet-stream", "/debug/pprof/goroutine?debug=1": "text/plain; charset=utf-8",
		"/debug/pprof/cmdline": "text/plain; charset=utf-8", "/debug/pprof/symbol": "text/plain; charset=utf-8",
	} {
		assert.Equal(t, http.StatusNotFound, a.ask(management, http.MethodGet, target).status, target)
		answer := a.ask(withProfiles, http.MethodGet, target)
		assert.Equal(t, http.StatusOK, answer.status, target)
		assert.Equal(t, content, answer.header.Get("Content-Type"), target)
		assert.NotEmpty(t, answer.header.Get("X-Request-Id"), target)
	}
}

// Everything else is as elsewhere: errors are JSON, users are not served, and who is not
// there changes nothing.
func TestManagement_HasNothingElse(t *testing.T) {
	a := newAPI(t, newRealm(t), managed)
	management := httpapi.NewManagement(a.config)
	for _, target := range []string{"/", "/health", "/openapi.json", "/users/anna/keycloak-status", prefix + "/livez", "/debug/pprof", "/debug/vars"} {
		a.ask(management, http.MethodGet, target).failed(http.StatusNotFound, "not_found", "There is no such address.", target)
	}
	for _, target := range operatorRoutes {
		answer := a.ask(management, http.MethodPost, target)
		answer.failed(http.StatusMethodNotAllowed, "method_not_allowed", "This address does not support that method.", target)
		assert.Equal(t, "GET", answer.header.Get("Allow"))
	}
}

// Probes come every few seconds; that somebody takes a profile is worth a line.
func TestManagement_LogsLikeTheOtherAndCountsNothing(t *testing.T) {
	a, spans := newTraced(t, unreachable, managed)
	a.config.Profiles = true
	management := httpapi.NewManagement(a.config)
	for target, level := range map[string]string{"/metrics": "DEBUG", "/livez": "DEBUG", "/readyz": "DEBUG", "/debug/pprof/heap": "INFO", "/elsewhere": "INFO"} {
		a.ask(management, http.MethodGet, target)
		logged := a.log.parse(t)
		line := logged[len(logged)-1]
		assert.Equal(t, level, line["level"], target)
		assert.Equal(t, "request", line["msg"])
	}
	assert.Len(t, a.log.parse(t), 5)
	assert.Empty(t, a.observed)
	assert.Empty(t, spans.GetSpans())
}

func TestManagement_AnswersAPanicAsAnInternalError(t *testing.T) {
	a := newAPI(t, unreachable, managed)
	a.config.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("s3cret cause") })
	a.ask(httpapi.NewManagement(a.config), http.MethodGet, "/metrics").failed(http.StatusInternalServerError, "internal", "Something went wrong on our side. Please tell your system administrator.")
	logged := a.log.parse(t)
	require.Len(t, logged, 2)
	assert.Equal(t, "panic", logged[0]["msg"])
}
