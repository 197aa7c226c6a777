package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/adapters/telemetry"
)

// freeListener listens on a port that nobody else uses.
func freeListener(t *testing.T) net.Listener {
	t.Helper()
	listener, err := listen(t.Context(), "LISTEN_HOST", "PORT", "127.0.0.1:0")
	require.NoError(t, err)
	return listener
}

// get asks an address for a path.
func get(t *testing.T, address, path string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: longest}
	response, err := client.Get("http://" + address + path)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func TestManagement_HasAListenerOfItsOwn(t *testing.T) {
	management := freeListener(t)
	state := keycloak.State{Circuit: "half_open", UnderWay: 2, LoggedIn: true, TokenAge: 3 * time.Second}
	serving := start(t, memory.New(memory.Realm{}), func(s *settings) {
		s.management, s.edge.Profiles = management, true
		s.metrics.WatchKeycloak(func() telemetry.KeycloakState { return stateOf(state, s.health.Err()) })
	})
	for path, want := range map[string]int{"/metrics": 404, "/livez": 404, "/readyz": 404, "/debug/pprof/": 404, "/users/nobody/keycloak-status": 404, "/openapi.json": 200} {
		status, _ := get(t, serving.address, path)
		assert.Equal(t, want, status, path)
	}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/debug/pprof/": 200, "/openapi.json": 404, "/users/nobody/keycloak-status": 404} {
		status, _ := get(t, management.Addr().String(), path)
		assert.Equal(t, want, status, path)
	}
	require.Eventually(t, func() bool {
		_, text := get(t, management.Addr().String(), "/metrics")
		return strings.Contains(text, "\nusersync_keycloak_up 1\n")
	}, longest, 5*time.Millisecond)
	_, text := get(t, management.Addr().String(), "/metrics")
	for _, line := range []string{
		`usersync_keycloak_circuit_state{state="half_open"} 1`, "usersync_keycloak_requests_in_flight 2", "usersync_keycloak_token_age_seconds 3",
		`http_requests_total{endpoint="/users/{username}/keycloak-status",method="GET",status="404"} 1`,
	} {
		assert.Contains(t, text, "\n"+line+"\n")
	}
	assert.Contains(t, serving.output.String(), management.Addr().String(), "the log names the address")
}

// While requests are drained, probes and metrics are still answered: else the last ones
// would be lost, and a probe would kill what is about to end well.
func TestManagement_AnswersWhileTheRestDrains(t *testing.T) {
	management := freeListener(t)
	provider := newStuck()
	serving := start(t, provider, func(s *settings) {
		s.management = management
		s.edge.RequestTimeout = time.Second
	})
	connection := serving.send(t, http.MethodGet, "/users/anna/keycloak-status", "")
	<-provider.called
	serving.stop()
	require.Eventually(t, func() bool {
		status, _ := get(t, management.Addr().String(), "/readyz")
		return status == http.StatusServiceUnavailable
	}, longest, time.Millisecond)
	status, _ := get(t, management.Addr().String(), "/livez")
	assert.Equal(t, http.StatusOK, status)
	_, text := get(t, management.Addr().String(), "/metrics")
	assert.Contains(t, text, "usersync_build_info")
	status, _ = answerOn(t, connection)
	assert.Equal(t, http.StatusGatewayTimeout, status)
}

// One listener that fails ends the program, whichever it is.
func TestServe_EndsWhenAListenerFails(t *testing.T) {
	for _, name := range []string{"main", "management"} {
		listeners := map[string]net.Listener{"main": freeListener(t), "management": freeListener(t)}
		require.NoError(t, listeners[name].Close())
		serving := settingsFor(memory.New(memory.Realm{}), io.Discard)
		serving.management = listeners["management"]
		ended := make(chan error, 1)
		go func() { ended <- serving.serve(t.Context(), listeners["main"]) }()
		select {
		case err := <-ended:
			require.ErrorIs(t, err, net.ErrClosed, name)
		case <-time.After(longest):
			require.Fail(t, "it goes on", name)
		}
		for _, listener := range listeners {
			_, err := net.DialTimeout("tcp", listener.Addr().String(), time.Second)
			assert.Error(t, err, "%s: somebody still listens", name)
		}
	}
}

func TestHealthcheck_AsksWhereTheProbesAre(t *testing.T) {
	management := freeListener(t)
	serving := start(t, memory.New(memory.Realm{}), func(s *settings) { s.management = management })
	_, port, err := net.SplitHostPort(serving.address)
	require.NoError(t, err)
	_, managementPort, err := net.SplitHostPort(management.Addr().String())
	require.NoError(t, err)
	for address, well := range map[string]bool{"": false, ":" + managementPort: true, management.Addr().String(): true, ":" + port: false, ":1": false, "nonsense": false} {
		setEnvironment(t, map[string]string{"PORT": port, "LISTEN_HOST": "127.0.0.1", "MANAGEMENT_ADDR": address})
		assert.Equal(t, well, healthcheck(t.Context()) == nil, "%q", address)
	}
}
