package app_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// Who gets in, and what happens to who does not.

// goodToken is the one token that the verifier knows.
const goodToken = "eyJ-good-token"

// verifier knows one token.
type verifier struct {
	actor domain.Actor
	err   error // for the good token too
}

func (v verifier) Verify(_ context.Context, token string) (domain.Actor, error) {
	if v.err != nil {
		return domain.Actor{}, v.err
	}
	if token != goodToken {
		return domain.Actor{}, &domain.Error{Kind: domain.Unauthenticated, Err: errors.New("no good token")}
	}
	return v.actor, nil
}

// introspector answers about the admin's token and counts how often it was asked.
type introspector struct {
	answer   func(ctx context.Context, token string) (bool, error)
	owner    func(*domain.Actor) // changes what it says of the admin; may be nil
	honoured bool                // what it says of a token that is not active
	mu       sync.Mutex
	asked    int
}

func (i *introspector) TokenHonoured(context.Context, string) (bool, error) { return i.honoured, nil }

func (i *introspector) TokenActive(ctx context.Context, token string) (domain.Actor, bool, error) {
	i.mu.Lock()
	i.asked++
	i.mu.Unlock()
	owner := admin()
	if i.owner != nil {
		i.owner(&owner)
	}
	active, err := i.answer(ctx, token)
	return owner, active, err
}

func active(context.Context, string) (bool, error)   { return true, nil }
func inactive(context.Context, string) (bool, error) { return false, nil }

// unreachable is the answer of an introspector that cannot ask.
func unreachable(context.Context, string) (bool, error) {
	return false, &domain.Error{Kind: domain.Unavailable, Err: errors.New("connection refused")}
}

// admin is an actor who may do everything, as long as a guard lets him.
func admin() domain.Actor {
	return domain.Actor{Subject: "0b9f3c1e", Username: "asha", Roles: []string{"admin"}}
}

// checking makes the service check callers; the good token is the actor's.
func checking(actor domain.Actor) func(*app.Config) {
	return func(config *app.Config) {
		config.Access = app.Access{Mode: app.Enforce, WriteRoles: []string{"admin"}, ReadRoles: []string{"admin", "auditor"}}
		config.Verifier = verifier{actor: actor}
	}
}

// introspecting makes the service ask about tokens.
func introspecting(i *introspector) func(*app.Config) {
	return func(config *app.Config) { config.Introspector = i }
}

// reporting makes the service tell instead of refuse.
func reporting(config *app.Config) { config.Access.Mode = app.Report }

func TestAdmit_LetsNobodyInWithoutAToken(t *testing.T) {
	for _, token := range []string{"", "garbage", "EYJ-good-token", " " + goodToken} {
		for _, do := range append(writing(), reading()) {
			provider := newGuardedRealm(t)
			same := unchanged(t, provider)
			b := newBench(provider, checking(admin()))

			require.ErrorIs(t, b.attempt(t, app.Caller{Token: token}, do, "anna"), domain.Unauthenticated, do.name)

			same(do.name)
			event := b.audit.only(t)
			assert.Equal(t, domain.Refused, event.Outcome)
			assert.Equal(t, domain.Unauthenticated, event.Reason)
			assert.Zero(t, event.Actor, "whoever it was, it is not known")
			assert.Equal(t, map[refusal]int{{domain.Unauthenticated, true}: 1}, b.observer.refused)
		}
	}
}

func TestAdmit_AsksForARoleOfTheList(t *testing.T) {
	for _, test := range []struct {
		roles       []string
		write, read bool
	}{
		{[]string{"admin"}, true, true},
		{[]string{"teller", "admin"}, true, true},
		{[]string{"auditor"}, false, true},
		{[]string{"web-app:operator"}, true, false},
		{[]string{"operator"}, false, false},
		{[]string{"other-app:operator"}, false, false},
		{[]string{"teller"}, false, false},
		{[]string{"Admin", "ADMIN", "web-app:admin", "admin ", "administrator"}, false, false},
		{[]string{""}, false, false},
		{nil, false, false},
	} {
		actor := domain.Actor{Username: "asha", Roles: test.roles}
		roles := func(config *app.Config) { config.Access.WriteRoles = []string{"admin", "web-app:operator"} }
		for _, do := range append(writing(), reading()) {
			provider := newGuardedRealm(t)
			same := unchanged(t, provider)
			b := newBench(provider, checking(actor), roles)

			err := b.attempt(t, app.Caller{Token: goodToken}, do, "anna")

			assert.Equal(t, actor, b.audit.only(t).Actor, "the actor is on record, allowed or not")
			if do.action.Writes() && test.write || !do.action.Writes() && test.read {
				require.NoError(t, err, "%s %v", do.name, test.roles)
				continue
			}
			require.ErrorIs(t, err, domain.Forbidden, "%s %v", do.name, test.roles)
			same(do.name)
			assert.Equal(t, map[refusal]int{{domain.Forbidden, true}: 1}, b.observer.refused)
		}
	}
}

func TestAdmit_EmptyListsAdmitNobody(t *testing.T) {
	nobody := func(config *app.Config) { config.Access.WriteRoles, config.Access.ReadRoles = nil, nil }
	for _, do := range append(writing(), reading()) {
		b := newBench(newGuardedRealm(t), checking(admin()), nobody)
		require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, do, "anna"), domain.Forbidden, do.name)
	}
}

func TestAdmit_RefusesWhatAnotherSiteSends(t *testing.T) {
	b := newBench(newGuardedRealm(t), checking(admin()))
	err := b.attempt(t, app.Caller{Token: goodToken, CrossSite: errors.New("from elsewhere")}, syncing(), "tariq")
	require.ErrorIs(t, err, domain.Forbidden)
	assert.Equal(t, "This request came from another web site.", domain.AsError(err).Message)
	assert.Equal(t, admin(), b.audit.only(t).Actor, "whose browser it was")

	b = newBench(newGuardedRealm(t), checking(admin()))
	require.ErrorIs(t, b.attempt(t, app.Caller{CrossSite: errors.New("from elsewhere")}, syncing(), "tariq"), domain.Unauthenticated, "who asks comes first")
}

// While the keys are not known nobody is refused for good, and nobody gets in.
func TestAdmit_SaysWhenItCannotKnow(t *testing.T) {
	for _, kind := range []domain.Kind{domain.Unavailable, domain.Timeout, domain.BadAnswer} {
		for _, do := range append(writing(), reading()) {
			provider := newGuardedRealm(t)
			same := unchanged(t, provider)
			b := newBench(provider, checking(admin()), func(config *app.Config) {
				config.Verifier = verifier{err: &domain.Error{Kind: kind, Err: errors.New("no keys yet")}}
			})
			require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, do, "anna"), domain.Unavailable, do.name)
			same(do.name)
			assert.Equal(t, domain.Failed, b.audit.only(t).Outcome)
		}
	}
}

func TestAdmit_OffDoesNotLookAtCallers(t *testing.T) {
	for _, do := range append(writing(), reading()) {
		// Without a verifier a look would be a panic.
		b := newBench(newGuardedRealm(t), introspecting(&introspector{answer: inactive}))
		require.NoError(t, b.attempt(t, app.Caller{Token: "garbage", CrossSite: errors.New("from elsewhere")}, do, "anna"), do.name)
		event := b.audit.only(t)
		assert.Zero(t, event.Actor)
		assert.Empty(t, event.NotEnforced)
		assert.Empty(t, b.observer.refused)
	}
}

// Reporting is for the roll-out: it shows what would break before it does.
func TestAdmit_ReportLetsThroughAndTells(t *testing.T) {
	cannotKnow := func(config *app.Config) {
		config.Verifier = verifier{err: &domain.Error{Kind: domain.Unavailable, Err: errors.New("no keys yet")}}
	}
	for name, test := range map[string]struct {
		caller app.Caller
		change func(*app.Config)
		reason domain.Kind
		actor  string
	}{
		"no token":          {app.Caller{}, checking(admin()), domain.Unauthenticated, ""},
		"no right":          {app.Caller{Token: goodToken}, checking(domain.Actor{Username: "tom"}), domain.Forbidden, "tom"},
		"from another site": {app.Caller{Token: goodToken, CrossSite: errors.New("from elsewhere")}, checking(admin()), domain.Forbidden, "asha"},
		"keys unknown":      {app.Caller{Token: goodToken}, cannotKnow, domain.Unavailable, ""},
	} {
		for _, do := range append(writing(), reading()) {
			b := newBench(newGuardedRealm(t), test.change, reporting)
			attempt := b.Begin(do.action, app.Request{ID: "r1"})
			require.NoError(t, b.Admit(t.Context(), attempt, test.caller), "%s: %s", do.name, name)
			require.NoError(t, do.call(t.Context(), t, b.Service, attempt, "anna"))
			require.NoError(t, b.Finish(t.Context(), attempt, nil))

			event := b.audit.only(t)
			assert.Equal(t, domain.Allowed, event.Outcome, name)
			assert.Empty(t, event.Reason, name)
			assert.Equal(t, test.reason, event.NotEnforced, name)
			assert.Equal(t, test.actor, event.Actor.Name(), name)
			assert.Equal(t, map[refusal]int{{test.reason, false}: 1}, b.observer.refused, name)
			assert.Contains(t, b.log.String(), "let through", name)
			assert.Contains(t, b.log.String(), "reason="+string(test.reason), name)
			assert.Contains(t, b.log.String(), "request_id=r1", name)
			assert.Contains(t, b.log.String(), "action="+string(do.action), name)
		}
	}
}

func TestAdmit_ReportSaysNothingOfThoseWhoMay(t *testing.T) {
	for _, do := range append(writing(), reading()) {
		b := newBench(newGuardedRealm(t), checking(admin()), introspecting(&introspector{answer: active}), reporting)
		require.NoError(t, b.attempt(t, app.Caller{Token: goodToken}, do, "anna"))
		assert.Empty(t, b.audit.only(t).NotEnforced)
		assert.Empty(t, b.observer.refused)
		assert.Empty(t, b.log.String())
	}
}

// Targets are protected in any mode: a roll-out is no reason to lose the realm.
func TestAdmit_ReportProtectsTargetsInEarnest(t *testing.T) {
	for _, do := range targeting() {
		provider := newGuardedRealm(t)
		same := unchanged(t, provider)
		b := newBench(provider, checking(admin()), guarded, reporting)
		require.ErrorIs(t, b.attempt(t, app.Caller{}, do, "holder"), domain.ProtectedUser)
		same(do.name)
		event := b.audit.only(t)
		assert.Equal(t, domain.ProtectedUser, event.Reason)
		assert.Equal(t, domain.Unauthenticated, event.NotEnforced)
		assert.Equal(t, map[refusal]int{{domain.ProtectedUser, true}: 1, {domain.Unauthenticated, false}: 1}, b.observer.refused)
	}
}
