// Package app holds the use cases, one file each: what the service can do, in domain
// words, without knowing who asks or which identity provider answers. Its methods
// return domain errors; adapters on the incoming side call it.
package app

import (
	"io"
	"log/slog"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// Service is the catalogue of what the program can do:
//
//   - SyncUser makes sure that a user exists.
//   - ResetPassword mails a user a link to choose a new password.
//   - SetStatus switches a user's account on or off.
//   - ForcePasswordChange makes a user change the password at the next sign-in.
//   - GetStatus reports the state of a user's account.
//
// It keeps no state and is safe for concurrent use.
type Service struct {
	provider ports.IdentityProvider
	roles    domain.RoleMap
	random   io.Reader
	log      *slog.Logger
}

// New makes a Service. Random is the source of temporary passwords, crypto/rand.Reader
// outside tests; log receives warnings, never a secret or a name of a person.
func New(provider ports.IdentityProvider, roles domain.RoleMap, random io.Reader, log *slog.Logger) *Service {
	return &Service{provider: provider, roles: roles, random: random, log: log}
}
