package app_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// Moves that are not made, and what has to be known before one is.

// What the realm knew half a minute ago, it may have lost.
func TestUpdateUser_NamesARoleThatHasJustGone(t *testing.T) {
	provider := newMovingRealm()
	user := veronica()
	user.Attributes[domain.FineractRoleName] = "Loan Officer"
	_, err := provider.AddUser(user, "", both())
	require.NoError(t, err)
	b := newBench(&moving{IdentityProvider: provider, fail: "Assign loan-officer/loan-officers", err: &domain.Error{Kind: domain.UnknownRole}})
	_, err = b.update(t, app.UpdateUserInput{FineractRole: "Loan Officer"})
	require.ErrorIs(t, err, domain.UnknownRole)
	assert.Equal(t, "The role 'loan-officer' does not exist in the system.", domain.AsError(err).Message)

	_, err = b.update(t, app.UpdateUserInput{Change: domain.UserChange{LastName: new("New")}, FineractRole: "Loan Officer"})
	require.ErrorIs(t, err, domain.UnknownRole)
	assert.Equal(t, "The change is incomplete. Please send it again.", domain.AsError(err).Message, "the name was changed before")
}

// A role is worth more than the attributes that go along with it; a name is not left out.
func TestUpdateUser_MovesWhoseDataAreReadOnly(t *testing.T) {
	const unwritten, incomplete = "attributes not stored: ", "The role was not changed: this account is managed in a directory."
	for name, test := range map[string]struct {
		in       app.UpdateUserInput
		fail     string
		held     domain.RealmRole // in the end
		warnings []string
		message  string // of the refusal
	}{
		"a role":                  {app.UpdateUserInput{FineractRole: "Loan Officer"}, "UpdateUser", "loan-officer", []string{unwritten + "fineract_role"}, ""},
		"the role that is held":   {app.UpdateUserInput{FineractRole: "cashier"}, "UpdateUser", "teller", []string{unwritten + "fineract_role"}, ""},
		"a role and an attribute": {app.UpdateUserInput{FineractRole: "Loan Officer", Change: domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "7"}}}, "UpdateUser", "loan-officer", []string{unwritten + "fineract_role, office_id"}, ""},
		"an attribute":            {app.UpdateUserInput{Change: domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "7"}}}, "UpdateUser", "teller", nil, ""},
		"a name and a role":       {app.UpdateUserInput{FineractRole: "Loan Officer", Change: domain.UserChange{LastName: new("New")}}, "UpdateUser", "teller", nil, ""},
		"roles too, after a name": {app.UpdateUserInput{FineractRole: "Loan Officer", Change: domain.UserChange{LastName: new("New")}}, "Assign loan-officer/loan-officers", "teller", nil, incomplete},
	} {
		provider := newMovingRealm()
		id, err := provider.AddUser(veronica(), "", both())
		require.NoError(t, err)
		b := newBench(&moving{IdentityProvider: provider, fail: test.fail, err: &domain.Error{Kind: domain.ReadOnlyUser}})
		result, err := b.update(t, test.in)
		if test.warnings == nil {
			require.ErrorIs(t, err, domain.ReadOnlyUser, name)
			assert.Equal(t, test.message, domain.AsError(err).Message, name)
		} else {
			require.NoError(t, err, name)
			assert.Equal(t, test.warnings, result.Warnings, name)
		}
		memberships, err := provider.Memberships(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, []domain.RealmRole{test.held}, memberships.Roles, name)
	}
}

// Rights that one gives to oneself are nobody's decision.
func TestUpdateUser_ActorsCannotChangeTheirOwnRole(t *testing.T) {
	self := checking(domain.Actor{Username: "veronica", Roles: []string{"admin"}})
	asVeronica := func(provider ports.IdentityProvider, in app.UpdateUserInput) (domain.AuditEvent, error) {
		b := newBench(provider, self)
		edit := useCase{"edit", domain.ActionUpdateUser, func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
			_, err := s.UpdateUser(ctx, attempt, username(t, name), in)
			return err
		}}
		err := b.attempt(t, app.Caller{Token: goodToken}, edit, "veronica")
		return b.audit.only(t), err
	}
	for name, test := range map[string]struct {
		in      []domain.Assignment
		role    string // the Fineract role that the realm keeps
		to      string
		refused bool
	}{
		"another role":                         {[]domain.Assignment{both()}, "Cashier", "Loan Officer", true},
		"the same":                             {[]domain.Assignment{both()}, "Cashier", "Cashier", false},
		"the same in other letter case":        {[]domain.Assignment{both()}, "Cashier", "cashier", false},
		"the same, which the realm lacks":      {[]domain.Assignment{both()}, "", "Cashier", false},
		"the group of the same":                {[]domain.Assignment{roleOnly()}, "Cashier", "Cashier", true},
		"less than the same":                   {[]domain.Assignment{both(), {Role: "Manager"}}, "Cashier", "Cashier", true},
		"less than the same, a group":          {[]domain.Assignment{both(), {Group: "head-office"}}, "Cashier", "Cashier", true},
		"another name for the same rights":     {[]domain.Assignment{{Role: "admin", Group: "head-office"}}, "Admin", "System Administrator", true},
		"another job that stands for the same": {[]domain.Assignment{{Role: "staff"}}, "Tea Maker", "Gardener", true},
	} {
		provider := newMovingRealm()
		user := veronica()
		user.Attributes[domain.FineractRoleName] = test.role
		_, err := provider.AddUser(user, "", test.in...)
		require.NoError(t, err)
		same := unchanged(t, provider)

		event, err := asVeronica(provider, app.UpdateUserInput{Change: domain.UserChange{LastName: new("New")}, FineractRole: test.to})

		assert.Equal(t, "New", event.After["last_name"], name)
		if !test.refused {
			require.NoError(t, err, name)
			assert.Equal(t, "New", provider.Users()[0].LastName, name)
			continue
		}
		require.ErrorIs(t, err, domain.ProtectedUser, name)
		assert.Equal(t, "You cannot do this to your own account.", domain.AsError(err).Message)
		same(name)
	}
}

// Which groups are held must be known before one is taken away.
func TestUpdateUser_MembershipsThatCannotBeReadAreAFailure(t *testing.T) {
	failure := &domain.Error{Kind: domain.Timeout, Err: errors.New("cause")}
	provider := newMovingRealm()
	_, err := provider.AddUser(veronica(), "", both())
	require.NoError(t, err)
	same := unchanged(t, provider)
	for _, method := range []string{"Memberships", "RightsOf"} {
		_, err := newBench(meetingProvider{provider, map[string]func() error{method: func() error { return failure }}}).
			update(t, app.UpdateUserInput{Change: domain.UserChange{LastName: new("New")}, FineractRole: "Loan Officer"})
		require.ErrorIs(t, err, domain.Timeout, method)
		same(method)
	}
}
