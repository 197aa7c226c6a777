package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// Who may do what, as the environment says it. What is not said must be the safe side.

func TestLoad_AccessIsClosedByDefault(t *testing.T) {
	setEnvironment(t, sound(nil))
	config, err := Load()
	require.NoError(t, err)
	assert.Equal(t, app.Access{Mode: app.Enforce, WriteRoles: []string{"admin"}, ReadRoles: []string{"admin"}}, config.access())
	assert.Equal(t, "writes", config.AuthIntrospection)
	assert.Empty(t, config.AuthIssuers)
	assert.Empty(t, config.AuthClients)
	assert.Empty(t, config.TrustedOrigins)
	assert.Equal(t, 120, config.RateLimitWrites)
	assert.Equal(t, 200, config.RateLimitMails)
	assert.Equal(t, duration(time.Minute), config.ResetCooldown)
	assert.Equal(t, domain.DefaultGuard(), config.guard())
	assert.Equal(t, "stdout", config.AuditLog)
}

func TestLoad_ReadsEachVariableOfAccess(t *testing.T) {
	for _, c := range []struct {
		name, value string
		check       func(t *testing.T, config Config)
	}{
		{"AUTH_MODE", "report", func(t *testing.T, c Config) { assert.Equal(t, app.Report, c.access().Mode) }},
		{"AUTH_MODE", "off", func(t *testing.T, c Config) { assert.Equal(t, app.Off, c.access().Mode) }},
		{"AUTH_INTROSPECTION", "off", func(t *testing.T, c Config) { assert.Equal(t, introspectOff, c.AuthIntrospection) }},
		{"AUTH_ISSUERS", " https://id.bank.example/realms/bank,http://keycloak:8080/realms/bank ", func(t *testing.T, c Config) {
			assert.Equal(t, list[string]{"https://id.bank.example/realms/bank", "http://keycloak:8080/realms/bank"}, c.AuthIssuers)
		}},
		{"AUTH_CLIENTS", "oauth2-proxy", func(t *testing.T, c Config) { assert.Equal(t, list[string]{"oauth2-proxy"}, c.AuthClients) }},
		{"AUTH_AUDIENCE", "user-sync-service, api", func(t *testing.T, c Config) {
			assert.Equal(t, list[string]{"user-sync-service", "api"}, c.AuthAudience)
		}},
		{"AUTH_WRITE_ROLES", " admin , Super User ,,web-app:operator, ", func(t *testing.T, c Config) {
			roles := []string{"admin", "Super User", "web-app:operator"}
			assert.Equal(t, app.Access{Mode: app.Enforce, WriteRoles: roles, ReadRoles: roles}, c.access(), "who may write may read")
		}},
		{"AUTH_READ_ROLES", "auditor, admin", func(t *testing.T, c Config) {
			assert.Equal(t, app.Access{Mode: app.Enforce, WriteRoles: []string{"admin"}, ReadRoles: []string{"auditor", "admin"}}, c.access())
		}},
		{"AUTH_READ_ROLES", " , ", func(t *testing.T, c Config) { assert.Equal(t, []string{"admin"}, c.access().ReadRoles) }},
		{"RATE_LIMIT_READS", "0", func(t *testing.T, c Config) { assert.Zero(t, c.RateLimitReads) }},
		{"RATE_LIMIT_WRITES", "0", func(t *testing.T, c Config) { assert.Zero(t, c.RateLimitWrites) }},
		{"RATE_LIMIT_MAILS", "0", func(t *testing.T, c Config) { assert.Zero(t, c.RateLimitMails) }},
		{"RESET_COOLDOWN", "90", func(t *testing.T, c Config) { assert.Equal(t, duration(90*time.Second), c.ResetCooldown) }},
		{"RESET_COOLDOWN", "0", func(t *testing.T, c Config) { assert.Zero(t, c.ResetCooldown) }},
		{"PROTECTED_USERS", "breakglass , cto", func(t *testing.T, c Config) { assert.Equal(t, []string{"breakglass", "cto"}, c.guard().ProtectedUsers) }},
		{"PROTECTED_GROUPS", "/board/ , branches/north,/a/b", func(t *testing.T, c Config) {
			assert.Equal(t, []domain.Group{"board", "branches/north", "a/b"}, c.guard().ProtectedGroups)
		}},
		{"PROTECTED_ROLES", "realm-admin,Super User", func(t *testing.T, c Config) {
			assert.Equal(t, []domain.RealmRole{"realm-admin", "Super User"}, c.guard().ProtectedRoles)
		}},
		{"PROTECTED_ROLES", "", func(t *testing.T, c Config) { assert.Empty(t, c.guard().ProtectedRoles) }},
		{"PRIVILEGED_ROLES", "admin,treasurer", func(t *testing.T, c Config) {
			assert.Equal(t, []domain.RealmRole{"admin", "treasurer"}, c.guard().PrivilegedRoles)
		}},
		{"AUDIT_LOG", "/var/log/audit.jsonl", func(t *testing.T, c Config) { assert.Equal(t, "/var/log/audit.jsonl", c.AuditLog) }},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			setEnvironment(t, sound(map[string]string{c.name: c.value}))
			config, err := Load()
			require.NoError(t, err)
			c.check(t, config)
		})
	}
}

func TestLoad_TrustsTheOriginsThatAreNamed(t *testing.T) {
	setEnvironment(t, sound(map[string]string{"TRUSTED_ORIGINS": "https://admin.bank.example , http://localhost:4200"}))
	config, err := Load()
	require.NoError(t, err)
	protection, err := config.crossOrigin()
	require.NoError(t, err)
	for origin, trusted := range map[string]bool{"https://admin.bank.example": true, "http://localhost:4200": true, "https://evil.example": false} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://sync.bank.example/sync/user", http.NoBody)
		request.Header.Set("Origin", origin)
		assert.Equal(t, trusted, protection.Check(request) == nil, origin)
	}
}

// serving is an environment in which the program starts, without a Keycloak.
func serving(change map[string]string) map[string]string {
	variables := sound(map[string]string{"KEYCLOAK_URL": "http://127.0.0.1:1", "LISTEN_HOST": "127.0.0.1", "PORT": "0"})
	for name, value := range change {
		variables[name] = value
	}
	return variables
}

func TestRun_OffWarnsAtTheStart(t *testing.T) {
	setEnvironment(t, serving(map[string]string{"AUTH_MODE": "off"}))
	_, output := runUntilStopped(t, nil, "/livez")
	assert.Contains(t, output, `"level":"WARN","msg":"callers are not checked`)
	assert.Contains(t, output, `"auth_mode":"off"`)
}

func TestRun_ReportAndEnforceDoNotWarn(t *testing.T) {
	for _, mode := range []string{"report", "enforce"} {
		setEnvironment(t, serving(map[string]string{"AUTH_MODE": mode}))
		_, output := runUntilStopped(t, nil, "/livez")
		assert.NotContains(t, output, "callers are not checked", mode)
		assert.Contains(t, output, `"auth_mode":"`+mode+`"`)
	}
}

func TestRun_WarnsWhileTokensOfAnyClientCount(t *testing.T) {
	for _, c := range []struct {
		mode, clients, audience string
		warns                   bool
	}{
		{"enforce", "", "", true}, {"report", " , ", ",", true}, {"off", "", "", false},
		{"enforce", "oauth2-proxy", "", false}, {"enforce", "", "api", false}, {"report", "oauth2-proxy", "api", false},
	} {
		setEnvironment(t, serving(map[string]string{"AUTH_MODE": c.mode, "AUTH_CLIENTS": c.clients, "AUTH_AUDIENCE": c.audience}))
		_, output := runUntilStopped(t, nil, "/livez")
		assert.Equal(t, c.warns, strings.Contains(output, `"level":"WARN","msg":"access tokens of every client of the realm count`), c)
	}
}

func TestWarnOfOpenDoor_WarnsOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { warnOfOpenDoor(ctx, slog.New(slog.NewTextHandler(&written, nil))) })
		time.Sleep(3*time.Minute + time.Second)
		stop()
		running.Wait()
		assert.Equal(t, 4, strings.Count(written.String(), "callers are not checked"))
	})
}

// A service that could record nothing would refuse every write; better not to start.
func TestRun_EndsWhenTheAuditLogCannotBeOpened(t *testing.T) {
	for name, path := range map[string]string{"a directory": t.TempDir(), "no such directory": filepath.Join(t.TempDir(), "missing", "audit.jsonl")} {
		setEnvironment(t, serving(map[string]string{"AUDIT_LOG": path}))
		var written lockedBuffer
		err := run(t.Context(), nil, &written, &written)
		require.ErrorAs(t, err, new(configError), name)
		assert.Contains(t, err.Error(), "audit log", name)
		assert.NotContains(t, written.String(), `"msg":"serving"`, name)
	}
}

func TestRun_KeepsTheAuditLogInTheFileThatIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("{\"earlier\":true}\n"), 0o600))
	setEnvironment(t, serving(map[string]string{"AUDIT_LOG": path}))
	status, output := runUntilStopped(t, nil, "/users/anna/keycloak-status")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	events, _ := auditLines(output)
	assert.Empty(t, events)
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(kept)), "\n")
	require.Len(t, lines, 2, "%s", kept)
	assert.JSONEq(t, `{"earlier":true}`, lines[0], "what was there stays")
	assert.Contains(t, lines[1], `"anna"`)
}

func TestRun_DemoChecksNobodyAndSaysSo(t *testing.T) {
	_, output := runUntilStopped(t, []string{"demo", "--port", "0"}, "/users/asha/keycloak-status")
	assert.Contains(t, output, "callers are not checked")
	events, _ := auditLines(output)
	require.Len(t, events, 1)
	assert.Contains(t, events[0], `"asha"`)
}
