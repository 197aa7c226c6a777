package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// runToEnd runs the binary with nothing but the given environment.
func runToEnd(t *testing.T, args []string, environment ...string) (exitCode int, output string) {
	t.Helper()
	binary, err := shared.binary()
	require.NoError(t, err)
	limited, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(limited, binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{}, environment...)
	combined, _ := cmd.CombinedOutput() // A failure shows in the exit code.
	return cmd.ProcessState.ExitCode(), string(combined)
}

// An operator sees every fault of the configuration at once, and no secret.
func TestProcess_ListsEveryConfigurationFault(t *testing.T) {
	code, output := runToEnd(t, nil, "PORT=x", "LOG_LEVEL=loud", "KEYCLOAK_TIMEOUT=5", "SHUTDOWN_TIMEOUT=4s", "KEYCLOAK_URL=ftp://x", "KEYCLOAK_REALM=",
		"KEYCLOAK_CLIENT_SECRET=very-secret", "AUTH_MODE=lax", "AUTH_INTROSPECTION=reads", "AUTH_WRITE_ROLES= ,", "TRUSTED_ORIGINS=admin.bank.example",
		"RATE_LIMIT_READS=-1", "RATE_LIMIT_WRITES=-1", "MAX_CONNECTIONS=0", "RESET_COOLDOWN=-1s", "AUDIT_LOG= ", "TEMPORARY_PASSWORD_DELIVERY=post", "REQUIRED_ACTIONS=x,x", "EMAIL_VERIFIED=maybe")
	assert.Equal(t, 2, code)
	for _, fault := range []string{"PORT: ", "LOG_LEVEL: ", "SHUTDOWN_TIMEOUT: ", "KEYCLOAK_URL: ", "KEYCLOAK_REALM: ", "KEYCLOAK_CLIENT_ID: ",
		"AUTH_MODE: ", "AUTH_INTROSPECTION: ", "AUTH_WRITE_ROLES: ", "TRUSTED_ORIGINS: ", "RATE_LIMIT_READS: ", "RATE_LIMIT_WRITES: ", "MAX_CONNECTIONS: ", "RESET_COOLDOWN: ", "AUDIT_LOG: ",
		"TEMPORARY_PASSWORD_DELIVERY: ", "REQUIRED_ACTIONS: ", "EMAIL_VERIFIED: "} {
		assert.Contains(t, output, fault)
	}
	assert.NotContains(t, output, "KEYCLOAK_CLIENT_SECRET")
	assert.NotContains(t, output, "very-secret")
}

// Whoever can leave a file where the program starts opens nothing with it.
func TestProcess_TakesNoRightsFromADotEnv(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "dotenv"})
	binary, err := shared.binary()
	require.NoError(t, err)
	for _, line := range []string{"AUTH_MODE=off", "PROTECTED_USERS=x", "https_proxy=http://127.0.0.1:1"} {
		limited, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(limited, binary)
		cmd.Dir = t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(cmd.Dir, ".env"), []byte(line+"\n"), 0o600))
		for name, value := range environmentFor(realm, realm.URL) {
			if !strings.HasPrefix(line, name+"=") {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
		}
		output, _ := cmd.CombinedOutput() // A failure shows in the exit code.
		name, value, _ := strings.Cut(line, "=")
		assert.Equal(t, 2, cmd.ProcessState.ExitCode(), "%s: %s", line, output)
		assert.Contains(t, string(output), "  - "+name+": must not be set in .env")
		assert.NotContains(t, string(output), value+"\n")
	}
}

// A service that could not put a single attempt on record does not come up, and says
// what is wrong with the audit log.
func TestProcess_EndsWithoutAnAuditLog(t *testing.T) {
	open := filepath.Join(t.TempDir(), "audit.log")
	require.NoError(t, os.WriteFile(open, nil, 0o600))
	require.NoError(t, os.Chmod(open, 0o640))
	for name, path := range map[string]string{"in a folder that is not there": "no-such-folder/audit.log", "a folder": "/", "that others can read": open} {
		t.Run(name, func(t *testing.T) {
			code, output := runToEnd(t, nil, "KEYCLOAK_URL=http://127.0.0.1:1", "KEYCLOAK_REALM=bank", "KEYCLOAK_CLIENT_ID=x", "KEYCLOAK_CLIENT_SECRET=very-secret",
				"LISTEN_HOST=127.0.0.1", "PORT=0", "AUDIT_LOG="+path)
			assert.Equal(t, 2, code)
			assert.Contains(t, output, "AUDIT_LOG: audit log")
			assert.Equal(t, path == open, strings.Contains(output, "0640: chmod 600 "+open), output)
			assert.NotContains(t, output, `"serving"`)
			assert.NotContains(t, output, "very-secret")
		})
	}
}

// Unless told otherwise the program keeps the audit log on standard output, where
// containers leave their logs.
func TestProcess_AuditsOnStandardOutput(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "stdout"})
	environment := environmentFor(realm, realm.URL)
	delete(environment, "AUDIT_LOG")
	p := serveWith(t, realm, environment)
	assert.Equal(t, http.StatusNotFound, p.send(t, http.MethodPut, "/users/who.else/status", `{"enabled":false}`).status)
	p.signal(t, syscall.SIGTERM)
	require.Zero(t, p.exitCode(t)) // All that was written has been read now.
	assert.Equal(t, 1, strings.Count(p.log(), "who.else"), "one event names the target, and nothing else does")
	assert.NoFileExists(t, filepath.Join(p.cmd.Dir, auditLogName))
}

func TestProcess_RefusesUnknownCommands(t *testing.T) {
	code, output := runToEnd(t, []string{"server"})
	assert.Equal(t, 2, code)
	assert.Contains(t, output, "server")
}

func TestProcess_Version(t *testing.T) {
	code, output := runToEnd(t, []string{"version"})
	assert.Equal(t, 0, code)
	assert.NotEmpty(t, strings.TrimSpace(output))
}

// A container asks the program itself whether it lives.
func TestProcess_Healthcheck(t *testing.T) {
	p := startDemo(t)
	port := p.URL[strings.LastIndex(p.URL, ":")+1:]
	code, output := runToEnd(t, []string{"healthcheck"}, "PORT="+port)
	assert.Equal(t, 0, code, output)

	p.signal(t, syscall.SIGTERM)
	assert.Equal(t, 0, p.exitCode(t))
	code, _ = runToEnd(t, []string{"healthcheck"}, "PORT="+port)
	assert.Equal(t, 1, code)
}

func startDemo(t *testing.T) *program {
	t.Helper()
	return startProgram(t, []string{"demo", "--port", "0"}, nil)
}

// Whoever tries the demonstration can paste its lines into a shell as they are, without
// logging in anywhere. It says that it lets everybody do so.
func TestProcess_DemoPrintsLinesThatWork(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil && !keycloaktest.Required() {
		t.Skip("needs curl: ", err)
	}
	p := startDemo(t)
	assert.Contains(t, p.log(), "DEMONSTRATION")
	assert.True(t, strings.HasPrefix(p.URL, "http://127.0.0.1:"))
	lines := regexp.MustCompile(`(?m)^ +(curl .*)$`).FindAllStringSubmatch(p.log(), -1)
	require.Len(t, lines, 12, "one per route")
	for _, line := range lines {
		output, err := exec.CommandContext(t.Context(), "sh", "-c", line[1]+` -o /dev/null -w '%{http_code}'`).Output()
		require.NoError(t, err, line[1])
		assert.Regexp(t, `^20[01]$`, string(output), line[1])
	}
	eventually(t, func() bool { return strings.Contains(p.log(), "callers are not checked") }, 10*time.Second, 10*time.Millisecond)
}

// At SIGTERM requests under way are finished, new connections are refused, and the
// program ends well.
func TestProcess_DrainsAtSIGTERM(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "drain"})
	addRealmUser(t, realm, teller("present"))
	g := newGateway(t, realm.URL)
	p := serveRealm(t, realm, g.URL)
	keycloak := proxyTo(t, realm.URL)
	reached, release := make(chan struct{}), make(chan struct{})
	g.breakWith(only("/logout", func(w http.ResponseWriter, r *http.Request) {
		close(reached)
		<-release
		keycloak(w, r)
	}, keycloak))

	answered := make(chan reply, 1)
	go func() {
		answer, err := p.trySend(t.Context(), http.MethodPut, "/users/present/status", `{"enabled":false}`)
		if err != nil {
			answer.body = err.Error()
		}
		answered <- answer
	}()
	<-reached
	p.signal(t, syscall.SIGTERM)
	address := strings.TrimPrefix(p.URL, "http://")
	eventually(t, func() bool {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
		}
		return err != nil
	}, 10*time.Second, 10*time.Millisecond, "new connections are still taken")
	close(release)
	answer := <-answered
	assert.Equal(t, http.StatusOK, answer.status, answer.body)
	assert.Equal(t, 0, p.exitCode(t))
}

// A second signal ends the program at once, whatever is under way.
func TestProcess_SecondSignalEndsAtOnce(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "stop"})
	g := newGateway(t, realm.URL)
	environment := environmentFor(realm, g.URL)
	environment["KEYCLOAK_TIMEOUT"] = "50s"
	environment["REQUEST_TIMEOUT"] = "52s"
	environment["SHUTDOWN_TIMEOUT"] = "55s"
	p := serveWith(t, realm, environment)
	reached := make(chan struct{})
	g.breakWith(only("/users", func(w http.ResponseWriter, r *http.Request) {
		close(reached)
		hang(w, r)
	}, proxyTo(t, realm.URL)))
	go func() { _, _ = p.trySend(t.Context(), http.MethodGet, "/users/x/keycloak-status", "") }()
	<-reached
	p.signal(t, syscall.SIGTERM)
	eventually(t, func() bool { return strings.Contains(p.log(), "draining") }, 10*time.Second, 10*time.Millisecond)
	p.signal(t, syscall.SIGTERM)
	assert.Equal(t, -1, p.exitCode(t), "ended by the signal itself")
}
