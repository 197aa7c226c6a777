package e2e

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// program is the running binary.
type program struct {
	URL string
	// token is the access token of an administrator; empty where callers are not checked.
	token string

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended and its output is read

	mu     sync.Mutex
	output strings.Builder
}

// startProgram runs the binary with nothing but the given environment and waits until
// it listens. It is ended with the test.
func startProgram(t *testing.T, args []string, environment map[string]string) *program {
	t.Helper()
	binary, err := shared.binary()
	require.NoError(t, err)
	return startCommand(t, exec.Command(binary, args...), environment)
}

// startCommand is startProgram for a command that becomes the program.
func startCommand(t *testing.T, command *exec.Cmd, environment map[string]string) *program {
	t.Helper()
	p := &program{cmd: command, exited: make(chan struct{})}
	p.cmd.Dir = t.TempDir() // without a .env file
	p.cmd.Env = []string{}
	for name, value := range environment {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	pipe, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.cmd.Stderr = p.cmd.Stdout
	require.NoError(t, p.cmd.Start())
	address := make(chan string, 1)
	go p.read(pipe, address)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // It may have ended long since.
		<-p.exited
		assert.NotContains(t, p.log(), "WARNING: DATA RACE")
		if t.Failed() {
			t.Logf("output of the program:\n%s", p.log())
		}
	})
	select {
	case p.URL = <-address:
	case <-p.exited:
		t.Fatalf("the program ended: %s", p.log())
	case <-time.After(time.Minute):
		t.Fatal("the program does not listen")
	}
	return p
}

// read keeps the output and looks for the line that names the address.
func (p *program) read(pipe io.Reader, address chan<- string) {
	defer close(p.exited)
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.output.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			address <- "http://" + line.Address
		} else if _, rest, ok := strings.Cut(lines.Text(), "msg=serving address="); ok {
			address <- "http://" + strings.Fields(rest)[0]
		}
	}
	_ = p.cmd.Wait() // The exit code is in ProcessState.
}

// log returns what the program has written so far.
func (p *program) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

func (p *program) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(signal))
}

// exitCode waits for the end of the program.
func (p *program) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		t.Fatal("the program does not end")
		return 0
	}
}

// environmentFor is the configuration for a realm, with Keycloak reached at keycloakURL.
func environmentFor(realm *keycloaktest.Realm, keycloakURL string) map[string]string {
	return map[string]string{
		"KEYCLOAK_URL":           keycloakURL,
		"KEYCLOAK_REALM":         realm.Name,
		"KEYCLOAK_CLIENT_ID":     realm.ClientID,
		"KEYCLOAK_CLIENT_SECRET": realm.ClientSecret,
		"LISTEN_HOST":            "127.0.0.1",
		"PORT":                   "0",
		"LOG_LEVEL":              "debug",
		"AUDIT_LOG":              auditLogName,
		"RATE_LIMIT_WRITES":      "0", // Some tests make thousands a minute.
		"RATE_LIMIT_READS":       "0",
		"RATE_LIMIT_MAILS":       "0",
		"RESET_COOLDOWN":         "0",
	}
}

// auditLogName is the audit log in the program's working directory.
const auditLogName = "audit.log"

// auditText returns what is in the audit log so far.
func (p *program) auditText(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.cmd.Dir, auditLogName))
	require.NoError(t, err)
	return string(data)
}

// startOn runs the program with an administrator of the realm at hand.
func startOn(t *testing.T, realm *keycloaktest.Realm, environment map[string]string) *program {
	t.Helper()
	p := startProgram(t, nil, environment)
	p.token = administrator(t, realm)
	return p
}

// administrator makes a user who may do everything and returns an access token.
func administrator(t *testing.T, realm *keycloaktest.Realm) string {
	t.Helper()
	grant, err := realm.NewActor(t.Context(), "boss-"+strings.ToLower(rand.Text()[:8]), "admin")
	require.NoError(t, err)
	return grant.AccessToken
}

// serveRealm runs the program on the realm and waits until it has reached Keycloak.
func serveRealm(t *testing.T, realm *keycloaktest.Realm, keycloakURL string) *program {
	t.Helper()
	return serveWith(t, realm, environmentFor(realm, keycloakURL))
}

// serveWith is serveRealm for an environment of the test's own.
func serveWith(t *testing.T, realm *keycloaktest.Realm, environment map[string]string) *program {
	t.Helper()
	p := startOn(t, realm, environment)
	awaitHealth(t, p.URL, http.StatusOK)
	p.awaitKeys(t)
	return p
}

// awaitKeys waits until the program can tell who asks.
func (p *program) awaitKeys(t *testing.T) {
	t.Helper()
	eventually(t, func() bool {
		return p.send(t, http.MethodGet, "/users/nobody.at.all/keycloak-status", "").status == http.StatusNotFound
	}, 30*time.Second, 50*time.Millisecond, "the administrator is not recognised")
}

// awaitHealth waits until /health answers with status.
func awaitHealth(t *testing.T, url string, status int) {
	t.Helper()
	eventually(t, func() bool {
		return send(t, http.MethodGet, url+"/health", "").status == status
	}, 30*time.Second, 50*time.Millisecond, "/health does not become %d", status)
}

// reply is an answer of the program.
type reply struct {
	status int
	header http.Header
	body   string
}

// member returns a member of a JSON object, as text.
func (r reply) member(t *testing.T, name string) string {
	t.Helper()
	var object map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &object), r.body)
	text, _ := object[name].(string)
	return text
}

// send is the function send with the administrator's token, for a path of the program.
func (p *program) send(t *testing.T, method, path, body string) reply {
	t.Helper()
	answer, err := p.trySend(t.Context(), method, path, body)
	require.NoError(t, err)
	return answer
}

// trySend is send for requests that may fail, and for other goroutines.
func (p *program) trySend(ctx context.Context, method, path, body string) (reply, error) {
	return trySend(ctx, method, p.URL+path, body, "Authorization: Bearer "+p.token)
}

// send sends a request with a JSON body, or none, and with header lines "Name: value".
func send(t *testing.T, method, url, body string, header ...string) reply {
	t.Helper()
	answer, err := trySend(t.Context(), method, url, body, header...)
	require.NoError(t, err)
	return answer
}

// trySend is send for requests that may fail, and for other goroutines.
func trySend(ctx context.Context, method, url, body string, header ...string) (reply, error) {
	var content io.Reader = http.NoBody
	if body != "" {
		content = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return reply{}, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Add(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return reply{status: response.StatusCode, header: response.Header, body: string(answer)}, err
}
