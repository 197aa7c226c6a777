package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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

// memoryBound is the memory that deploy/kubernetes gives the program, in bytes.
const memoryBound = 128 << 20

// attack is what one caller, or a stranger, does on many connections at once. Each
// connection that the program closes is opened again, for as long as the attack lasts.
type attack struct {
	connections int
	first       string // is sent at once
	drip        string // is sent each second; empty: answers are read instead
	descriptors int    // that the program may have; zero: as many as it likes
	management  bool   // goes to the listener for metrics and probes
}

// run attacks until ctx ends.
func (a attack) run(ctx context.Context, address string) {
	var attacking sync.WaitGroup
	defer attacking.Wait()
	for range a.connections {
		attacking.Go(func() {
			for ctx.Err() == nil {
				a.once(ctx, address)
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
}

func (a attack) once(ctx context.Context, address string) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer connection.Close()
	defer context.AfterFunc(ctx, func() { connection.Close() })()
	_ = connection.(*net.TCPConn).SetReadBuffer(4 << 10) // It only makes the attack worse.
	if _, err := io.WriteString(connection, a.first); err != nil {
		return
	}
	if a.drip == "" {
		_, _ = io.Copy(io.Discard, connection) // The program closes it.
		return
	}
	for ctx.Err() == nil {
		time.Sleep(time.Second)
		if _, err := io.WriteString(connection, a.drip); err != nil {
			return
		}
	}
}

// besieged is a realm whose employees are disabled during attacks.
type besieged struct {
	realm *keycloaktest.Realm
	// Tokens: of two administrators, of one whom the realm has disabled meanwhile, and one
	// that was signed with a key that the realm does not have.
	boss, accomplice, dismissed, stranger string
}

// leavers are how many employees are disabled side by side.
const leavers = 10

func newBesieged(t *testing.T) besieged {
	t.Helper()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "attacks", CheapHash: true})
	for i := range leavers {
		addRealmUser(t, realm, teller(fmt.Sprintf("leaver%d", i)))
	}
	b := besieged{realm: realm, boss: administrator(t, realm), accomplice: administrator(t, realm), dismissed: administrator(t, realm)}
	require.NoError(t, realm.UpdateUser(t.Context(), claimsOf(t, b.dismissed)["sub"].(string), map[string]any{"enabled": false}))
	b.stranger = signingKey{"never-seen", newKey(t)}.sign(t, claimsOf(t, b.boss), nil)
	return b
}

// createHead is the head of a request that creates a user.
func createHead(token string, length int, further string) string {
	return fmt.Sprintf("POST /sync/user HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n", bearer(token), length, further)
}

// readHead is the head of a read with headers of such a size, without its end.
func readHead(token string, size int) string {
	return "GET /users/leaver0/keycloak-status HTTP/1.1\r\nHost: x\r\n" + bearer(token) + "\r\nX-Filler: " + strings.Repeat("x", size)
}

// Whatever one caller or a stranger does with bodies, headers and connections: the program
// lives within its memory and its descriptors, the probes answer, and an administrator
// disables employees.
func TestAttacks_TakeNothingAwayFromDisable(t *testing.T) {
	b := newBesieged(t)
	const kilobytes64 = 64 << 10
	bomb := membersOf(1_000_000)
	b.endure(t, map[string]attack{
		"large bodies of an administrator":        {connections: 24, first: createHead(b.accomplice, len(bomb), "") + bomb},
		"large bodies of a disabled one":          {connections: 16, first: createHead(b.dismissed, len(bomb), "") + bomb},
		"large headers of strangers":              {connections: 1500, first: readHead(b.stranger, 60<<10) + "\r\n\r\n"},
		"connections":                             {connections: 6000, first: "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"},
		"slow headers":                            {connections: 1500, first: readHead(b.stranger, 20<<10), drip: "x"},
		"slow bodies of strangers":                {connections: 2000, first: createHead(b.stranger, kilobytes64, "") + "{", drip: " "},
		"slow bodies of an administrator":         {connections: 1500, first: createHead(b.accomplice, kilobytes64, "") + "{", drip: " "},
		"idle connections beside few descriptors": {connections: 300, descriptors: 256},
	})
}

// endure lets each attack run while employees are disabled.
func (b besieged) endure(t *testing.T, attacks map[string]attack) {
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) {
			p := startConfined(t, b.realm, a.descriptors)
			p.token = b.boss
			p.awaitKeys(t)
			stopProbing := probing(t, p.managementURL(t))
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			url := p.URL
			if a.management {
				url = p.managementURL(t)
			}
			var attacking sync.WaitGroup
			attacking.Go(func() { a.run(ctx, strings.TrimPrefix(url, "http://")) })
			defer attacking.Wait()
			defer stop()
			time.Sleep(time.Second) // for it to begin
			took := b.disable(ctx, t, p)
			open := p.descriptors()
			peak, files := p.memory(t)
			t.Logf("RESULT %-40s peak %3d MiB, %4d descriptors, disable: median %s, longest %s; %d probes",
				name, peak>>20, open, took[len(took)/2], took[len(took)-1], stopProbing())
			if !raceDetector {
				assert.Less(t, peak-files, memoryBound)
			}
			if a.descriptors > 0 {
				assert.Less(t, open, a.descriptors*3/4, "hardly any are left")
			}
			assert.NotContains(t, p.log(), "too many open files")
		})
	}
}

// disable disables all the leavers twice, each time on a new connection, and returns how
// long that took, sorted. All it asks for is an answer before a gateway would give up.
func (b besieged) disable(ctx context.Context, t *testing.T, p *program) (took []time.Duration) {
	const gatewayTimeout = 15 * time.Second // REQUEST_TIMEOUT is 10 s.
	var mu sync.Mutex
	var disabling sync.WaitGroup
	for i := range leavers {
		disabling.Go(func() {
			for range 2 {
				begun := time.Now()
				limited, cancel := context.WithTimeout(ctx, gatewayTimeout)
				send := func() (reply, error) {
					return trySend(limited, http.MethodPut, fmt.Sprintf("%s/users/leaver%d/status", p.URL, i), `{"enabled":false}`, bearer(p.token), "Connection: close")
				}
				answer, err := send()
				for raceDetector && err != nil && limited.Err() == nil {
					answer, err = send() // With it, the program may not read a request within a newcomer's time.
				}
				cancel()
				if assert.NoError(t, err) {
					assert.Equal(t, http.StatusOK, answer.status, answer.body)
				}
				mu.Lock()
				took = append(took, time.Since(begun))
				mu.Unlock()
			}
		})
	}
	disabling.Wait()
	slices.Sort(took)
	return took
}

// Nobody is asked for a body who may not send one. Whoever has no time left for it hears
// that, in JSON.
func TestAttacks_BodiesAreAskedForLast(t *testing.T) {
	b := newBesieged(t)
	p := startConfined(t, b.realm, 0)
	p.token = b.boss
	p.awaitKeys(t)
	for _, test := range []struct {
		who, token string
		want       []int
	}{
		{"a stranger", b.stranger, []int{http.StatusUnauthorized}},
		{"a disabled administrator", b.dismissed, []int{http.StatusUnauthorized}},
		{"an administrator", b.boss, []int{http.StatusContinue, http.StatusBadRequest}},
	} {
		connection, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
		require.NoError(t, err)
		defer connection.Close()
		require.NoError(t, connection.SetDeadline(time.Now().Add(time.Minute)))
		_, err = io.WriteString(connection, createHead(test.token, 100, "Expect: 100-continue\r\n"))
		require.NoError(t, err)
		answers := bufio.NewReader(connection)
		for _, want := range test.want {
			answer, err := http.ReadResponse(answers, nil)
			require.NoError(t, err, test.who)
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			assert.Equal(t, want, answer.StatusCode, "%s: %s", test.who, body)
			if want == http.StatusBadRequest {
				assert.Equal(t, "The request body did not arrive in time.", reply{body: string(body)}.member(t, "message"))
			}
		}
	}
}

// membersOf is a JSON object of so many bytes, as costly to read as one can be.
func membersOf(size int) string {
	var body strings.Builder
	body.WriteString(`{"":0`)
	for i := 0; body.Len() < size; i++ {
		fmt.Fprintf(&body, `,"%x":0`, i)
	}
	return body.String() + "}"
}

// startConfined runs the program in a container's memory, where one can be made, and with
// so many descriptors, zero for any number.
func startConfined(t *testing.T, realm *keycloaktest.Realm, descriptors int) *program {
	t.Helper()
	binary, err := shared.binary()
	require.NoError(t, err)
	environment := environmentFor(realm, realm.URL)
	delete(environment, "RATE_LIMIT_WRITES") // The usual one.
	environment["MANAGEMENT_ADDR"], environment["GOMEMLIMIT"], environment["LOG_LEVEL"] = "127.0.0.1:0", "112MiB", "info"
	script := `exec "$0"`
	if group := newMemoryGroup(t); group != "" && !raceDetector {
		script = "echo $$ > " + group + "/cgroup.procs && " + script
	}
	if descriptors > 0 {
		script = "ulimit -n " + strconv.Itoa(descriptors) + " && " + script
	}
	return startCommand(t, exec.Command("sh", "-c", script, binary), environment)
}

// newMemoryGroup makes a control group with that bound. It returns "" where none can be
// made; then the resident size must do.
func newMemoryGroup(t *testing.T) string {
	t.Helper()
	for parent, limit := range map[string]string{"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"} {
		if _, err := os.Stat(filepath.Join(parent, "cgroup.procs")); err != nil {
			continue
		}
		group, err := os.MkdirTemp(parent, "user-sync-service-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(group) }) // It has no members any more.
		if os.WriteFile(filepath.Join(group, limit), []byte(strconv.Itoa(memoryBound)), 0) == nil {
			return group
		}
	}
	t.Log("no control group can be made")
	return ""
}

// memory is the most that was resident so far, and what is resident now of files, such as
// the program itself, which may be left out at any time. Both are in bytes.
func (p *program) memory(t *testing.T) (peak, files int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err, "the program has ended")
	for line := range strings.Lines(string(status)) {
		for name, value := range map[string]*int{"VmHWM:": &peak, "RssFile:": &files} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				_, err := fmt.Sscanf(rest, "%d kB", value)
				require.NoError(t, err, line)
				*value <<= 10
			}
		}
	}
	require.NotZero(t, peak, "the program has ended")
	return peak, files
}

// descriptors is how many the program has open.
func (p *program) descriptors() int {
	open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)) // It may have ended.
	return len(open)
}
