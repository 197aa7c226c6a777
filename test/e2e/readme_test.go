package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The commands that the README prints lead from a Keycloak to a user, also when they are run
// once more. Only addresses, ports and the bootstrap administrator are others.
func TestREADME_CommandsOnAKeycloak(t *testing.T) {
	t.Parallel()
	server := keycloakServer(t)
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, listener.Close()) // The program takes its place.
	printed := strings.NewReplacer("http://127.0.0.1:8080", server.URL, "127.0.0.1:5000", "127.0.0.1:"+port,
		"--user admin --password admin", `--user "$ADMIN" --password "$PASSWORD"`).Replace(string(text))
	variables := []string{"PORT=" + port}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOFLAGS"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		require.NoError(t, err)
		variables = append(variables, name+"="+strings.TrimSpace(string(value)))
	}
	shell, err := server.NewShell(t.Context(), t.TempDir(), variables...)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = shell.Run(context.Background(), "kcadm.sh delete realms/bank") })

	folder := t.TempDir() // The commands leave files.
	for _, part := range []string{"cmd", "internal", "deploy"} {
		require.NoError(t, os.CopyFS(filepath.Join(folder, part), os.DirFS("../../"+part)))
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile("../../" + file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, file), content, 0o600))
	}
	run := func(section string) string {
		t.Helper()
		commands := "cd '" + folder + "'\n" + commandsOf(t, printed, section)
		output, err := shell.Run(t.Context(), commands+"\ncode=$?; [ -z \"$!\" ] || kill $!; exit $code")
		require.NoError(t, err)
		return output
	}
	assert.Contains(t, run("Try it on a Keycloak"), `"temporary_password"`)
	assert.Contains(t, run("Try it on a Keycloak"), `"status":"exists"`)
	for range 2 {
		assert.Contains(t, run("Set up your own realm"), "All is set up.")
	}
}

// commandsOf returns the commands for a shell that a section of the README prints.
func commandsOf(t *testing.T, text, section string) string {
	t.Helper()
	_, text, found := strings.Cut(text, "\n## "+section+"\n")
	require.True(t, found, section)
	text, _, _ = strings.Cut(text, "\n## ")
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		commands = append(commands, block[1])
	}
	require.NotEmpty(t, commands, section)
	return strings.Join(commands, "\n")
}
