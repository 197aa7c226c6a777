package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/joho/godotenv"
	"github.com/kelseyhightower/envconfig"

	"user-sync-service/internal/domain"
)

// Load reads the configuration from the environment and, for what is not set there,
// from a file ".env" in the working directory. It returns a configError that lists
// every fault at once.
func Load() (Config, error) {
	config, faults := load()
	if len(faults) > 0 {
		return Config{}, configError(faults)
	}
	return config, nil
}

// load is Load with whatever can be read of a configuration that has faults.
func load() (config Config, faults []string) {
	config, faults = readEnvironment()
	faults = append(faults, config.Validate()...)
	roles, _, err := readRoleMap(config.RoleMapFile)
	if unusable, ok := errors.AsType[configError](err); ok {
		faults = append(faults, unusable...)
	}
	config.roles = roles
	config.KeycloakURL = strings.TrimRight(config.KeycloakURL, "/")
	return config, faults
}

// readEnvironment returns what is set, and a fault for each value that cannot be read
// and is left at its default.
func readEnvironment() (config Config, faults []string) {
	applyAliases() // First: a real variable, by whichever name, wins over the file.
	faults = misspelt(os.Environ())
	dotEnv, more := readDotEnv()
	config.dotEnv, faults = dotEnv, append(faults, more...)
	applyAliases()
	guard := domain.DefaultGuard()
	config.ProtectedRoles, config.PrivilegedRoles = guard.ProtectedRoles, guard.PrivilegedRoles
	for {
		err := envconfig.Process("", &config)
		unreadable, ok := errors.AsType[*envconfig.ParseError](err)
		if !ok {
			return config, faults
		}
		// envconfig stops at the first value that it cannot read. It is set aside, so
		// that the others are looked at too; the program ends in any case.
		faults = append(faults, fmt.Sprintf("%s: %v", unreadable.KeyName, reason(unreadable.Err)))
		_ = os.Unsetenv(unreadable.KeyName) // It was set, so its name is fit to be unset.
	}
}

// readDotEnv sets what the file ".env" in the working directory says and nothing else has
// set. It returns the file's path, empty where there is none. A variable that decides who
// may do what, or whom the service trusts, is a fault: whoever can leave a file there must
// not open the service with it.
func readDotEnv() (path string, faults []string) {
	variables, err := godotenv.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		// The parser's own message quotes the file, which holds secrets.
		return "", []string{".env: cannot be read as lines of NAME=value"}
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if meant := meantBy(name, variables[name]); meant != "" {
			faults = append(faults, fmt.Sprintf(".env, line %d: there is no variable %s, %s is meant", lineInDotEnv(name), name, meant))
		} else if notForDotEnv.MatchString(name) {
			faults = append(faults, name+": must not be set in .env, only in the environment itself")
		} else if _, taken := os.LookupEnv(name); !taken {
			_ = os.Setenv(name, variables[name]) // It fails for names that no variable can have.
		}
	}
	path, err = filepath.Abs(".env")
	if err != nil {
		path = ".env"
	}
	return path, faults
}

// notForDotEnv are the variables that ".env" cannot set: those about callers, rights and the
// record, and those that tell Go what is between it and Keycloak and which certificates
// to trust. Go reads proxies in either letter case, Windows any variable.
var notForDotEnv = regexp.MustCompile(`(?i)^(AUTH_.*|PROTECTED_.*|PRIVILEGED_.*|TRUSTED_.*|AUDIT_.*|ROLE_MAP_.*|.*_PROXY|SSL_CERT_.*|GODEBUG)$`)

// portAlone returns PORT and the ".env" that was read, without a look at what else is set.
func portAlone() (port uint16, dotEnv string, err error) {
	config, found := readEnvironment()
	for _, fault := range found {
		if strings.HasPrefix(fault, "PORT:") {
			return 0, "", configError{fault}
		}
	}
	return config.Port, config.dotEnv, nil
}

// tellOfDotEnv names a ".env" that was read, which nobody may know to be there.
func tellOfDotEnv(log *slog.Logger, path string) {
	if path != "" {
		log.Warn("read variables from a .env file", "path", path)
	}
}

// ineffectiveVariables returns the variables that are set, were read by the Python
// service's server, and mean nothing here.
func ineffectiveVariables() []string {
	var set []string
	for _, name := range []string{"GUNICORN_WORKERS", "GUNICORN_THREADS", "GUNICORN_TIMEOUT", "GUNICORN_MAX_REQUESTS", "GUNICORN_MAX_REQUESTS_JITTER"} {
		if _, ok := os.LookupEnv(name); ok {
			set = append(set, name)
		}
	}
	return set
}

// unreadableCertificates returns why SSL_CERT_FILE cannot be read: Go would go on with the
// system's certificates without a word, or with none.
func unreadableCertificates() error {
	path := os.Getenv("SSL_CERT_FILE")
	if path == "" {
		return nil
	}
	_, err := os.ReadFile(path) //nolint:gosec // The operator names it.
	return err
}

// applyAliases lets the Python service's names stand in for ours where ours are not set.
func applyAliases() {
	for alias, name := range map[string]string{
		"GUNICORN_LOG_LEVEL":        "LOG_LEVEL",
		"GUNICORN_GRACEFUL_TIMEOUT": "SHUTDOWN_TIMEOUT",
	} {
		value, ok := os.LookupEnv(alias)
		if _, taken := os.LookupEnv(name); ok && !taken {
			_ = os.Setenv(name, value) // It fails for names that no variable can have.
		}
	}
}

// tuneCollector lets the heap, which is small, grow to three times what is in use instead
// of twice: that saves a tenth of the processor time for some 5 MB. GOGC goes before.
func tuneCollector() {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(200)
	}
}
