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
func (s *Service) GetStatus(ctx context.Context, username domain.Username) (Status, error) {
	user, err := s.provider.FindUser(ctx, username)
	if err != nil {
		return Status{}, err
	}
	memberships, err := s.provider.Memberships(ctx, user.ID)
	if err != nil {
		return Status{}, err
	}
	return Status{User: user, Memberships: memberships}, nil
}
