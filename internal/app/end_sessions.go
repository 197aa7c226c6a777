package app

import (
	"context"

	"user-sync-service/internal/domain"
)

// EndSessions ends all of the user's sessions and changes nothing else. It returns
// NotFound and ProtectedUser. Actors may end their own.
func (s *Service) EndSessions(ctx context.Context, attempt *Attempt, username domain.Username) error {
	user, err := s.target(ctx, attempt, username)
	if err != nil {
		return err
	}
	attempt.Event.After = map[string]any{"sessions_revoked": true}
	if err := s.reserve(ctx); err != nil {
		return err
	}
	return s.Provider.EndSessions(ctx, user.ID)
}
