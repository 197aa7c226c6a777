package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// series returns the present metrics: the series and their values.
func series(t *testing.T, url string) map[string]float64 {
	t.Helper()
	values := make(map[string]float64)
	lines := bufio.NewScanner(strings.NewReader(send(t, http.MethodGet, url+"/metrics", "").body))
	for lines.Scan() {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			end := strings.LastIndex(line, " ")
			value, err := strconv.ParseFloat(line[end+1:], 64)
			require.NoError(t, err, line)
			values[line[:end]] = value
		}
	}
	require.NotEmpty(t, values)
	return values
}

func namesOf(series map[string]float64) []string {
	names := make([]string, 0, len(series))
	for name := range series {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// readNobody asks for so many users who do not exist, each with another name.
func readNobody(t *testing.T, p *program, users int) {
	t.Helper()
	const workers = 2 // as many connections as http.DefaultClient keeps open
	var reading sync.WaitGroup
	for worker := range workers {
		reading.Go(func() {
			for i := worker; i < users; i += workers {
				answer, err := p.trySend(t.Context(), http.MethodGet, fmt.Sprintf("/users/nobody%d/keycloak-status", i), "")
				if !assert.NoError(t, err) || !assert.Equal(t, http.StatusNotFound, answer.status, answer.body) {
					return
				}
			}
		})
	}
	reading.Wait()
}

const readsOfNobody = `http_requests_total{endpoint="/users/{username}/keycloak-status",method="GET",status="404"}`

// emptyKeycloak answers like a Keycloak whose realm has no users, much faster.
func emptyKeycloak(t *testing.T) string {
	t.Helper()
	answer := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body)) // The program has gone; nothing is left to do.
		}
	}
	mux := http.NewServeMux()
	mux.Handle("POST /realms/empty/protocol/openid-connect/token", answer(`{"access_token":"x","expires_in":3600}`))
	mux.Handle("GET /admin/realms/empty", answer(`{"realm":"empty","enabled":true}`))
	mux.Handle("GET /admin/realms/empty/users", answer(`[]`))
	mux.Handle("GET /admin/realms/empty/components", answer(`[]`)) // no directories
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// Ten thousand usernames are no more series than one, and cost no memory that stays. What
// an instance takes on this machine is told, not judged.
func TestMetrics_OfTenThousandUsernames(t *testing.T) {
	_, err := shared.binary()
	require.NoError(t, err)
	begin := time.Now()
	p := startProgram(t, nil, map[string]string{
		"KEYCLOAK_URL": emptyKeycloak(t), "KEYCLOAK_REALM": "empty", "KEYCLOAK_CLIENT_ID": "x", "KEYCLOAK_CLIENT_SECRET": "x",
		"LISTEN_HOST": "127.0.0.1", "PORT": "0", "AUTH_MODE": "off", "AUDIT_LOG": auditLogName,
	})
	require.Equal(t, http.StatusOK, send(t, http.MethodGet, p.URL+"/livez", "").status)
	started := time.Since(begin)
	awaitHealth(t, p.URL, http.StatusOK) // The first check makes series of its own.

	readNobody(t, p, 1)
	before := series(t, p.URL)
	begin = time.Now()
	readNobody(t, p, 10_000)
	after := series(t, p.URL)
	t.Logf("from the start to the first 200 of /livez: %s", started)
	t.Logf("10,000 requests in %s; resident memory %.1f MB after them, %.1f MB before", time.Since(begin), after["process_resident_memory_bytes"]/1e6, before["process_resident_memory_bytes"]/1e6)
	assert.Equal(t, namesOf(before), namesOf(after))
	assert.InDelta(t, 10_001, after[readsOfNobody], 0)
	assert.GreaterOrEqual(t, after[`usersync_keycloak_requests_total{code="200",operation="find_user"}`], 10_001.0)
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)); err == nil {
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "VmHWM:") {
				t.Logf("at most %s", strings.Join(strings.Fields(line)[1:], " "))
			}
		}
	}
}

// An administrator who is made, and an account that is disabled, is counted where it happens.
func TestMetrics_OfAdministratorsAndDisabledAccounts(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "counted", CheapHash: true})
	p := serveRealm(t, realm, realm.URL)
	for _, request := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodPost, "/sync/user", `{"username":"boss","email":"boss@bank.example","role":"Admin","firstName":"A","lastName":"B"}`, 201},
		{http.MethodPost, "/sync/user", `{"username":"clerk","email":"clerk@bank.example","role":"Cashier","firstName":"A","lastName":"B"}`, 201},
		{http.MethodPut, "/users/clerk", `{"role":"Super User"}`, 200},
		{http.MethodPut, "/users/clerk/status", `{"enabled":false}`, 200},
		{http.MethodPut, "/users/clerk/status", `{"enabled":false}`, 200},
	} {
		answer := p.send(t, request.method, request.path, request.body)
		require.Equal(t, request.status, answer.status, answer.body)
	}
	after := series(t, p.URL)
	for name, want := range map[string]float64{
		`usersync_privileged_assignments_total{how="created"}`: 1, `usersync_privileged_assignments_total{how="moved"}`: 1,
		`usersync_privileged_assignments_total{how="repaired"}`: 0, "usersync_accounts_disabled_total": 1,
	} {
		assert.InDelta(t, want, after[name], 0, name)
	}
}

// On a real Keycloak, with what it takes to tell who asks.
func TestMetrics_OfARealm(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "metrics"})
	p := serveRealm(t, realm, realm.URL)
	addRealmUser(t, realm, teller("present"))
	requests := func() {
		for _, a := range attempts() {
			if a.action != "reset_password" { // The realm sends no mail.
				username := fmt.Sprint("new", time.Now().UnixNano())
				a.on("present", username).sendWith(t, p, bearer(p.token))
				a.on(username, "present").sendWith(t, p, bearer(p.token))
			}
		}
	}
	requests()
	readNobody(t, p, 1)
	before := series(t, p.URL)
	requests()
	readNobody(t, p, 100)
	after := series(t, p.URL)
	assert.Equal(t, namesOf(before), namesOf(after))
	for name, least := range map[string]float64{
		readsOfNobody: 100,
		`http_request_duration_seconds_count{endpoint="/sync/user",method="POST"}`:  4,
		`usersync_keycloak_requests_total{code="200",operation="find_user"}`:        100,
		`usersync_keycloak_requests_total{code="201",operation="create_user"}`:      2,
		`usersync_keycloak_requests_total{code="200",operation="log_in"}`:           1,
		`usersync_keycloak_requests_total{code="200",operation="introspect_token"}`: 4,
		`usersync_keycloak_requests_total{code="200",operation="get_keys"}`:         1,
		`usersync_keycloak_request_duration_seconds_count{operation="create_user"}`: 2,
		`usersync_keycloak_circuit_state{state="closed"}`:                           1,
		`usersync_keycloak_up`: 1, `usersync_keycloak_token_age_seconds`: 0, `usersync_keycloak_requests_in_flight`: 0,
		`usersync_compensations_total{outcome="removed"}`: 0, `usersync_client_secret_reloads_total{outcome="changed"}`: 0,
		"go_goroutines": 1, "process_resident_memory_bytes": 1e6,
	} {
		value, ok := after[name]
		assert.True(t, ok, name)
		assert.GreaterOrEqual(t, value, least, name)
	}
}
