package deploy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// readByLibraries are variables that no line of the program names.
var readByLibraries = []string{"GOMEMLIMIT"}

// Paths from this package, which is where Go runs its tests.
const (
	root         = "../.."
	deployFolder = root + "/deploy"
)

// variables returns the environment variables that the program reads, with their defaults.
func variables(t *testing.T) map[string]string {
	t.Helper()
	known := make(map[string]string)
	files, err := filepath.Glob(root + "/cmd/user-sync-service/*.go")
	require.NoError(t, err)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(node ast.Node) bool {
			field, ok := node.(*ast.Field)
			if !ok || field.Tag == nil {
				return true
			}
			text, err := strconv.Unquote(field.Tag.Value)
			require.NoError(t, err)
			if name, ok := reflect.StructTag(text).Lookup("envconfig"); ok {
				known[name] = reflect.StructTag(text).Get("default")
			}
			return true
		})
	}
	require.Contains(t, known, "KEYCLOAK_URL", "the program's variables were not found")
	for _, name := range readByLibraries {
		known[name] = ""
	}
	return known
}

// seconds reads a time span as the program does: "10s", or a number of seconds.
func seconds(t *testing.T, text string) time.Duration {
	t.Helper()
	if number, err := strconv.Atoi(text); err == nil {
		return time.Duration(number) * time.Second
	}
	span, err := time.ParseDuration(text)
	require.NoError(t, err)
	return span
}

// dockerfile returns the argument of an instruction that the Dockerfile has once.
func dockerfile(t *testing.T, instruction string) string {
	t.Helper()
	text, err := os.ReadFile(root + "/Dockerfile")
	require.NoError(t, err)
	lines := regexp.MustCompile(`(?m)^`+instruction+` (.+)$`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, lines, 1, "lines with %s in the Dockerfile", instruction)
	return lines[0][1]
}

// folder is for what the tests make and share.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "user-sync-service-deploy-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// binary builds the program once.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "user-sync-service")
	build := exec.Command("go", "build", "-o", path, "./cmd/user-sync-service")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, output)
	}
	return path, nil
})

// program is the running program.
type program struct {
	url string
}

// servingAt finds the address in the line that tells it, in either format of the log.
var servingAt = regexp.MustCompile(`msg"?[:=]"?serving"?[, ].*address"?[:=]"?(127\.0\.0\.1:\d+)`)

// start runs the program with nothing but the given environment until the end of the test.
// It listens on 127.0.0.1 and a free port, whatever the environment says.
func start(t *testing.T, environment map[string]string, arguments ...string) program {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	command := exec.Command(path, arguments...)
	command.Dir = t.TempDir() // without a .env file
	command.Env = []string{"LISTEN_HOST=127.0.0.1", "PORT=0"}
	for name, value := range environment {
		if name != "LISTEN_HOST" && name != "PORT" {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	command.Stderr = command.Stdout
	require.NoError(t, command.Start())

	address := make(chan string, 1)
	ended := make(chan struct{})
	var log strings.Builder // until the program has ended, the goroutine's alone
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			fmt.Fprintln(&log, lines.Text())
			if found := servingAt.FindStringSubmatch(lines.Text()); found != nil {
				select {
				case address <- found[1]:
				default: // It has told before.
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM) // It may have ended by itself.
		<-ended
		_ = command.Wait()
		if t.Failed() {
			t.Logf("the program's output:\n%s", log.String())
		}
	})
	select {
	case host := <-address:
		return program{url: "http://" + host}
	case <-ended:
		require.Fail(t, "the program has ended instead of serving")
	case <-time.After(30 * time.Second):
		require.Fail(t, "the program does not serve")
	}
	return program{}
}

// failingKeycloak refuses everything, as one does whose database is away.
func failingKeycloak(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
		writer.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// withSecret adds a client secret to the environment, as a file.
func withSecret(t *testing.T, environment map[string]string) map[string]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client-secret")
	require.NoError(t, os.WriteFile(path, []byte("made-up\n"), 0o600))
	environment["KEYCLOAK_CLIENT_SECRET_FILE"] = path
	return environment
}

// get returns the status of a GET request.
func get(ctx context.Context, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// exists tells whether a path of the repository is there.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
