package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"user-sync-service/internal/domain"
)

// Delivery is how new users get their first password.
type Delivery string

// The ways of delivery.
const (
	// DeliverInResponse shows a temporary password to the administrator.
	DeliverInResponse Delivery = "response"
	// DeliverByEmail makes no password at all, but mails the user a link to choose one.
	DeliverByEmail Delivery = "email"
	// DeliverBoth shows a temporary password and mails the link.
	DeliverBoth Delivery = "both"
)

func (d Delivery) showsPassword() bool { return d != DeliverByEmail }

func (d Delivery) sendsMail() bool { return d == DeliverByEmail || d == DeliverBoth }

// mayMailNewUser makes sure, before there is a user, that the limits leave room for the
// mail: it returns RateLimited. The caller tells by giveBack that no mail was sent.
func (s *Service) mayMailNewUser(attempt *Attempt, email domain.Email) (giveBack func(), err error) {
	if !s.Delivery.sendsMail() {
		return func() {}, nil
	}
	// Not taken yet: of many creations of one user at the same moment, most find a user.
	if wait := s.mailboxes.wait(mailboxOf(email.String())); wait > 0 {
		return nil, mailedLately(wait)
	}
	return s.limitMails(attempt.event.Actor)
}

// mailNewUser mails the new user a link to the required actions and a password of the
// user's own, and reports whether it may have done so. The result gets the address, or a
// sentence for the administrator when the mail was not sent: the user exists all the same,
// and a reset of the password sends another, at once.
func (s *Service) mailNewUser(ctx context.Context, attempt *Attempt, email domain.Email, result *SyncUserResult) (sent bool) {
	problem := "could not be sent"
	err := ctx.Err() // Too late: what became of the mail could not be told.
	giveBack, wait := s.mailboxes.take(mailboxOf(email.String()))
	if wait > 0 { // Another new user's mail went there meanwhile.
		giveBack, err = func() {}, mailedLately(wait)
	}
	if err == nil {
		err = s.Provider.SendActionsMail(ctx, result.ID, withUpdatePassword(result.RequiredActions), resetLinkLifespan)
		sent = err == nil || mayHaveBeenSent(domain.AsError(err).Kind)
		if errors.Is(err, domain.Timeout) || errors.Is(err, domain.Unavailable) {
			problem = "may not have gone out"
		}
	}
	if err != nil {
		giveBack()
		s.Log.WarnContext(ctx, "a new user's mail was not sent, or it is not known", "error", domain.AsError(err).Error(), "request_id", attempt.event.RequestID)
		result.MailProblem = problem
		result.Warnings = append(result.Warnings, fmt.Sprintf("The mail to choose a password %s. Please use \"reset password\".", problem))
		return sent
	}
	result.EmailSentTo = email.String()
	attempt.event.After[domain.FieldMailSentTo] = result.EmailSentTo
	return true
}

// withUpdatePassword returns the actions with UpdatePassword among them.
func withUpdatePassword(actions []domain.RequiredAction) []domain.RequiredAction {
	if slices.Contains(actions, domain.UpdatePassword) {
		return actions
	}
	return append([]domain.RequiredAction{domain.UpdatePassword}, actions...)
}
