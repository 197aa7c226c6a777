package keycloak

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// mostWrites is how often a change is written before it counts as incomplete.
const mostWrites = 8

// settle writes a change of a user and looks whether it stands, until it does. Keycloak
// writes the row of a user whole, with what it read when the write began: of two writes at
// the same moment the later one undoes the earlier, and both are answered as done. Of two
// equal values of an attribute it may store both.
//
// Lacking says what of the change a user lacks, nil for nothing. Began is when the user was
// read for the first write.
func (p *Provider) settle(ctx context.Context, id domain.UserID, began time.Time, send *gocloak.User, lacking func(adminapi.User) (*gocloak.User, error)) error {
	staysDoubled := false
	for round := range mostWrites {
		stays, err := p.write(ctx, id, *send)
		if err != nil {
			return err
		}
		staysDoubled = staysDoubled || stays
		if err := pause(ctx, p.settling(ctx, time.Since(began), round)); err != nil {
			return err
		}
		began = time.Now()
		user, err := p.api.User(ctx, id)
		if err != nil {
			return err
		}
		send, err = lacking(user)
		if err == nil && send == nil && !staysDoubled {
			send = mending(user)
		}
		if err != nil || send == nil {
			return err
		}
	}
	return &domain.Error{
		Kind:    domain.Partial,
		Message: "The change is incomplete. Please send it again.",
		Err:     errors.New("other writes of the same user undid the change each time"),
	}
}

// settling returns the pause before the look after a write that took so long. Another one
// that began before this one ended may undo it only then: it takes about as long, seldom
// three times as long. In later rounds two that undo each other get apart by chance.
func (p *Provider) settling(ctx context.Context, took time.Duration, round int) time.Duration {
	span := min(max(p.Timing.Settling, 3*took), time.Second)
	apart := min(span*time.Duration(1+4*round), time.Second)
	if deadline, ok := ctx.Deadline(); ok {
		left := max(time.Until(deadline)/4, time.Millisecond) // There must be time for the look.
		span, apart = min(span, left), min(apart, left)
	}
	return span + rand.N(apart) //nolint:gosec // A pause is no secret.
}

// write writes once what is set of the user. Of those who write one user at the same
// moment, Keycloak may turn some away with a conflict; the others are done then.
//
// While a value is stored twice that may be there once, Keycloak refuses any other change of
// the user. It takes no notice of the same single value, but it does of none: so the
// doubled ones are taken away with the change, and set again. Where the realm wants there
// to be one, it stays doubled, and the change is made all the same.
func (p *Provider) write(ctx context.Context, id domain.UserID, send gocloak.User) (staysDoubled bool, err error) {
	err = p.api.UpdateUser(ctx, id, send)
	if errors.Is(err, adminapi.Met) {
		err = p.api.UpdateUser(ctx, id, send)
	}
	if errors.Is(err, adminapi.ReadOnly) || errors.Is(err, adminapi.Failed) {
		return false, p.whyRefused(ctx, id, err)
	}
	if errors.Is(err, adminapi.Met) {
		return false, &domain.Error{
			Kind:    domain.Unavailable,
			Message: "Somebody seems to be changing this user right now. Please try again in a moment.",
			Err:     err,
		}
	}
	if !errors.Is(err, adminapi.Doubled) {
		return false, err
	}
	user, readErr := p.api.User(ctx, id)
	if readErr != nil {
		return false, readErr
	}
	wanted := user.Attributes
	if send.Attributes != nil {
		wanted = *send.Attributes
	}
	without, once := split(wanted, domain.AsError(err).Fields)
	err = p.api.UpdateUser(ctx, id, withAttributes(send, user, without))
	if err != nil && !errors.Is(err, domain.InvalidField) {
		return false, err
	}
	ctx, cancel := p.compensation(ctx) // Not to lose the value now.
	defer cancel()
	return err != nil, p.persist(ctx, func() error { return p.api.UpdateUser(ctx, id, withAttributes(send, user, once)) })
}

// mending returns what to write to a user that has a value of ours twice, nil for none:
// Keycloak will refuse it, and then it is mended.
func mending(user adminapi.User) *gocloak.User {
	if without, _ := split(user.Attributes, nil); len(without) == len(user.Attributes) {
		return nil
	}
	return new(withAttributes(gocloak.User{}, user, user.Attributes))
}

// pause waits, and returns Unavailable when ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return domain.AsError(ctx.Err())
	}
}
