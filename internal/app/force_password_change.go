package app

import (
	"context"

	"user-sync-service/internal/domain"
)

// ForcePasswordChange makes the user change the password at the next sign-in. It
// reports whether that was required already, and writes nothing then. It returns
// NotFound, ProtectedUser, and InvalidField when the realm's rules refuse the user's
// present data. Actors cannot do it to themselves.
func (s *Service) ForcePasswordChange(ctx context.Context, attempt *Attempt, username domain.Username) (already bool, err error) {
	user, err := s.target(ctx, attempt, username)
	if err != nil {
		return false, err
	}
	if err := notSelf(attempt, user); err != nil {
		return false, err
	}
	if user.Requires(domain.UpdatePassword) {
		return true, nil
	}
	actions := append([]domain.RequiredAction{domain.UpdatePassword}, user.RequiredActions...)
	attempt.Event.Before = map[string]any{"required_actions": user.RequiredActions}
	attempt.Event.After = map[string]any{"required_actions": actions}
	if err := s.reserve(ctx); err != nil {
		return false, err
	}
	return false, s.Provider.SetRequiredActions(ctx, user.ID, actions)
}
