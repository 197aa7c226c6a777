package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports/portmock"
)

// refusing makes the mock refuse passwords, each made for a policy of its own, before
// it creates the user. It returns the passwords that were tried.
func refusing(t *testing.T, provider *portmock.MockIdentityProvider, refusals int, policies ...domain.PasswordPolicy) *[]domain.Secret {
	t.Helper()
	isNew(t, provider, "anna")
	var tried []domain.Secret
	var calls []any
	for i, policy := range policies {
		calls = append(calls,
			provider.EXPECT().PasswordPolicy(t.Context()).Return(policy, nil),
			provider.EXPECT().CreateUser(t.Context(), gomock.Any()).DoAndReturn(func(_ any, user domain.NewUser) (domain.CreatedUser, error) {
				tried = append(tried, user.Password)
				if i < refusals {
					return domain.CreatedUser{}, &domain.Error{Kind: domain.PasswordRefused}
				}
				return domain.CreatedUser{ID: "7"}, nil
			}))
	}
	gomock.InOrder(calls...)
	return &tried
}

// The policy may have changed since it was read, or have a list of forbidden passwords:
// each password is a new one, for the policy as it is then.
func TestSyncUser_FollowsARefusedPasswordByAnother(t *testing.T) {
	provider := newMock(t)
	tried := refusing(t, provider, 2, domain.PasswordPolicy{}, domain.PasswordPolicy{MinLength: 30}, domain.PasswordPolicy{MinLength: 31})
	result, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
	require.NoError(t, err)
	require.Len(t, *tried, 3)
	for i, length := range []int{16, 30, 31} {
		assert.Len(t, (*tried)[i].Reveal(), length)
	}
	assert.Equal(t, (*tried)[2], result.Password, "the password that was set is the one that is returned")
}

// More tries would only hide a fault.
func TestSyncUser_GivesUpAfterThreeRefusedPasswords(t *testing.T) {
	provider := newMock(t)
	tried := refusing(t, provider, 3, domain.PasswordPolicy{}, domain.PasswordPolicy{}, domain.PasswordPolicy{})
	result, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
	require.ErrorIs(t, err, domain.PasswordRefused)
	assert.True(t, result.Password.IsEmpty())
	require.Len(t, *tried, 3)
	assert.NotEqual(t, (*tried)[0].Reveal(), (*tried)[1].Reveal())
	assert.NotEqual(t, (*tried)[1].Reveal(), (*tried)[2].Reveal())
}

// A policy that became impossible meanwhile is named, and nothing more is tried.
func TestSyncUser_StopsAtAPolicyThatCannotBeMet(t *testing.T) {
	provider := newMock(t)
	isNew(t, provider, "anna")
	gomock.InOrder(
		provider.EXPECT().PasswordPolicy(t.Context()),
		provider.EXPECT().CreateUser(t.Context(), gomock.Any()).Return(domain.CreatedUser{}, &domain.Error{Kind: domain.PasswordRefused}),
		provider.EXPECT().PasswordPolicy(t.Context()).Return(domain.PasswordPolicy{MaxLength: 8}, nil),
	)
	_, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
	require.ErrorIs(t, err, domain.UnsatisfiablePolicy)
	assert.Contains(t, domain.AsError(err).Message, "allows 8 characters")
}

// A realm's pattern that nothing fits costs no user either.
func TestSyncUser_CreatesNobodyForAPatternThatNothingFits(t *testing.T) {
	provider := newMemory()
	provider.SetPolicy(domain.PasswordPolicy{Patterns: []domain.PasswordPattern{{Rule: "x", Fits: func(string) bool { return false }}}})
	_, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
	require.ErrorIs(t, err, domain.UnsatisfiablePolicy)
	assert.Contains(t, domain.AsError(err).Message, "regular expression")
	assert.Empty(t, provider.Users())
}
