package memory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

func TestSignIn_TellsTheReasonsApart(t *testing.T) {
	p := newProvider()
	ctx := t.Context()
	id := add(t, p, anna(), "secret")
	add(t, p, domain.User{Username: "bert", Enabled: true}, "")

	_, err := p.SignIn("ANNA", "secret")
	require.NoError(t, err)
	_, err = p.SignIn("anna", "Secret")
	require.ErrorIs(t, err, memory.WrongPassword)
	_, err = p.SignIn("nobody", "secret")
	require.ErrorIs(t, err, memory.WrongPassword)
	_, err = p.SignIn("bert", "")
	require.ErrorIs(t, err, memory.WrongPassword, "a user without a password cannot sign in")

	require.NoError(t, p.Lock("Anna"))
	_, err = p.SignIn("anna", "secret")
	require.ErrorIs(t, err, memory.WrongPassword, "a locked user learns nothing")
	assert.True(t, p.Users()[0].Enabled, "a locked user reads as enabled")

	require.NoError(t, p.SetEnabled(ctx, id, false))
	_, err = p.SignIn("anna", "secret")
	require.ErrorIs(t, err, memory.Disabled)

	require.NoError(t, p.SetEnabled(ctx, id, true))
	require.NoError(t, p.SetRequiredActions(ctx, id, []domain.RequiredAction{domain.VerifyEmail}))
	_, err = p.SignIn("anna", "secret")
	require.ErrorIs(t, err, memory.NotSetUp)
	_, err = p.SignIn("anna", "wrong")
	require.ErrorIs(t, err, memory.WrongPassword, "only who knows the password learns of the actions")
}

func TestLock_ReturnsNotFound(t *testing.T) {
	require.ErrorIs(t, newProvider().Lock("nobody"), domain.NotFound)
}

// As in Keycloak: who disables a user without ending the sessions has them back later.
func TestSessionActive_RestsWhileTheUserIsDisabled(t *testing.T) {
	p := newProvider()
	ctx := t.Context()
	id := add(t, p, anna(), "secret")
	session, err := p.SignIn("anna", "secret")
	require.NoError(t, err)

	require.NoError(t, p.SetEnabled(ctx, id, false))
	assert.False(t, p.SessionActive(session))
	require.NoError(t, p.SetEnabled(ctx, id, true))
	assert.True(t, p.SessionActive(session))
	require.NoError(t, p.EndSessions(ctx, id))
	assert.False(t, p.SessionActive(session))
}

func TestSessionActive_KnowsNoOtherSessions(t *testing.T) {
	p := newProvider()
	assert.False(t, p.SessionActive(""))
	assert.False(t, p.SessionActive("invented"))
}
