package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// Nobody's mailbox is to be flooded with links, and an administrator whose mail did not
// go out is to be able to try again at once.

// clock stands still until somebody moves it.
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

// newCoolingAPI is a service with a cool-down of a minute, and its clock.
func newCoolingAPI(t *testing.T, provider ports.IdentityProvider) (*api, *clock) {
	t.Helper()
	clock := &clock{now: time.Date(2026, time.March, 1, 9, 30, 0, 0, time.UTC)}
	return newAPI(t, provider, enforcing, func(with *settings) {
		with.app.ResetCooldown, with.app.Now = time.Minute, clock.Now
		with.app.Guard.ProtectedUsers = []string{"forced"}
	}), clock
}

// reset asks for a mail to the user.
func (a *api) reset(name string) reply {
	a.t.Helper()
	return a.sendAsActor("asha", http.MethodPost, "/users/"+name+"/reset-password", "")
}

// tooSoon asserts that the answer is the one of a cool-down with this much left.
func (r reply) tooSoon(seconds int, about ...any) {
	r.t.Helper()
	r.failed(http.StatusTooManyRequests, "rate_limited", "A reset mail was sent to this user a moment ago. Please wait a little.", about...)
	assert.Equal(r.t, strconv.Itoa(seconds), r.header.Get("Retry-After"), about...)
}

func TestResetCooldown_SaysHowManySecondsAreLeft(t *testing.T) {
	for passed, left := range map[time.Duration]int{
		0: 60, time.Nanosecond: 60, time.Second: 59, 1500 * time.Millisecond: 59, 59 * time.Second: 1, 59900 * time.Millisecond: 1, time.Minute - 1: 1,
	} {
		provider := newRealm(t)
		a, clock := newCoolingAPI(t, provider)
		require.Equal(t, http.StatusOK, a.reset("anna").status)
		clock.pass(passed)
		a.reset("anna").tooSoon(left, "%s", passed)
		assert.Len(t, provider.Mails(), 1)
		events := a.audit.all()
		assert.Equal(t, domain.RateLimited, events[1].Reason)
		assert.Equal(t, domain.Refused, events[1].Outcome)
		assert.Equal(t, "anna", events[1].TargetUsername)
	}
}

func TestResetCooldown_IsOverAfterItsTimeAndBeginsAnew(t *testing.T) {
	provider := newRealm(t)
	a, clock := newCoolingAPI(t, provider)
	require.Equal(t, http.StatusOK, a.reset("anna").status)
	clock.pass(40 * time.Second)
	a.reset("anna").tooSoon(20)
	clock.pass(20 * time.Second) // A refusal does not prolong it.
	require.Equal(t, http.StatusOK, a.reset("anna").status)
	clock.pass(time.Second)
	a.reset("anna").tooSoon(59)
	assert.Len(t, provider.Mails(), 2)
}

func TestResetCooldown_IsTheUsersHoweverTheNameIsSpelt(t *testing.T) {
	provider := newRealm(t)
	a, _ := newCoolingAPI(t, provider)
	require.Equal(t, http.StatusOK, a.reset("Anna").status)
	for _, spelt := range []string{"anna", "ANNA", "%61nna", "a%4Ena"} {
		a.reset(spelt).tooSoon(60, spelt)
	}
	a.sendAsActor("another", http.MethodPost, prefix+"/users/anna/reset-password", "").tooSoon(60, "for another administrator, too")
	assert.Len(t, provider.Mails(), 1)
}

func TestResetCooldown_IsOneUsersOnly(t *testing.T) {
	provider := newRealm(t)
	_, err := provider.AddUser(domain.User{Username: "annabel", Email: "annabel@bank.example", Enabled: true}, "")
	require.NoError(t, err)
	a, _ := newCoolingAPI(t, provider)
	require.Equal(t, http.StatusOK, a.reset("anna").status)
	require.Equal(t, http.StatusOK, a.reset("annabel").status)
	assert.Equal(t, http.StatusOK, a.sendAsActor("asha", http.MethodPost, "/users/anna/force-password-change", "").status)
	assert.Equal(t, http.StatusOK, a.sendAsActor("asha", http.MethodPut, "/users/anna/status", `{"enabled":true}`).status)
	assert.Len(t, provider.Mails(), 2)
}

func TestResetCooldown_IsGivenBackWhenNoMailWasSent(t *testing.T) {
	provider := newRealm(t)
	_, err := provider.AddUser(domain.User{Username: "asha", Email: "asha@bank.example", Enabled: true}, "")
	require.NoError(t, err)
	a, _ := newCoolingAPI(t, provider)
	for name, code := range map[string]string{
		"nobody": "user_not_found", "dora": "user_disabled", "nomail": "no_email", "forced": "protected_user", "service-account-x": "protected_user", "asha": "protected_user",
	} {
		for range 3 {
			assert.Equal(t, code, a.reset(name).object()["code"], name)
		}
	}
	provider.FailMails(true)
	for range 3 {
		assert.Equal(t, "email_delivery_failed", a.reset("anna").object()["code"])
	}
	a.audit.reserveErr = &domain.Error{Kind: domain.AuditUnavailable}
	for range 3 {
		assert.Equal(t, "audit_unavailable", a.reset("anna").object()["code"])
	}
	provider.FailMails(false)
	a.audit.reserveErr = nil
	require.Equal(t, http.StatusOK, a.reset("anna").status)
	assert.Len(t, provider.Mails(), 1)
}

// After these the mail may be on its way.
func TestResetCooldown_IsKeptWhenAMailMayHaveBeenSent(t *testing.T) {
	for _, err := range []error{domain.Timeout, domain.Unavailable, domain.BadAnswer, domain.Internal, context.DeadlineExceeded, errForeign} {
		provider := newRealm(t)
		failures := failing{provider, map[string]error{"SendActionsMail": failureOf(err)}}
		a, _ := newCoolingAPI(t, failures)
		assert.GreaterOrEqual(t, a.reset("anna").status, 500)
		delete(failures.errs, "SendActionsMail")
		a.reset("anna").tooSoon(60, "%v", err)
		assert.Empty(t, provider.Mails())
	}
}

func TestResetCooldown_IsKeptWhenTheMailIsNotOnRecord(t *testing.T) {
	a, _ := newCoolingAPI(t, newRealm(t))
	a.audit.recordErr = &domain.Error{Kind: domain.AuditUnavailable, Err: errors.New("no space left on device")}
	assert.Equal(t, http.StatusServiceUnavailable, a.reset("anna").status)
	a.audit.recordErr = nil
	a.reset("anna").tooSoon(60)
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

func TestResetCooldown_TwoAtOnceSendOneMail(t *testing.T) {
	provider := slow{newRealm(t), make(chan chan error)}
	a, _ := newCoolingAPI(t, provider)
	first := make(chan reply)
	go func() { first <- a.reset("anna") }()
	let := <-provider.begun
	a.reset("ANNA").tooSoon(60)
	let <- nil
	assert.Equal(t, http.StatusOK, (<-first).status)
	assert.Len(t, provider.Mails(), 1)

	crowd := newRealm(t)
	a, _ = newCoolingAPI(t, crowd)
	counts, mu := map[int]int{}, sync.Mutex{}
	var senders sync.WaitGroup
	for range 20 {
		senders.Go(func() {
			answer := a.reset("anna")
			mu.Lock()
			defer mu.Unlock()
			counts[answer.status]++
		})
	}
	senders.Wait()
	assert.Equal(t, map[int]int{http.StatusOK: 1, http.StatusTooManyRequests: 19}, counts)
	assert.Len(t, crowd.Mails(), 1)
}

// A mail that took longer than the cool-down and then failed gives back its own, not
// that of the mail that was sent meanwhile.
func TestResetCooldown_OfALaterMailStays(t *testing.T) {
	provider := slow{newRealm(t), make(chan chan error)}
	a, clock := newCoolingAPI(t, provider)
	first, second := make(chan reply), make(chan reply)
	go func() { first <- a.reset("anna") }()
	letFirst := <-provider.begun
	clock.pass(61 * time.Second)
	go func() { second <- a.reset("anna") }()
	letSecond := <-provider.begun
	letFirst <- &domain.Error{Kind: domain.EmailDeliveryFailed}
	assert.Equal(t, http.StatusBadGateway, (<-first).status)
	a.reset("anna").tooSoon(60)
	letSecond <- nil
	assert.Equal(t, http.StatusOK, (<-second).status)
}

func TestResetCooldown_OfZeroIsNone(t *testing.T) {
	provider := newRealm(t)
	a := newAPI(t, provider)
	for range 3 {
		assert.Equal(t, http.StatusOK, a.send(http.MethodPost, "/users/anna/reset-password", "").status)
	}
	assert.Len(t, provider.Mails(), 3)
}
