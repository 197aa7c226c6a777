package app_test

import (
	"crypto/rand"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
	"user-sync-service/internal/ports/portmock"
)

// newMemory returns a provider with the roles and groups of the default role map, but
// for one role and one group.
func newMemory() *memory.Provider {
	realm := memory.Realm{Policy: domain.PasswordPolicy{MinLength: 12, MinDigits: 2}}
	for _, assignment := range domain.DefaultRoleMap().Assignments() {
		if assignment.Role != "Viewer" {
			realm.Roles = append(realm.Roles, assignment.Role)
		}
		if assignment.Group != "" && assignment.Group != "branch-managers" {
			realm.Groups = append(realm.Groups, assignment.Group)
		}
	}
	return memory.New(realm)
}

func newService(provider ports.IdentityProvider) *app.Service {
	return app.New(provider, domain.DefaultRoleMap(), rand.Reader, slog.New(slog.DiscardHandler))
}

func newMock(t *testing.T) *portmock.MockIdentityProvider {
	t.Helper()
	return portmock.NewMockIdentityProvider(gomock.NewController(t))
}

func username(t *testing.T, text string) domain.Username {
	t.Helper()
	username, err := domain.ParseUsername(text)
	require.NoError(t, err)
	return username
}

func employee(t *testing.T, name, email, fineractRole string) app.SyncUserInput {
	t.Helper()
	address, err := domain.ParseEmail(email)
	require.NoError(t, err)
	return app.SyncUserInput{Username: username(t, name), Email: address, FineractRole: fineractRole, FirstName: "Anna", LastName: "Smith"}
}

// add puts a user into the realm.
func add(t *testing.T, provider *memory.Provider, user domain.User) domain.UserID {
	t.Helper()
	id, err := provider.AddUser(user, "", domain.Assignment{Role: "teller", Group: "tellers"})
	require.NoError(t, err)
	return id
}
