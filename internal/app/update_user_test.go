package app_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/adapters/rolemap"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// An edit changes what it names. Whatever else it changed, somebody would find out
// months later.

// veronica is a user of whom everything is known.
func veronica() domain.User {
	return domain.User{
		Username: "veronica", Email: "veronica@bank.example", FirstName: "Veronica", LastName: "Old", Enabled: true, EmailVerified: true,
		RequiredActions: []domain.RequiredAction{"CONFIGURE_TOTP"}, Managed: true, TrustedID: true, CreatedAt: now(),
		Attributes: domain.Attributes{domain.FineractUserID: "42", domain.OfficeID: "1", domain.OfficeName: "Head Office", domain.FineractRoleName: "Cashier"},
	}
}

// addVeronica puts her into the realm as a cashier.
func addVeronica(t *testing.T, provider *memory.Provider) domain.User {
	t.Helper()
	_, err := provider.AddUser(veronica(), "Long&Secret11", both())
	require.NoError(t, err)
	user, err := provider.FindUser(t.Context(), username(t, "veronica"))
	require.NoError(t, err)
	return user
}

// editing is an edit without a role.
func editing(change domain.UserChange) app.UpdateUserInput {
	return app.UpdateUserInput{Change: change}
}

func email(t *testing.T, text string) *domain.Email {
	t.Helper()
	address, err := domain.ParseEmail(text)
	require.NoError(t, err)
	return &address
}

// update takes an edit of veronica all the way.
func (b *bench) update(t *testing.T, in app.UpdateUserInput) (app.UpdateUserResult, error) {
	t.Helper()
	attempt := b.Begin(domain.ActionUpdateUser, app.Request{})
	result, err := b.UpdateUser(t.Context(), attempt, username(t, "Veronica"), in)
	return result, b.Finish(t.Context(), attempt, err)
}

func TestUpdateUser_ChangesWhatIsNamedAndNothingElse(t *testing.T) {
	for name, test := range map[string]struct {
		change        domain.UserChange
		want          func(*domain.User)
		before, after map[string]any
	}{
		"email": {domain.UserChange{Email: email(t, "v.new@bank.example")}, func(u *domain.User) { u.Email = "v.new@bank.example" },
			map[string]any{"email": "veronica@bank.example"}, map[string]any{"email": "v.new@bank.example"}},
		"first name": {domain.UserChange{FirstName: new("Vera")}, func(u *domain.User) { u.FirstName = "Vera" },
			map[string]any{"first_name": "Veronica"}, map[string]any{"first_name": "Vera"}},
		"last name taken away": {domain.UserChange{LastName: new("")}, func(u *domain.User) { u.LastName = "" },
			map[string]any{"last_name": "Old"}, map[string]any{"last_name": ""}},
		"attribute": {domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "2"}}, func(u *domain.User) { u.Attributes[domain.OfficeID] = "2" },
			map[string]any{"office_id": "1"}, map[string]any{"office_id": "2"}},
		"attribute that is new": {domain.UserChange{Attributes: domain.Attributes{domain.EmployeeID: "E1"}}, func(u *domain.User) { u.Attributes[domain.EmployeeID] = "E1" },
			map[string]any{"employee_id": ""}, map[string]any{"employee_id": "E1"}},
		"attribute taken away": {domain.UserChange{Attributes: domain.Attributes{domain.OfficeName: ""}}, func(u *domain.User) { delete(u.Attributes, domain.OfficeName) },
			map[string]any{"office_name": "Head Office"}, map[string]any{"office_name": ""}},
		"one of two that differs": {domain.UserChange{FirstName: new("Veronica"), LastName: new("New")}, func(u *domain.User) { u.LastName = "New" },
			map[string]any{"last_name": "Old"}, map[string]any{"last_name": "New"}},
	} {
		provider := newMemory()
		want := addVeronica(t, provider)
		held := holdsOf(t, provider, want.ID)
		b := newBench(provider)

		result, err := b.update(t, editing(test.change))

		require.NoError(t, err, name)
		assert.Equal(t, app.UpdateUserResult{ID: want.ID}, result, name)
		test.want(&want)
		assert.Equal(t, []domain.User{want}, provider.Users(), name)
		assert.Equal(t, held, holdsOf(t, provider, want.ID), name)
		event := b.audit.only(t)
		assert.Equal(t, test.before, event.Before, name)
		assert.Equal(t, test.after, event.After, name)
	}
}

// Where there is nothing to write, nothing is: neither at the provider nor in the log.
func TestUpdateUser_WritesNothingThatIsSoAlready(t *testing.T) {
	for name, in := range map[string]app.UpdateUserInput{
		"email":                      editing(domain.UserChange{Email: email(t, "veronica@bank.example")}),
		"email in other letter case": editing(domain.UserChange{Email: email(t, "Veronica@Bank.Example")}),
		"names":                      editing(domain.UserChange{FirstName: new("Veronica"), LastName: new("Old")}),
		"attributes":                 editing(domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "1", domain.EmployeeID: ""}}),
		"role":                       {FineractRole: "Cashier"},
	} {
		provider := newMemory()
		user := addVeronica(t, provider)
		same := unchanged(t, provider)
		written := &moving{IdentityProvider: provider}
		b := newBench(written)
		b.audit.reserveErr = full // It is not asked.
		result, err := b.update(t, in)
		require.NoError(t, err, name)
		assert.Equal(t, app.UpdateUserResult{ID: user.ID}, result, name)
		assert.Nil(t, b.audit.only(t).After, name)
		assert.Empty(t, written.calls, name)
		same(name)
	}
}

func TestUpdateUser_WarnsOfAttributesThatTheRealmDoesNotKeep(t *testing.T) {
	provider := memory.New(memory.Realm{
		Roles: []domain.RealmRole{"teller"}, Groups: []domain.Group{"tellers"}, LacksAttributes: []domain.Attribute{domain.EmployeeID, domain.MobileNumber},
	})
	addVeronica(t, provider)
	b := newBench(provider)
	result, err := b.update(t, editing(domain.UserChange{Attributes: domain.Attributes{domain.EmployeeID: "E1", domain.MobileNumber: "+1", domain.OfficeID: "2"}}))
	require.NoError(t, err)
	assert.Equal(t, []string{"attributes not stored: employee_id, mobile_number"}, result.Warnings)
	event := b.audit.only(t)
	assert.Equal(t, map[string]any{"office_id": "1"}, event.Before)
	assert.Equal(t, map[string]any{"office_id": "2"}, event.After)

	b = newBench(provider)
	_, err = b.update(t, editing(domain.UserChange{Attributes: domain.Attributes{domain.EmployeeID: "E1"}}))
	require.NoError(t, err)
	assert.Nil(t, b.audit.only(t).After, "nothing has changed")
}

// Nor does every realm keep names.
func TestUpdateUser_WarnsOfNamesThatTheRealmDoesNotKeep(t *testing.T) {
	provider := memory.New(memory.Realm{
		Roles: []domain.RealmRole{"teller"}, Groups: []domain.Group{"tellers"}, LacksAttributes: []domain.Attribute{domain.FirstName, domain.EmployeeID},
	})
	addVeronica(t, provider)
	for _, change := range []domain.UserChange{
		{FirstName: new("New"), Attributes: domain.Attributes{domain.EmployeeID: "E1"}},
		{FirstName: new("New"), LastName: new("Other"), Attributes: domain.Attributes{domain.EmployeeID: "E1"}},
	} {
		b := newBench(provider)
		result, err := b.update(t, editing(change))
		require.NoError(t, err)
		assert.Equal(t, []string{"attributes not stored: employee_id, firstName"}, result.Warnings)
		after := b.audit.only(t).After
		if change.LastName == nil {
			assert.Nil(t, after, "nothing has changed")
		} else {
			assert.Equal(t, map[string]any{"last_name": "Other"}, after)
		}
	}
}

func TestUpdateUser_PassesRefusalsOn(t *testing.T) {
	provider := newMemory()
	add(t, provider, domain.User{Username: "berta", Email: "berta@bank.example"})
	addVeronica(t, provider)
	same := unchanged(t, provider)
	for kind, change := range map[domain.Kind]domain.UserChange{
		domain.EmailConflict: {Email: email(t, "BERTA@bank.example"), LastName: new("New")},
		domain.InvalidField:  {FirstName: new("<b>"), LastName: new("New")},
	} {
		b := newBench(provider)
		_, err := b.update(t, editing(change))
		require.ErrorIs(t, err, kind)
		assert.Empty(t, domain.AsError(err).Message, "nothing was changed, so nothing is incomplete")
		assert.Equal(t, domain.Refused, b.audit.only(t).Outcome)
		same(kind)
	}
	_, err := updateUser(t, provider, "nobody", editing(domain.UserChange{LastName: new("New")}))
	require.ErrorIs(t, err, domain.NotFound)
}

// Whoever is moved is refused before anything of the edit is written.
func TestUpdateUser_IsRefusedAsAWhole(t *testing.T) {
	for name, test := range map[string]struct {
		role    string
		kind    domain.Kind
		message string
	}{
		"the realm lacks the role":  {"Viewer", domain.UnknownRole, "The role 'Viewer' does not exist in the system."},
		"the realm would give more": {"Loan Officer", domain.PrivilegeEscalation, "Nothing was changed: the user would also get the role 'admin'."},
	} {
		provider := memory.New(memory.Realm{
			Roles: []domain.RealmRole{"teller", "loan-officer"}, Groups: []domain.Group{"tellers", "loan-officers"},
			Carries: map[domain.Group][]domain.RealmRole{"loan-officers": {"admin"}},
		})
		user := addVeronica(t, provider)
		held := holdsOf(t, provider, user.ID)
		same := unchanged(t, provider)
		b := newBench(provider)
		_, err := b.update(t, app.UpdateUserInput{Change: domain.UserChange{LastName: new("New")}, FineractRole: test.role})
		require.ErrorIs(t, err, test.kind, name)
		assert.Equal(t, test.message, domain.AsError(err).Message)
		assert.Equal(t, held, holdsOf(t, provider, user.ID), name)
		same(name)
		event := b.audit.only(t)
		assert.Equal(t, test.role, event.FineractRole)
		mapped, err := rolemap.Default().Assign(test.role)
		require.NoError(t, err)
		assert.Equal(t, mapped, event.Assignment)
	}
}

func TestUpdateUser_TheFirstWriteThatFailsIsNothingIncomplete(t *testing.T) {
	provider := newMemory()
	addVeronica(t, provider)
	failing := &moving{IdentityProvider: provider, fail: "UpdateUser", err: &domain.Error{Kind: domain.Timeout, Err: errors.New("cause")}}
	b := newBench(failing)
	_, err := b.update(t, app.UpdateUserInput{Change: domain.UserChange{LastName: new("New")}, FineractRole: "Loan Officer"})
	require.ErrorIs(t, err, domain.Timeout)
	assert.Empty(t, domain.AsError(err).Message)
	assert.Equal(t, []string{"UpdateUser"}, failing.calls)
	assert.Equal(t, domain.Failed, b.audit.only(t).Outcome)
}
