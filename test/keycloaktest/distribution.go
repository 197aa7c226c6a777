package keycloaktest

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// ErrUnavailable says that this machine has no Keycloak and cannot get one; the error around it says why.
// A server that is there but does not start is another error: that is a fault, not a reason to skip.
var ErrUnavailable = errors.New("no Keycloak available")

// A distribution is an unpacked Keycloak in the cache folder. Test runs share it, so nothing ever writes to it.
type distribution struct {
	dir string
	// database is the options of kc.sh that name the database.
	database []string
	// augmented is where the lib/quarkus folder of a server that has started once is kept. With it, Keycloak
	// skips the rebuild (about ten seconds) of a first start; without it, everything works too.
	augmented string
}

// findDistribution returns the cached Keycloak, after fetching it when the cache is empty. Its servers keep their data
// in memory, or in the PostgreSQL of KEYCLOAK_TEST_DB_URL.
func findDistribution(ctx context.Context, version string) (distribution, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return distribution{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	dir := filepath.Join(cache, "user-sync-service", "keycloak-"+version)
	dist := distribution{dir: dir, database: []string{"--db=dev-mem"}, augmented: dir + "-start-dev"}
	if url := os.Getenv("KEYCLOAK_TEST_DB_URL"); url != "" {
		dist.database = []string{"--db=postgres", "--db-url=" + url}
		dist.augmented += "-postgres"
	}
	if isDir(dir) {
		return dist, nil
	}
	if err := fetch(ctx, version, dir); err != nil {
		return distribution{}, fmt.Errorf("%w: fetch Keycloak %s: %w", ErrUnavailable, version, err)
	}
	return dist, nil
}

// fetch downloads a Keycloak by Maven, which checks its checksum, and unpacks it as target. The folder appears
// by a rename, so another test process sees all of it or nothing, and two that fetch at once do no harm.
func fetch(ctx context.Context, version, target string) error {
	temp, err := copyArtifact(ctx, "org.keycloak:keycloak-quarkus-dist:"+version+":zip", filepath.Dir(target))
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	if err := unzip(filepath.Join(temp, "keycloak-quarkus-dist-"+version+".zip"), temp); err != nil {
		return err
	}
	err = os.Rename(filepath.Join(temp, "keycloak-"+version), target)
	if isDir(target) {
		return nil // Ours, or that of a process which was faster.
	}
	return err
}

// copyArtifact has Maven copy an artifact into a new folder below parent, which the caller removes.
func copyArtifact(ctx context.Context, artifact, parent string) (dir string, err error) {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	if dir, err = os.MkdirTemp(parent, "fetch-"); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "dependency:copy", "-Dartifact="+artifact, "-DoutputDirectory="+dir)
	cmd.Dir = dir // Away from any pom.xml.
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		return "", fmt.Errorf("mvn dependency:copy: %w\n%s", err, out[:min(len(out), 500)]) // The cause comes first.
	}
	return dir, nil
}

// unzip unpacks an archive into a folder. Names that lead out of the folder are refused, and files that were
// executable stay so.
func unzip(archive, dir string) error {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return os.CopyFS(dir, r)
}

// newHome makes a temporary home for one server: what Keycloak writes to (lib/quarkus, data) is the server's
// own, the rest leads to the distribution. kc.sh and quarkus-run.jar are copied, not linked, because Keycloak
// derives its home from where they lie. The caller removes the folder.
func (d distribution) newHome() (home string, err error) {
	home, err = os.MkdirTemp("", "keycloak-test-home-")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(home)
		}
	}()
	for _, dir := range []string{"bin", "lib", "data", "tmp"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o755); err != nil {
			return "", err
		}
	}
	for _, name := range []string{"lib/lib", "lib/app", "providers", "themes", "conf"} {
		if err := os.Symlink(filepath.Join(d.dir, name), filepath.Join(home, name)); err != nil {
			return "", err
		}
	}
	for _, name := range []string{"bin/kc.sh", "lib/quarkus-run.jar"} {
		data, err := os.ReadFile(filepath.Join(d.dir, name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(home, name), data, 0o644); err != nil {
			return "", err
		}
	}
	quarkus := filepath.Join(d.dir, "lib", "quarkus")
	if isDir(d.augmented) {
		quarkus = d.augmented
	}
	return home, os.CopyFS(filepath.Join(home, "lib", "quarkus"), os.DirFS(quarkus))
}

// keepAugmented saves the rebuilt part of a started server for the next ones. It only saves time, so a failure
// is not reported.
func (d distribution) keepAugmented(home string) {
	if isDir(d.augmented) {
		return
	}
	temp, err := os.MkdirTemp(filepath.Dir(d.augmented), "augmented-")
	if err != nil {
		return
	}
	defer func() { _ = os.RemoveAll(temp) }()
	copied := filepath.Join(temp, "quarkus")
	if os.CopyFS(copied, os.DirFS(filepath.Join(home, "lib", "quarkus"))) == nil {
		_ = os.Rename(copied, d.augmented)
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Type() == fs.ModeDir
}

// tail returns the end of a log, short enough for an error message.
func tail(log []byte) []byte {
	const limit = 2000 // bytes
	return log[max(0, len(log)-limit):]
}
