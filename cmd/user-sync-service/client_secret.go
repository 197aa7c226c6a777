package main

import (
	"bytes"
	"errors"
	"io"
	"os"

	"user-sync-service/internal/domain"
)

// maxSecretFile is the largest file that is taken for a secret, in bytes.
const maxSecretFile = 64 << 10

// clientSecret returns where the client's secret comes from: the file, if there is one,
// each time anew.
func (c Config) clientSecret() func() (domain.Secret, error) {
	if c.KeycloakClientSecretFile == "" {
		return func() (domain.Secret, error) { return c.KeycloakClientSecret, nil }
	}
	return func() (domain.Secret, error) { return readSecret(c.KeycloakClientSecretFile) }
}

// readSecret reads a secret from a file. A line break at its end does not belong to it:
// editors and "echo" leave one.
func readSecret(path string) (domain.Secret, error) {
	file, err := os.Open(path) //nolint:gosec // The operator names it.
	if err != nil {
		return domain.Secret{}, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSecretFile+1))
	if err != nil {
		return domain.Secret{}, err
	}
	text = bytes.TrimRight(text, "\r\n")
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return domain.Secret{}, errors.New("the file is empty")
	case len(text) > maxSecretFile:
		return domain.Secret{}, errors.New("the file is too large for a secret")
	}
	return domain.NewSecret(string(text)), nil
}

// validateClientSecret is Validate for the client's secret.
func (c Config) validateClientSecret(found *configError) {
	given := !isBlank(c.KeycloakClientSecret.Reveal())
	switch {
	case c.KeycloakClientSecretFile == "":
		found.addIf(!given, "KEYCLOAK_CLIENT_SECRET: must be set, or KEYCLOAK_CLIENT_SECRET_FILE")
	case given:
		found.addIf(true, "KEYCLOAK_CLIENT_SECRET: must not be set together with KEYCLOAK_CLIENT_SECRET_FILE")
	default:
		if _, err := readSecret(c.KeycloakClientSecretFile); err != nil {
			found.addIf(true, "KEYCLOAK_CLIENT_SECRET_FILE: "+err.Error())
		}
	}
}
