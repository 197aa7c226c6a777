package app

import (
	"context"

	"user-sync-service/internal/domain"
)

// Status is the state of a user's account.
type Status struct {
	User        domain.User
	Memberships domain.Memberships
}

// GetStatus returns the state of a user's account. It returns NotFound.
func (s *Service) GetStatus(ctx context.Context, attempt *Attempt, username domain.Username) (Status, error) {
	attempt.Event.TargetUsername = username.String()
	user, err := s.Provider.FindUser(ctx, username)
	if err != nil {
		return Status{}, err
	}
	attempt.Event.TargetID = user.ID
	memberships, err := s.Provider.Memberships(ctx, user.ID)
	if err != nil {
		return Status{}, err
	}
	return Status{User: user, Memberships: memberships}, nil
}
