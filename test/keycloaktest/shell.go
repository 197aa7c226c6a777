package keycloaktest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// A Shell runs commands of an administrator, who has Keycloak's kcadm.sh at hand and is logged in.
type Shell struct{ environment []string }

// NewShell logs the bootstrap administrator in. What kcadm.sh keeps of that is in the folder home. Further variables
// are "NAME=value". The error wraps ErrUnavailable where there is no kcadm.sh.
func (s *Server) NewShell(ctx context.Context, home string, variables ...string) (*Shell, error) {
	dist, err := findDistribution(ctx, s.Version)
	if err != nil {
		return nil, err
	}
	java, err := findJava()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	shell := &Shell{append([]string{
		"PATH=" + filepath.Join(dist.dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + home, "JAVA=" + java,
		// Each command starts a Java, for a moment, which takes no notice of HOME.
		"KC_OPTS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Duser.home=" + home,
		"URL=" + s.URL, "ADMIN=" + s.admin, "PASSWORD=" + s.password,
	}, variables...)}
	_, err = shell.Run(ctx, `kcadm.sh config credentials --server "$URL" --realm master --user "$ADMIN" --password "$PASSWORD"`)
	return shell, err
}

// Run runs a line and returns what it has printed, also when it fails.
func (s *Shell) Run(ctx context.Context, line string) (string, error) {
	command := exec.CommandContext(ctx, "sh", "-c", line)
	command.Env = s.environment
	output, err := command.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", line, err, tail(output))
	}
	return string(output), err
}
