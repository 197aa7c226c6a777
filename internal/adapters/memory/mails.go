package memory

import (
	"context"
	"slices"
	"time"

	"user-sync-service/internal/domain"
)

// Mail is a mail with a link to actions.
type Mail struct {
	To       string
	Actions  []domain.RequiredAction
	Lifespan time.Duration // of the link
}

// FailMails makes every mail fail, or work again.
func (p *Provider) FailMails(fail bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noMails = fail
}

// Mails returns the addresses of all mails so far, in the order of sending.
func (p *Provider) Mails() []string {
	var addresses []string
	for _, mail := range p.ActionsMails() {
		addresses = append(addresses, mail.To)
	}
	return addresses
}

// ActionsMails returns all mails so far, in the order of sending.
func (p *Provider) ActionsMails() []Mail {
	p.mu.Lock()
	defer p.mu.Unlock()
	mails := slices.Clone(p.mails)
	for i := range mails {
		mails[i].Actions = slices.Clone(mails[i].Actions)
	}
	return mails
}

// SendActionsMail implements [ports.IdentityProvider]. The mail goes nowhere but
// into the list of [Provider.ActionsMails].
func (p *Provider) SendActionsMail(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
	return p.onUser(ctx, id, func(recipient *account) error {
		switch {
		case recipient.Email == "":
			return &domain.Error{Kind: domain.NoEmail}
		case !recipient.Enabled:
			return &domain.Error{Kind: domain.UserDisabled}
		case p.noMails:
			return &domain.Error{Kind: domain.EmailDeliveryFailed}
		}
		p.mails = append(p.mails, Mail{To: recipient.Email, Actions: slices.Clone(actions), Lifespan: lifespan})
		return nil
	})
}
