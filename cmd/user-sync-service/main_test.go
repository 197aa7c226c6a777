package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// Every goroutine of the program has an owner that waits for it.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// lockedBuffer is a buffer that the program may write while the test reads.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// runUntilStopped runs the program in this process, asks it for path, and stops it.
func runUntilStopped(t *testing.T, args []string, path string) (status int, output string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var written lockedBuffer
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, args, &written, &written) }()

	address := regexp.MustCompile(`address"?[=:]"?(127\.0\.0\.1:\d+)`)
	require.Eventually(t, func() bool { return address.MatchString(written.String()) }, 10*time.Second, 5*time.Millisecond)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://" + address.FindStringSubmatch(written.String())[1] + path)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	stop()
	require.NoError(t, <-ended)
	return response.StatusCode, written.String()
}

func TestRun_DemoEndsWell(t *testing.T) {
	status, output := runUntilStopped(t, []string{"demo", "--port", "0"}, "/users/asha/keycloak-status")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, output, "DEMONSTRATION")
}

// A machine with a second service on the usual port needs no flag.
func TestRun_DemoListensOnPORTUnlessAFlagSaysOtherwise(t *testing.T) {
	free := freeListener(t)
	_, port, err := net.SplitHostPort(free.Addr().String())
	require.NoError(t, err)
	require.NoError(t, free.Close())
	setEnvironment(t, map[string]string{"PORT": port, "LOG_LEVEL": "not for the demonstration"})
	status, output := runUntilStopped(t, []string{"demo"}, "/livez")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, output, "http://127.0.0.1:"+port+"/")

	setEnvironment(t, map[string]string{"PORT": "nonsense"})
	misconfigured, ok := errors.AsType[configError](run(t.Context(), []string{"demo"}, io.Discard, io.Discard))
	require.True(t, ok)
	assert.Equal(t, configError{"PORT: must be a number in range"}, misconfigured)
	status, _ = runUntilStopped(t, []string{"demo", "--port", "0"}, "/livez")
	assert.Equal(t, http.StatusOK, status)
}

// Without Keycloak the program starts, says so, and ends well too.
func TestRun_ServeEndsWellWithoutKeycloak(t *testing.T) {
	setEnvironment(t, sound(map[string]string{
		"KEYCLOAK_URL": "http://127.0.0.1:1", "LISTEN_HOST": "127.0.0.1", "PORT": "0", "GUNICORN_WORKERS": "4",
	}))
	writeDotEnv(t, "KEYCLOAK_REALM=from-file\n")
	status, output := runUntilStopped(t, nil, "/users/anna/keycloak-status")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Contains(t, output, `/.env"`, "the log names the file")
	assert.NotContains(t, output, "from-file")
	assert.NotContains(t, output, "plain http", "nobody else listens there")
	assert.Contains(t, output, `"names":["GUNICORN_WORKERS"]`)
	assert.NotContains(t, output, "made-up")
	events, log := auditLines(output)
	require.Len(t, events, 1)
	assert.Contains(t, events[0], `"anna"`)
	assert.NotContains(t, log, "anna", "the ordinary log names nobody")
	assert.NotContains(t, log, "callers are not checked")
}

func TestRun_WarnsOfAKeycloakWithoutTLS(t *testing.T) {
	setEnvironment(t, sound(map[string]string{"KEYCLOAK_URL": "http://keycloak.invalid", "LISTEN_HOST": "127.0.0.1", "PORT": "0"}))
	_, output := runUntilStopped(t, nil, "/livez")
	assert.Contains(t, output, "KEYCLOAK_URL is plain http")
}

// auditLines tells the events of the audit log from the lines of the ordinary one.
func auditLines(output string) (events []string, log string) {
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, `{"type":"audit"`) {
			events = append(events, line)
		} else {
			log += line
		}
	}
	return events, log
}
