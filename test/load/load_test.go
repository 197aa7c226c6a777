package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// both is a service and a Keycloak in one server; it counts the calls to the latter as
// the service would.
type both struct {
	*httptest.Server
	keycloak, service atomic.Int64
	mu                sync.Mutex
	names             map[string]bool
}

func newBoth(t *testing.T) *both {
	t.Helper()
	b := &both{names: make(map[string]bool)}
	mux := http.NewServeMux()
	answer := func(pattern string, status int, body string, count *atomic.Int64) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			count.Add(1)
			var sent struct{ Username string }
			if strings.HasSuffix(pattern, "/users") || strings.HasSuffix(pattern, "/sync/user") {
				if err := json.NewDecoder(r.Body).Decode(&sent); err == nil {
					b.mu.Lock()
					if b.names[sent.Username] {
						status = http.StatusConflict
					}
					b.names[sent.Username] = true
					b.mu.Unlock()
				}
			}
			w.Header().Set("Location", "http://kc/users/4711")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
	}
	answer("GET /users/anna/keycloak-status", 200, `{}`, &b.service)
	answer("POST /sync/user", 201, `{}`, &b.service)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# HELP x\nusersync_keycloak_requests_total{code=\"200\",operation=\"find_user\"} 3\n" +
			"usersync_keycloak_requests_total{code=\"200\",operation=\"log_in\"} 1\n"))
	})
	answer("POST /realms/bank/protocol/openid-connect/token", 200, `{"access_token":"t"}`, &b.keycloak)
	answer("GET /admin/realms/bank/roles/teller", 200, `{"id":"1","name":"teller"}`, &b.keycloak)
	answer("GET /admin/realms/bank/users", 200, `[{"id":"4711"}]`, &b.keycloak)
	answer("GET /admin/realms/bank/users/4711/role-mappings", 200, `{"clientMappings":{"realm-management":{"id":"9"}}}`, &b.keycloak)
	answer("GET /admin/realms/bank/users/4711/role-mappings/realm", 200, `[]`, &b.keycloak)
	answer("GET /admin/realms/bank/users/4711/groups", 200, `[]`, &b.keycloak)
	answer("POST /admin/realms/bank/users", 201, ``, &b.keycloak)
	answer("POST /admin/realms/bank/users/4711/role-mappings/realm", 204, ``, &b.keycloak)
	b.Server = httptest.NewServer(mux)
	t.Cleanup(b.Close)
	return b
}

func (b *both) run(t *testing.T, args ...string) report {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	args = append(args, "--service", b.URL, "--user", "anna", "--json", file)
	if err := run(t.Context(), args, os.Stderr); err != nil {
		t.Fatal(err)
	}
	encoded, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var made report
	if err := json.Unmarshal(encoded, &made); err != nil {
		t.Fatal(err)
	}
	return made
}

func TestLoad_ComparesThePairsOfRuns(t *testing.T) {
	b := newBoth(t)
	plot := filepath.Join(t.TempDir(), "plot.png")
	made := b.run(t, "--direct", "--keycloak", b.URL, "--realm", "bank", "--client-secret", "s", "--concurrency", "1,4", "--count", "20", "--pairs", "3", "--plot", plot)
	if len(made.Runs) != 12 || len(made.Ratios) != 6 {
		t.Fatalf("%d runs, %d ratios", len(made.Runs), len(made.Ratios))
	}
	for i, run := range made.Runs {
		side, calls := "service", 0
		if i%2 == 1 {
			side, calls = "direct", 60
		}
		if run.Side != side || run.Requests != 20 || run.Errors != 0 || run.KeycloakCalls != calls {
			t.Errorf("run %d: %+v", i, run)
		}
	}
	if picture, err := os.ReadFile(plot); err != nil || !strings.HasPrefix(string(picture), "\x89PNG") {
		t.Errorf("no plot: %v", err)
	}
}

// Replicas are asked in turn, and their counts of calls added up.
func TestLoad_AsksReplicasInTurn(t *testing.T) {
	first, second := newBoth(t), newBoth(t)
	made := first.run(t, "--service", second.URL, "--count", "20", "--concurrency", "1")
	if run := made.Runs[0]; run.Requests != 20 || run.Errors != 0 {
		t.Errorf("%+v", run)
	}
	if a, b := first.service.Load(), second.service.Load(); max(a, b)-min(a, b) > 1 || a+b != 21 {
		t.Errorf("%d and %d requests", a, b)
	}
}

// A username that was used would be a conflict, which is no creation.
func TestLoad_CreatesEachUserOnce(t *testing.T) {
	b := newBoth(t)
	made := b.run(t, "--work", "create", "--direct", "--keycloak", b.URL, "--realm", "bank", "--client-secret", "s", "--count", "50", "--pairs", "2")
	for _, run := range made.Runs {
		if run.Requests != 50 || run.Errors != 0 {
			t.Errorf("%+v", run)
		}
	}
}

func TestLoad_CountsErrors(t *testing.T) {
	made := newBoth(t).run(t, "--work", "enable", "--count", "5", "--concurrency", "1")
	if run := made.Runs[0]; run.Errors != 5 || run.FirstError != "status 404" || run.Requests != 0 {
		t.Errorf("%+v", run)
	}
}

// An open loop does not wait: what finds no place is an error.
func TestLoad_OpenLoopGoesOnWhenAnswersAreSlow(t *testing.T) {
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(200 * time.Millisecond) }))
	t.Cleanup(slow.Close)
	made := (&both{Server: slow}).run(t, "--work", "health", "--rate", "100", "--count", "30", "--concurrency", "1")
	if run := made.Runs[0]; run.Errors == 0 || run.Requests+run.Errors != 30 {
		t.Errorf("%+v", run)
	}
}
