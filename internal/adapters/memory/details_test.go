package memory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// clock is a clock that a test sets.
type clock struct{ time time.Time }

func (c *clock) now() time.Time { return c.time }

// newTimedProvider returns a provider and its clock.
func newTimedProvider() (*memory.Provider, *clock) {
	c := &clock{time.Date(2026, time.March, 1, 9, 30, 0, 123_456_789, time.FixedZone("CET", 3600))}
	return memory.New(memory.Realm{Roles: []domain.RealmRole{"teller"}, Now: c.now}), c
}

func details(t *testing.T, p *memory.Provider, id domain.UserID) domain.AccountDetails {
	t.Helper()
	d, err := p.Details(t.Context(), id)
	require.NoError(t, err)
	return d
}

// As in Keycloak, which counts in milliseconds.
func TestProvider_TellsByItsClockWhenUsersWereCreated(t *testing.T) {
	p, clock := newTimedProvider()
	add(t, p, anna(), "")
	clock.time = clock.time.Add(time.Hour)
	_, err := p.CreateUser(t.Context(), newUser(t, "bert", "bert@example.com"))
	require.NoError(t, err)
	earlier := time.Date(2020, time.May, 5, 5, 5, 5, 0, time.UTC)
	add(t, p, domain.User{Username: "carl", CreatedAt: earlier}, "")

	users := p.Users()
	assert.Equal(t, time.Date(2026, time.March, 1, 8, 30, 0, 123_000_000, time.UTC), users[0].CreatedAt)
	assert.Equal(t, time.Date(2026, time.March, 1, 9, 30, 0, 123_000_000, time.UTC), users[1].CreatedAt)
	assert.Equal(t, earlier, users[2].CreatedAt, "the realm's owner may have imported the user")
}

func TestLockUntil_EndsByItself(t *testing.T) {
	p, clock := newTimedProvider()
	id := add(t, p, anna(), "secret")
	end := clock.time.Add(time.Minute)
	require.NoError(t, p.LockUntil("anna", end))
	assert.Equal(t, domain.AccountDetails{Locked: true, LockedUntil: end, HasPassword: true}, details(t, p, id))
	_, err := p.SignIn("anna", "secret")
	require.ErrorIs(t, err, memory.WrongPassword)

	clock.time = end
	assert.Equal(t, domain.AccountDetails{HasPassword: true}, details(t, p, id))
	_, err = p.SignIn("anna", "secret")
	require.NoError(t, err)
}

// As in Keycloak, where a lock is another thing than the switch.
func TestLock_LastsUntilTheUserIsEnabled(t *testing.T) {
	p, clock := newTimedProvider()
	id := add(t, p, anna(), "secret")
	require.NoError(t, p.Lock("anna"))
	clock.time = clock.time.AddDate(10, 0, 0)
	require.NoError(t, p.SetEnabled(t.Context(), id, false))
	d := details(t, p, id)
	assert.True(t, d.Locked)
	assert.Zero(t, d.LockedUntil)

	require.NoError(t, p.SetEnabled(t.Context(), id, true))
	assert.False(t, details(t, p, id).Locked)

	// The end of an earlier lock does not end a later one.
	require.NoError(t, p.LockUntil("anna", clock.time.Add(time.Hour)))
	require.NoError(t, p.Lock("anna"))
	assert.Zero(t, details(t, p, id).LockedUntil)
}

func TestDetails_NamesEachKindOfSecondFactorOnceAndInOrder(t *testing.T) {
	p := newProvider()
	id := add(t, p, anna(), "")
	for _, kind := range []string{"webauthn", "otp", "webauthn"} {
		require.NoError(t, p.AddSecondFactor(id, kind))
	}
	d := details(t, p, id)
	assert.Equal(t, []string{"otp", "webauthn"}, d.SecondFactors)
	assert.False(t, d.HasPassword)
	require.ErrorIs(t, p.AddSecondFactor("nobody", "otp"), domain.NotFound)
}

// What a role or a group only brings along is a role of an application.
func TestDetails_LeavesOutWhatIsNoRealmRole(t *testing.T) {
	p := memory.New(tangledRealm())
	id := add(t, p, anna(), "", domain.Assignment{Role: "auditor", Group: "branches/north/vault"})
	assert.Equal(t, []domain.RealmRole{"auditor", "chief", "teller", "watcher"}, details(t, p, id).EffectiveRoles)
}
