package app_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// A new job brings a new role and takes the old one away. What the role map does not
// name was given by somebody else, and is nobody's business here.

// moving is a provider that keeps the order of its writes, one of which fails.
type moving struct {
	ports.IdentityProvider
	fail  string // a call, as calls has it
	err   error
	calls []string
}

func (m *moving) at(call string) error {
	m.calls = append(m.calls, call)
	if m.fail == call {
		return m.err
	}
	return nil
}

func (m *moving) UpdateUser(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
	if err := m.at("UpdateUser"); err != nil {
		return nil, err
	}
	return m.IdentityProvider.UpdateUser(ctx, id, change)
}

func (m *moving) Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
	if err := m.at(fmt.Sprintf("Assign %s/%s", assignment.Role, assignment.Group)); err != nil {
		return "", err
	}
	return m.IdentityProvider.Assign(ctx, id, assignment)
}

func (m *moving) Unassign(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
	if err := m.at(fmt.Sprintf("Unassign %s/%s", assignment.Role, assignment.Group)); err != nil {
		return err
	}
	return m.IdentityProvider.Unassign(ctx, id, assignment)
}

func (m *moving) EndSessions(ctx context.Context, id domain.UserID) error {
	if err := m.at("EndSessions"); err != nil {
		return err
	}
	return m.IdentityProvider.EndSessions(ctx, id)
}

// newMovingRealm has all roles and groups of the default role map, and others.
func newMovingRealm() *memory.Provider {
	return newRealm(func(realm *memory.Realm) {
		realm.Roles = append(realm.Roles, "default-roles-bank", "auditor", "chief")
		realm.Groups = append(realm.Groups, "auditors", "branches/tellers", "tellers/north", "desk")
		realm.Contains["chief"] = []domain.RealmRole{"loan-officer"}
		realm.Carries["desk"] = []domain.RealmRole{"loan-officer"}
	})
}

func TestUpdateUser_MovesTheUserToTheNewRoleAndGroup(t *testing.T) {
	role := func(role domain.RealmRole) domain.Assignment { return domain.Assignment{Role: role} }
	group := func(group domain.Group) domain.Assignment { return domain.Assignment{Group: group} }
	for name, test := range map[string]struct {
		in            []domain.Assignment
		to            string
		assigned      domain.Assignment
		removedRoles  []domain.RealmRole
		removedGroups []domain.Group
		roles         []domain.RealmRole
		groups        []domain.Group
	}{
		"from one job to another": {[]domain.Assignment{both()}, "Loan Officer", domain.Assignment{Role: "loan-officer", Group: "loan-officers"},
			[]domain.RealmRole{"teller"}, []domain.Group{"tellers"}, []domain.RealmRole{"loan-officer"}, []domain.Group{"loan-officers"}},
		"to a job without a group": {[]domain.Assignment{both()}, "Accountant", role("accountant"),
			[]domain.RealmRole{"teller"}, []domain.Group{"tellers"}, []domain.RealmRole{"accountant"}, nil},
		"to a job that nobody knows": {[]domain.Assignment{both()}, "Head of Tea", role("staff"),
			[]domain.RealmRole{"teller"}, []domain.Group{"tellers"}, []domain.RealmRole{"staff"}, nil},
		"from it": {[]domain.Assignment{role("staff")}, "Cashier", both(),
			[]domain.RealmRole{"staff"}, nil, []domain.RealmRole{"teller"}, []domain.Group{"tellers"}},
		"from nothing": {nil, "Cashier", both(), nil, nil, []domain.RealmRole{"teller"}, []domain.Group{"tellers"}},
		"from administration": {[]domain.Assignment{{Role: "admin", Group: "head-office"}}, "Cashier", both(),
			[]domain.RealmRole{"admin"}, []domain.Group{"head-office"}, []domain.RealmRole{"teller"}, []domain.Group{"tellers"}},
		"to another role of the same group": {[]domain.Assignment{{Role: "admin", Group: "head-office"}}, "Super User", role("Super User"),
			[]domain.RealmRole{"admin"}, nil, []domain.RealmRole{"Super User"}, []domain.Group{"head-office"}},
		"only what is lacking": {[]domain.Assignment{both(), role("loan-officer")}, "Loan Officer", group("loan-officers"),
			[]domain.RealmRole{"teller"}, []domain.Group{"tellers"}, []domain.RealmRole{"loan-officer"}, []domain.Group{"loan-officers"}},
		"only what is too much": {[]domain.Assignment{both(), {Role: "Manager", Group: "head-office"}}, "Cashier", domain.Assignment{},
			[]domain.RealmRole{"Manager"}, []domain.Group{"head-office"}, []domain.RealmRole{"teller"}, []domain.Group{"tellers"}},
		"from several jobs": {[]domain.Assignment{both(), {Role: "accountant"}, {Role: "branch-manager", Group: "branch-managers"}}, "Viewer", role("Viewer"),
			[]domain.RealmRole{"teller", "branch-manager", "accountant"}, []domain.Group{"tellers", "branch-managers"}, []domain.RealmRole{"Viewer"}, nil},
		"and keeps what is not mapped": {[]domain.Assignment{role("default-roles-bank"), both(), {Role: "auditor", Group: "auditors"}, group("branches/tellers"), group("tellers/north")},
			"Accountant", role("accountant"), []domain.RealmRole{"teller"}, []domain.Group{"tellers"},
			[]domain.RealmRole{"default-roles-bank", "auditor", "accountant"}, []domain.Group{"auditors", "branches/tellers", "tellers/north"}},
		"and is given directly what came by others": {[]domain.Assignment{{Role: "chief", Group: "desk"}}, "Loan Officer", domain.Assignment{Role: "loan-officer", Group: "loan-officers"},
			nil, nil, []domain.RealmRole{"chief", "loan-officer"}, []domain.Group{"desk", "loan-officers"}},
	} {
		provider := newMovingRealm()
		id, err := provider.AddUser(veronica(), "", test.in...)
		require.NoError(t, err)
		b := newBench(provider)

		result, err := b.update(t, app.UpdateUserInput{FineractRole: test.to})

		require.NoError(t, err, name)
		assert.Equal(t, app.UpdateUserResult{ID: id, Assigned: test.assigned, RemovedRoles: test.removedRoles, RemovedGroups: test.removedGroups}, result, name)
		held := holdsOf(t, provider, id)
		assert.Equal(t, test.roles, held.Roles, name)
		assert.ElementsMatch(t, test.groups, held.Groups, name)
		user := provider.Users()[0]
		assert.Equal(t, test.to, user.Attributes[domain.FineractRoleName], name)
		user.Attributes = veronica().Attributes
		want := veronica()
		want.ID = id
		assert.Equal(t, want, user, name)
	}
}

func TestUpdateUser_TellsTheAuditorWhatWasMoved(t *testing.T) {
	provider := newMovingRealm()
	_, err := provider.AddUser(veronica(), "", domain.Assignment{Role: "auditor"}, both())
	require.NoError(t, err)
	b := newBench(provider)
	attributes := domain.Attributes{domain.OfficeID: "1"}
	_, err = b.update(t, app.UpdateUserInput{Change: domain.UserChange{Attributes: attributes}, FineractRole: "Accountant"})
	require.NoError(t, err)
	assert.Equal(t, domain.Attributes{domain.OfficeID: "1"}, attributes, "what was handed in stays as it is")
	event := b.audit.only(t)
	assert.Equal(t, "Accountant", event.FineractRole)
	assert.Equal(t, domain.Assignment{Role: "accountant"}, event.Assignment)
	assert.Equal(t, map[string]any{
		"fineract_role": "Cashier", "realm_roles": []domain.RealmRole{"auditor", "teller"}, "groups": []domain.Group{"tellers"},
	}, event.Before)
	assert.Equal(t, map[string]any{
		"fineract_role": "Accountant", "realm_roles": []domain.RealmRole{"auditor", "accountant"}, "groups": []domain.Group{},
		"sessions_revoked": true,
	}, event.After)
}

func TestUpdateUser_WarnsOfAGroupThatTheRealmLacks(t *testing.T) {
	for name, test := range map[string]struct {
		in   domain.Assignment
		want []any // groups before and after
	}{
		"and takes the old one away": {both(), []any{[]domain.Group{"tellers"}, []domain.Group{}}},
		"and there was none":         {roleOnly(), nil},
	} {
		provider := newMemory() // It lacks branch-managers.
		id, err := provider.AddUser(veronica(), "", test.in)
		require.NoError(t, err)
		b := newBench(provider)
		result, err := b.update(t, app.UpdateUserInput{FineractRole: "Branch Manager"})
		require.NoError(t, err)
		assert.Equal(t, []string{"The group 'branch-managers' does not exist and was left out."}, result.Warnings)
		assert.Equal(t, domain.Assignment{Role: "branch-manager"}, result.Assigned)
		assert.Empty(t, holdsOf(t, provider, id).Groups, name)
		event := b.audit.only(t)
		if test.want == nil {
			assert.NotContains(t, event.Before, "groups", name)
			assert.NotContains(t, event.After, "groups", name)
			continue
		}
		assert.Equal(t, test.want, []any{event.Before["groups"], event.After["groups"]}, name)
	}
}

// Giving goes before taking, so that whoever is cut off in the middle can still work,
// and the data go first, since the realm may refuse them.
func TestUpdateUser_GivesBeforeItTakes(t *testing.T) {
	provider := newMovingRealm()
	_, err := provider.AddUser(veronica(), "", both())
	require.NoError(t, err)
	ordered := &moving{IdentityProvider: provider}
	_, err = newBench(ordered).update(t, app.UpdateUserInput{Change: domain.UserChange{LastName: new("New")}, FineractRole: "Loan Officer"})
	require.NoError(t, err)
	assert.Equal(t, []string{"UpdateUser", "Assign loan-officer/loan-officers", "Unassign teller/", "Unassign /tellers", "EndSessions"}, ordered.calls)
}

// Whatever step fails, the same edit once more brings everybody where they should be.
func TestUpdateUser_SaysThatItIsIncompleteAndCanBeSentAgain(t *testing.T) {
	in := app.UpdateUserInput{Change: domain.UserChange{LastName: new("New")}, FineractRole: "Loan Officer"}
	for _, step := range []string{"Assign loan-officer/loan-officers", "Unassign teller/", "Unassign /tellers"} {
		for _, kind := range []domain.Kind{domain.Unavailable, domain.Timeout, domain.Overloaded, domain.BadAnswer, domain.Internal} {
			provider := newMovingRealm()
			id, err := provider.AddUser(veronica(), "", both())
			require.NoError(t, err)
			b := newBench(&moving{IdentityProvider: provider, fail: step, err: &domain.Error{Kind: kind, Err: errors.New("cause")}})

			_, err = b.update(t, in)

			require.ErrorIs(t, err, kind, step)
			assert.Equal(t, "The change is incomplete. Please send it again.", domain.AsError(err).Message, step)
			event := b.audit.only(t)
			assert.Equal(t, domain.Failed, event.Outcome, step)
			assert.Equal(t, "New", event.After["last_name"], step)
			assert.Contains(t, event.After, "realm_roles", step)

			_, err = newBench(provider).update(t, in)
			require.NoError(t, err)
			assert.Equal(t, domain.Memberships{Roles: []domain.RealmRole{"loan-officer"}, Groups: []domain.Group{"loan-officers"}},
				holdsOf(t, provider, id), step)
		}
	}
}

// What was taken away is still in the tokens of open sessions, so these end: also when the
// move breaks off, since the next attempt may find nothing left to take.
func TestUpdateUser_EndsTheSessionsOfThoseWhoLoseSomething(t *testing.T) {
	sessionOf := func(t *testing.T, provider *memory.Provider) memory.Session {
		t.Helper()
		require.NoError(t, provider.SetRequiredActions(t.Context(), provider.Users()[0].ID, nil))
		session, err := provider.SignIn("veronica", "Long&Secret11")
		require.NoError(t, err)
		return session
	}
	failure := &domain.Error{Kind: domain.Timeout, Err: errors.New("cause")}
	for name, test := range map[string]struct {
		in      []domain.Assignment
		to      string
		fail    string // a call
		goesOn  bool   // the session
		message string
	}{
		"a role and a group":   {in: []domain.Assignment{both()}, to: "Accountant"},
		"a role":               {in: []domain.Assignment{roleOnly()}, to: "Accountant"},
		"a group":              {in: []domain.Assignment{{Role: "accountant", Group: "tellers"}}, to: "Accountant"},
		"nothing":              {in: []domain.Assignment{roleOnly()}, to: "Cashier", goesOn: true},
		"nothing, being moved": {in: nil, to: "Cashier", goesOn: true},
		"it broke off":         {in: []domain.Assignment{both()}, to: "Accountant", fail: "Unassign /tellers", message: "The change is incomplete. Please send it again."},
		"nothing was taken":    {in: []domain.Assignment{both()}, to: "Accountant", fail: "Assign accountant/", goesOn: true, message: "The change is incomplete. Please send it again."},
		"they do not end": {in: []domain.Assignment{both()}, to: "Accountant", fail: "EndSessions", goesOn: true,
			message: "The role is changed, but the user still has open sessions. Please log the user out."},
	} {
		provider := newMovingRealm()
		_, err := provider.AddUser(veronica(), "Long&Secret11", test.in...)
		require.NoError(t, err)
		session := sessionOf(t, provider)
		_, err = newBench(&moving{IdentityProvider: provider, fail: test.fail, err: failure}).update(t, app.UpdateUserInput{FineractRole: test.to})
		assert.Equal(t, test.goesOn, provider.SessionActive(session), name)
		if test.message == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, domain.Timeout, name)
		assert.Equal(t, test.message, domain.AsError(err).Message, name)
	}
}
