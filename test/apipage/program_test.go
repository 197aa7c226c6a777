package apipage

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startDemo builds the program, runs its demonstration on a free port until the end of
// the test, and returns its address.
func startDemo(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "user-sync-service")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/user-sync-service")
	build.Dir = filepath.Join("..", "..")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)

	demo := exec.Command(binary, "demo", "--port", "0")
	demo.Env = []string{}
	stderr, err := demo.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, demo.Start())
	address, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if _, rest, ok := strings.Cut(lines.Text(), "msg=serving address="); ok {
				address <- "http://" + strings.Fields(rest)[0]
			}
		}
		_ = demo.Wait() // It is killed in the end.
	}()
	t.Cleanup(func() {
		_ = demo.Process.Kill() // It may have ended long since.
		<-ended
	})
	select {
	case url := <-address:
		return url
	case <-ended:
		require.FailNow(t, "the demonstration ended")
	case <-time.After(time.Minute):
		require.FailNow(t, "the demonstration does not listen")
	}
	return ""
}
