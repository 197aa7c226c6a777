package memory

import (
	"context"
	"maps"
	"time"

	"user-sync-service/internal/domain"
)

// UpdateUser implements [ports.IdentityProvider].
func (p *Provider) UpdateUser(ctx context.Context, id domain.UserID, change domain.UserChange) (unstored []domain.Attribute, err error) {
	err = p.changing(ctx, id, func(present *account) error {
		changed := *present
		changed.User = copyUser(present.User)
		if change.Email != nil {
			if p.byAddress && changed.Email != "" && !change.Email.Matches(changed.Email) {
				return &domain.Error{Kind: domain.InvalidField, Fields: map[string]string{"email": "is the username in this realm and cannot be changed"}}
			}
			changed.EmailVerified = changed.EmailVerified && (!change.Unverified || change.Email.Matches(changed.Email))
			changed.Email = lower(change.Email.String())
		}
		lacked := p.set(&changed, change.Attributes)
		if change.FirstName != nil {
			lacked = p.name(&changed.FirstName, *change.FirstName, domain.FirstName, lacked)
		}
		if change.LastName != nil {
			lacked = p.name(&changed.LastName, *change.LastName, domain.LastName, lacked)
		}
		// As with a new user: whose address it is comes before what the rules say.
		if p.taken(changed.Email, present) {
			return &domain.Error{Kind: domain.EmailConflict}
		}
		if err := p.check(changed.User, false); err != nil {
			return err
		}
		changed.dropBlanks()
		changed.Username = p.nameOf(&changed)
		*present = changed
		unstored = lacked
		return nil
	})
	return unstored, err
}

// SetEnabled implements [ports.IdentityProvider].
func (p *Provider) SetEnabled(ctx context.Context, id domain.UserID, enabled bool) error {
	return p.update(ctx, id, func(a *account) {
		a.Enabled = enabled
		if enabled {
			a.locked, a.lockedUntil = false, time.Time{}
		}
	})
}

// SetRequiredActions implements [ports.IdentityProvider].
func (p *Provider) SetRequiredActions(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
	return p.update(ctx, id, func(a *account) { a.RequiredActions = distinct(actions) })
}

// update changes an account whose present data obey the realm's rules.
func (p *Provider) update(ctx context.Context, id domain.UserID, change func(*account)) error {
	return p.changing(ctx, id, func(changed *account) error {
		if err := p.check(changed.User, false); err != nil {
			return err
		}
		change(changed)
		changed.Username = p.nameOf(changed)
		return nil
	})
}

// EndSessions implements [ports.IdentityProvider].
func (p *Provider) EndSessions(ctx context.Context, id domain.UserID) error {
	return p.onUser(ctx, id, func(*account) error {
		maps.DeleteFunc(p.sessions, func(_ Session, owner domain.UserID) bool { return owner == id })
		return nil
	})
}
