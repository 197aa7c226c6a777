package app

import (
	"context"
	"errors"

	"user-sync-service/internal/domain"
)

// ForcePasswordChange makes the user change the password at the next sign-in. It
// reports whether that was required already, and writes nothing then. It returns
// NotFound, ProtectedUser, ReadOnlyUser, ActionUnavailable where the realm would not ask for
// it, and InvalidField when the realm's rules refuse the user's present data. Actors may do
// it to themselves.
func (s *Service) ForcePasswordChange(ctx context.Context, attempt *Attempt, username domain.Username) (already bool, err error) {
	user, err := s.target(ctx, attempt, writes, username)
	if err != nil {
		return false, err
	}
	if user.PasswordElsewhere {
		// Asked for a new password that cannot be stored, the user could not sign in any more.
		return false, &domain.Error{Kind: domain.ReadOnlyUser, Err: errors.New("the password is in a read-only directory")}
	}
	available, err := s.Provider.ActionAvailable(ctx, domain.UpdatePassword)
	switch {
	case err != nil:
		return false, err
	case !available:
		return false, &domain.Error{Kind: domain.ActionUnavailable, Err: errors.New("the realm lacks the required action UPDATE_PASSWORD or has switched it off")}
	case user.Requires(domain.UpdatePassword):
		return true, nil
	}
	actions := append([]domain.RequiredAction{domain.UpdatePassword}, user.RequiredActions...)
	before, after := fields{domain.FieldRequiredActions: user.RequiredActions}, fields{domain.FieldRequiredActions: actions}
	return false, s.write(ctx, attempt, before, after, func() error {
		err := s.Provider.SetRequiredActions(ctx, user.ID, actions)
		return mendFirst(err, "Nothing was changed: the user's %s %s first.")
	})
}
