package app_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
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
	assert.Equal(t, len(writing()), b.audit.strangers, "they could fill the disk")
	require.NoError(t, b.as(t, "asha", reading(), "anna"), "reads have a limit of their own")
}

func TestRateLimit_OfReadsIsTheirOwn(t *testing.T) {
	b := newBench(newGuardedRealm(t), guarded, actors, func(config *app.Config) { config.ReadsPerMinute, config.WritesPerMinute = 2, 2 })
	for range 2 {
		require.NoError(t, b.as(t, "asha", reading(), "anna"))
	}
	err := b.as(t, "asha", reading(), "anna")
	require.ErrorIs(t, err, domain.RateLimited)
	assert.Equal(t, "Too many requests in a short time. Please wait a minute.", domain.AsError(err).Message)
	require.NoError(t, b.as(t, "asha", enabling(), "anna"))
	require.NoError(t, b.as(t, "boss", reading(), "anna"))
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
		require.ErrorIs(t, b.attempt(t, app.Caller{Token: "asha", CrossSite: errors.New("from elsewhere")}, enabling(), "anna"), domain.Forbidden)
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

// newMailing is a service that lets each actor send so many mails in an hour, those of new
// users included.
func newMailing(provider ports.IdentityProvider, perHour int, change ...func(*app.Config)) (*bench, *clock) {
	clock := &clock{now: now()}
	return newBench(provider, append(change, guarded, actors, func(config *app.Config) {
		config.MailsPerHour, config.Delivery, config.Now = perHour, app.DeliverBoth, clock.Now
	})...), clock
}

// noMoreMails asserts that err is the one of an actor who has sent too many.
func noMoreMails(t *testing.T, err error, left time.Duration) {
	t.Helper()
	require.ErrorIs(t, err, domain.RateLimited)
	assert.Equal(t, "You have sent too many mails within an hour. Please try again later.", domain.AsError(err).Message)
	assert.Equal(t, left, domain.AsError(err).RetryAfter)
}

func TestMailLimit_CountsAllMailsOfAnActorAndIsLookedAtBeforeAnythingIsDone(t *testing.T) {
	provider := newGuardedRealm(t)
	b, clock := newMailing(provider, 3)
	require.NoError(t, b.reset(t, "anna"))
	clock.pass(20 * time.Minute)
	for i := range 2 {
		require.NoError(t, b.as(t, "asha", syncing(), fmt.Sprintf("new%d", i)))
	}
	same := unchanged(t, provider)
	noMoreMails(t, b.reset(t, "anna"), 40*time.Minute)
	noMoreMails(t, b.as(t, "ASHA", syncing(), "tariq"), 40*time.Minute)
	same()
	require.NoError(t, b.as(t, "asha", enabling(), "anna"), "other writes are not limited")
	require.NoError(t, b.as(t, "another", syncing(), "tariq"))
	assert.Len(t, provider.Mails(), 4)
	clock.pass(40 * time.Minute)
	require.NoError(t, b.reset(t, "anna"))
	noMoreMails(t, b.reset(t, "anna"), 20*time.Minute)
}

// Only what may have gone out counts: not who exists, and not what failed.
func TestMailLimit_CountsMailsThatMayHaveBeenSent(t *testing.T) {
	provider := newGuardedRealm(t)
	b, _ := newMailing(provider, 1)
	provider.FailMails(true)
	for i := range 3 {
		require.ErrorIs(t, b.reset(t, "anna"), domain.EmailDeliveryFailed)
		require.ErrorIs(t, b.reset(t, "nobody"), domain.NotFound)
		require.NoError(t, b.as(t, "asha", syncing(), fmt.Sprintf("new%d", i)))
		require.NoError(t, b.as(t, "asha", syncing(), "new0"), "exists")
	}
	provider.FailMails(false)
	require.NoError(t, b.reset(t, "anna"))

	unclear, _ := newMailing(failingMails{newGuardedRealm(t), domain.Timeout}, 1)
	require.NoError(t, unclear.as(t, "asha", syncing(), "tariq"))
	noMoreMails(t, unclear.reset(t, "anna"), time.Hour)
}

func TestMailLimit_OfZeroIsNoneAndUnknownActorsAreNotCounted(t *testing.T) {
	b, _ := newMailing(newGuardedRealm(t), 0)
	anybody := newBench(newGuardedRealm(t), func(config *app.Config) { config.MailsPerHour = 1 })
	for range 3 {
		require.NoError(t, b.reset(t, "anna"))
		require.NoError(t, anybody.attempt(t, app.Caller{}, targeting()[0], "anna"))
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
