package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// setEnvironment leaves nothing but the given variables of those that Load knows, in a
// working directory without a .env file.
func setEnvironment(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		for _, prefix := range []string{
			"KEYCLOAK_", "GUNICORN_", "PORT", "LISTEN_HOST", "LOG_LEVEL", "SHUTDOWN_TIMEOUT",
			"REQUEST_TIMEOUT", "ON_EXISTING", "AUTH_", "TRUSTED_ORIGINS", "RATE_LIMIT_", "RESET_COOLDOWN", "PROTECTED_", "PRIVILEGED_ROLES", "AUDIT_LOG",
			"TEMPORARY_PASSWORD_DELIVERY", "REQUIRED_ACTIONS", "EMAIL_VERIFIED",
			"OTEL_", "LOG_FORMAT", "MANAGEMENT_ADDR", "PPROF", "API_DOCS",
		} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, value) // so that it comes back after the test
				require.NoError(t, os.Unsetenv(name))
			}
		}
	}
	// Load sets and unsets these itself; t.Setenv restores them.
	for _, name := range []string{
		"LOG_LEVEL", "SHUTDOWN_TIMEOUT", "PORT", "KEYCLOAK_TIMEOUT", "KEYCLOAK_REALM", "KEYCLOAK_URL", "RATE_LIMIT_READS", "RATE_LIMIT_WRITES", "RATE_LIMIT_MAILS", "RESET_COOLDOWN",
		"REQUEST_TIMEOUT", "KEYCLOAK_MAX_CONCURRENCY", "EMAIL_VERIFIED", "API_DOCS", "PPROF",
	} {
		if _, given := variables[name]; !given {
			t.Setenv(name, "")
			require.NoError(t, os.Unsetenv(name))
		}
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
	t.Chdir(t.TempDir())
}

// sound returns a configuration without a fault, changed by change.
func sound(change map[string]string) map[string]string {
	variables := map[string]string{
		"KEYCLOAK_URL": "https://id.bank.example", "KEYCLOAK_REALM": "bank", "KEYCLOAK_CLIENT_ID": "user-sync-service", "KEYCLOAK_CLIENT_SECRET": "made-up",
	}
	for name, value := range change {
		variables[name] = value
	}
	return variables
}

func TestLoad_Defaults(t *testing.T) {
	setEnvironment(t, sound(nil))
	config, err := Load()
	require.NoError(t, err)
	assert.Equal(t, uint16(5000), config.Port)
	assert.Equal(t, duration(5*time.Second), config.KeycloakTimeout)
	assert.Equal(t, duration(10*time.Second), config.RequestTimeout)
	assert.Equal(t, duration(30*time.Second), config.ShutdownTimeout)
	assert.Equal(t, 64, config.KeycloakMaxConcurrency)
	assert.Equal(t, onExistingRepair, config.OnExisting)
	assert.Equal(t, app.DeliverInResponse, config.PasswordDelivery)
	assert.Equal(t, []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor}, []domain.RequiredAction(config.RequiredActions))
	assert.True(t, config.EmailVerified)
	assert.Equal(t, logLevel(slog.LevelInfo), config.LogLevel)
	assert.Equal(t, "made-up", config.KeycloakClientSecret.Reveal())
	assert.Empty(t, config.ListenHost)
}

func TestLoad_ReadsEachVariable(t *testing.T) {
	for _, c := range []struct {
		name, value string
		check       func(t *testing.T, config Config)
	}{
		{"KEYCLOAK_URL", "http://kc:8080/", func(t *testing.T, c Config) { assert.Equal(t, "http://kc:8080", c.KeycloakURL) }},
		{"KEYCLOAK_URL", "http://kc:8080/auth/", func(t *testing.T, c Config) { assert.Equal(t, "http://kc:8080/auth", c.KeycloakURL) }},
		{"PORT", "0", func(t *testing.T, c Config) { assert.Zero(t, c.Port) }},
		{"KEYCLOAK_TIMEOUT", "700ms", func(t *testing.T, c Config) { assert.Equal(t, duration(700*time.Millisecond), c.KeycloakTimeout) }},
		{"KEYCLOAK_TIMEOUT", "9", func(t *testing.T, c Config) { assert.Equal(t, duration(9*time.Second), c.KeycloakTimeout) }},
		{"KEYCLOAK_MAX_CONCURRENCY", "1", func(t *testing.T, c Config) { assert.Equal(t, 1, c.KeycloakMaxConcurrency) }},
		{"REQUEST_TIMEOUT", "20", func(t *testing.T, c Config) { assert.Equal(t, duration(20*time.Second), c.RequestTimeout) }},
		{"REQUEST_TIMEOUT", "5001ms", func(t *testing.T, c Config) { assert.Equal(t, duration(5001*time.Millisecond), c.RequestTimeout) }},
		{"ON_EXISTING", "report", func(t *testing.T, c Config) { assert.Equal(t, onExistingReport, c.OnExisting) }},
		{"ON_EXISTING", "repair", func(t *testing.T, c Config) { assert.Equal(t, onExistingRepair, c.OnExisting) }},
		{"TEMPORARY_PASSWORD_DELIVERY", "response", func(t *testing.T, c Config) { assert.Equal(t, app.DeliverInResponse, c.PasswordDelivery) }},
		{"TEMPORARY_PASSWORD_DELIVERY", "email", func(t *testing.T, c Config) { assert.Equal(t, app.DeliverByEmail, c.PasswordDelivery) }},
		{"TEMPORARY_PASSWORD_DELIVERY", "both", func(t *testing.T, c Config) { assert.Equal(t, app.DeliverBoth, c.PasswordDelivery) }},
		{"REQUIRED_ACTIONS", " CONFIGURE_TOTP , UPDATE_PASSWORD,", func(t *testing.T, c Config) {
			assert.Equal(t, []domain.RequiredAction{"CONFIGURE_TOTP", domain.UpdatePassword}, []domain.RequiredAction(c.RequiredActions))
		}},
		{"REQUIRED_ACTIONS", "", func(t *testing.T, c Config) { assert.Empty(t, []domain.RequiredAction(c.RequiredActions)) }},
		{"EMAIL_VERIFIED", "false", func(t *testing.T, c Config) { assert.False(t, c.EmailVerified) }},
		{"EMAIL_VERIFIED", "true", func(t *testing.T, c Config) { assert.True(t, c.EmailVerified) }},
		{"LOG_LEVEL", "Warning", func(t *testing.T, c Config) { assert.Equal(t, logLevel(slog.LevelWarn), c.LogLevel) }},
		{"GUNICORN_LOG_LEVEL", "critical", func(t *testing.T, c Config) { assert.Equal(t, logLevel(slog.LevelError), c.LogLevel) }},
		{"GUNICORN_GRACEFUL_TIMEOUT", "45", func(t *testing.T, c Config) { assert.Equal(t, duration(45*time.Second), c.ShutdownTimeout) }},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			setEnvironment(t, sound(map[string]string{c.name: c.value}))
			config, err := Load()
			require.NoError(t, err)
			c.check(t, config)
		})
	}
}

func TestLoad_OwnNamesWinOverAliases(t *testing.T) {
	setEnvironment(t, sound(map[string]string{"LOG_LEVEL": "debug", "GUNICORN_LOG_LEVEL": "error"}))
	config, err := Load()
	require.NoError(t, err)
	assert.Equal(t, logLevel(slog.LevelDebug), config.LogLevel)
}

func TestLoad_SaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, value string }{
		{"KEYCLOAK_URL", ""}, {"KEYCLOAK_URL", "kc:8080"}, {"KEYCLOAK_URL", "ftp://kc"}, {"KEYCLOAK_URL", "http://"}, {"KEYCLOAK_URL", "http://user:pw@kc"},
		{"KEYCLOAK_URL", "http://kc?x=1"}, {"KEYCLOAK_REALM", " "}, {"KEYCLOAK_CLIENT_ID", ""}, {"KEYCLOAK_CLIENT_SECRET", ""},
		{"PORT", "65536"}, {"PORT", "-1"}, {"PORT", "x"}, {"KEYCLOAK_TIMEOUT", "soon"}, {"KEYCLOAK_TIMEOUT", "0s"}, {"LOG_LEVEL", "loud"},
		{"SHUTDOWN_TIMEOUT", "10s"}, {"SHUTDOWN_TIMEOUT", "0"}, {"SHUTDOWN_TIMEOUT", "?"},
		{"REQUEST_TIMEOUT", "5s"}, {"REQUEST_TIMEOUT", "0"}, {"REQUEST_TIMEOUT", "-1s"}, {"REQUEST_TIMEOUT", ""}, {"REQUEST_TIMEOUT", "soon"},
		{"KEYCLOAK_MAX_CONCURRENCY", "0"}, {"KEYCLOAK_MAX_CONCURRENCY", "-64"}, {"KEYCLOAK_MAX_CONCURRENCY", "many"}, {"KEYCLOAK_MAX_CONCURRENCY", ""},
		{"ON_EXISTING", ""}, {"ON_EXISTING", "Repair"}, {"ON_EXISTING", "repair "}, {"ON_EXISTING", "true"},
		{"TEMPORARY_PASSWORD_DELIVERY", ""}, {"TEMPORARY_PASSWORD_DELIVERY", "mail"}, {"TEMPORARY_PASSWORD_DELIVERY", "Email"}, {"TEMPORARY_PASSWORD_DELIVERY", "response,email"},
		{"REQUIRED_ACTIONS", "UPDATE PASSWORD"}, {"REQUIRED_ACTIONS", "UPDATE_PASSWORD,VERIFY_EMAIL,UPDATE_PASSWORD"}, {"REQUIRED_ACTIONS", "UPDATE_PASSWORD\tVERIFY_EMAIL"},
		{"EMAIL_VERIFIED", ""}, {"EMAIL_VERIFIED", "yes"}, {"EMAIL_VERIFIED", "2"},
		{"AUTH_MODE", ""}, {"AUTH_MODE", "on"}, {"AUTH_MODE", "Enforce"}, {"AUTH_MODE", "enforce "},
		{"AUTH_INTROSPECTION", ""}, {"AUTH_INTROSPECTION", "true"}, {"AUTH_INTROSPECTION", "reads"}, {"AUTH_INTROSPECTION", "Writes"},
		{"AUTH_WRITE_ROLES", ""}, {"AUTH_WRITE_ROLES", " , ,"},
		{"TRUSTED_ORIGINS", "admin.bank.example"}, {"TRUSTED_ORIGINS", "https://admin.bank.example/"}, {"TRUSTED_ORIGINS", "https://admin.bank.example/app"},
		{"TRUSTED_ORIGINS", "*"}, {"TRUSTED_ORIGINS", "https://"}, {"TRUSTED_ORIGINS", "https://admin.bank.example https://other.bank.example"},
		{"RATE_LIMIT_WRITES", "-1"}, {"RATE_LIMIT_WRITES", "many"}, {"RATE_LIMIT_WRITES", ""}, {"RATE_LIMIT_WRITES", "1.5"},
		{"RATE_LIMIT_MAILS", "-1"}, {"RATE_LIMIT_MAILS", "many"},
		{"RESET_COOLDOWN", "-1s"}, {"RESET_COOLDOWN", "-60"}, {"RESET_COOLDOWN", "soon"},
		{"PROTECTED_GROUPS", "board,/"}, {"AUDIT_LOG", ""}, {"AUDIT_LOG", " "},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			setEnvironment(t, sound(map[string]string{c.name: c.value}))
			_, err := Load()
			var faults configError
			require.ErrorAs(t, err, &faults)
			require.Len(t, faults, 1)
			assert.True(t, strings.HasPrefix(faults[0], c.name+": "), faults[0])
			assert.NotContains(t, err.Error(), "pw")
		})
	}
}

func TestLoad_ListsAllFaultsAtOnce(t *testing.T) {
	setEnvironment(t, map[string]string{
		"PORT": "x", "LOG_LEVEL": "y", "KEYCLOAK_TIMEOUT": "z", "RATE_LIMIT_WRITES": "r",
		"REQUEST_TIMEOUT": "q", "KEYCLOAK_MAX_CONCURRENCY": "c", "ON_EXISTING": "e",
		"AUTH_MODE": "a", "AUTH_INTROSPECTION": "i", "AUTH_WRITE_ROLES": ",", "TRUSTED_ORIGINS": "o", "RESET_COOLDOWN": "-1", "AUDIT_LOG": "",
		"TEMPORARY_PASSWORD_DELIVERY": "d", "REQUIRED_ACTIONS": "x,x", "EMAIL_VERIFIED": "v",
	})
	_, err := Load()
	var faults configError
	require.ErrorAs(t, err, &faults)
	assert.Len(t, faults, 20)
	assert.Contains(t, faults, "EMAIL_VERIFIED: must be true or false")
}

// A call is part of a request, and a request may be under way at a shutdown: each must
// have more time than the one before.
func TestLoad_KeepsCallRequestAndShutdownInThisOrder(t *testing.T) {
	const request = "REQUEST_TIMEOUT: must be above KEYCLOAK_TIMEOUT, or one slow call would use up a whole request"
	const shutdown = "SHUTDOWN_TIMEOUT: must be above REQUEST_TIMEOUT, or a shutdown would cut off requests under way"
	for _, c := range []struct {
		call, request, shutdown string
		faults                  []string
	}{
		{"5s", "10s", "30s", nil},
		{"29998ms", "29999ms", "30s", nil},
		{"10s", "10s", "30s", []string{request}},
		{"11s", "10s", "30s", []string{request}},
		{"31s", "10s", "30s", []string{request}},
		{"5s", "30s", "30s", []string{shutdown}},
		{"5s", "31s", "30s", []string{shutdown}},
		{"30s", "10s", "5s", []string{request, shutdown}},
		{"10s", "10s", "10s", []string{request, shutdown}},
	} {
		setEnvironment(t, sound(map[string]string{"KEYCLOAK_TIMEOUT": c.call, "REQUEST_TIMEOUT": c.request, "SHUTDOWN_TIMEOUT": c.shutdown}))
		_, err := Load()
		if len(c.faults) == 0 {
			require.NoError(t, err, "%v", c)
			continue
		}
		var faults configError
		require.ErrorAs(t, err, &faults, "%v", c)
		assert.Equal(t, configError(c.faults), faults, "%v", c)
	}
}

func TestLoad_ListsTheFaultsOfAllBoundsAtOnce(t *testing.T) {
	setEnvironment(t, sound(map[string]string{
		"KEYCLOAK_TIMEOUT": "0", "REQUEST_TIMEOUT": "0", "SHUTDOWN_TIMEOUT": "0", "KEYCLOAK_MAX_CONCURRENCY": "0", "ON_EXISTING": "both",
	}))
	_, err := Load()
	require.Error(t, err)
	for _, fault := range []string{
		"ON_EXISTING: must be report or repair",
		"KEYCLOAK_TIMEOUT: must be above zero",
		"REQUEST_TIMEOUT: must be above KEYCLOAK_TIMEOUT",
		"SHUTDOWN_TIMEOUT: must be above REQUEST_TIMEOUT",
		"KEYCLOAK_MAX_CONCURRENCY: must be above zero",
	} {
		assert.Contains(t, err.Error(), "\n  - "+fault)
	}
}

// The file is for local work; what is really set wins.
func TestLoad_DotEnvFillsGaps(t *testing.T) {
	setEnvironment(t, map[string]string{"KEYCLOAK_REALM": "from-environment"})
	t.Setenv("KEYCLOAK_CLIENT_ID", "") // restored after the test, as Load sets them
	t.Setenv("KEYCLOAK_CLIENT_SECRET", "")
	require.NoError(t, os.Unsetenv("KEYCLOAK_CLIENT_ID"))
	require.NoError(t, os.Unsetenv("KEYCLOAK_CLIENT_SECRET"))
	writeDotEnv(t, "KEYCLOAK_URL=http://kc\nKEYCLOAK_REALM=from-file\nKEYCLOAK_CLIENT_ID=c\nKEYCLOAK_CLIENT_SECRET=s\n")
	config, err := Load()
	require.NoError(t, err)
	assert.Equal(t, "http://kc", config.KeycloakURL)
	assert.Equal(t, "from-environment", config.KeycloakRealm)
}

func TestLoad_DotEnvThatIsBrokenIsAFaultWithoutItsText(t *testing.T) {
	setEnvironment(t, sound(nil))
	writeDotEnv(t, "KEYCLOAK_CLIENT_SECRET='open-sesame\n")
	_, err := Load()
	require.Error(t, err)
	assert.Contains(t, err.Error(), ".env: ")
	assert.NotContains(t, err.Error(), "open-sesame")
}

// Whoever can leave a file in the working directory must not open the service with it.
func TestLoad_DotEnvCannotSayWhomToTrust(t *testing.T) {
	lines := []string{
		"AUTH_MODE=value-7", "export AUTH_ISSUERS='value-7'", "AUTH_NEW: value-7", "auth_clients=", "PROTECTED_USERS=value-7", "PROTECTED_GROUPS=value-7",
		"PRIVILEGED_ROLES=value-7", "TRUSTED_ORIGINS=value-7", "AUDIT_LOG=value-7", "HTTP_PROXY=value-7", "https_proxy=value-7",
		"No_Proxy=value-7", "ALL_PROXY=value-7", "SSL_CERT_FILE=value-7", "SSL_CERT_DIR=value-7", "GODEBUG=value-7",
	}
	setEnvironment(t, sound(map[string]string{"PORT": "x", "AUTH_MODE": "enforce"}))
	writeDotEnv(t, strings.Join(lines, "\n")+"\nKEYCLOAK_REALM=from-file\n")
	_, err := Load()
	var faults configError
	require.ErrorAs(t, err, &faults)
	assert.NotContains(t, err.Error(), "value-7")
	assert.Contains(t, faults, "AUTH_MODE: must not be set in .env, only in the environment itself")
	assert.Len(t, faults, len(lines)+1, "PORT is told with them: %v", faults)
	_, set := os.LookupEnv("PRIVILEGED_ROLES")
	assert.False(t, set)
}

func TestConfig_KnowsWhereSecretsCanBeRead(t *testing.T) {
	for url, clear := range map[string]bool{
		"http://kc:8080": true, "HTTP://10.0.0.7": true, "http://localhost.bank.example": true, "http://127.0.0.1.bank.example": true, "http://[2001:db8::1]:8080": true,
		"https://kc": false, "http://localhost:8080": false, "http://LOCALHOST": false, "http://127.0.0.1:8080": false, "http://127.9.9.9": false, "http://[::1]:8080": false,
	} {
		assert.Equal(t, clear, Config{KeycloakURL: url}.speaksInClear(), url)
	}
}

func TestIneffectiveVariables(t *testing.T) {
	setEnvironment(t, map[string]string{"GUNICORN_WORKERS": "4", "GUNICORN_TIMEOUT": "30", "GUNICORN_LOG_LEVEL": "info"})
	assert.Equal(t, []string{"GUNICORN_WORKERS", "GUNICORN_TIMEOUT"}, ineffectiveVariables())
}

func writeDotEnv(t *testing.T, text string) {
	t.Helper()
	directory, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(directory, ".env"), []byte(text), 0o600))
}
