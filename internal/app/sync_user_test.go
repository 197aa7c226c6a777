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
		RequiredActions: result.RequiredActions, Attributes: domain.Attributes{domain.FineractRoleName: "Cashier"}, CreatedAt: now(), Managed: true,
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

// An existing account is the employee's own, or nobody's yet, or another person's.
func TestSyncUser_WhenTheUsernameExists(t *testing.T) {
	for _, c := range []struct {
		name, email string
		conflict    error
	}{
		{"same address", "anna@bank.example", nil},
		{"same address in other letter case", "ANNA@bank.example", nil},
		{"no address", "", nil},
		{"another address", "other@bank.example", domain.UsernameConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			provider := newMemory()
			id := add(t, provider, domain.User{Username: "anna", Email: c.email})
			before := provider.Users()
			result, err := syncUser(t, provider, employee(t, "Anna", "anna@bank.example", "Admin"))
			if c.conflict != nil {
				require.ErrorIs(t, err, c.conflict)
			} else {
				require.NoError(t, err)
				assert.Equal(t, id, result.ID)
				assert.False(t, result.Created)
				assert.True(t, result.Password.IsEmpty())
			}
			assert.Equal(t, before, provider.Users(), "nothing was changed")
		})
	}
}

func TestSyncUser_WhenTheEmailBelongsToAnother(t *testing.T) {
	provider := newMemory()
	add(t, provider, domain.User{Username: "berta", Email: "anna@bank.example"})
	_, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
	require.ErrorIs(t, err, domain.EmailConflict)
	assert.Len(t, provider.Users(), 1)
}

// The provider may name the address when both are taken by the same user.
func TestSyncUser_EitherConflictMayMeanExists(t *testing.T) {
	for _, kind := range []domain.Kind{domain.UsernameConflict, domain.EmailConflict} {
		provider := newMock(t)
		in := employee(t, "anna", "anna@bank.example", "Cashier")
		mayGrant(t, provider)
		provider.EXPECT().PasswordPolicy(t.Context())
		provider.EXPECT().CreateUser(t.Context(), gomock.Any()).Return(domain.CreatedUser{}, &domain.Error{Kind: kind})
		provider.EXPECT().FindUser(t.Context(), in.Username.Username).Return(domain.User{ID: "7", Username: "anna", Email: "anna@bank.example"}, nil)
		provider.EXPECT().Privileges(t.Context(), domain.UserID("7"), []domain.RealmRole{"teller"}).Return([]domain.RealmRole{"teller"}, nil)
		provider.EXPECT().Groups(t.Context(), domain.UserID("7")).Return([]domain.Group{"tellers"}, nil)
		result, err := syncUser(t, provider, in)
		require.NoError(t, err)
		assert.Equal(t, app.SyncUserResult{ID: "7"}, result)
	}
}

// mayGrant makes the mock say that the mapped role and group bring nothing with them.
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
	provider.EXPECT().RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "tellers"}).Return(domain.Rights{}, failure)
	_, err := syncUser(t, provider, in)
	require.ErrorIs(t, err, domain.Timeout)

	provider = newMock(t)
	mayGrant(t, provider)
	provider.EXPECT().PasswordPolicy(t.Context()).Return(domain.PasswordPolicy{}, failure)
	_, err = syncUser(t, provider, in)
	require.ErrorIs(t, err, domain.Timeout)

	provider = newMock(t)
	mayGrant(t, provider)
	provider.EXPECT().PasswordPolicy(t.Context())
	provider.EXPECT().CreateUser(t.Context(), gomock.Any()).Return(domain.CreatedUser{}, failure)
	_, err = syncUser(t, provider, in)
	require.ErrorIs(t, err, domain.Timeout)

	provider = newMock(t)
	mayGrant(t, provider)
	provider.EXPECT().PasswordPolicy(t.Context())
	provider.EXPECT().CreateUser(t.Context(), gomock.Any()).Return(domain.CreatedUser{}, &domain.Error{Kind: domain.UsernameConflict})
	provider.EXPECT().FindUser(t.Context(), in.Username.Username).Return(domain.User{}, failure)
	_, err = syncUser(t, provider, in)
	require.ErrorIs(t, err, domain.Timeout)
}
