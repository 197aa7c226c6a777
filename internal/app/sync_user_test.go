package app_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports/portmock"
)

func TestSyncUser_CreatesAWholeUser(t *testing.T) {
	provider := newMemory()
	result, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
	require.NoError(t, err)
	assert.True(t, result.Created)
	assert.Empty(t, result.Warnings)
	assert.Equal(t, []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor}, result.RequiredActions)

	users := provider.Users()
	require.Len(t, users, 1)
	assert.Equal(t, domain.User{
		ID: result.ID, Username: "anna", Email: "anna@bank.example", FirstName: "Anna", LastName: "Smith", Enabled: true, EmailVerified: true,
		RequiredActions: result.RequiredActions, Attributes: domain.Attributes{domain.FineractRoleName: "Cashier"}, CreatedAt: now(), Managed: true, TrustedID: true,
	}, users[0])
	memberships, err := provider.Memberships(t.Context(), result.ID)
	require.NoError(t, err)
	assert.Equal(t, domain.Memberships{Roles: []domain.RealmRole{"teller"}, Groups: []domain.Group{"tellers"}}, memberships)
	_, err = provider.SignIn("anna", result.Password.Reveal())
	assert.ErrorIs(t, err, memory.NotSetUp, "the password is right")
}

func TestSyncUser_GivesUnknownRolesStaffAndNoGroup(t *testing.T) {
	provider := newMemory()
	result, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Head of Tea"))
	require.NoError(t, err)
	memberships, err := provider.Memberships(t.Context(), result.ID)
	require.NoError(t, err)
	assert.Equal(t, domain.Memberships{Roles: []domain.RealmRole{"staff"}}, memberships)
}

func TestSyncUser_WarnsOfAMissingGroup(t *testing.T) {
	result, err := syncUser(t, newMemory(), employee(t, "anna", "anna@bank.example", "Branch Manager"))
	require.NoError(t, err)
	assert.True(t, result.Created)
	require.Len(t, result.Warnings, 1)
	assert.Contains(t, result.Warnings[0], "branch-managers")
}

func TestSyncUser_NamesTheMappedRoleThatIsMissing(t *testing.T) {
	provider := newMemory()
	_, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "viewer"))
	require.ErrorIs(t, err, domain.UnknownRole)
	assert.Equal(t, "The role 'Viewer' does not exist in the system.", domain.AsError(err).Message)
	assert.Empty(t, provider.Users())
}

// Anybody may have registered under the username and the address. What is believed is an
// address that is verified, and the mark of this program while nothing speaks against it.
func TestSyncUser_WhenTheUsernameExists(t *testing.T) {
	const another, none, unverified = "This username is another person's.", "The account has no e-mail address.", "The account's e-mail address is not verified."
	const ours = "anna@bank.example"
	own := domain.Attributes{domain.FineractUserID: "42"}
	failed := &domain.Error{Kind: domain.Timeout}
	for name, c := range map[string]struct {
		found   domain.User
		sent    string // as userId
		problem string // empty: it is the employee's
	}{
		"the address, verified":                        {domain.User{Email: ours, EmailVerified: true}, "", ""},
		"the address in other letter case, verified":   {domain.User{Email: "ANNA@bank.example", EmailVerified: true}, "", ""},
		"the address, verified, another id":            {domain.User{Email: ours, EmailVerified: true, Attributes: own}, "43", ""},
		"the address, verified, the mark is not known": {domain.User{Email: ours, EmailVerified: true, ManagedErr: failed}, "", ""},
		"the address":                              {domain.User{Email: ours}, "", unverified},
		"the address, the same id":                 {domain.User{Email: ours, Attributes: own}, "42", unverified},
		"no address":                               {domain.User{}, "", none},
		"no address, which is verified":            {domain.User{EmailVerified: true}, "", none},
		"no address, the same id":                  {domain.User{Attributes: own}, "42", none},
		"another address":                          {domain.User{Email: "other@bank.example"}, "", another},
		"another address, verified, the same id":   {domain.User{Email: "other@bank.example", EmailVerified: true, Attributes: own}, "42", another},
		"marked, the address":                      {domain.User{Managed: true, Email: ours}, "", ""},
		"marked, no address":                       {domain.User{Managed: true}, "", ""},
		"marked, another address":                  {domain.User{Managed: true, Email: "other@bank.example", EmailVerified: true}, "", another},
		"marked, another address, an id is sent":   {domain.User{Managed: true, Email: "other@bank.example"}, "42", another},
		"marked, another address, an id is stored": {domain.User{Managed: true, Email: "other@bank.example", Attributes: own}, "", another},
		"marked, another address, another id":      {domain.User{Managed: true, Email: "other@bank.example", Attributes: own}, "43", another},
		"marked, another address, the same id":     {domain.User{Managed: true, Email: "other@bank.example", Attributes: own}, "42", ""},
	} {
		t.Run(name, func(t *testing.T) {
			provider := newMemory()
			c.found.Username, c.found.Enabled = "anna", true
			id := add(t, provider, c.found)
			before := provider.Users()
			in := employee(t, "Anna", ours, "Cashier")
			in.Attributes = domain.Attributes{domain.FineractUserID: c.sent}
			result, err := syncUser(t, provider, in)
			if c.problem == "" {
				require.NoError(t, err)
				assert.Equal(t, app.SyncUserResult{ID: id}, result)
			} else {
				require.ErrorIs(t, err, domain.UsernameConflict)
				assert.Equal(t, c.problem+" Please tell your system administrator.", domain.AsError(err).Message)
				assert.LessOrEqual(t, len(domain.AsError(err).Message), 90)
			}
			assert.Equal(t, before, provider.Users(), "nothing was changed")
		})
	}
}

// Else the administrator would take the employee for somebody who can sign in. It comes
// before what else there is to tell.
func TestSyncUser_TellsThatTheAccountIsSwitchedOff(t *testing.T) {
	const off = "The account is switched off."
	provider := newDriftRealm()
	id := addAnna(t, provider, true)
	require.NoError(t, provider.SetEnabled(t.Context(), id, false))
	result, err := newBench(provider).syncAnna(t)
	require.NoError(t, err)
	assert.Equal(t, app.SyncUserResult{ID: id, Drift: both(), Warnings: []string{off}}, result)

	result, err = newBench(meetingProvider{provider, map[string]func() error{"RightsOf": func() error { return &domain.Error{Kind: domain.UnknownRole} }}}).syncAnna(t)
	require.NoError(t, err)
	assert.Equal(t, []string{off, "The role 'teller' does not exist in the system."}, result.Warnings)
}

// Whether the mark counts cannot be guessed where it decides.
func TestSyncUser_DoesNotGuessWhoseAccountItIs(t *testing.T) {
	for _, found := range []domain.User{{Email: "anna@bank.example"}, {}, {Email: "other@bank.example"}} {
		provider := newMemory()
		found.Username, found.ManagedErr = "anna", &domain.Error{Kind: domain.Timeout}
		add(t, provider, found)
		_, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
		require.ErrorIs(t, err, domain.Timeout)
	}
}

// An id that users can write themselves is no proof, whatever the mark is.
func TestSyncUser_DoesNotBelieveAnIdThatUsersCanWrite(t *testing.T) {
	provider := newMock(t)
	in := withAttributes(t)
	provider.EXPECT().FindUser(t.Context(), in.Username.Username).
		Return(domain.User{ID: "7", Username: "tariq", Email: "other@bank.example", Managed: true, Attributes: in.Attributes}, nil)
	_, err := syncUser(t, provider, in)
	require.ErrorIs(t, err, domain.UsernameConflict)
}

func TestSyncUser_WhenTheEmailBelongsToAnother(t *testing.T) {
	provider := newMemory()
	add(t, provider, domain.User{Username: "berta", Email: "anna@bank.example"})
	_, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
	require.ErrorIs(t, err, domain.EmailConflict)
	assert.Len(t, provider.Users(), 1)
}

// Somebody else creates the user between the look and the creation. The provider may name
// the address when both are taken by the same user.
func TestSyncUser_EitherConflictMayMeanExists(t *testing.T) {
	for _, kind := range []domain.Kind{domain.UsernameConflict, domain.EmailConflict} {
		provider := newMock(t)
		in := employee(t, "anna", "anna@bank.example", "Cashier")
		isNew(t, provider, "anna")
		provider.EXPECT().PasswordPolicy(t.Context())
		provider.EXPECT().CreateUser(t.Context(), gomock.Any()).Return(domain.CreatedUser{}, &domain.Error{Kind: kind})
		provider.EXPECT().FindUser(t.Context(), in.Username.Username).Return(domain.User{ID: "7", Username: "anna", Email: "anna@bank.example", EmailVerified: true, Enabled: true}, nil)
		provider.EXPECT().Privileges(t.Context(), domain.UserID("7"), []domain.RealmRole{"teller"}).Return(domain.Privileges{Roles: []domain.RealmRole{"teller"}}, nil)
		provider.EXPECT().Groups(t.Context(), domain.UserID("7")).Return([]domain.Group{"tellers"}, nil)
		result, err := syncUser(t, provider, in)
		require.NoError(t, err)
		assert.Equal(t, app.SyncUserResult{ID: "7"}, result)
	}
}

// isNew makes the mock find no such user, and say that the mapped role and group of a
// cashier bring nothing with them.
func isNew(t *testing.T, provider *portmock.MockIdentityProvider, name string) {
	t.Helper()
	provider.EXPECT().FindUser(t.Context(), username(t, name)).Return(domain.User{}, &domain.Error{Kind: domain.NotFound})
	mayGrant(t, provider)
}

func mayGrant(t *testing.T, provider *portmock.MockIdentityProvider) {
	t.Helper()
	provider.EXPECT().RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "tellers"}).Return(domain.Rights{Roles: []domain.RealmRole{"teller"}}, nil)
}

func TestSyncUser_CreatesNobodyForAPolicyThatCannotBeMet(t *testing.T) {
	provider := newMemory()
	provider.SetPolicy(domain.PasswordPolicy{MaxLength: 8})
	_, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
	require.ErrorIs(t, err, domain.UnsatisfiablePolicy)
	assert.Empty(t, provider.Users())
}

func TestSyncUser_PassesFailuresOn(t *testing.T) {
	in := employee(t, "anna", "anna@bank.example", "Cashier")
	failure := &domain.Error{Kind: domain.Timeout, Err: errors.New("cause")}

	provider := newMock(t)
	provider.EXPECT().FindUser(t.Context(), in.Username.Username).Return(domain.User{}, failure)
	_, err := syncUser(t, provider, in)
	require.ErrorIs(t, err, domain.Timeout)

	provider = newMock(t)
	provider.EXPECT().FindUser(t.Context(), in.Username.Username).Return(domain.User{}, &domain.Error{Kind: domain.NotFound})
	provider.EXPECT().RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "tellers"}).Return(domain.Rights{}, failure)
	_, err = syncUser(t, provider, in)
	require.ErrorIs(t, err, domain.Timeout)

	provider = newMock(t)
	isNew(t, provider, "anna")
	provider.EXPECT().PasswordPolicy(t.Context()).Return(domain.PasswordPolicy{}, failure)
	_, err = syncUser(t, provider, in)
	require.ErrorIs(t, err, domain.Timeout)

	provider = newMock(t)
	isNew(t, provider, "anna")
	provider.EXPECT().PasswordPolicy(t.Context())
	provider.EXPECT().CreateUser(t.Context(), gomock.Any()).Return(domain.CreatedUser{}, failure)
	_, err = syncUser(t, provider, in)
	require.ErrorIs(t, err, domain.Timeout)

	provider = newMock(t)
	isNew(t, provider, "anna")
	provider.EXPECT().PasswordPolicy(t.Context())
	provider.EXPECT().CreateUser(t.Context(), gomock.Any()).Return(domain.CreatedUser{}, &domain.Error{Kind: domain.UsernameConflict})
	provider.EXPECT().FindUser(t.Context(), in.Username.Username).Return(domain.User{}, failure)
	_, err = syncUser(t, provider, in)
	require.ErrorIs(t, err, domain.Timeout)
}
