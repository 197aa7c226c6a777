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

const (
	// mostWrites is how often a change is written before it counts as incomplete.
	mostWrites = 6
	// leastSettling is the shortest pause between a write and the look after it.
	leastSettling = 40 * time.Millisecond
)

// settle writes a change of a user and looks whether it stands, until it does. Keycloak
// writes the row of a user whole, with what it read when the write began: of two writes at
// the same moment the later one undoes the earlier, and both are answered as done.
// Lacking says what of the change a user lacks, nil for nothing.
// Began is when the user was read for the first write.
func (p *Provider) settle(ctx context.Context, id domain.UserID, began time.Time, send *gocloak.User, lacking func(adminapi.User) (*gocloak.User, error)) error {
	for range mostWrites {
		if err := p.write(ctx, id, *send); err != nil {
			return err
		}
		// Another one that began before this one ended may take about as long.
		settling := max(leastSettling, 2*time.Since(began))
		if err := pause(ctx, settling+rand.N(settling)); err != nil { //nolint:gosec // A pause is no secret.
			return err
		}
		began = time.Now()
		user, err := p.readMended(ctx, id)
		if err != nil {
			return err
		}
		if send, err = lacking(user); err != nil || send == nil {
			return err
		}
	}
	return &domain.Error{
		Kind:    domain.Partial,
		Message: "The change is incomplete. Please send it again.",
		Err:     errors.New("other writes of the same user undid the change each time"),
	}
}

// write writes once what is set of the user. Of those who write one user at the same
// moment, Keycloak may turn some away with a conflict; whoever was faster is done then. A
// value that such writes have stored twice keeps Keycloak from taking any other change, so
// it goes along as it ought to be.
func (p *Provider) write(ctx context.Context, id domain.UserID, send gocloak.User) error {
	err := p.api.UpdateUser(ctx, id, send)
	if errors.Is(err, adminapi.Met) {
		err = p.api.UpdateUser(ctx, id, send)
	}
	if !errors.Is(err, adminapi.Doubled) {
		return err
	}
	present, readErr := p.api.User(ctx, id)
	if readErr != nil {
		return readErr
	}
	if send.Attributes == nil {
		send = withAttributes(send, present, present.Attributes)
	}
	fields := domain.AsError(err).Fields
	for name, values := range *send.Attributes {
		if _, refused := fields[name]; refused && len(values) > 1 {
			(*send.Attributes)[name] = values[:1]
		}
	}
	return p.api.UpdateUser(ctx, id, send)
}

// readMended reads the user, and mends values of ours that are stored twice. Keycloak takes
// no notice of a single value that is the same, but it does of none: so they are taken
// away and set again.
func (p *Provider) readMended(ctx context.Context, id domain.UserID) (adminapi.User, error) {
	user, err := p.api.User(ctx, id)
	if err != nil {
		return user, err
	}
	without, once := split(user.Attributes)
	if len(without) == len(once) {
		return user, nil
	}
	if err := p.api.UpdateUser(ctx, id, withAttributes(gocloak.User{}, user, without)); err != nil {
		if errors.Is(err, domain.InvalidField) {
			return user, nil // The realm does not let it be taken away: it has to stay.
		}
		return user, err
	}
	ctx, cancel := p.compensation(ctx) // Not to lose the value now.
	defer cancel()
	user.Attributes = once
	return user, p.persist(ctx, func() error { return p.api.UpdateUser(ctx, id, withAttributes(gocloak.User{}, user, once)) })
}

// pause waits, and returns Unavailable when ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return domain.AsError(ctx.Err())
	}
}
