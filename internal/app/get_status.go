package app

import (
	"context"
	"errors"

	"user-sync-service/internal/domain"
)

// Status is the state of a user's account.
type Status struct {
	User        domain.User
	Memberships domain.Memberships
	// Details are nil unless they were asked for.
	Details *domain.AccountDetails
}

// GetStatus returns the state of a user's account, with its details where they are
// wanted, which costs the provider more. It returns NotFound and Overloaded.
func (s *Service) GetStatus(ctx context.Context, attempt *Attempt, username domain.Username, detailed bool) (Status, error) {
	attempt.event.TargetUsername = username.String()
	weight := int64(usualWeight)
	if detailed {
		weight = detailedWeight
	}
	if err := s.goIn(ctx, attempt, reads, weight); err != nil {
		return Status{}, err
	}
	user, err := s.Provider.FindUser(ctx, username)
	if err != nil {
		return Status{}, err
	}
	attempt.event.TargetID = user.ID
	status := Status{User: user}
	if detailed {
		var detailsErr error
		err, detailsErr = sideBySide(func() (err error) {
			status.Memberships, err = s.Provider.Memberships(ctx, user.ID)
			return err
		}, func() error {
			details, err := s.Provider.Details(ctx, user.ID)
			status.Details = &details
			return err
		})
		err = errors.Join(err, detailsErr)
	} else {
		status.Memberships, err = s.Provider.Memberships(ctx, user.ID)
	}
	if err != nil {
		return Status{}, err
	}
	return status, nil
}
