package app_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// With the service's own rights every account of the realm could be taken over; these
// must not be, by nobody.

// guarded protects a user by name and the members of a group.
func guarded(config *app.Config) {
	config.Guard.ProtectedUsers = []string{"breakglass"}
	config.Guard.ProtectedGroups = []domain.Group{"board"}
}

// newGuardedRealm is a realm of which "realm-admin" is the protected role and
// "manage-users" a right to administer the provider. All users are enabled and have an
// e-mail address.
func newGuardedRealm(t *testing.T) *memory.Provider {
	t.Helper()
	provider := memory.New(memory.Realm{
		Roles:          []domain.RealmRole{"teller", "loan-officer", "realm-admin", "bundle", "operator"},
		Groups:         []domain.Group{"tellers", "loan-officers", "vips", "vips/deputies", "keys", "board", "board/secretaries", "board-2"},
		Contains:       map[domain.RealmRole][]domain.RealmRole{"bundle": {"realm-admin"}, "operator": {"manage-users"}},
		Carries:        map[domain.Group][]domain.RealmRole{"vips": {"realm-admin"}, "keys": {"manage-users"}},
		Administration: []domain.RealmRole{"manage-users"},
	})
	for name, in := range map[string]domain.Assignment{
		"anna":              {Role: "teller", Group: "tellers"},
		"neighbour":         {Role: "teller", Group: "board-2"},
		"breakglass":        {},
		"service-account-x": {},
		"holder":            {Role: "realm-admin"},
		"bundled":           {Role: "bundle"},
		"vip":               {Group: "vips"},
		"deputy":            {Group: "vips/deputies"},
		"operator":          {Role: "operator"},
		"keeper":            {Group: "keys"},
		"member":            {Role: "teller", Group: "board"},
		"secretary":         {Group: "board/secretaries"},
	} {
		_, err := provider.AddUser(domain.User{Username: name, Email: name + "@bank.example", Enabled: true, EmailVerified: true}, "Long&Secret11", in)
		require.NoError(t, err)
	}
	return provider
}

// unchanged returns a check that the provider is as it was.
func unchanged(t *testing.T, provider *memory.Provider) func(about ...any) {
	t.Helper()
	users := provider.Users()
	mails := provider.Mails()
	return func(about ...any) {
		t.Helper()
		assert.Equal(t, users, provider.Users(), about...)
		assert.Equal(t, mails, provider.Mails(), about...)
	}
}

func TestProtectedUsers_AreNeverATarget(t *testing.T) {
	for _, name := range []string{
		"breakglass", "BreakGlass", "service-account-x", "SERVICE-ACCOUNT-X", "service-account-nobody",
		"holder", "bundled", "vip", "deputy", "operator", "keeper", "member", "secretary", "Secretary",
	} {
		for _, do := range targeting() {
			provider := newGuardedRealm(t)
			same := unchanged(t, provider)
			session, _ := provider.SignIn(name, "Long&Secret11") // Some names are nobody's.
			active := provider.SessionActive(session)
			b := newBench(provider, guarded)

			err := b.attempt(t, app.Caller{}, do, name)

			require.ErrorIs(t, err, domain.ProtectedUser, "%s %s", do.name, name)
			same("%s %s", do.name, name)
			assert.Equal(t, active, provider.SessionActive(session), "%s %s", do.name, name)
			assert.Equal(t, map[refusal]int{{domain.ProtectedUser, true}: 1}, b.observer.refused)
			event := b.audit.only(t)
			assert.Equal(t, domain.Refused, event.Outcome)
			assert.Equal(t, domain.ProtectedUser, event.Reason)
			assert.Equal(t, name, event.TargetUsername)
		}
	}
}

func TestProtectedUsers_OthersAreNot(t *testing.T) {
	for _, name := range []string{"anna", "neighbour"} {
		for _, do := range targeting() {
			b := newBench(newGuardedRealm(t), guarded)
			require.NoError(t, b.attempt(t, app.Caller{}, do, name), "%s %s", do.name, name)
			assert.Empty(t, b.observer.refused)
		}
	}
	for _, name := range []string{"breakglass", "member"} {
		for _, do := range targeting() {
			require.NoError(t, newBench(newGuardedRealm(t)).attempt(t, app.Caller{}, do, name), "protected in another realm only")
		}
	}
}

// A program's account made here would be one that nobody may touch afterwards.
func TestProtectedUsers_AreNotCreated(t *testing.T) {
	for _, name := range []string{"service-account-new", "Service-Account-New", "service-account-x", "breakglass", "BREAKGLASS"} {
		provider := newGuardedRealm(t)
		same := unchanged(t, provider)
		err := newBench(provider, guarded).attempt(t, app.Caller{}, syncing(), name)
		require.ErrorIs(t, err, domain.ProtectedUser, name)
		same(name)
	}
	provider := newGuardedRealm(t)
	require.NoError(t, newBench(provider, guarded).attempt(t, app.Caller{}, syncing(), "not-a-service-account-x"))
	assert.Len(t, provider.Users(), 13)
}

func TestProtectedUsers_MayBeRead(t *testing.T) {
	for _, name := range []string{"breakglass", "service-account-x", "holder", "member"} {
		require.NoError(t, newBench(newGuardedRealm(t), guarded).attempt(t, app.Caller{}, reading(), name), name)
	}
}

// How the provider compares names is its own affair: what counts is whom it found.
func TestProtectedUsers_AreKnownByTheNameThatTheProviderHas(t *testing.T) {
	for _, do := range targeting() {
		provider := newMock(t)
		provider.EXPECT().FindUser(t.Context(), username(t, "anna")).Return(domain.User{ID: "7", Username: "service-account-x", Enabled: true}, nil)
		b := newBench(provider)
		require.ErrorIs(t, b.attempt(t, app.Caller{}, do, "anna"), domain.ProtectedUser, do.name)
		assert.Equal(t, domain.UserID("7"), b.audit.only(t).TargetID)
	}
}

// Where addresses are usernames, the provider hides the earlier name that protects the user,
// and by which the actor is known.
func TestProtectedUsers_AreKnownByAHiddenName(t *testing.T) {
	for name, c := range map[string]struct {
		protected, asked string
		actor            domain.Actor
	}{
		"an earlier name":      {"breakglass", "breakglass@bank.example", domain.Actor{Subject: "boss", Roles: []string{"admin"}}},
		"an address":           {"breakglass@bank.example", "breakglass", domain.Actor{Subject: "boss", Roles: []string{"admin"}}},
		"the actor's username": {"nobody", "anna@bank.example", domain.Actor{Subject: "x", Username: "anna", Roles: []string{"admin"}}},
		"the actor's subject":  {"nobody", "anna@bank.example", domain.Actor{Subject: "Anna", Roles: []string{"admin"}}},
		"the actor's address":  {"nobody", "anna", domain.Actor{Subject: "x", Username: "anna@bank.example", Roles: []string{"admin"}}},
	} {
		provider := newGuardedRealm(t)
		provider.NameByAddress()
		b := newBench(provider, checking(c.actor), func(config *app.Config) { config.Guard.ProtectedUsers = []string{c.protected} })
		same := unchanged(t, provider)
		for _, do := range targeting() {
			if do.name == "disable" || do.name == "move" {
				require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, do, c.asked), domain.ProtectedUser, "%s: %s", do.name, name)
			}
		}
		same(name)
	}
}

// A failed look-up of a protected name must not read as "somebody else".
func TestProtectedUsers_AreSafeWhileAHiddenNameCannotBeLookedUp(t *testing.T) {
	provider := newMock(t)
	provider.EXPECT().FindUser(t.Context(), username(t, "anna@bank.example")).Return(domain.User{ID: "7", Username: "anna@bank.example", NameHidden: true}, nil)
	provider.EXPECT().FindUser(t.Context(), username(t, "breakglass")).Return(domain.User{}, &domain.Error{Kind: domain.Timeout})
	b := newBench(provider, func(config *app.Config) { config.Guard.ProtectedUsers = []string{"breakglass"} })
	require.ErrorIs(t, b.SetStatus(t.Context(), b.Begin(domain.ActionSetStatus, app.Request{}), username(t, "anna@bank.example"), false), domain.Timeout)
}

// A check that could not be made is not a check that was passed.
func TestProtectedUsers_AreSafeWhileTheProviderCannotSay(t *testing.T) {
	failure := &domain.Error{Kind: domain.Timeout, Err: errors.New("cause")}
	for _, do := range targeting() {
		provider := newMock(t)
		provider.EXPECT().FindUser(t.Context(), username(t, "anna")).Return(domain.User{ID: "7", Username: "anna", Enabled: true}, nil)
		provider.EXPECT().Privileges(t.Context(), domain.UserID("7"), []domain.RealmRole{"realm-admin"}).Return(domain.Privileges{}, failure)
		require.ErrorIs(t, newBench(provider).attempt(t, app.Caller{}, do, "anna"), domain.Timeout, do.name)

		provider = newMock(t)
		finds(t, provider, domain.User{ID: "7", Username: "anna", Enabled: true})
		provider.EXPECT().Groups(t.Context(), domain.UserID("7")).Return(nil, failure)
		require.ErrorIs(t, newBench(provider, guarded).attempt(t, app.Caller{}, do, "anna"), domain.Timeout, do.name)
	}
}

// hidingProvider does not show who administers it.
type hidingProvider struct{ ports.IdentityProvider }

func (p hidingProvider) Privileges(ctx context.Context, id domain.UserID, roles []domain.RealmRole) (domain.Privileges, error) {
	held, err := p.IdentityProvider.Privileges(ctx, id, roles)
	held.Roles = slices.DeleteFunc(held.Roles, func(role domain.RealmRole) bool { return !slices.Contains(roles, role) })
	return domain.Privileges{Roles: held.Roles, Hidden: true}, err
}

// Anybody may be an administrator then, unless the bank says who is.
func TestHiddenRights_KeepEverybodyFromBeingChanged(t *testing.T) {
	for _, do := range targeting() {
		provider := newGuardedRealm(t)
		same := unchanged(t, provider)
		b := newBench(hidingProvider{provider})
		require.ErrorIs(t, b.attempt(t, app.Caller{}, do, "operator"), domain.RightsHidden, do.name)
		same(do.name)
		assert.Equal(t, map[refusal]int{{domain.RightsHidden, true}: 1}, b.observer.refused)
		assert.Equal(t, domain.Refused, b.audit.only(t).Outcome)
		require.ErrorIs(t, b.attempt(t, app.Caller{}, do, "holder"), domain.ProtectedUser, "what shows counts")

		for name, named := range map[string]func(*app.Config){
			"a user":  func(config *app.Config) { config.Guard.ProtectedUsers = []string{"breakglass"} },
			"a group": func(config *app.Config) { config.Guard.ProtectedGroups = []domain.Group{"board"} },
		} {
			require.NoError(t, newBench(hidingProvider{newGuardedRealm(t)}, named).attempt(t, app.Caller{}, do, "anna"), "%s %s", do.name, name)
		}
		for _, name := range []string{"breakglass", "secretary", "holder"} {
			b := newBench(hidingProvider{newGuardedRealm(t)}, guarded)
			require.ErrorIs(t, b.attempt(t, app.Caller{}, do, name), domain.ProtectedUser, "%s %s", do.name, name)
		}
	}
	require.NoError(t, newBench(hidingProvider{newGuardedRealm(t)}).attempt(t, app.Caller{}, reading(), "operator"))
	require.NoError(t, newBench(hidingProvider{newGuardedRealm(t)}).attempt(t, app.Caller{}, syncing(), "newcomer"))
}

// Groups are asked for only where that can matter.
func TestProtectedUsers_CostNoReadOfGroupsWhereNoGroupIsProtected(t *testing.T) {
	provider := newMock(t)
	finds(t, provider, domain.User{ID: "7", Username: "anna", RequiredActions: []domain.RequiredAction{domain.UpdatePassword}})
	_, err := forcePasswordChange(t, provider, "anna")
	require.NoError(t, err)
}
