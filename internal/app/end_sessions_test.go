package app_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

func TestEndSessions_EndsThemAndChangesNothingElse(t *testing.T) {
	for _, enabled := range []bool{true, false} {
		provider := newMemory()
		id, err := provider.AddUser(domain.User{Username: "anna", Enabled: true}, "secret")
		require.NoError(t, err)
		session, err := provider.SignIn("anna", "secret")
		require.NoError(t, err)
		require.NoError(t, provider.SetEnabled(t.Context(), id, enabled))
		same := unchanged(t, provider)

		require.NoError(t, endSessions(t, provider, "ANNA"))

		same()
		require.NoError(t, provider.SetEnabled(t.Context(), id, true))
		assert.False(t, provider.SessionActive(session))
		_, err = provider.SignIn("anna", "secret")
		require.NoError(t, err, "the user may sign in again")
	}
}

func TestEndSessions_ActorsMayEndTheirOwn(t *testing.T) {
	provider := newGuardedRealm(t)
	session, err := provider.SignIn("anna", "Long&Secret11")
	require.NoError(t, err)
	b := newBench(provider, checking(domain.Actor{Username: "anna", Roles: []string{"admin"}}))
	require.NoError(t, b.attempt(t, app.Caller{Token: goodToken}, useCaseNamed(t, "log out"), "anna"))
	assert.False(t, provider.SessionActive(session))
}

func TestEndSessions_PassesFailuresOn(t *testing.T) {
	require.ErrorIs(t, endSessions(t, newMemory(), "nobody"), domain.NotFound)
	provider := newMock(t)
	finds(t, provider, domain.User{ID: "7", Enabled: true})
	provider.EXPECT().EndSessions(t.Context(), domain.UserID("7")).Return(&domain.Error{Kind: domain.Timeout, Err: errors.New("cause")})
	require.ErrorIs(t, endSessions(t, provider, "anna"), domain.Timeout)
}
