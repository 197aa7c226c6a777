package app

import (
	"context"

	"user-sync-service/internal/domain"
)

// SetStatus switches the user's account on or off; when off, all sessions of the user
// are ended too. It returns NotFound, and InvalidField when the realm's rules refuse
// the user's present data.
//
// It writes even when the account is in that state already: enabling also lifts a lock
// after failed sign-ins, and disabling again ends sessions that an earlier attempt
// may have left.
func (s *Service) SetStatus(ctx context.Context, username domain.Username, enabled bool) error {
	user, err := s.provider.FindUser(ctx, username)
	if err != nil {
		return err
	}
	if err := s.provider.SetEnabled(ctx, user.ID, enabled); err != nil {
		return err
	}
	if enabled {
		return nil
	}
	if err := s.provider.EndSessions(ctx, user.ID); err != nil {
		return &domain.Error{
			Kind:    domain.AsError(err).Kind,
			Message: "The user is disabled now, but still has open sessions. Please disable again.",
			Err:     err,
		}
	}
	return nil
}
