package app

import (
	"context"
	"time"

	"user-sync-service/internal/domain"
)

// resetLinkLifespan is how long the link in a reset mail works.
const resetLinkLifespan = 24 * time.Hour

// ResetPassword mails the user a link to choose a new password and returns the address
// the mail went to. It returns NotFound, NoEmail, UserDisabled and EmailDeliveryFailed.
func (s *Service) ResetPassword(ctx context.Context, username domain.Username) (email string, err error) {
	user, err := s.provider.FindUser(ctx, username)
	if err != nil {
		return "", err
	}
	if user.Email == "" {
		return "", &domain.Error{Kind: domain.NoEmail}
	}
	if !user.Enabled {
		return "", &domain.Error{Kind: domain.UserDisabled}
	}
	if err := s.provider.SendPasswordReset(ctx, user.ID, resetLinkLifespan); err != nil {
		return "", err
	}
	return user.Email, nil
}
