package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// secretFile makes a file with the text and returns its name.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client-secret")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// inFile returns variables of a sound configuration, but for the secret, which is in a file.
func inFile(path string) map[string]string {
	variables := sound(map[string]string{"KEYCLOAK_CLIENT_SECRET_FILE": path})
	delete(variables, "KEYCLOAK_CLIENT_SECRET")
	return variables
}

func TestClientSecret_IsWhatTheFileHoldsEachTime(t *testing.T) {
	path := secretFile(t, "open-sesame\n")
	setEnvironment(t, inFile(path))
	config, err := Load()
	require.NoError(t, err)
	read := config.clientSecret()
	for text, want := range map[string]string{
		"open-sesame": "open-sesame", "open-sesame\n": "open-sesame", "open-sesame\r\n": "open-sesame", " a b\t\n": " a b\t", "1\n2\n": "1\n2",
		"öffne%41+&=": "öffne%41+&=", strings.Repeat("x", maxSecretFile): strings.Repeat("x", maxSecretFile),
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		secret, err := read()
		require.NoError(t, err)
		assert.Equal(t, want, secret.Reveal(), "%.20q", text)
	}
}

func TestClientSecret_OfTheEnvironmentStays(t *testing.T) {
	setEnvironment(t, sound(nil))
	config, err := Load()
	require.NoError(t, err)
	secret, err := config.clientSecret()()
	require.NoError(t, err)
	assert.Equal(t, "made-up", secret.Reveal())
}

func TestClientSecret_ThatCannotBeReadIsAnErrorWithoutItsText(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"no file": os.Remove,
		"empty":   func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"blank":   func(path string) error { return os.WriteFile(path, []byte(" \t\r\n\n"), 0o600) },
		"too large": func(path string) error {
			return os.WriteFile(path, []byte("open-sesame"+strings.Repeat("x", maxSecretFile)), 0o600)
		},
		"a folder": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		path := secretFile(t, "open-sesame")
		setEnvironment(t, inFile(path))
		config, err := Load()
		require.NoError(t, err)
		require.NoError(t, change(path))
		secret, err := config.clientSecret()()
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "open-sesame")
		assert.True(t, secret.IsEmpty(), name)

		_, err = Load()
		var faults configError
		require.ErrorAs(t, err, &faults, name)
		require.Len(t, faults, 1, name)
		assert.True(t, strings.HasPrefix(faults[0], "KEYCLOAK_CLIENT_SECRET_FILE: "), faults[0])
	}
}

func TestLoad_WantsTheSecretInOnePlace(t *testing.T) {
	path := secretFile(t, "open-sesame")
	for _, test := range []struct{ secret, file, fault string }{
		{"", "", "KEYCLOAK_CLIENT_SECRET: must be set, or KEYCLOAK_CLIENT_SECRET_FILE"},
		{" ", "", "KEYCLOAK_CLIENT_SECRET: must be set, or KEYCLOAK_CLIENT_SECRET_FILE"},
		{"made-up", path, "KEYCLOAK_CLIENT_SECRET: must not be set together with KEYCLOAK_CLIENT_SECRET_FILE"},
		{"made-up", "no-such-file", "KEYCLOAK_CLIENT_SECRET: must not be set together with KEYCLOAK_CLIENT_SECRET_FILE"},
		{"", path, ""},
		{"made-up", "", ""},
	} {
		setEnvironment(t, sound(map[string]string{"KEYCLOAK_CLIENT_SECRET": test.secret, "KEYCLOAK_CLIENT_SECRET_FILE": test.file}))
		_, err := Load()
		if test.fault == "" {
			require.NoError(t, err, "%v", test)
			continue
		}
		var faults configError
		require.ErrorAs(t, err, &faults, "%v", test)
		assert.Equal(t, configError{test.fault}, faults)
	}
}
