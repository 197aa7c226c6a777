package app_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// A signature stays good when its owner has been switched off, so before a write the
// provider is asked, at the same time as it is asked about the target.

func TestConfirm_RefusesWritesOfATokenThatIsNoLongerHonoured(t *testing.T) {
	for _, do := range writing() {
		provider := newGuardedRealm(t)
		same := unchanged(t, provider)
		asking := &introspector{answer: inactive}
		b := newBench(provider, checking(admin()), introspecting(asking))

		require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, do, "nobody"), domain.Unauthenticated, do.name)
		require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, do, "anna"), domain.Unauthenticated, do.name)

		same(do.name)
		assert.Equal(t, 2, asking.asked)
		assert.Equal(t, map[refusal]int{{domain.Unauthenticated, true}: 2}, b.observer.refused)
		for _, event := range b.audit.events {
			assert.Equal(t, domain.Refused, event.Outcome)
			assert.Equal(t, domain.Unauthenticated, event.Reason)
			assert.Equal(t, admin(), event.Actor)
		}
	}
}

func TestConfirm_WritesNothingWhileTheProviderCannotBeAsked(t *testing.T) {
	for _, do := range writing() {
		provider := newGuardedRealm(t)
		same := unchanged(t, provider)
		b := newBench(provider, checking(admin()), introspecting(&introspector{answer: unreachable}))
		require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, do, "anna"), domain.Unavailable, do.name)
		same(do.name)
		assert.Equal(t, domain.Failed, b.audit.only(t).Outcome)
	}
}

// A token says what was true when it was made; the realm says what is.
func TestConfirm_GoesByThePresentRoles(t *testing.T) {
	for name, test := range map[string]struct {
		owner func(*domain.Actor)
		kind  domain.Kind // empty: allowed
		cause string
	}{
		"as before":                    {func(*domain.Actor) {}, "", ""},
		"another role that may write":  {func(a *domain.Actor) { a.Roles = []string{"web-app:writer"} }, "", ""},
		"demoted":                      {func(a *domain.Actor) { a.Roles = []string{"teller", "web-app:admin", "Admin"} }, domain.Forbidden, "has lost the role"},
		"no roles at all":              {func(a *domain.Actor) { a.Roles = nil }, domain.Forbidden, "a role mapper"},
		"another person":               {func(a *domain.Actor) { a.Subject, a.Username = "another", "other" }, domain.Unauthenticated, "another subject"},
		"nobody":                       {func(a *domain.Actor) { a.Subject, a.Username = "", "" }, domain.Unauthenticated, "another subject"},
		"no subject, another username": {func(a *domain.Actor) { a.Subject, a.Username = "", "other" }, domain.Unauthenticated, "another subject"},
		"no subject, the username":     {func(a *domain.Actor) { a.Subject, a.Username = "", "ASHA" }, "", ""},
	} {
		want := admin()
		if test.owner(&want); test.kind == domain.Unauthenticated {
			want = admin() // The answer is not about the actor.
		}
		want.Subject, want.Username = admin().Subject, admin().Username
		for _, mode := range []app.Mode{app.Enforce, app.Report} {
			for _, do := range writing() {
				provider := newGuardedRealm(t)
				same := unchanged(t, provider)
				b := newBench(provider, checking(admin()), introspecting(&introspector{answer: active, owner: test.owner}), func(config *app.Config) {
					config.Access.Mode, config.Access.WriteRoles = mode, []string{"admin", "web-app:writer"}
				})
				err := b.attempt(t, app.Caller{Token: goodToken}, do, "anna")
				event := b.audit.only(t)
				assert.Equal(t, want, event.Actor, "%s %s", do.name, name)
				switch {
				case test.kind == "" || mode == app.Report:
					require.NoError(t, err, "%s %s", do.name, name)
					assert.Equal(t, test.kind, event.NotEnforced, "%s %s", do.name, name)
				default:
					require.ErrorIs(t, err, test.kind, "%s %s", do.name, name)
					assert.ErrorContains(t, err, test.cause)
					same("%s %s", do.name, name)
				}
			}
		}
	}
}

// No answer is not a yes, whatever the boolean beside the error says.
func TestConfirm_TakesAnErrorForNoWithWhateverItComes(t *testing.T) {
	yesAndNo := func(context.Context, string) (bool, error) { return true, &domain.Error{Kind: domain.BadAnswer} }
	for _, do := range writing() {
		b := newBench(newGuardedRealm(t), checking(admin()), introspecting(&introspector{answer: yesAndNo}))
		require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, do, "anna"), domain.BadAnswer, do.name)
	}
}

func TestConfirm_AsksOnceForAWriteAndNeverForARead(t *testing.T) {
	for _, do := range writing() {
		asking := &introspector{answer: func(_ context.Context, token string) (bool, error) { return token == goodToken, nil }}
		b := newBench(newGuardedRealm(t), checking(admin()), introspecting(asking))
		require.NoError(t, b.attempt(t, app.Caller{Token: goodToken}, do, "anna"), do.name)
		assert.Equal(t, 1, asking.asked, do.name)
	}
	asking := &introspector{answer: inactive}
	b := newBench(newGuardedRealm(t), checking(admin()), introspecting(asking))
	require.NoError(t, b.attempt(t, app.Caller{Token: goodToken}, reading(), "anna"))
	assert.Zero(t, asking.asked)
}

// Whoever has no right is refused without a question to the provider.
func TestConfirm_DoesNotAskAboutCallersWhoAreRefusedAnyway(t *testing.T) {
	for _, caller := range []app.Caller{{}, {Token: "garbage"}, {Token: goodToken}} {
		asking := &introspector{answer: active}
		b := newBench(newGuardedRealm(t), checking(domain.Actor{Username: "tom", Roles: []string{"teller"}}), introspecting(asking))
		require.Error(t, b.attempt(t, caller, syncing(), "tariq"))
		assert.Zero(t, asking.asked)
	}
}

func TestConfirm_ReportsInReportMode(t *testing.T) {
	for reason, answer := range map[domain.Kind]func(context.Context, string) (bool, error){
		domain.Unauthenticated: inactive, domain.Unavailable: unreachable,
	} {
		for _, do := range writing() {
			b := newBench(newGuardedRealm(t), checking(admin()), introspecting(&introspector{answer: answer}), reporting)
			require.NoError(t, b.attempt(t, app.Caller{Token: goodToken}, do, "anna"), do.name)
			assert.Equal(t, reason, b.audit.only(t).NotEnforced)
			assert.Equal(t, map[refusal]int{{reason, false}: 1}, b.observer.refused)
			assert.Contains(t, b.log.String(), "let through")
		}
	}
}

// meeting lets two calls wait for each other: each gets on only when the other is there.
type meeting struct{ first, second chan struct{} }

func newMeeting() meeting { return meeting{make(chan struct{}), make(chan struct{})} }

func (m meeting) meet(mine, other chan struct{}) error {
	close(mine)
	select {
	case <-other:
		return nil
	case <-time.After(10 * time.Second): // far more than it ever takes
		return &domain.Error{Kind: domain.Internal, Err: errors.New("the other call did not come while this one lasted")}
	}
}

// meetingProvider is a provider whose reads take part in a meeting.
type meetingProvider struct {
	ports.IdentityProvider
	meet map[string]func() error
}

func (p meetingProvider) at(method string) error {
	if meet := p.meet[method]; meet != nil {
		return meet()
	}
	return nil
}

func (p meetingProvider) FindUser(ctx context.Context, username domain.Username) (domain.User, error) {
	if err := p.at("FindUser"); err != nil {
		return domain.User{}, err
	}
	return p.IdentityProvider.FindUser(ctx, username)
}

func (p meetingProvider) RightsOf(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
	if err := p.at("RightsOf"); err != nil {
		return domain.Rights{}, err
	}
	return p.IdentityProvider.RightsOf(ctx, assignment)
}

func (p meetingProvider) Privileges(ctx context.Context, id domain.UserID, roles []domain.RealmRole) (domain.Privileges, error) {
	if err := p.at("Privileges"); err != nil {
		return domain.Privileges{}, err
	}
	return p.IdentityProvider.Privileges(ctx, id, roles)
}

func (p meetingProvider) Groups(ctx context.Context, id domain.UserID) ([]domain.Group, error) {
	if err := p.at("Groups"); err != nil {
		return nil, err
	}
	return p.IdentityProvider.Groups(ctx, id)
}

func (p meetingProvider) Memberships(ctx context.Context, id domain.UserID) (domain.Memberships, error) {
	if err := p.at("Memberships"); err != nil {
		return domain.Memberships{}, err
	}
	return p.IdentityProvider.Memberships(ctx, id)
}

func (p meetingProvider) Details(ctx context.Context, id domain.UserID) (domain.AccountDetails, error) {
	if err := p.at("Details"); err != nil {
		return domain.AccountDetails{}, err
	}
	return p.IdentityProvider.Details(ctx, id)
}

func TestTarget_PrivilegesAndGroupsAreReadSideBySide(t *testing.T) {
	for _, do := range targeting() {
		m := newMeeting()
		provider := meetingProvider{newGuardedRealm(t), map[string]func() error{
			"Privileges": func() error { return m.meet(m.first, m.second) },
			"Groups":     sync.OnceValue(func() error { return m.meet(m.second, m.first) }), // A move reads them again.
		}}
		require.NoError(t, newBench(provider, guarded).attempt(t, app.Caller{}, do, "anna"), do.name)
	}
}

// The target's state is none of the business of somebody who may not act.
func TestConfirm_TellsTheCallerAboutTheCallerFirst(t *testing.T) {
	for name, kind := range map[string]domain.Kind{"nobody": domain.NotFound, "holder": domain.ProtectedUser} {
		for _, do := range targeting() {
			b := newBench(newGuardedRealm(t), checking(admin()), introspecting(&introspector{answer: active}))
			require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, do, name), kind)
			b = newBench(newGuardedRealm(t), checking(admin()), introspecting(&introspector{answer: inactive}))
			require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, do, name), domain.Unauthenticated, "%s %s", do.name, name)
			b = newBench(newGuardedRealm(t), checking(admin()), introspecting(&introspector{answer: unreachable}))
			require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, do, name), domain.Unavailable, "%s %s", do.name, name)
		}
	}
	noRole := syncing()
	noRole.call = func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
		_, err := s.SyncUser(ctx, attempt, employee(t, name, name+"@bank.example", "Viewer"))
		return err
	}
	b := newBench(newGuardedRealm(t), checking(admin()), introspecting(&introspector{answer: inactive}))
	require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, noRole, "tariq"), domain.Unauthenticated)
}

// A panic in a goroutine of its own would end the program for everybody.
func TestTarget_APanicGoesOnInTheCallersGoroutine(t *testing.T) {
	provider := meetingProvider{newGuardedRealm(t), map[string]func() error{"Groups": func() error { panic("a bug") }}}
	for _, do := range targeting() {
		b := newBench(provider, guarded)
		assert.PanicsWithValue(t, "a bug", func() { _ = b.attempt(t, app.Caller{}, do, "anna") }, do.name)
	}
}

// Whoever answers a panic must not race with what is still under way.
func TestTarget_IsWaitedForWhenAReadPanics(t *testing.T) {
	for _, do := range targeting() {
		ended := false
		reading := make(chan struct{})
		provider := meetingProvider{newGuardedRealm(t), map[string]func() error{
			"Privileges": func() error {
				close(reading)
				panic("a bug")
			},
			"Groups": func() error {
				<-reading
				ended = true // The race detector would tell if nobody waited.
				return nil
			},
		}}
		b := newBench(provider, guarded)
		assert.PanicsWithValue(t, "a bug", func() { _ = b.attempt(t, app.Caller{}, do, "anna") }, do.name)
		assert.True(t, ended, do.name)
	}
}
