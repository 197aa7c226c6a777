package keycloak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"user-sync-service/internal/domain"
)

// compensation is a context for what must still be done though the caller may have
// gone: it ends a little after the caller's deadline.
func (p *Provider) compensation(ctx context.Context) (context.Context, context.CancelFunc) {
	end := time.Now().Add(p.timing.withoutDeadline)
	if deadline, ok := ctx.Deadline(); ok {
		end = deadline.Add(p.timing.grace)
	}
	ctx, cancel := context.WithDeadline(withExemption(context.WithoutCancel(ctx), fromAllBounds), end)
	stop := p.atClose(cancel)
	return ctx, func() { stop(); cancel() }
}

// persist repeats a compensation until it succeeds, is refused, or its time is over. It
// goes on however long Keycloak asks to wait: the alternative is a user left half done.
func (p *Provider) persist(ctx context.Context, do func() error) error {
	for longest := p.timing.longestPause; ; longest = min(2*longest, time.Second) {
		err := do()
		if !isUnclear(err) || pause(ctx, randomUpTo(longest)) != nil {
			return err
		}
	}
}

// pause waits, and returns an error when ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// undo deletes the user that could not be finished and returns why it could not be. It
// does so also when the caller has gone away.
func (p *Provider) undo(ctx context.Context, user domain.NewUser, id domain.UserID, cause error) error {
	failed := domain.AsError(cause)
	if failed.Kind == domain.NotFound {
		// Somebody deleted the user between the two calls. To whoever wanted to create
		// it, "not found" would say nothing.
		failed = &domain.Error{Kind: domain.BadAnswer, Err: failed.Err}
	}
	undoCtx, cancel := p.compensation(ctx)
	defer cancel()
	err := p.persist(undoCtx, func() error { return p.delete(undoCtx, id) })
	p.observer.Compensated(err == nil || errors.Is(err, domain.NotFound))
	if err != nil && !errors.Is(err, domain.NotFound) {
		p.leftovers.Store(leftoverKey(user), id)
		return &domain.Error{
			Kind:    domain.Partial,
			Message: fmt.Sprintf("A user without its role was left, please sync again: %s.", id),
			// As text: wrapped, the causes would make this error one of their kinds too.
			Err: fmt.Errorf("%s; then the user %s could not be deleted: %s", failed.Error(), id, err.Error()),
		}
	}
	if failed.Kind == domain.UnknownRole {
		return failed
	}
	return &domain.Error{
		Kind:    failed.Kind,
		Message: "The role could not be assigned, so no user was created. Please try again.",
		Err:     failed,
	}
}

func leftoverKey(user domain.NewUser) string { return strings.ToLower(user.Username.String()) }

// removeLeftover removes what an earlier creation of the user has left, unless somebody
// has made use of it since.
func (p *Provider) removeLeftover(ctx context.Context, user domain.NewUser) error {
	left, ok := p.leftovers.Load(leftoverKey(user))
	if !ok {
		return nil
	}
	id := left.(domain.UserID)
	untouched, err := p.isUntouched(ctx, user.Username, id)
	if untouched {
		err = p.delete(ctx, id)
	}
	if err != nil && !errors.Is(err, domain.NotFound) {
		return err
	}
	p.leftovers.CompareAndDelete(leftoverKey(user), left)
	return nil
}

// isUntouched reports whether the username is still that of the user with this id, who
// has never chosen a password, holds no role but the one that Keycloak gives to all, and
// was not disabled by anybody.
func (p *Provider) isUntouched(ctx context.Context, username domain.Username, id domain.UserID) (bool, error) {
	user, err := p.FindUser(ctx, username)
	if err != nil || user.ID != id || !user.Requires(domain.UpdatePassword) || !user.Enabled {
		return false, err
	}
	memberships, err := p.Memberships(ctx, id)
	if err != nil {
		return false, err
	}
	given := func(role domain.RealmRole) bool { return !strings.HasPrefix(string(role), "default-roles-") }
	return !slices.ContainsFunc(memberships.Roles, given), nil
}
