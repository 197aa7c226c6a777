package app

import (
	"context"
	"time"

	"user-sync-service/internal/domain"
)

// resetLinkLifespan is how long the link in a reset mail works.
const resetLinkLifespan = 24 * time.Hour

// ResetPassword mails the user a link to choose a new password and returns the address
// the mail went to. It returns NotFound, ProtectedUser, NoEmail, UserDisabled and
// EmailDeliveryFailed. Actors have other means for their own passwords.
func (s *Service) ResetPassword(ctx context.Context, attempt *Attempt, username domain.Username) (email string, err error) {
	user, err := s.target(ctx, attempt, username)
	if err != nil {
		return "", err
	}
	if err := notSelf(attempt, user); err != nil {
		return "", err
	}
	if user.Email == "" {
		return "", &domain.Error{Kind: domain.NoEmail}
	}
	if !user.Enabled {
		return "", &domain.Error{Kind: domain.UserDisabled}
	}
	attempt.Event.After = map[string]any{"mail_sent_to": user.Email}
	if err := s.reserve(ctx); err != nil {
		return "", err
	}
	if err := s.Provider.SendActionsMail(ctx, user.ID, []domain.RequiredAction{domain.UpdatePassword}, resetLinkLifespan); err != nil {
		return "", err
	}
	return user.Email, nil
}
