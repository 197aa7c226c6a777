package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// managementURL is where the program says that it serves metrics and probes.
func (p *program) managementURL(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(p.log()) {
		var object struct{ Msg, Management string }
		if json.Unmarshal([]byte(line), &object) == nil && object.Msg == "serving metrics and probes" {
			return "http://" + object.Management
		}
	}
	require.Fail(t, "the program has no listener for metrics and probes")
	return ""
}

// managedOn runs the program with a listener for metrics and probes.
func managedOn(t *testing.T, realm *keycloaktest.Realm, keycloakURL string) (p *program, managementURL string) {
	t.Helper()
	environment := environmentFor(realm, keycloakURL)
	environment["MANAGEMENT_ADDR"] = "127.0.0.1:0"
	p = serveWith(t, realm, environment)
	return p, p.managementURL(t)
}

// probing asks the probes again and again until it is stopped. None may fail.
func probing(t *testing.T, url string) (stop func() (asked int)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	var asking sync.WaitGroup
	asking.Go(func() {
		for ctx.Err() == nil {
			for _, path := range []string{"/livez", "/readyz"} {
				answer, err := trySend(ctx, http.MethodGet, url+path, "")
				if ctx.Err() != nil {
					return
				}
				if !assert.NoError(t, err, path) || !assert.Equal(t, http.StatusOK, answer.status, "%s: %s", path, answer.body) {
					return
				}
				asked++
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	stop = func() int {
		cancel()
		asking.Wait()
		return asked
	}
	t.Cleanup(func() { stop() })
	return stop
}

// awaitSeries waits until a series has the value.
func awaitSeries(t *testing.T, url, name string, want float64) {
	t.Helper()
	eventually(t, func() bool {
		value, ok := series(t, url)[name]
		return ok && value == want
	}, 30*time.Second, 20*time.Millisecond, "%s does not become %v", name, want)
}

// An outage of Keycloak is seen in the metrics and by those who ask for users. It is no
// reason to restart or unroute an instance, so no probe fails.
func TestManagement_ProbesStayWellInAnOutage(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "probes"})
	g := newGateway(t, realm.URL)
	p, management := managedOn(t, realm, g.URL)
	stop := probing(t, management)
	const up, open, closed = "usersync_keycloak_up", `usersync_keycloak_circuit_state{state="open"}`, `usersync_keycloak_circuit_state{state="closed"}`
	awaitSeries(t, management, up, 1)
	awaitSeries(t, management, closed, 1)

	g.breakWith(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for range 10 {
		assert.Equal(t, http.StatusServiceUnavailable, p.send(t, http.MethodGet, "/users/nobody/keycloak-status", "").status)
	}
	awaitSeries(t, management, open, 1)
	awaitSeries(t, management, up, 0)
	assert.Equal(t, http.StatusServiceUnavailable, p.send(t, http.MethodGet, "/health", "").status)
	during := series(t, management)
	assert.Positive(t, during[`usersync_keycloak_requests_total{code="unreachable",operation="find_user"}`])
	assert.Positive(t, during[`usersync_keycloak_retries_total{operation="find_user"}`])

	g.breakWith(nil)
	awaitSeries(t, management, up, 1)
	awaitSeries(t, management, closed, 1)
	awaitCircuit(t, p)
	t.Logf("%d probes in the meantime, all of them well", stop())
}

// What the gateway reaches has no metrics, no probes and no profiles.
func TestManagement_IsOutOfTheGatewaysReach(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "managed"})
	p, management := managedOn(t, realm, realm.URL)
	for path, want := range map[string]int{"/metrics": 200, "/livez": 200, "/readyz": 200, "/debug/pprof/": 404, "/debug/pprof/heap": 404} {
		for _, before := range []string{"", "/api/user-sync"} {
			answer := p.send(t, http.MethodGet, before+path, "")
			assert.Equal(t, http.StatusNotFound, answer.status, before+path)
			assert.Equal(t, "not_found", answer.member(t, "code"))
		}
		assert.Equal(t, want, send(t, http.MethodGet, management+path, "").status, "%s: profiles have a switch of their own", path)
	}
	answer := send(t, http.MethodGet, management+"/users/nobody/keycloak-status", "", bearer(p.token))
	assert.Equal(t, http.StatusNotFound, answer.status)
	assert.Equal(t, "not_found", answer.member(t, "code"), "it is no such address, not no such user")

	code, output := runToEnd(t, []string{"healthcheck"}, "PORT=1", "MANAGEMENT_ADDR="+strings.TrimPrefix(management, "http://"))
	assert.Zero(t, code, output)
	p.signal(t, syscall.SIGTERM)
	assert.Zero(t, p.exitCode(t))
}
