package app_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// A stolen session must not empty a bank within a minute.

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// byName takes a token for the name of an administrator, except "bad" and none.
type byName struct{}

func (byName) Verify(_ context.Context, token string) (domain.Actor, error) {
	if token == "bad" || token == "" {
		return domain.Actor{}, domain.Unauthenticated
	}
	return domain.Actor{Username: token, Roles: []string{"admin"}}, nil
}

// actors makes the service know its callers by name.
func actors(config *app.Config) {
	config.Access = app.Access{Mode: app.Enforce, WriteRoles: []string{"admin"}, ReadRoles: []string{"admin"}}
	config.Verifier = byName{}
}

// newLimited is a service that lets each actor write so often in a minute, and its clock.
func newLimited(t *testing.T, perMinute int) (*bench, *clock) {
	t.Helper()
	clock := &clock{now: now()}
	return newBench(newGuardedRealm(t), guarded, actors, func(config *app.Config) {
		config.WritesPerMinute, config.Now = perMinute, clock.Now
	}), clock
}

// as has an administrator do something to a user.
func (b *bench) as(t *testing.T, actor string, do useCase, name string) error {
	t.Helper()
	return b.attempt(t, app.Caller{Token: actor}, do, name)
}

func enabling() useCase { return targeting()[2] }

// tooMany asserts that err is the one of an actor who writes too often.
func tooMany(t *testing.T, err error, about ...any) {
	t.Helper()
	require.ErrorIs(t, err, domain.RateLimited, about...)
	failure := domain.AsError(err)
	assert.Equal(t, "Too many changes in a short time. Please wait a minute.", failure.Message, about...)
	assert.Equal(t, time.Minute, failure.RetryAfter, about...)
}

func TestRateLimit_RefusesTheFourthOfThreeWrites(t *testing.T) {
	provider := newGuardedRealm(t)
	b := newBench(provider, actors, func(config *app.Config) { config.WritesPerMinute = 3 })
	for i := range 3 {
		require.NoError(t, b.as(t, "asha", syncing(), fmt.Sprintf("new%d", i)))
	}
	same := unchanged(t, provider)
	for _, do := range writing() {
		tooMany(t, b.as(t, "asha", do, "anna"), do.name)
		event := b.audit.events[len(b.audit.events)-1]
		assert.Equal(t, domain.RateLimited, event.Reason)
		assert.Equal(t, domain.Refused, event.Outcome)
		assert.Equal(t, "asha", event.Actor.Name())
	}
	same()
	require.NoError(t, b.as(t, "asha", reading(), "anna"), "reads are not limited")
}

func TestRateLimit_CountsAllWritesTogetherAndNoReads(t *testing.T) {
	b, _ := newLimited(t, len(writing()))
	for range 20 {
		require.NoError(t, b.as(t, "asha", reading(), "anna"))
	}
	for _, do := range targeting() {
		name := "anna"
		if do.name == "disable" {
			name = "neighbour"
		}
		require.NoError(t, b.as(t, "asha", do, name), do.name)
	}
	require.NoError(t, b.as(t, "asha", syncing(), "tariq"))
	tooMany(t, b.as(t, "asha", enabling(), "anna"))
}

func TestRateLimit_IsEachActorsOwn(t *testing.T) {
	b, _ := newLimited(t, 2)
	for range 2 {
		require.NoError(t, b.as(t, "asha", enabling(), "anna"))
	}
	for _, sameActor := range []string{"asha", "ASHA", "aShA"} {
		tooMany(t, b.as(t, sameActor, enabling(), "anna"), sameActor)
	}
	for _, other := range []string{"ash", "asha2"} {
		assert.NoError(t, b.as(t, other, enabling(), "anna"), other)
	}
}

func TestRateLimit_EndsWithTime(t *testing.T) {
	b, clock := newLimited(t, 1)
	require.NoError(t, b.as(t, "asha", enabling(), "anna"))
	clock.pass(time.Minute - 1)
	tooMany(t, b.as(t, "asha", enabling(), "anna"))
	clock.pass(1) // A refusal does not prolong it.
	require.NoError(t, b.as(t, "asha", enabling(), "anna"))
}

// Else a page of another site could use up an administrator's writes.
func TestRateLimit_CountsNothingThatIsRefusedBefore(t *testing.T) {
	b, _ := newLimited(t, 1)
	for range 5 {
		require.ErrorIs(t, b.attempt(t, app.Caller{Token: "asha", CrossSite: true}, enabling(), "anna"), domain.Forbidden)
		require.ErrorIs(t, b.as(t, "bad", enabling(), "anna"), domain.Unauthenticated)
	}
	require.NoError(t, b.as(t, "asha", enabling(), "anna"))
}

// A write that fails was tried; whoever searches for weak spots fails a lot.
func TestRateLimit_CountsWritesThatFail(t *testing.T) {
	b, _ := newLimited(t, 2)
	require.ErrorIs(t, b.as(t, "asha", enabling(), "nobody"), domain.NotFound)
	require.ErrorIs(t, b.as(t, "asha", enabling(), "breakglass"), domain.ProtectedUser)
	tooMany(t, b.as(t, "asha", enabling(), "anna"))
}

func TestRateLimit_OfZeroIsNone(t *testing.T) {
	b, _ := newLimited(t, 0)
	for range 150 {
		require.NoError(t, b.as(t, "asha", enabling(), "anna"))
	}
}

// Where callers are not checked nothing tells them apart: one of them must not use up
// what all of them have.
func TestRateLimit_DoesNotCountUnknownActors(t *testing.T) {
	b := newBench(newGuardedRealm(t), func(config *app.Config) { config.WritesPerMinute = 1 })
	for range 3 {
		require.NoError(t, b.attempt(t, app.Caller{}, enabling(), "anna"))
	}
}
