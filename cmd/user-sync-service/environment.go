package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"

	"github.com/joho/godotenv"
	"github.com/kelseyhightower/envconfig"

	"user-sync-service/internal/domain"
)

// Load reads the configuration from the environment and, for what is not set there,
// from a file ".env" in the working directory. It returns a configError that lists
// every fault at once.
func Load() (Config, error) {
	config, faults := readEnvironment()
	if faults = append(faults, config.Validate()...); len(faults) > 0 {
		return Config{}, configError(faults)
	}
	config.KeycloakURL = strings.TrimSuffix(strings.TrimRight(config.KeycloakURL, "/"), "/auth")
	return config, nil
}

// readEnvironment returns what is set, and a fault for each value that cannot be read
// and is left at its default.
func readEnvironment() (config Config, faults []string) {
	applyAliases() // First: a real variable, by whichever name, wins over the file.
	if err := godotenv.Load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		// The parser's own message quotes the file, which holds secrets.
		faults = append(faults, ".env: cannot be read as lines of NAME=value")
	}
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

// portAlone returns PORT, without a look at what else is set.
func portAlone() (uint16, error) {
	config, found := readEnvironment()
	for _, fault := range found {
		if strings.HasPrefix(fault, "PORT:") {
			return 0, configError{fault}
		}
	}
	return config.Port, nil
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
