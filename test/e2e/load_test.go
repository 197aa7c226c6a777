//go:build load

package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// These measure, and judge nothing: docs/performance.md says what came of them. LOAD_PLOTS
// names a folder for the plots.

// loadProgram builds the load program once.
var loadProgram = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(shared.dir, "load")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = "../load"
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the load program: %w\n%s", err, output)
	}
	return binary, nil
})

// loadReport is what the load program writes.
type loadReport struct {
	Runs []struct {
		Side        string
		Concurrency int
		Requests    int
		Errors      int
		PerSecond   float64 `json:"requests_per_second"`
		P50         float64 `json:"p50_ms"`
		P99         float64 `json:"p99_ms"`
		Calls       int     `json:"keycloak_calls"`
	}
	Ratios []struct {
		Concurrency int
		Throughput  float64
		AddedMedian float64 `json:"added_p50_ms"`
	}
}

// loaded is a program on a realm of its own, under load.
type loaded struct {
	*program
	realm *keycloaktest.Realm
}

// newLoaded runs the program as in production, apart from the limits of requests in a
// minute. Passwords cost what Keycloak makes them cost.
func newLoaded(t *testing.T, options keycloaktest.RealmOptions) loaded {
	t.Helper()
	realm := newLoadRealm(t, options)
	return loaded{serveWith(t, realm, loadEnvironment(realm)), realm}
}

// newLoadRealm makes a realm with the user that everything is asked about.
func newLoadRealm(t *testing.T, options keycloaktest.RealmOptions) *keycloaktest.Realm {
	t.Helper()
	realm := newRealm(t, options)
	keepAttributes(t, realm)
	addRealmUser(t, realm, teller("load-user"))
	return realm
}

func loadEnvironment(realm *keycloaktest.Realm) map[string]string {
	environment := environmentFor(realm, realm.URL)
	environment["LOG_LEVEL"] = "info"
	delete(environment, "AUDIT_LOG")
	return environment
}

// load runs the load program.
func (l loaded) load(t *testing.T, args ...string) loadReport {
	t.Helper()
	binary, err := loadProgram()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "report.json")
	command := exec.Command(binary, append([]string{"--service", l.URL, "--token", l.token, "--json", file}, args...)...)
	command.Env = append(os.Environ(), "LOAD_CLIENT_SECRET="+l.realm.ClientSecret)
	output, err := command.CombinedOutput()
	t.Logf("%s\n%s", strings.Join(args, " "), output)
	require.NoError(t, err)
	encoded, err := os.ReadFile(file)
	require.NoError(t, err)
	var report loadReport
	require.NoError(t, json.Unmarshal(encoded, &report))
	for _, run := range report.Runs {
		require.Positive(t, run.Requests, "%+v", run)
	}
	return report
}

// besideDirect runs the load program with the same calls made directly.
func (l loaded) besideDirect(t *testing.T, args ...string) loadReport {
	t.Helper()
	return l.load(t, append([]string{"--direct", "--keycloak", l.realm.URL, "--realm", l.realm.Name}, args...)...)
}

// plotFile is where a plot goes: to the folder of LOAD_PLOTS, or to be forgotten.
func plotFile(t *testing.T, name string) string {
	return filepath.Join(cmp.Or(os.Getenv("LOAD_PLOTS"), t.TempDir()), name)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// spread is the median of some ratios, with the quartiles.
func spread(ratios []float64) string {
	return fmt.Sprintf("%.3f (%.3f to %.3f)", median(ratios), ratios[len(ratios)/4], ratios[len(ratios)*3/4])
}

// What the service adds to the calls that it must make.
func TestLoad_BesideDirectCalls(t *testing.T) {
	l := newLoaded(t, keycloaktest.RealmOptions{Name: "load"})
	l.besideDirect(t, "--duration", "15s", "--pairs", "1") // Keycloak compiles what it runs often.
	for _, c := range []struct {
		name string
		args []string
	}{
		{"status", []string{"--work", "status", "--concurrency", "8,32"}},
		{"status, 100 a second", []string{"--work", "status", "--concurrency", "8,32", "--rate", "100"}},
		{"create", []string{"--work", "create"}},
		{"exists", []string{"--work", "exists"}},
		{"enable", []string{"--work", "enable"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := l.besideDirect(t, append(c.args, "--pairs", "15", "--duration", "3s")...)
			throughput, added := make(map[int][]float64), make(map[int][]float64)
			for _, r := range report.Ratios {
				throughput[r.Concurrency] = append(throughput[r.Concurrency], r.Throughput)
				added[r.Concurrency] = append(added[r.Concurrency], r.AddedMedian)
			}
			for concurrency, ratios := range throughput {
				t.Logf("RESULT %s, concurrency %d: throughput %s of direct, added median %.2f ms", c.name, concurrency, spread(ratios), median(added[concurrency]))
			}
		})
	}
}

// Status reads with a limit of calls that nobody meets, creates with the usual one: when
// so many wait for their passwords to be hashed, direct calls take longer than any call
// of the service may.
func TestLoad_ByConcurrency(t *testing.T) {
	realm := newLoadRealm(t, keycloaktest.RealmOptions{Name: "load"})
	environment := loadEnvironment(realm)
	usual := loaded{serveWith(t, realm, environment), realm}
	environment["KEYCLOAK_MAX_CONCURRENCY"] = "512"
	unlimited := loaded{serveWith(t, realm, environment), realm}
	usual.besideDirect(t, "--duration", "15s", "--pairs", "1")
	const all = "1,2,4,8,16,32,64,128,256"
	unlimited.besideDirect(t, "--concurrency", all, "--pairs", "3", "--duration", "4s", "--plot", plotFile(t, "performance-status.png"))
	usual.besideDirect(t, "--work", "create", "--concurrency", all, "--pairs", "3", "--duration", "4s", "--plot", plotFile(t, "performance-create.png"))
}

// More clients than the service lets in, who come back as soon as they are answered.
func TestLoad_Overload(t *testing.T) {
	l := newLoaded(t, keycloaktest.RealmOptions{Name: "load"})
	l.besideDirect(t, "--duration", "15s", "--pairs", "1")
	report := l.besideDirect(t, "--concurrency", "64,128,256,512", "--pairs", "3", "--duration", "5s")
	throughput := make(map[int][]float64)
	for _, r := range report.Ratios {
		throughput[r.Concurrency] = append(throughput[r.Concurrency], r.Throughput)
	}
	for concurrency, ratios := range throughput {
		t.Logf("RESULT overload, %d clients: throughput %s of direct", concurrency, spread(ratios))
	}
	for _, run := range report.Runs {
		t.Logf("RESULT overload, %d clients, %s: %d answered, %d refused, median %.1f ms, p99 %.1f ms, %.2f calls for each answered", run.Concurrency, run.Side,
			run.Requests, run.Errors, run.P50, run.P99, float64(run.Calls)/float64(run.Requests))
	}
}

// A realm of many users answers as fast as a small one.
func TestLoad_ByUsersInTheRealm(t *testing.T) {
	sizes := []int{1_000, 10_000, 100_000}
	var realms []loaded
	for _, size := range sizes {
		l := newLoaded(t, keycloaktest.RealmOptions{Name: fmt.Sprintf("users%d", size)})
		begin := time.Now()
		importUsers(t, l.realm, size)
		t.Logf("%d users imported in %s", size, time.Since(begin))
		realms = append(realms, l)
	}
	for _, work := range []string{"status", "exists", "create"} {
		p50 := make(map[int][]float64)
		const rounds = 8 // The first one warms up.
		for round := range rounds {
			for i, l := range realms {
				report := l.load(t, "--work", work, "--duration", "4s")
				if round > 0 {
					p50[sizes[i]] = append(p50[sizes[i]], report.Runs[0].P50)
				}
			}
		}
		for _, size := range sizes {
			var ratios []float64
			for i, value := range p50[size] {
				ratios = append(ratios, value/p50[sizes[0]][i])
			}
			t.Logf("RESULT %s with %d users: median latency %s times that with %d", work, size, spread(ratios), sizes[0])
		}
	}
}

// importUsers adds users by partial import, many at a time.
func importUsers(t *testing.T, realm *keycloaktest.Realm, users int) {
	t.Helper()
	const most = 1000
	for first := 0; first < users; first += most {
		var batch []map[string]any
		for i := first; i < min(first+most, users); i++ {
			name := fmt.Sprintf("imported-%06d", i)
			batch = append(batch, map[string]any{
				"username": name, "email": name + "@bank.example", "firstName": "Im", "lastName": "Ported", "enabled": true,
				"groups": []string{"/tellers"}, "realmRoles": []string{"teller"}, "attributes": map[string]any{"fineract_role": []string{"Cashier"}},
			})
		}
		require.NoError(t, realm.Call(t.Context(), http.MethodPost, "/partialImport", map[string]any{"ifResourceExists": "FAIL", "users": batch}, nil))
	}
}

// Two replicas on one machine share its processors: what they show is that neither hinders
// the other.
func TestLoad_ByReplicas(t *testing.T) {
	l := newLoaded(t, keycloaktest.RealmOptions{Name: "replicas"})
	second := serveWith(t, l.realm, loadEnvironment(l.realm))
	l.load(t, "--duration", "15s")
	for _, work := range []string{"status", "create"} {
		var ratios []float64
		for range 8 {
			one := l.load(t, "--work", work, "--concurrency", "32", "--duration", "5s")
			two := l.load(t, "--work", work, "--concurrency", "32", "--duration", "5s", "--service", second.URL)
			ratios = append(ratios, two.Runs[0].PerSecond/one.Runs[0].PerSecond)
		}
		t.Logf("RESULT %s, two replicas: throughput %s of one", work, spread(ratios))
	}
}

// On an identity provider that answers at once what is left is the service. Nobody reads
// its log here: whoever does would need as much of the processors.
func TestLoad_OfTheServiceAlone(t *testing.T) {
	binary, err := shared.binary()
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close()) // The demonstration takes its place.
	_, port, _ := net.SplitHostPort(address)
	demo := exec.Command(binary, "demo", "--port", port)
	require.NoError(t, demo.Start())
	defer func() {
		_ = demo.Process.Kill() // It runs until then.
		_ = demo.Wait()
	}()
	l := loaded{&program{URL: "http://" + address}, &keycloaktest.Realm{}}
	eventually(t, func() bool {
		answer, err := trySend(t.Context(), http.MethodGet, l.URL+"/livez", "")
		return err == nil && answer.status == http.StatusOK
	}, 10*time.Second, 10*time.Millisecond)
	for range 5 {
		l.load(t, "--user", "tariq", "--concurrency", "8,32", "--duration", "5s")
	}
	l.load(t, "--work", "health", "--concurrency", "8,32", "--duration", "5s")
}

// LOAD_MINUTES, ten unless told otherwise, at a steady rate.
func TestLoad_ForALongTime(t *testing.T) {
	duration, err := time.ParseDuration(cmp.Or(os.Getenv("LOAD_MINUTES"), "10") + "m")
	require.NoError(t, err)
	const lifetime = 60 // seconds, of the service's access token
	realm := newLoadRealm(t, keycloaktest.RealmOptions{Name: "long"})
	require.NoError(t, realm.UpdateClient(t.Context(), realm.ClientID, map[string]any{"attributes": map[string]any{"access.token.lifespan": lifetime}}))
	relay := newRelay(t, realm.URL)
	environment := loadEnvironment(realm)
	environment["KEYCLOAK_URL"] = relay.URL
	l := loaded{serveWith(t, realm, environment), realm}
	begin := time.Now()
	before := series(t, l.URL)
	l.tellMemory(t, before)
	step := duration / 10
	for range 10 {
		l.load(t, "--rate", "200", "--concurrency", "32", "--duration", step.String())
		l.tellMemory(t, series(t, l.URL))
	}
	after := series(t, l.URL)
	grants := `usersync_keycloak_requests_total{code="200",operation="log_in"}`
	const renewed = lifetime - lifetime/5
	t.Logf("RESULT %.0f token grants in %s: one each %d s would be %.1f", after[grants]-before[grants], time.Since(begin).Round(time.Second), renewed, time.Since(begin).Seconds()/renewed)
	t.Logf("RESULT %d connections to Keycloak were opened", relay.opened.Load())
}

// Connections are opened when more calls are under way at once than before, and used again.
func TestLoad_Connections(t *testing.T) {
	realm := newLoadRealm(t, keycloaktest.RealmOptions{Name: "connections"})
	relay := newRelay(t, realm.URL)
	environment := loadEnvironment(realm)
	environment["KEYCLOAK_URL"] = relay.URL
	for _, concurrency := range []string{"8", "32"} {
		l := loaded{serveWith(t, realm, environment), realm}
		before := relay.opened.Load()
		report := l.load(t, "--concurrency", concurrency, "--duration", "20s")
		t.Logf("RESULT %d connections to Keycloak were opened for %d calls, with %s requests under way at once, of which each makes two calls side by side",
			relay.opened.Load()-before, report.Runs[0].Calls, concurrency)
	}
}

// relay hands bytes to Keycloak and counts the connections.
type relay struct {
	URL    string
	opened atomic.Int64
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	r := &relay{URL: "http://" + listener.Addr().String()}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			r.opened.Add(1)
			go passOn(near, strings.TrimPrefix(target, "http://"))
		}
	}()
	return r
}

// passOn ends when either side does.
func passOn(near net.Conn, target string) {
	defer near.Close()
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	go func() {
		defer far.Close()
		_, _ = io.Copy(far, near) // However it ends, it has ended.
	}()
	_, _ = io.Copy(near, far)
}

// tellMemory reports what the program takes.
func (l loaded) tellMemory(t *testing.T, now map[string]float64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.cmd.Process.Pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS:") || strings.HasPrefix(line, "VmHWM:") {
			t.Logf("RESULT after %.0f status reads: %s", now[readsOfPresent], strings.Join(strings.Fields(line), " "))
		}
	}
	t.Logf("RESULT %.0f goroutines, heap in use %.1f MB", now["go_goroutines"], now["go_memstats_heap_inuse_bytes"]/1e6)
}

const readsOfPresent = `http_requests_total{endpoint="/users/{username}/keycloak-status",method="GET",status="200"}`

// From the start of the process to the first answer.
func TestLoad_Start(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "start"})
	var took []float64
	for range 11 {
		begin := time.Now()
		p := startProgram(t, nil, loadEnvironment(realm))
		require.Equal(t, http.StatusOK, send(t, http.MethodGet, p.URL+"/livez", "").status)
		took = append(took, time.Since(begin).Seconds()*1000)
	}
	t.Logf("RESULT start to first answer: median %.1f ms, longest %.1f ms", median(took), slices.Max(took))
}
