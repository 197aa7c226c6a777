package app

import (
	"context"

	"user-sync-service/internal/domain"
)

// SetStatus switches the user's account on or off; when off, all sessions of the user
// are ended too. It returns NotFound, ProtectedUser, and InvalidField when the realm's
// rules refuse the user's present data. Actors cannot switch themselves off.
//
// It writes even when the account is in that state already: enabling also lifts a lock
// after failed sign-ins, and disabling again ends sessions that an earlier attempt
// may have left.
func (s *Service) SetStatus(ctx context.Context, attempt *Attempt, username domain.Username, enabled bool) error {
	after := fields{domain.FieldEnabled: enabled}
	attempt.note(nil, after) // also where the target is refused
	lane := writes
	if !enabled {
		lane = urgent
	}
	user, err := s.target(ctx, attempt, lane, username)
	if err != nil {
		return err
	}
	before := fields{domain.FieldEnabled: user.Enabled}
	attempt.note(before, after)
	if !enabled {
		if err := notSelf(attempt, user); err != nil {
			return err
		}
	}
	return s.write(ctx, attempt, before, after, func() error {
		if err := s.Provider.SetEnabled(ctx, user.ID, enabled); err != nil || enabled {
			return err
		}
		if user.Enabled {
			s.Observer.Disabled()
		}
		if err := s.Provider.EndSessions(ctx, user.ID); err != nil {
			return &domain.Error{
				Kind:    domain.AsError(err).Kind,
				Message: "The user is disabled now, but still has open sessions. Please disable again.",
				Err:     err,
			}
		}
		return nil
	})
}
