package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/joho/godotenv"
	"github.com/kelseyhightower/envconfig"

	"user-sync-service/internal/domain"
)

// Config is what the service reads from its environment.
type Config struct {
	// KeycloakURL is the base URL of the server. A trailing "/" and a trailing "/auth",
	// which Keycloak no longer serves, are taken off.
	KeycloakURL string `envconfig:"KEYCLOAK_URL"`
	// KeycloakRealm is the realm whose users are synced.
	KeycloakRealm string `envconfig:"KEYCLOAK_REALM"`
	// KeycloakClientID and KeycloakClientSecret belong to a confidential client with a
	// service account that has manage-users and view-realm.
	KeycloakClientID     string        `envconfig:"KEYCLOAK_CLIENT_ID"`
	KeycloakClientSecret domain.Secret `envconfig:"KEYCLOAK_CLIENT_SECRET"`
	// KeycloakTimeout bounds each single call to Keycloak. Keep it below ShutdownTimeout.
	KeycloakTimeout duration `envconfig:"KEYCLOAK_TIMEOUT" default:"5s"`
	// ListenHost is the address to listen on; empty means all.
	ListenHost string `envconfig:"LISTEN_HOST"`
	// Port is the TCP port to listen on; 0 picks a free one.
	Port uint16 `envconfig:"PORT" default:"5000"`
	// LogLevel is the least level that is logged: debug, info, warn or error.
	LogLevel logLevel `envconfig:"LOG_LEVEL" default:"info"`
	// ShutdownTimeout is how long requests under way may take after SIGTERM.
	ShutdownTimeout duration `envconfig:"SHUTDOWN_TIMEOUT" default:"30s"`
}

// usageError is a command line that the program does not understand.
type usageError struct{ error }

// configError is a configuration that the program cannot run with.
type configError struct {
	faults []string
}

func (e *configError) Error() string {
	return "the configuration is not usable:\n  - " + strings.Join(e.faults, "\n  - ")
}

// Load reads the configuration from the environment and, for what is not set there,
// from a file ".env" in the working directory. It returns a *configError that lists
// every fault at once.
func Load() (Config, error) {
	config, faults := readEnvironment()
	if faults = append(faults, config.Validate()...); len(faults) > 0 {
		return Config{}, &configError{faults: faults}
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

// Validate returns what is missing or contradictory, a sentence each.
func (c Config) Validate() []string {
	var faults []string
	for _, required := range []struct{ name, value string }{
		{"KEYCLOAK_URL", c.KeycloakURL},
		{"KEYCLOAK_REALM", c.KeycloakRealm},
		{"KEYCLOAK_CLIENT_ID", c.KeycloakClientID},
		{"KEYCLOAK_CLIENT_SECRET", c.KeycloakClientSecret.Reveal()},
	} {
		if strings.TrimSpace(required.value) == "" {
			faults = append(faults, required.name+": must be set")
		}
	}
	if c.KeycloakURL != "" {
		u, err := url.Parse(c.KeycloakURL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			faults = append(faults, "KEYCLOAK_URL: must be an http or https URL without user, query and fragment")
		}
	}
	if c.KeycloakTimeout <= 0 {
		faults = append(faults, "KEYCLOAK_TIMEOUT: must be above zero")
	}
	if c.KeycloakTimeout >= c.ShutdownTimeout {
		faults = append(faults, "SHUTDOWN_TIMEOUT: must be above KEYCLOAK_TIMEOUT, or a shutdown would cut off calls under way")
	}
	return faults
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

// reason keeps envconfig's wrapping of strconv errors, which quotes the value, out of
// messages.
func reason(err error) error {
	if _, ok := errors.AsType[*strconv.NumError](err); ok {
		return errors.New("must be a number in range")
	}
	return err
}

// duration is a time span, written as "10s" or, as in Gunicorn's variables, as a whole
// number of seconds.
type duration time.Duration

// Decode implements envconfig.Decoder.
func (d *duration) Decode(text string) error {
	seconds, err := strconv.Atoi(text)
	if err == nil {
		*d = duration(time.Duration(seconds) * time.Second)
		return nil
	}
	span, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("must be a time span such as 10s")
	}
	*d = duration(span)
	return nil
}

// logLevel is a level of slog. It also takes Python's words for levels.
type logLevel slog.Level

// Decode implements envconfig.Decoder.
func (l *logLevel) Decode(text string) error {
	switch strings.ToLower(text) {
	case "debug":
		*l = logLevel(slog.LevelDebug)
	case "info":
		*l = logLevel(slog.LevelInfo)
	case "warn", "warning":
		*l = logLevel(slog.LevelWarn)
	case "error", "critical":
		*l = logLevel(slog.LevelError)
	default:
		return errors.New("must be debug, info, warn or error")
	}
	return nil
}
