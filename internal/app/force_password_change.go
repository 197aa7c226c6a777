package app

import (
	"context"

	"user-sync-service/internal/domain"
)

// ForcePasswordChange makes the user change the password at the next sign-in. It
// reports whether that was required already, and writes nothing then. It returns
// NotFound, and InvalidField when the realm's rules refuse the user's present data.
func (s *Service) ForcePasswordChange(ctx context.Context, username domain.Username) (already bool, err error) {
	user, err := s.provider.FindUser(ctx, username)
	if err != nil {
		return false, err
	}
	if user.Requires(domain.UpdatePassword) {
		return true, nil
	}
	actions := append([]domain.RequiredAction{domain.UpdatePassword}, user.RequiredActions...)
	return false, s.provider.SetRequiredActions(ctx, user.ID, actions)
}
