package app

import (
	"context"
	"errors"
	"time"

	"user-sync-service/internal/domain"
)

// resetLinkLifespan is how long the link in a reset mail works.
const resetLinkLifespan = 24 * time.Hour

// ResetPassword mails the user a link to choose a new password and returns the address
// the mail went to, and sentences for the administrator. It returns NotFound, ProtectedUser, NoEmail, UserDisabled,
// EmailDeliveryFailed, and RateLimited while the cool-down of the user or the mailbox lasts,
// which begins with each mail that may have been sent, or when the actor has sent too many.
// Actors may reset their own password.
func (s *Service) ResetPassword(ctx context.Context, attempt *Attempt, username domain.Username) (email string, warnings []string, err error) {
	sent := false // or it cannot be told
	unlessSent := func(giveBack func()) {
		if !sent {
			giveBack()
		}
	}
	giveBack, wait := s.resets.take(username.String())
	if wait > 0 {
		return "", nil, &domain.Error{
			Kind:       domain.RateLimited,
			Message:    "A reset mail was sent to this user a moment ago. Please wait a little.",
			RetryAfter: wait,
		}
	}
	defer unlessSent(giveBack)
	user, err := s.target(ctx, attempt, writes, username)
	if err != nil {
		return "", nil, err
	}
	if user.Email == "" {
		return "", nil, &domain.Error{Kind: domain.NoEmail}
	}
	if !user.Enabled {
		return "", nil, &domain.Error{Kind: domain.UserDisabled}
	}
	available, err := s.Provider.ActionAvailable(ctx, domain.UpdatePassword)
	if err != nil {
		return "", nil, err
	}
	if !available {
		warnings = []string{linkLeadsNowhere}
	}
	// Another user may have the same mailbox, or may have had the address until a moment ago.
	giveBackMailbox, wait := s.mailboxes.take(mailboxOf(user.Email))
	if wait > 0 {
		return "", nil, mailedLately(wait)
	}
	defer unlessSent(giveBackMailbox)
	giveBackMail, err := s.limitMails(attempt.event.Actor)
	if err != nil {
		return "", nil, err
	}
	defer unlessSent(giveBackMail)
	err = s.write(ctx, attempt, nil, fields{domain.FieldMailSentTo: user.Email}, func() error {
		attempt.goOut() // Mails have places of their own, since a mail server may be slow.
		err := s.Provider.SendActionsMail(ctx, user.ID, []domain.RequiredAction{domain.UpdatePassword}, resetLinkLifespan)
		sent = err == nil || mayHaveBeenSent(domain.AsError(err).Kind)
		return mailServerSilent(ctx, err)
	})
	if err != nil {
		return "", nil, err
	}
	return user.Email, warnings, nil
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

// mailServerSilent translates the failure of a mail that was not answered in time: the
// provider has answered all the calls before it, so it waits for the mail server.
func mailServerSilent(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	kind := domain.AsError(err).Kind
	if kind != domain.Timeout && (kind != domain.Unavailable || !errors.Is(ctx.Err(), context.DeadlineExceeded)) {
		return err
	}
	return &domain.Error{Kind: domain.EmailDeliveryFailed, Message: "The mail server does not answer. Please check before you try again.", Err: err}
}
