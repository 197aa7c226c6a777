package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
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

// Whoever makes an administrator is seen, however it was done; also when the move that
// made one is not whole.
func TestObserver_IsToldOfEachAdministratorThatIsMade(t *testing.T) {
	provider := newMovingRealm()
	b := newBench(provider, repairing)
	_, err := b.sync(t, employee(t, "bert", "bert@bank.example", "Admin"))
	require.NoError(t, err)
	_, err = b.sync(t, employee(t, "veronica", "veronica@bank.example", "Cashier"))
	require.NoError(t, err)
	assert.Equal(t, []string{"created"}, b.observer.privileges)

	user, err := provider.FindUser(t.Context(), username(t, "bert"))
	require.NoError(t, err)
	require.NoError(t, provider.Unassign(t.Context(), user.ID, domain.Assignment{Group: "head-office"}))
	for range 2 {
		_, err = b.sync(t, employee(t, "bert", "bert@bank.example", "Admin"))
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"created", "repaired"}, b.observer.privileges)

	cutOff := newBench(&moving{IdentityProvider: provider, fail: "Unassign teller/", err: domain.Timeout})
	_, err = cutOff.update(t, app.UpdateUserInput{FineractRole: "Super User"})
	require.ErrorIs(t, err, domain.Timeout)
	assert.Equal(t, []string{"moved"}, cutOff.observer.privileges)
	set := func(enabled bool) error {
		return b.SetStatus(t.Context(), b.Begin(domain.ActionSetStatus, app.Request{}), username(t, "veronica"), enabled)
	}
	for _, enabled := range []bool{true, false, false} {
		require.NoError(t, set(enabled))
	}
	assert.Equal(t, 1, b.observer.disabled, "the second time it was off already")
}

// A role map may name a group that the realm lacks. That is given to nobody, each time.
func TestObserver_IsNotToldOfAMoveThatGivesNothing(t *testing.T) {
	provider := newRealm(func(realm *memory.Realm) { realm.Groups = nil })
	b := newBench(provider)
	_, err := provider.AddUser(domain.User{Username: "veronica", Enabled: true}, "", domain.Assignment{Role: "admin"})
	require.NoError(t, err)
	_, err = b.update(t, app.UpdateUserInput{FineractRole: "Admin"})
	require.NoError(t, err)
	assert.Empty(t, b.observer.privileges)
}
