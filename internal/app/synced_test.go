package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// Operators see at a glance what becomes of syncs.
func TestSyncUser_TellsTheObserverWhatBecameOfIt(t *testing.T) {
	provider := newDriftRealm()
	b := newBench(provider, repairing)
	sync := func() {
		_, _ = b.syncAnna(t) // The observer tells.
	}
	sync()
	user, err := provider.FindUser(t.Context(), username(t, "anna"))
	require.NoError(t, err)
	sync()
	require.NoError(t, provider.Unassign(t.Context(), user.ID, domain.Assignment{Group: "tellers"}))
	sync()
	assert.Equal(t, []string{"created", "exists", "repaired"}, b.observer.synced)

	b = newBench(&assigning{IdentityProvider: provider, err: domain.Timeout}, repairing)
	require.NoError(t, provider.Unassign(t.Context(), user.ID, domain.Assignment{Group: "tellers"}))
	sync()
	b.Guard.ProtectedUsers = []string{"anna"}
	sync()
	assert.Equal(t, []string{"failed", "refused"}, b.observer.synced)
}
