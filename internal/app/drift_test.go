package app_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
	"user-sync-service/internal/ports/portmock"
)

// An existing user may lack the role or the group: a creation was cut off, or somebody
// took them away. That is told, and put right only where it cannot be a mistake.

// repairing gives users what they lack.
func repairing(config *app.Config) { config.Repair = true }

// newDriftRealm is a realm in which the role teller comes by many ways.
func newDriftRealm() *memory.Provider {
	return memory.New(memory.Realm{
		Roles:          []domain.RealmRole{"teller", "chief", "auditor", "realm-admin", "bundle", "operator"},
		Groups:         []domain.Group{"tellers", "tellers/north", "branches/tellers", "desk", "auditors", "vips", "board", "board/secretaries"},
		Contains:       map[domain.RealmRole][]domain.RealmRole{"chief": {"teller"}, "bundle": {"realm-admin"}, "operator": {"manage-users"}},
		Carries:        map[domain.Group][]domain.RealmRole{"desk": {"teller"}, "vips": {"realm-admin"}},
		Administration: []domain.RealmRole{"manage-users"},
	})
}

// both is what the role map says of a cashier, each the half of it.
func both() domain.Assignment      { return domain.Assignment{Role: "teller", Group: "tellers"} }
func roleOnly() domain.Assignment  { return domain.Assignment{Role: "teller"} }
func groupOnly() domain.Assignment { return domain.Assignment{Group: "tellers"} }

// addAnna puts the employee anna into the realm, managed or not.
func addAnna(t *testing.T, provider *memory.Provider, managed bool, in ...domain.Assignment) domain.UserID {
	t.Helper()
	id, err := provider.AddUser(domain.User{
		Username: "anna", Email: "anna@bank.example", Enabled: true, EmailVerified: true, Managed: managed, RequiredActions: []domain.RequiredAction{"CONFIGURE_TOTP"},
	}, "Long&Secret11", in...)
	require.NoError(t, err)
	return id
}

// syncAnna syncs anna, a cashier, as an attempt from the beginning to its end.
func (b *bench) syncAnna(t *testing.T) (app.SyncUserResult, error) {
	t.Helper()
	attempt := b.Begin(domain.ActionSyncUser, app.Request{})
	result, err := b.SyncUser(t.Context(), attempt, employee(t, "anna", "anna@bank.example", "Cashier"))
	return result, b.Finish(t.Context(), attempt, err)
}

func holdsOf(t *testing.T, provider ports.IdentityProvider, id domain.UserID) domain.Memberships {
	t.Helper()
	memberships, err := provider.Memberships(t.Context(), id)
	require.NoError(t, err)
	return memberships
}

func TestDrift_IsWhatAnExistingUserLacks(t *testing.T) {
	for name, test := range map[string]struct {
		in   []domain.Assignment
		want domain.Assignment
	}{
		"nothing":                             {[]domain.Assignment{both()}, domain.Assignment{}},
		"nothing, with more than that":        {[]domain.Assignment{both(), {Role: "auditor", Group: "auditors"}}, domain.Assignment{}},
		"the role":                            {[]domain.Assignment{groupOnly()}, roleOnly()},
		"the role, with another one":          {[]domain.Assignment{groupOnly(), {Role: "auditor"}}, roleOnly()},
		"the group":                           {[]domain.Assignment{roleOnly()}, groupOnly()},
		"the group, being below it":           {[]domain.Assignment{roleOnly(), {Group: "tellers/north"}}, groupOnly()},
		"the group, being in a namesake":      {[]domain.Assignment{roleOnly(), {Group: "branches/tellers"}}, groupOnly()},
		"both":                                {nil, both()},
		"the group, the role by another role": {[]domain.Assignment{{Role: "chief"}}, groupOnly()},
		"the group, the role by a group":      {[]domain.Assignment{{Group: "desk"}}, groupOnly()},
		"nothing, the role by another role":   {[]domain.Assignment{{Role: "chief", Group: "tellers"}}, domain.Assignment{}},
	} {
		provider := newDriftRealm()
		id := addAnna(t, provider, false, test.in...)
		result, err := newBench(provider).syncAnna(t)
		require.NoError(t, err, name)
		assert.Equal(t, app.SyncUserResult{ID: id, Drift: test.want}, result, name)
	}
}

// Not every mapped role has a group. Its absence is nothing to lack, and costs no read.
func TestDrift_IsTheRoleAloneWhereTheMappingNamesNoGroup(t *testing.T) {
	provider := newMock(t)
	exists(t, provider, domain.User{ID: "7", Username: "anna", Enabled: true, Managed: true})
	provider.EXPECT().Privileges(t.Context(), domain.UserID("7"), []domain.RealmRole{"accountant"})
	provider.EXPECT().RightsOf(t.Context(), domain.Assignment{Role: "accountant"})
	result, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Accountant"))
	require.NoError(t, err)
	assert.Equal(t, app.SyncUserResult{ID: "7", Drift: domain.Assignment{Role: "accountant"}}, result)
}

func TestDrift_OfACreatedUserIsNone(t *testing.T) {
	result, err := newBench(newDriftRealm(), repairing).syncAnna(t)
	require.NoError(t, err)
	assert.True(t, result.Created)
	assert.Zero(t, result.Drift)
	assert.Zero(t, result.Repaired)
}

// exists makes the mock find the user.
func exists(t *testing.T, provider *portmock.MockIdentityProvider, user domain.User) {
	t.Helper()
	provider.EXPECT().FindUser(t.Context(), username(t, "anna")).Return(user, nil)
}

// What another person holds is nobody's business, and no call is spent on it.
func TestDrift_OfAnotherPersonsAccountIsNotLookedFor(t *testing.T) {
	provider := newMock(t)
	exists(t, provider, domain.User{ID: "7", Username: "anna", Email: "other@bank.example", Managed: true})
	_, err := newBench(provider, repairing).syncAnna(t)
	require.ErrorIs(t, err, domain.UsernameConflict)
}

// Nor is protection, as long as nothing is to be changed: only the mapped role is
// asked for.
func TestDrift_CostsTwoReadsSideBySide(t *testing.T) {
	for name, user := range map[string]domain.User{
		"reported":    {ID: "7", Username: "anna", Email: "anna@bank.example", Managed: true},
		"not managed": {ID: "7", Username: "anna", Email: "anna@bank.example", EmailVerified: true},
	} {
		m := newMeeting()
		provider := newMock(t)
		exists(t, provider, user)
		mayGrant(t, provider)
		provider.EXPECT().Privileges(t.Context(), domain.UserID("7"), []domain.RealmRole{"teller"}).
			DoAndReturn(func(context.Context, domain.UserID, []domain.RealmRole) (domain.Privileges, error) {
				return domain.Privileges{}, m.meet(m.first, m.second)
			})
		provider.EXPECT().Groups(t.Context(), domain.UserID("7")).
			DoAndReturn(func(context.Context, domain.UserID) ([]domain.Group, error) { return nil, m.meet(m.second, m.first) })
		result, err := newBench(provider, func(config *app.Config) { config.Repair = !user.Managed }).syncAnna(t)
		require.NoError(t, err, name)
		assert.Equal(t, both(), result.Drift, name)
	}
}

// The employee exists also where the realm lacks the role, and where it would give more
// than is mapped: that is told, by whatever way it comes.
func TestDrift_OfARoleThatCannotBeGivenIsToldAndWhy(t *testing.T) {
	for name, test := range map[string]struct {
		realm   memory.Realm
		warning string
	}{
		"the realm lacks the role": {memory.Realm{}, "The role 'teller' does not exist in the system."},
		"the role contains more": {memory.Realm{Roles: []domain.RealmRole{"teller"}, Contains: map[domain.RealmRole][]domain.RealmRole{"teller": {"admin"}}},
			"Nothing was changed: the user would also get the role 'admin'."},
		"the group carries more": {memory.Realm{Roles: []domain.RealmRole{"teller"}, Carries: map[domain.Group][]domain.RealmRole{"tellers": {"Super User"}}},
			"Nothing was changed: the user would also get the role 'Super User'."},
	} {
		for _, repair := range []bool{true, false} {
			test.realm.Groups = []domain.Group{"tellers"}
			provider := memory.New(test.realm)
			addAnna(t, provider, true)
			notRepaired(t, provider, newBench(provider, func(config *app.Config) { config.Repair = repair }), both(), test.warning, name)
		}
	}
}

// A list that could not be read must not read as empty, nor as complete.
func TestDrift_ThatCannotBeReadIsAFailure(t *testing.T) {
	failure := &domain.Error{Kind: domain.Timeout, Err: errors.New("cause")}
	for _, method := range []string{"Privileges", "Groups"} {
		provider := newDriftRealm()
		addAnna(t, provider, true)
		same := unchanged(t, provider)
		result, err := newBench(meetingProvider{provider, map[string]func() error{method: func() error { return failure }}}, repairing).syncAnna(t)
		require.ErrorIs(t, err, domain.Timeout, method)
		assert.Zero(t, result, method)
		same(method)
	}
}

// Somebody deletes the user between two calls. "Not found" would be no answer to a
// request that wants the user to exist.
func TestDrift_OfAUserWhoVanishesAsksToSyncAgain(t *testing.T) {
	gone := &domain.Error{Kind: domain.NotFound}
	for _, method := range []string{"Privileges", "Groups", "Assign"} {
		provider := newDriftRealm()
		addAnna(t, provider, true)
		var lost ports.IdentityProvider = meetingProvider{provider, map[string]func() error{method: func() error { return gone }}}
		if method == "Assign" {
			lost = &assigning{IdentityProvider: provider, err: gone}
		}
		_, err := newBench(lost, repairing).syncAnna(t)
		require.ErrorIs(t, err, domain.BadAnswer, method)
		require.NotErrorIs(t, err, domain.NotFound, method)
		assert.Equal(t, "The user was deleted a moment ago. Please sync the user again.", domain.AsError(err).Message, method)
	}
}

func TestDrift_APanicGoesOnInTheCallersGoroutine(t *testing.T) {
	provider := newDriftRealm()
	addAnna(t, provider, false)
	bugs := meetingProvider{provider, map[string]func() error{"Groups": func() error { panic("a bug") }}}
	assert.PanicsWithValue(t, "a bug", func() { _, _ = newBench(bugs).syncAnna(t) })
}
