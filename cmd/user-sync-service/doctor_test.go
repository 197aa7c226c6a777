package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// What the demonstration runs on is sound.
func TestDoctor_HasNothingToSayOfTheDemonstration(t *testing.T) {
	provider, err := demoProvider()
	require.NoError(t, err)
	setEnvironment(t, sound(nil))
	config, faults := load()
	require.Empty(t, faults)
	assert.Empty(t, provider.Examine(t.Context(), config.needs()))
}

// A configuration that the service would not start with is no reason to look at nothing else.
func TestDoctor_GoesOnWithFaultsOfTheConfiguration(t *testing.T) {
	setEnvironment(t, sound(map[string]string{
		"AUTH_MODE": "perhaps", "KEYCLOAK_URL": "http://127.0.0.1:1", "PORT": "0", "AUDIT_LOG": "/no/such/folder/log", "NO_COLOR": "1",
	}))
	var written bytes.Buffer
	require.ErrorIs(t, run(t.Context(), []string{"doctor"}, &written, &written), exitFaults)
	for _, id := range []string{"(configuration)", "(audit-log)", "(port-closed)"} {
		assert.Contains(t, written.String(), id)
	}
	assert.NotContains(t, written.String(), "\x1b")
}

func TestPrint_Forms(t *testing.T) {
	diagnosis := app.Diagnosis{Findings: []domain.Finding{
		{ID: "a", Severity: domain.Fault, Subject: "role\x1b[2J", Problem: "P.", Breaks: "B.", Remedy: domain.Remedy{Command: "mend it"}},
		{ID: "b", Severity: domain.Warning, Subject: "s", Remedy: domain.Remedy{Command: "mend it"}},
		{ID: "c", Severity: domain.CannotTell, Subject: "s", Remedy: domain.Remedy{Step: "look"}},
	}}
	var text, coloured, commands, machines bytes.Buffer
	require.NoError(t, printFindings(&text, diagnosis, false))
	assert.NotContains(t, text.String(), "\x1b", "what a realm names itself does nothing to a terminal")
	assert.Contains(t, text.String(), "Faults: 1. Warnings: 1. Unknown: 1.")
	require.NoError(t, printFindings(&coloured, diagnosis, true))
	assert.Contains(t, coloured.String(), "\x1b[1;31mfault")
	require.NoError(t, printCommands(&commands, diagnosis))
	assert.Equal(t, "mend it\n", commands.String(), "each once")
	require.NoError(t, printJSON(&machines, diagnosis))
	assert.Contains(t, machines.String(), `"severity": "unknown"`)
}

// Each oddity is one that has cost somebody an afternoon.
func TestSecretHints(t *testing.T) {
	for secret, hint := range map[string]string{
		"as it should be": "", "fine": "",
		"\ufefffine": "BOM", " fine": "blanks", "fine\t": "blanks", `"fine"`: "quotation", "'fine'": "quotation", "fi\u200bne": "cannot be seen", "${SECRET}": "not replaced",
	} {
		hints := Config{KeycloakClientSecret: domain.NewSecret(secret)}.secretHints()
		if secret == "as it should be" {
			assert.Len(t, hints, 1, "a blank inside is odd too")
			continue
		}
		if hint == "" {
			assert.Empty(t, hints)
			continue
		}
		require.Len(t, hints, 1, "%q", secret)
		assert.Contains(t, hints[0], hint)
		assert.NotContains(t, hints[0], secret)
	}
	path := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(path, []byte("KEYCLOAK_CLIENT_SECRET=pa$word\n"), 0o600))
	hints := Config{KeycloakClientSecret: domain.NewSecret("pa"), dotEnv: path}.secretHints()
	require.Len(t, hints, 1)
	assert.Contains(t, hints[0], "'$'")
}

func TestAsSent(t *testing.T) {
	for given, sent := range map[string]string{
		"https://admin.bank.example": "https://admin.bank.example", "https://Admin.Bank.Example": "https://admin.bank.example",
		"https://admin.bank.example:443": "https://admin.bank.example", "http://localhost:80": "http://localhost", "http://localhost:3000": "http://localhost:3000",
	} {
		assert.Equal(t, sent, asSent(given))
	}
}

// The doctor makes no audit log and says what a shell does about one that others can read.
func TestBadAuditLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	problem, _ := badAuditLog(path)
	assert.Empty(t, problem)
	assert.NoFileExists(t, path)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Chmod(path, 0o644))
	problem, remedy := badAuditLog(path)
	assert.NotEmpty(t, problem)
	assert.Equal(t, "chmod 600 '"+path+"'", remedy.Command)
}
