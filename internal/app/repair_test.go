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
)

// A repair gives rights away, so it is made only for users of this program, and for
// nobody who is protected. It takes nothing away.

// assigning is a provider whose Assign fails, or is counted.
type assigning struct {
	ports.IdentityProvider
	err   error
	given []domain.Assignment
}

func (a *assigning) Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
	a.given = append(a.given, assignment)
	if a.err != nil {
		return "", a.err
	}
	return a.IdentityProvider.Assign(ctx, id, assignment)
}

func TestRepair_GivesWhatAUserOfThisProgramLacks(t *testing.T) {
	for name, test := range map[string]struct {
		in      []domain.Assignment
		lacking domain.Assignment
		after   map[string]any
	}{
		"both":      {nil, both(), map[string]any{"added_realm_role": domain.RealmRole("teller"), "added_group": domain.Group("tellers")}},
		"the role":  {[]domain.Assignment{groupOnly()}, roleOnly(), map[string]any{"added_realm_role": domain.RealmRole("teller")}},
		"the group": {[]domain.Assignment{roleOnly()}, groupOnly(), map[string]any{"added_group": domain.Group("tellers")}},
		"the group, the role comes by another": {[]domain.Assignment{{Role: "chief"}}, groupOnly(),
			map[string]any{"added_group": domain.Group("tellers")}},
	} {
		provider := newDriftRealm()
		id := addAnna(t, provider, true, test.in...)
		counted := &assigning{IdentityProvider: provider}
		b := newBench(counted, repairing, guarded)

		result, err := b.syncAnna(t)

		require.NoError(t, err, name)
		assert.Equal(t, app.SyncUserResult{ID: id, Repaired: test.lacking}, result, name)
		assert.Equal(t, []domain.Assignment{test.lacking}, counted.given, name)
		event := b.audit.only(t)
		assert.Equal(t, domain.Allowed, event.Outcome, name)
		assert.Equal(t, id, event.TargetID, name)
		assert.Equal(t, both(), event.Assignment, name)
		assert.Equal(t, test.after, event.After, name)
		assert.Nil(t, event.Before, name)

		// The next sync finds nothing to do.
		b = newBench(counted, repairing)
		result, err = b.syncAnna(t)
		require.NoError(t, err, name)
		assert.Equal(t, app.SyncUserResult{ID: id}, result, name)
		assert.Len(t, counted.given, 1, name)
		assert.Nil(t, b.audit.only(t).After, name)
	}
}

func TestRepair_TakesNothingAwayAndTouchesNothingElse(t *testing.T) {
	provider := newDriftRealm()
	id := addAnna(t, provider, true, domain.Assignment{Role: "auditor", Group: "auditors"})
	require.NoError(t, provider.SetEnabled(t.Context(), id, false))
	users := provider.Users()

	_, err := newBench(provider, repairing).syncAnna(t)

	require.NoError(t, err)
	assert.Equal(t, users, provider.Users(), "the required actions, that the user is disabled, and all the rest")
	assert.Equal(t, domain.Memberships{Roles: []domain.RealmRole{"auditor", "teller"}, Groups: []domain.Group{"auditors", "tellers"}},
		holdsOf(t, provider, id))

	// The password is the same, and it lasts.
	require.NoError(t, provider.SetEnabled(t.Context(), id, true))
	require.NoError(t, provider.SetRequiredActions(t.Context(), id, nil))
	session, err := provider.SignIn("anna", "Long&Secret11")
	require.NoError(t, err)
	_, err = newBench(provider, repairing).syncAnna(t)
	require.NoError(t, err)
	assert.True(t, provider.SessionActive(session))
}

// notRepaired asserts that anna's drift is told and nothing is written.
func notRepaired(t *testing.T, provider *memory.Provider, b *bench, want domain.Assignment, warning, about string) {
	t.Helper()
	users := provider.Users()
	before := holdsOf(t, provider, idOf(t, provider, "anna"))
	result, err := b.syncAnna(t)
	require.NoError(t, err, about)
	told := app.SyncUserResult{ID: idOf(t, provider, "anna"), Drift: want}
	if warning != "" {
		told.Warnings = []string{warning}
	}
	assert.Equal(t, told, result, about)
	assert.Equal(t, users, provider.Users(), about)
	assert.Equal(t, before, holdsOf(t, provider, idOf(t, provider, "anna")), about)
	event := b.audit.only(t)
	assert.Equal(t, domain.Allowed, event.Outcome, about)
	assert.Nil(t, event.After, about)
	assert.Empty(t, b.observer.refused, "nobody asked for the repair, so none is refused: %s", about)
}

func TestRepair_IsNotMadeUnlessItIsWanted(t *testing.T) {
	provider := newDriftRealm()
	addAnna(t, provider, true)
	notRepaired(t, provider, newBench(provider), both(), "", "report")
}

func TestRepair_IsNotMadeForUsersOfOthers(t *testing.T) {
	provider := newDriftRealm()
	addAnna(t, provider, false)
	notRepaired(t, provider, newBench(provider, repairing), both(), "Nothing was added: this service did not make the account.", "not managed")
}

func TestRepair_IsNotMadeForUsersWhoAreProtected(t *testing.T) {
	for name, in := range map[string]domain.Assignment{
		"a protected role":                  {Role: "realm-admin"},
		"a protected role within a role":    {Role: "bundle"},
		"a protected role by a group":       {Group: "vips"},
		"a right to administer":             {Role: "operator"},
		"a protected group":                 {Group: "board"},
		"a group below the protected group": {Group: "board/secretaries"},
	} {
		provider := newDriftRealm()
		addAnna(t, provider, true, in)
		notRepaired(t, provider, newBench(provider, repairing, guarded), both(), "Nothing was added: the user is protected.", name)
	}
}

// That the protected role is the mapped one makes it no less protected.
func TestRepair_IsNotMadeForUsersWhomTheMappedRoleProtects(t *testing.T) {
	provider := newDriftRealm()
	addAnna(t, provider, true, roleOnly())
	protecting := func(config *app.Config) { config.Guard.ProtectedRoles = []domain.RealmRole{"teller"} }
	notRepaired(t, provider, newBench(provider, repairing, protecting), groupOnly(), "Nothing was added: the user is protected.", "the mapped role is protected")
}

// How the provider compares names is its own affair: what counts is whom it found.
func TestRepair_IsNotMadeForUsersWhoAreProtectedByTheNameThatTheProviderHas(t *testing.T) {
	provider := newMock(t)
	exists(t, provider, domain.User{ID: "7", Username: "service-account-x", Enabled: true, Managed: true})
	provider.EXPECT().Privileges(t.Context(), domain.UserID("7"), []domain.RealmRole{"teller"})
	provider.EXPECT().Groups(t.Context(), domain.UserID("7"))
	mayGrant(t, provider)
	result, err := newBench(provider, repairing).syncAnna(t)
	require.NoError(t, err)
	assert.Equal(t, app.SyncUserResult{ID: "7", Drift: both(), Warnings: []string{"Nothing was added: the user is protected."}}, result)
}

// Nobody gains rights by a sync of the own account.
func TestRepair_IsNotMadeForTheActor(t *testing.T) {
	provider := newDriftRealm()
	addAnna(t, provider, true)
	b := newBench(provider, repairing, checking(domain.Actor{Subject: "s", Username: "Anna", Roles: []string{"admin"}}))
	attempt := b.Begin(domain.ActionSyncUser, app.Request{})
	require.NoError(t, b.Admit(t.Context(), attempt, app.Caller{Token: goodToken}))
	result, err := b.SyncUser(t.Context(), attempt, employee(t, "anna", "anna@bank.example", "Cashier"))
	require.NoError(t, err)
	assert.Equal(t, app.SyncUserResult{ID: idOf(t, provider, "anna"), Drift: both(), Warnings: []string{"Nothing was added: it is your own account."}}, result)
	assert.Empty(t, holdsOf(t, provider, result.ID))
}

// A check that could not be made is not a check that was passed.
func TestRepair_IsNotMadeWhileTheProviderCannotSayWhoIsProtected(t *testing.T) {
	provider := newMock(t)
	exists(t, provider, domain.User{ID: "7", Username: "anna", Email: "anna@bank.example", Managed: true})
	provider.EXPECT().Privileges(t.Context(), domain.UserID("7"), []domain.RealmRole{"teller"})
	provider.EXPECT().Groups(t.Context(), domain.UserID("7"))
	mayGrant(t, provider)
	provider.EXPECT().Privileges(t.Context(), domain.UserID("7"), []domain.RealmRole{"realm-admin"}).
		Return(domain.Privileges{}, &domain.Error{Kind: domain.Timeout, Err: errors.New("cause")})
	b := newBench(provider, repairing)
	result, err := b.syncAnna(t)
	require.ErrorIs(t, err, domain.Timeout)
	assert.Zero(t, result)
	assert.Nil(t, b.audit.only(t).After)
}

// Who may be an administrator is told what is lacking, and given nothing.
func TestRepair_IsNotMadeWhereTheProviderHidesWhoIsProtected(t *testing.T) {
	provider := newDriftRealm()
	addAnna(t, provider, true)
	notRepaired(t, provider, newBench(hidingProvider{provider}, repairing), both(), "Nothing was added: administrators cannot be recognised.", "hidden rights")
}

// The realm lacks the group: the role is given all the same, and the administrator told.
func TestRepair_WarnsOfAMissingGroupAndGoesOnWithoutIt(t *testing.T) {
	for name, test := range map[string]struct {
		in    domain.Assignment
		gets  domain.Assignment
		after map[string]any
	}{
		"with the role": {domain.Assignment{}, roleOnly(), map[string]any{"added_realm_role": domain.RealmRole("teller")}},
		"alone":         {roleOnly(), domain.Assignment{}, nil},
	} {
		provider := memory.New(memory.Realm{Roles: []domain.RealmRole{"teller"}})
		id := addAnna(t, provider, true, test.in)
		b := newBench(provider, repairing)

		result, err := b.syncAnna(t)

		require.NoError(t, err, name)
		assert.Equal(t, app.SyncUserResult{
			ID: id, Repaired: test.gets, Drift: groupOnly(), Warnings: []string{"The group 'tellers' does not exist and was left out."},
		}, result, name)
		assert.Equal(t, domain.Memberships{Roles: []domain.RealmRole{"teller"}}, holdsOf(t, provider, id), name)
		assert.Equal(t, test.after, b.audit.only(t).After, name)
		assert.Contains(t, b.log.String(), "the realm lacks a mapped group", name)
		assert.Contains(t, b.log.String(), "group=tellers", name)
	}
}

func TestRepair_WritesNothingThatCannotBePutOnRecord(t *testing.T) {
	for _, reserveErr := range []error{nil, full} {
		provider := newDriftRealm()
		id := addAnna(t, provider, true)
		b := newBench(provider, repairing)
		b.audit.reserveErr = reserveErr
		_, err := b.syncAnna(t)
		assert.Equal(t, reserveErr == nil, err == nil)
		assert.Equal(t, reserveErr == nil, len(holdsOf(t, provider, id).Roles) > 0)
		assert.Zero(t, b.audit.held)
	}
}

// Nobody is repaired on a guess.
func TestRepair_IsNotMadeWhileTheProviderCannotSayWhoseUserItIs(t *testing.T) {
	provider := newMock(t)
	exists(t, provider, domain.User{ID: "7", Username: "anna", Email: "anna@bank.example", EmailVerified: true, ManagedErr: &domain.Error{Kind: domain.Timeout}})
	provider.EXPECT().Privileges(t.Context(), domain.UserID("7"), []domain.RealmRole{"teller"})
	provider.EXPECT().Groups(t.Context(), domain.UserID("7"))
	mayGrant(t, provider)
	_, err := newBench(provider, repairing).syncAnna(t)
	require.ErrorIs(t, err, domain.Timeout)
}

// Something may have been given before it failed, so the event says what it was about.
func TestRepair_ThatFailsIsPutOnRecord(t *testing.T) {
	provider := newDriftRealm()
	addAnna(t, provider, true)
	b := newBench(&assigning{IdentityProvider: provider, err: &domain.Error{Kind: domain.Timeout, Err: errors.New("cause")}}, repairing)
	result, err := b.syncAnna(t)
	require.ErrorIs(t, err, domain.Timeout)
	assert.Zero(t, result)
	event := b.audit.only(t)
	assert.Equal(t, domain.Timeout, event.Reason)
	assert.Equal(t, map[string]any{"added_realm_role": domain.RealmRole("teller"), "added_group": domain.Group("tellers")}, event.After)
}

// The role vanishes between the look and the repair: then nothing was given.
func TestRepair_OfARoleThatHasGoneIsTold(t *testing.T) {
	provider := newDriftRealm()
	id := addAnna(t, provider, true)
	b := newBench(&assigning{IdentityProvider: provider, err: &domain.Error{Kind: domain.UnknownRole}}, repairing)
	result, err := b.syncAnna(t)
	require.NoError(t, err)
	assert.Equal(t, app.SyncUserResult{ID: id, Drift: both(), Warnings: []string{"The role 'teller' does not exist in the system."}}, result)
	assert.Nil(t, b.audit.only(t).After)
}
