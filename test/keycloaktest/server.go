package keycloaktest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startLimit is how long a server may take until it answers; alone on two cores it takes 12 to 25 seconds.
const startLimit = 5 * time.Minute

// A Server is a running Keycloak. It is safe for concurrent use.
type Server struct {
	URL     string // without a trailing slash
	Version string // "26.7.4"

	policies        []string // the password policies that it knows
	admin, password string
	client          *http.Client
	process         *process // nil for a server that was running already

	mu      sync.Mutex // guards the two below
	token   string
	expires time.Time
}

// Start returns the server of KEYCLOAK_TEST_URL (with KEYCLOAK_TEST_ADMIN and KEYCLOAK_TEST_ADMIN_PASSWORD, both
// "admin" by default) if that is set; otherwise it starts one, fetching Keycloak first if the cache has none. It
// returns when the server answers. The context limits the start only; the server runs until Stop, or until this
// process ends in whatever way. The error wraps ErrUnavailable when no Keycloak can be had on this machine.
//
// What is started is KEYCLOAK_TEST_VERSION, by default the newest version that the service supports, with the database
// of KEYCLOAK_TEST_DB_URL, by default in memory. Two servers must not have one database.
func Start(ctx context.Context) (*Server, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	s := &Server{client: &http.Client{Transport: transport, Timeout: 60 * time.Second}}

	if url := os.Getenv("KEYCLOAK_TEST_URL"); url != "" {
		s.URL = strings.TrimRight(url, "/")
		s.admin = cmp.Or(os.Getenv("KEYCLOAK_TEST_ADMIN"), "admin")
		s.password = cmp.Or(os.Getenv("KEYCLOAK_TEST_ADMIN_PASSWORD"), "admin")
		if err := s.readVersion(ctx); err != nil {
			return nil, fmt.Errorf("the Keycloak of KEYCLOAK_TEST_URL: %w", err)
		}
		return s, nil
	}

	java, err := findJava()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	dist, err := findDistribution(ctx, cmp.Or(os.Getenv("KEYCLOAK_TEST_VERSION"), "26.7.4"))
	if err != nil {
		return nil, err
	}
	s.admin, s.password = "admin", rand.Text()
	s.process, err = startProcess(dist, java, s.admin, s.password)
	if err != nil {
		return nil, fmt.Errorf("start Keycloak: %w", err)
	}
	if err := s.waitReady(ctx); err != nil {
		s.Stop(true)
		return nil, fmt.Errorf("start Keycloak: %w\n%s", err, tail(s.process.output()))
	}
	dist.keepAugmented(s.process.home)
	return s, s.readVersion(ctx)
}

// readVersion asks the server which version it is, and which password policies it knows.
func (s *Server) readVersion(ctx context.Context) error {
	var info struct {
		System   struct{ Version string } `json:"systemInfo"`
		Policies []struct{ ID string }    `json:"passwordPolicies"`
	}
	_, err := s.call(ctx, http.MethodGet, "/admin/serverinfo", nil, &info)
	s.Version = info.System.Version
	for _, policy := range info.Policies {
		s.policies = append(s.policies, policy.ID)
	}
	return err
}

// AtLeast reports whether the server's version is this one or a later one.
func (s *Server) AtLeast(major, minor int) bool {
	var theirMajor, theirMinor int
	_, _ = fmt.Sscanf(s.Version, "%d.%d", &theirMajor, &theirMinor) // Else it is as old as can be.
	return theirMajor > major || theirMajor == major && theirMinor >= minor
}

// KnowsPolicy reports whether the server knows all parts of a password policy.
func (s *Server) KnowsPolicy(policy string) bool {
	for part := range strings.SplitSeq(policy, " and ") {
		if name, _, _ := strings.Cut(part, "("); !slices.Contains(s.policies, name) {
			return false
		}
	}
	return true
}

// Variables are the environment in which Start finds this server.
func (s *Server) Variables() string {
	return fmt.Sprintf("KEYCLOAK_TEST_URL=%s KEYCLOAK_TEST_ADMIN=%s KEYCLOAK_TEST_ADMIN_PASSWORD=%s", s.URL, s.admin, s.password)
}

// Stop ends the server, if it was started here. Its log is deleted, or kept and named when the tests failed.
// It may be called again; a log that was kept is then deleted if failed is false.
func (s *Server) Stop(failed bool) {
	s.client.CloseIdleConnections()
	if s.process == nil {
		return
	}
	s.process.end()
	if !failed {
		_ = os.Remove(s.process.log)
	} else if _, err := os.Stat(s.process.log); err == nil {
		_, _ = fmt.Fprintf(os.Stderr, "keycloaktest: the log of Keycloak is kept in %s\n", s.process.log)
	}
}

// AddPasswordBlacklist gives the server a list of passwords, in lower case, that realms forbid by the policy
// passwordBlacklist(name). The error wraps ErrUnavailable for a server that was not started here: its files are out
// of reach.
func (s *Server) AddPasswordBlacklist(name string, passwords ...string) error {
	if s.process == nil {
		return fmt.Errorf("%w with a password blacklist", ErrUnavailable)
	}
	dir := filepath.Join(s.process.home, "data", "password-blacklists")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(passwords, "\n")+"\n"), 0o644)
}

// waitReady waits until the master realm answers. It fails early when the process ends.
func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	// Keycloak chooses the port itself: a free one found beforehand could be taken while Keycloak starts.
	listening := regexp.MustCompile(`Listening on: (http://127\.0\.0\.1:\d+)`)
	for {
		select {
		case <-s.process.ended:
			return errors.New("the process ended")
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", ctx.Err())
		case <-tick.C:
		}
		if match := listening.FindSubmatch(s.process.output()); match != nil {
			s.URL = string(match[1])
			if _, err := s.bearer(ctx); err == nil {
				return nil
			}
		}
	}
}

// A process is one Keycloak below the shell that guards it.
type process struct {
	home, log string
	stdin     io.Closer
	ended     chan struct{} // closed when no process of the group is left
}

// guard runs Keycloak and ends it, with everything else in its process group, when standard input closes. The
// test process holds the other end and never writes, so that happens at Stop and also when the test process
// dies abruptly. kc.sh runs java as a child or becomes java; the group holds both. When Keycloak ends by itself,
// the group goes too. SIGKILL will do: the database goes away as well.
const guard = `
home=$1; shift
("$@"; kill -KILL 0) </dev/null &
cat >/dev/null
rm -rf "$home"
kill -KILL 0
`

func startProcess(dist distribution, java, admin, password string) (*process, error) {
	home, err := dist.newHome()
	if err != nil {
		return nil, err
	}
	log, err := os.CreateTemp("", "keycloak-test-*.log")
	if err != nil {
		_ = os.RemoveAll(home)
		return nil, err
	}
	defer func() { _ = log.Close() }() // The child has its own.

	cmd := exec.Command("sh", append([]string{"-c", guard, "guard", home,
		"sh", filepath.Join(home, "bin", "kc.sh"), "start-dev", "--http-host=127.0.0.1", "--http-port=0"}, dist.database...)...)
	cmd.Dir = home
	// Nothing else of the environment gets through: kc.sh reads many variables, one of which opens a debug port.
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "JAVA=" + java,
		"KC_BOOTSTRAP_ADMIN_USERNAME=" + admin, "KC_BOOTSTRAP_ADMIN_PASSWORD=" + password,
		"KEYCLOAK_ADMIN=" + admin, "KEYCLOAK_ADMIN_PASSWORD=" + password, // Keycloak 24 and 25
		// Java's temporary files go away with the home. A server that lives for minutes is better off without the
		// compiler that is slow and thorough.
		fmt.Sprintf(`JAVA_OPTS_APPEND="-Djava.io.tmpdir=%s/tmp" -XX:-UsePerfData -XX:TieredStopAtLevel=1`, home),
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_, _ = os.RemoveAll(home), os.Remove(log.Name())
		return nil, err
	}
	p := &process{home: home, log: log.Name(), stdin: stdin, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()                                      // Always "killed".
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // In case somebody killed the shell alone.
		close(p.ended)
	}()
	return p, nil
}

// end ends the process group and removes the server's home. It returns when both are gone.
func (p *process) end() {
	_ = p.stdin.Close()
	<-p.ended
	_ = os.RemoveAll(p.home)
}

// output returns what the server has logged so far.
func (p *process) output() []byte {
	data, _ := os.ReadFile(p.log)
	return data
}

// findJava returns the java that Maven would use too.
func findJava() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return exec.LookPath(filepath.Join(home, "bin", "java"))
	}
	return exec.LookPath("java")
}
