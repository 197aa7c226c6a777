// Package e2e tests the program as its users meet it: the built binary on a real
// Keycloak, and the same HTTP contract on the in-memory provider. Keycloak is started
// once for the whole package, when a test first needs it.
package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// fixtures are what the tests of this package share. They are made when first needed.
type fixtures struct {
	dir string // temporary, removed at the end

	server func() (*keycloaktest.Server, error)
	binary func() (string, error)
}

// shared is set by TestMain, the only way to hand something to tests.
var shared fixtures

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "user-sync-service-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)

	var started *keycloaktest.Server
	shared = fixtures{
		dir: dir,
		server: sync.OnceValues(func() (*keycloaktest.Server, error) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
			defer cancel()
			var err error
			started, err = keycloaktest.Start(ctx)
			if errors.Is(err, keycloaktest.ErrUnavailable) && !keycloaktest.Required() {
				keycloaktest.Announce(fmt.Sprintf("LEFT OUT: every test on a real Keycloak. %v", err))
			}
			return started, err
		}),
		binary: sync.OnceValues(func() (string, error) { return build(dir) }),
	}
	code := m.Run()
	if started != nil {
		started.Stop(code != 0)
	}
	return code
}

// build compiles the program, with the race detector when the tests have it.
func build(dir string) (string, error) {
	// Looked at, so that the go command does not serve an old result of these tests: the
	// program's other packages are imported here, its own cannot be.
	sources, err := filepath.Glob("../../cmd/user-sync-service/*.go")
	if err != nil {
		return "", err
	}
	for _, source := range sources {
		if _, err := os.Stat(source); err != nil {
			return "", err
		}
	}
	binary := filepath.Join(dir, "user-sync-service")
	args := []string{"build", "-o", binary}
	if raceDetector {
		args = append(args, "-race")
	}
	output, err := exec.Command("go", append(args, "user-sync-service/cmd/user-sync-service")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return binary, nil
}

// keycloakServer returns the shared server. Without one the test is skipped, or fails
// when Keycloak is required.
func keycloakServer(t *testing.T) *keycloaktest.Server {
	t.Helper()
	server, err := shared.server()
	if errors.Is(err, keycloaktest.ErrUnavailable) && !keycloaktest.Required() {
		t.Skip("needs a real Keycloak: ", err)
	}
	require.NoError(t, err)
	return server
}

// newRealm makes a realm that is deleted at the end of the test.
func newRealm(t *testing.T, options keycloaktest.RealmOptions) *keycloaktest.Realm {
	t.Helper()
	realm, err := keycloakServer(t).NewRealm(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { _ = realm.Delete(context.Background()) }) // The server goes away soon in any case.
	return realm
}

// newSink starts a mail server that lives as long as the test.
func newSink(t *testing.T) *keycloaktest.Sink {
	t.Helper()
	sink, err := keycloaktest.NewSink()
	require.NoError(t, err)
	t.Cleanup(sink.Close)
	return sink
}

// numberFrom is the number in an environment variable, or standard.
func numberFrom(t *testing.T, variable string, standard int) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv(variable), strconv.Itoa(standard)))
	require.NoError(t, err, variable)
	return n
}

// eventually waits until the condition is met. It is asked in the test's own goroutine,
// unlike by require.Eventually: there it may outlive the test, and one that fails then
// ends the whole run.
func eventually(t *testing.T, condition func() bool, limit, tick time.Duration, message ...any) {
	t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(tick) {
		if time.Now().After(deadline) {
			require.Fail(t, "the condition is not met in time", message...)
		}
	}
}
