package app_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// Nobody's mailbox is to be flooded with links, and an administrator whose mail did not
// go out is to be able to try again at once.

// newCooling is a service with a cool-down of a minute, and its clock.
func newCooling(provider ports.IdentityProvider) (*bench, *clock) {
	clock := &clock{now: now()}
	return newBench(provider, guarded, actors, func(config *app.Config) {
		config.ResetCooldown, config.Now = time.Minute, clock.Now
	}), clock
}

// reset has an administrator ask for a mail to the user.
func (b *bench) reset(t *testing.T, name string) error {
	t.Helper()
	return b.as(t, "asha", targeting()[0], name)
}

// tooSoon asserts that err is the one of a cool-down with this much left.
func tooSoon(t *testing.T, err error, left time.Duration, about ...any) {
	t.Helper()
	require.ErrorIs(t, err, domain.RateLimited, about...)
	failure := domain.AsError(err)
	assert.Equal(t, "A reset mail was sent to this user a moment ago. Please wait a little.", failure.Message, about...)
	assert.Equal(t, left, failure.RetryAfter, about...)
}

func TestResetCooldown_SaysHowMuchIsLeft(t *testing.T) {
	for _, passed := range []time.Duration{0, 1, time.Second, 1500 * time.Millisecond, 59 * time.Second, time.Minute - 1} {
		provider := newGuardedRealm(t)
		b, clock := newCooling(provider)
		require.NoError(t, b.reset(t, "anna"))
		clock.pass(passed)
		tooSoon(t, b.reset(t, "anna"), time.Minute-passed)
		assert.Len(t, provider.Mails(), 1)
		assert.Equal(t, domain.RateLimited, b.audit.events[1].Reason)
		assert.Equal(t, domain.Refused, b.audit.events[1].Outcome)
	}
}

func TestResetCooldown_IsOverAfterItsTimeAndBeginsAnew(t *testing.T) {
	provider := newGuardedRealm(t)
	b, clock := newCooling(provider)
	require.NoError(t, b.reset(t, "anna"))
	clock.pass(40 * time.Second)
	tooSoon(t, b.reset(t, "anna"), 20*time.Second)
	clock.pass(20 * time.Second) // A refusal does not prolong it.
	require.NoError(t, b.reset(t, "anna"))
	clock.pass(time.Second)
	tooSoon(t, b.reset(t, "anna"), 59*time.Second)
	assert.Len(t, provider.Mails(), 2)
}

func TestResetCooldown_IsTheUsersHoweverTheNameIsSpelt(t *testing.T) {
	provider := newGuardedRealm(t)
	b, _ := newCooling(provider)
	require.NoError(t, b.reset(t, "Anna"))
	for _, spelt := range []string{"anna", "ANNA", "aNna"} {
		tooSoon(t, b.reset(t, spelt), time.Minute, spelt)
	}
	tooSoon(t, b.as(t, "another", targeting()[0], "anna"), time.Minute, "for another administrator, too")
	assert.Len(t, provider.Mails(), 1)
}

func TestResetCooldown_IsOneUsersOnly(t *testing.T) {
	provider := newGuardedRealm(t)
	add(t, provider, domain.User{Username: "annabel", Email: "annabel@bank.example", Enabled: true})
	b, _ := newCooling(provider)
	require.NoError(t, b.reset(t, "anna"))
	require.NoError(t, b.reset(t, "annabel"))
	for _, other := range targeting()[1:] {
		require.NoError(t, b.as(t, "asha", other, "anna"), other.name)
	}
	assert.Len(t, provider.Mails(), 2)
}

func TestResetCooldown_IsGivenBackWhenNoMailWasSent(t *testing.T) {
	provider := newGuardedRealm(t)
	add(t, provider, domain.User{Username: "dora", Email: "dora@bank.example"})
	add(t, provider, domain.User{Username: "nomail", Enabled: true})
	b, _ := newCooling(provider)
	thrice := func(name string, want domain.Kind) {
		for range 3 {
			require.ErrorIs(t, b.reset(t, name), want, name)
		}
	}
	for name, want := range map[string]domain.Kind{
		"nobody": domain.NotFound, "dora": domain.UserDisabled, "nomail": domain.NoEmail,
		"breakglass": domain.ProtectedUser, "holder": domain.ProtectedUser, "service-account-x": domain.ProtectedUser,
	} {
		thrice(name, want)
	}
	provider.FailMails(true)
	thrice("anna", domain.EmailDeliveryFailed)
	b.audit.reserveErr = full
	thrice("anna", domain.AuditUnavailable)
	provider.FailMails(false)
	b.audit.reserveErr = nil
	require.NoError(t, b.reset(t, "anna"))
	assert.Len(t, provider.Mails(), 1)
}

// failingMails is a provider whose mails fail in one way.
type failingMails struct {
	*memory.Provider
	err error
}

func (f failingMails) SendActionsMail(ctx context.Context, _ domain.UserID, _ []domain.RequiredAction, _ time.Duration) error {
	if _, limited := ctx.Deadline(); limited {
		<-ctx.Done()
	}
	return f.err
}

// After these the mail may be on its way.
func TestResetCooldown_IsKeptWhenAMailMayHaveBeenSent(t *testing.T) {
	for _, failure := range []error{
		domain.Timeout, domain.Unavailable, &domain.Error{Kind: domain.BadAnswer}, domain.Internal, context.DeadlineExceeded, errors.New("anything"),
	} {
		b, _ := newCooling(failingMails{newGuardedRealm(t), failure})
		want := domain.AsError(failure).Kind
		if want == domain.Timeout {
			want = domain.EmailDeliveryFailed
		}
		require.Equal(t, want, domain.AsError(b.reset(t, "anna")).Kind)
		tooSoon(t, b.reset(t, "anna"), time.Minute, "%v", failure)
	}
}

// The provider has answered everything before: what does not answer is the mail server.
func TestResetPassword_SaysThatTheMailServerDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		failure error
		late    bool // the request's time is up
		kind    domain.Kind
	}{
		"no answer":                 {&domain.Error{Kind: domain.Timeout}, false, domain.EmailDeliveryFailed},
		"no time left":              {&domain.Error{Kind: domain.Unavailable}, true, domain.EmailDeliveryFailed},
		"no time left, as it came":  {context.DeadlineExceeded, true, domain.EmailDeliveryFailed},
		"the provider is away":      {&domain.Error{Kind: domain.Unavailable}, false, domain.Unavailable},
		"another failure, too late": {&domain.Error{Kind: domain.UserDisabled}, true, domain.UserDisabled},
	} {
		ctx, cancel := t.Context(), func() {}
		if c.late {
			ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
		}
		b := newBench(failingMails{newGuardedRealm(t), c.failure})
		_, _, err := b.ResetPassword(ctx, b.Begin(domain.ActionResetPassword, app.Request{}), username(t, "anna"))
		cancel()
		require.ErrorIs(t, err, c.kind, name)
		if c.kind == domain.EmailDeliveryFailed {
			assert.Equal(t, "The mail server does not answer. Please check before you try again.", domain.AsError(err).Message, name)
		}
	}
}

// mailboxTooSoon asserts that err is the one of a mailbox that got a mail just now.
func mailboxTooSoon(t *testing.T, err error, about ...any) {
	t.Helper()
	require.ErrorIs(t, err, domain.RateLimited, about...)
	assert.Equal(t, "A mail was sent to this address a moment ago. Please wait a little.", domain.AsError(err).Message, about...)
	assert.Equal(t, time.Minute, domain.AsError(err).RetryAfter, about...)
}

// One mailbox has many addresses, and users can be given any of them.
func TestResetCooldown_IsTheMailboxsToo(t *testing.T) {
	provider := newGuardedRealm(t)
	for name, address := range map[string]string{
		"first": "Victim+1@Outside.example", "second": "victim@outside.example", "third": "VICTIM+a+b@outside.example.", "fourth": `"vic\tim+x"@outside.example`,
		"other": "v.ictim@outside.example", "elsewhere": "victim@else.example", "idn": "victim@öutside.example", "idna": "victim@XN--utside-80a.example",
	} {
		add(t, provider, domain.User{Username: name, Email: address, Enabled: true})
	}
	b, clock := newCooling(provider)
	require.NoError(t, b.reset(t, "first"))
	for _, name := range []string{"second", "third", "fourth"} {
		for range 2 {
			mailboxTooSoon(t, b.reset(t, name), name) // It takes no cool-down of the user's.
		}
	}
	require.NoError(t, b.reset(t, "other"))
	require.NoError(t, b.reset(t, "elsewhere"))
	require.NoError(t, b.reset(t, "idn"))
	mailboxTooSoon(t, b.reset(t, "idna"), "another spelling")
	assert.Len(t, provider.Mails(), 4)
	clock.pass(time.Minute)
	require.NoError(t, b.reset(t, "second"))
}

func TestResetCooldown_OutlastsAChangeOfTheAddress(t *testing.T) {
	provider := newGuardedRealm(t)
	b, _ := newCooling(provider)
	require.NoError(t, b.reset(t, "anna"))
	address, err := domain.ParseEmail("another@outside.example")
	require.NoError(t, err)
	user, err := provider.FindUser(t.Context(), username(t, "anna"))
	require.NoError(t, err)
	_, err = provider.UpdateUser(t.Context(), user.ID, domain.UserChange{Email: &address})
	require.NoError(t, err)
	tooSoon(t, b.reset(t, "anna"), time.Minute)
	add(t, provider, domain.User{Username: "heir", Email: user.Email, Enabled: true})
	mailboxTooSoon(t, b.reset(t, "heir"))
}

func TestResetCooldown_OfAMailboxIsGivenBackWhenNoMailWasSent(t *testing.T) {
	provider := newGuardedRealm(t)
	b, _ := newCooling(provider)
	provider.FailMails(true)
	require.ErrorIs(t, b.reset(t, "anna"), domain.EmailDeliveryFailed)
	provider.FailMails(false)
	require.NoError(t, b.reset(t, "anna"))
}

func TestResetCooldown_IsKeptWhenTheMailIsNotOnRecord(t *testing.T) {
	b, _ := newCooling(newGuardedRealm(t))
	b.audit.recordErr = full
	require.ErrorIs(t, b.reset(t, "anna"), domain.AuditUnavailable)
	b.audit.recordErr = nil
	tooSoon(t, b.reset(t, "anna"), time.Minute)
}

// slow is a provider whose mails take until they are let go, by the channel that each
// hands out when it begins.
type slow struct {
	*memory.Provider
	begun chan chan error
}

func (s slow) SendActionsMail(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
	let := make(chan error)
	s.begun <- let
	if err := <-let; err != nil {
		return err
	}
	return s.Provider.SendActionsMail(ctx, id, actions, lifespan)
}

// resetting begins a reset and returns what lets its mail go, and its end.
func (s slow) resetting(t *testing.T, b *bench, name string) (let chan<- error, ended <-chan error) {
	end := make(chan error, 1)
	go func() { end <- b.reset(t, name) }()
	return <-s.begun, end
}

func TestResetCooldown_TwoAtOnceSendOneMail(t *testing.T) {
	provider := slow{newGuardedRealm(t), make(chan chan error)}
	b, _ := newCooling(provider)
	let, ended := provider.resetting(t, b, "anna")
	tooSoon(t, b.reset(t, "ANNA"), time.Minute)
	let <- nil
	require.NoError(t, <-ended)
	assert.Len(t, provider.Mails(), 1)

	crowd := newGuardedRealm(t)
	b, _ = newCooling(crowd)
	outcomes := make(chan error, 20)
	var senders sync.WaitGroup
	for range cap(outcomes) {
		senders.Go(func() { outcomes <- b.reset(t, "anna") })
	}
	senders.Wait()
	close(outcomes)
	sent := 0
	for err := range outcomes {
		if err == nil {
			sent++
			continue
		}
		assert.ErrorIs(t, err, domain.RateLimited)
	}
	assert.Equal(t, 1, sent)
	assert.Len(t, crowd.Mails(), 1)
}

// A mail that took longer than the cool-down and then failed gives back its own, not
// that of the mail that was sent meanwhile.
func TestResetCooldown_OfALaterMailStays(t *testing.T) {
	provider := slow{newGuardedRealm(t), make(chan chan error)}
	b, clock := newCooling(provider)
	letFirst, first := provider.resetting(t, b, "anna")
	clock.pass(61 * time.Second)
	letSecond, second := provider.resetting(t, b, "anna")
	letFirst <- domain.EmailDeliveryFailed
	require.ErrorIs(t, <-first, domain.EmailDeliveryFailed)
	tooSoon(t, b.reset(t, "anna"), time.Minute)
	letSecond <- nil
	require.NoError(t, <-second)
}

func TestResetCooldown_OfZeroIsNone(t *testing.T) {
	provider := newGuardedRealm(t)
	b := newBench(provider)
	for range 3 {
		require.NoError(t, b.attempt(t, app.Caller{}, targeting()[0], "anna"))
	}
	assert.Len(t, provider.Mails(), 3)
}
