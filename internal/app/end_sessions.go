package app

import (
	"context"

	"user-sync-service/internal/domain"
)

// EndSessions ends all of the user's sessions and changes nothing else. It returns
// NotFound and ProtectedUser. Actors may end their own.
func (s *Service) EndSessions(ctx context.Context, attempt *Attempt, username domain.Username) error {
	user, err := s.target(ctx, attempt, urgent, username)
	if err != nil {
		return err
	}
	return s.write(ctx, attempt, nil, fields{domain.FieldSessionsRevoked: true}, func() error {
		return s.Provider.EndSessions(ctx, user.ID)
	})
}
