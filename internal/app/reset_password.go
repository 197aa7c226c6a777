package app

import (
	"context"
	"time"

	"user-sync-service/internal/domain"
)

// resetLinkLifespan is how long the link in a reset mail works.
const resetLinkLifespan = 24 * time.Hour

// ResetPassword mails the user a link to choose a new password and returns the address
// the mail went to. It returns NotFound, ProtectedUser, NoEmail, UserDisabled,
// EmailDeliveryFailed, and RateLimited while the user's cool-down lasts, which begins
// with each mail that may have been sent. Actors have other means for their own passwords.
func (s *Service) ResetPassword(ctx context.Context, attempt *Attempt, username domain.Username) (email string, err error) {
	giveBack, wait := s.mails.take(username.String())
	if wait > 0 {
		return "", &domain.Error{
			Kind:       domain.RateLimited,
			Message:    "A reset mail was sent to this user a moment ago. Please wait a little.",
			RetryAfter: wait,
		}
	}
	sent := false // or it cannot be told
	defer func() {
		if !sent {
			giveBack()
		}
	}()
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
	err = s.write(ctx, attempt, nil, fields{domain.FieldMailSentTo: user.Email}, func() error {
		err := s.Provider.SendActionsMail(ctx, user.ID, []domain.RequiredAction{domain.UpdatePassword}, resetLinkLifespan)
		sent = err == nil || mayHaveBeenSent(domain.AsError(err).Kind)
		return err
	})
	if err != nil {
		return "", err
	}
	return user.Email, nil
}

// mayHaveBeenSent reports whether a failure leaves open if a mail went out.
func mayHaveBeenSent(kind domain.Kind) bool {
	switch kind {
	case domain.Unavailable, domain.Timeout, domain.BadAnswer, domain.Internal:
		return true
	default:
		return false
	}
}
