package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// Realms leave things out without a word. What a new user was left without is told.

// withAttributes is a new employee of whom all is known.
func withAttributes(t *testing.T) app.SyncUserInput {
	t.Helper()
	in := employee(t, "tariq", "tariq@bank.example", "Cashier")
	in.Attributes = domain.Attributes{
		domain.FineractUserID: "42", domain.OfficeID: "1", domain.OfficeName: "Head Office", domain.EmployeeID: "EMP042", domain.MobileNumber: "+254 700 1",
	}
	return in
}

// sync syncs the employee as an attempt from the beginning to its end.
func (b *bench) sync(t *testing.T, in app.SyncUserInput) (app.SyncUserResult, error) {
	t.Helper()
	attempt := b.Begin(domain.ActionSyncUser, app.Request{})
	result, err := b.SyncUser(t.Context(), attempt, in)
	return result, b.Finish(t.Context(), attempt, err)
}

func TestSyncUser_GivesTheUserItsAttributes(t *testing.T) {
	provider := newMemory()
	b := newBench(provider)
	in := withAttributes(t)
	result, err := b.sync(t, in)
	require.NoError(t, err)
	assert.Empty(t, result.Warnings)
	want := domain.Attributes{domain.FineractRoleName: "Cashier"}
	after := b.audit.only(t).After
	for name, value := range in.Attributes {
		want[name] = value
		assert.Equal(t, value, after[string(name)], name)
	}
	assert.Equal(t, want, provider.Users()[0].Attributes)
	assert.NotContains(t, in.Attributes, domain.FineractRoleName, "what was handed in stays as it is")
}

func TestSyncUser_WarnsOfAttributesThatTheRealmDoesNotKeep(t *testing.T) {
	for name, test := range map[string]struct {
		lacks   []domain.Attribute
		warning string
	}{
		"one":  {[]domain.Attribute{domain.OfficeName}, "attributes not stored: office_name"},
		"some": {[]domain.Attribute{domain.OfficeID, domain.EmployeeID}, "attributes not stored: employee_id, office_id"},
		"all":  {domain.AllAttributes(), "attributes not stored: employee_id, fineract_role, fineract_user_id, mobile_number, office_id, office_name"},
	} {
		provider := memory.New(memory.Realm{Roles: []domain.RealmRole{"teller"}, Groups: []domain.Group{"tellers"}, LacksAttributes: test.lacks})
		b := newBench(provider)
		result, err := b.sync(t, withAttributes(t))
		require.NoError(t, err, name)
		assert.Equal(t, []string{test.warning}, result.Warnings, name)
		after := b.audit.only(t).After
		for _, attribute := range test.lacks {
			assert.NotContains(t, after, string(attribute), name)
		}
		assert.Len(t, after, 8+6-len(test.lacks), name)
	}
}

func TestSyncUser_WarnsOfRequiredActionsThatTheRealmLacks(t *testing.T) {
	provider := memory.New(memory.Realm{
		Roles: []domain.RealmRole{"teller"}, Groups: []domain.Group{"tellers"}, LacksActions: []domain.RequiredAction{domain.VerifyEmail, domain.RegisterSecondFactor},
	})
	b := newBench(provider)
	result, err := b.sync(t, withAttributes(t))
	require.NoError(t, err)
	left := []domain.RequiredAction{domain.UpdatePassword}
	assert.Equal(t, left, result.RequiredActions, "what is really there")
	assert.Equal(t, []string{
		"The required action 'VERIFY_EMAIL' is not available and was left out.",
		"The required action 'webauthn-register' is not available and was left out.",
	}, result.Warnings)
	assert.Equal(t, left, b.audit.only(t).After["required_actions"])
	assert.Contains(t, b.log.String(), "required_action=webauthn-register", "a missing second factor concerns the operators")
}

// Names may be left out as attributes are, and the user be asked for more than was sent.
func TestSyncUser_WarnsOfNamesThatAreNotKeptOrMissing(t *testing.T) {
	provider := memory.New(memory.Realm{
		Roles: []domain.RealmRole{"teller"}, Groups: []domain.Group{"tellers"},
		LacksAttributes: []domain.Attribute{domain.LastName, domain.OfficeID}, AsksFor: []domain.Attribute{"phone", domain.LastName, domain.FirstName},
	})
	b := newBench(provider)
	in := withAttributes(t)
	in.FirstName, in.LastName = "Tariq", "Aziz"
	result, err := b.sync(t, in)
	require.NoError(t, err)
	assert.Equal(t, []string{"attributes not stored: lastName, office_id", "The user will be asked for: lastName, phone"}, result.Warnings)
	after := b.audit.only(t).After
	assert.Equal(t, "Tariq", after["first_name"])
	assert.NotContains(t, after, "last_name")
}

// Where the realm has the change of passwords switched off, a temporary one lasts, and a
// link to choose one leads nowhere.
func TestSyncUser_WarnsOfAPasswordThatLasts(t *testing.T) {
	for delivery, want := range map[app.Delivery][]string{
		app.DeliverInResponse: {passwordLasts}, app.DeliverByEmail: {linkLeadsNowhere}, app.DeliverBoth: {passwordLasts, linkLeadsNowhere},
	} {
		provider := memory.New(memory.Realm{
			Roles: []domain.RealmRole{"teller"}, Groups: []domain.Group{"tellers"}, LacksActions: []domain.RequiredAction{domain.UpdatePassword},
		})
		b := newBench(provider, delivering(delivery))
		result, err := b.sync(t, withAttributes(t))
		require.NoError(t, err)
		assert.Equal(t, want, result.Warnings, delivery)
		assert.Contains(t, b.log.String(), "UPDATE_PASSWORD", "it concerns the operators")
	}
}

const (
	passwordLasts    = "The required action 'UPDATE_PASSWORD' is not available: the password need not be changed."
	linkLeadsNowhere = "The required action 'UPDATE_PASSWORD' is not available: the mail leads to no password."
)

func TestSyncUser_WarnsOfEverythingAtOnce(t *testing.T) {
	provider := memory.New(memory.Realm{
		Roles: []domain.RealmRole{"teller"}, LacksActions: []domain.RequiredAction{domain.VerifyEmail}, LacksAttributes: []domain.Attribute{domain.OfficeID},
	})
	provider.FailMails(true)
	result, err := newBench(provider, delivering(app.DeliverBoth)).sync(t, withAttributes(t))
	require.NoError(t, err)
	assert.Equal(t, []string{
		"The group 'tellers' does not exist and was left out.",
		"The required action 'VERIFY_EMAIL' is not available and was left out.",
		"attributes not stored: office_id",
		mailNotSent,
	}, result.Warnings)
}

// A temporary password that nobody must change would be a lasting one that two people
// know.
func TestSyncUser_ATemporaryPasswordMustBeChangedWhateverIsConfigured(t *testing.T) {
	for _, configured := range [][]domain.RequiredAction{nil, {}, {domain.VerifyEmail}} {
		result, err := newBench(newMemory(), func(config *app.Config) { config.RequiredActions = configured }).sync(t, withAttributes(t))
		require.NoError(t, err)
		assert.Equal(t, append([]domain.RequiredAction{domain.UpdatePassword}, configured...), result.RequiredActions)
		assert.Empty(t, result.Warnings)
	}
}

func TestSyncUser_AddressesCountAsVerifiedWhereThatIsConfigured(t *testing.T) {
	for _, verified := range []bool{true, false} {
		provider := newMemory()
		b := newBench(provider, func(config *app.Config) { config.EmailVerified = verified })
		_, err := b.sync(t, withAttributes(t))
		require.NoError(t, err)
		assert.Equal(t, verified, provider.Users()[0].EmailVerified)
		assert.Equal(t, verified, b.audit.only(t).After["email_verified"])
	}
}
