package keycloak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// What must be found out or undone after a creation, though the caller may have gone.

// newMark returns the time of creation that a new user is given, in milliseconds since
// 1970. It tells who made the user when the answer is lost: Keycloak keeps what the
// creation sends, in every realm, and no update changes it. So that two creations of one
// username cannot have the same, wherever they come from, it is a random time of the last
// few seconds.
func (p *Provider) newMark() int64 {
	const spread = 4 * time.Second
	return p.Now().Add(-rand.N(spread)).UnixMilli() //nolint:gosec // A mark is no secret.
}

// findOut finds out what became of a creation that Keycloak may have carried out, and
// returns the id if it is this creation's user. Another one's user is a conflict. Where
// it cannot be told, the answer is Partial: nothing is deleted or finished on a guess.
func (p *Provider) findOut(ctx context.Context, user domain.NewUser, mark int64, cause error) (domain.UserID, error) {
	ctx, cancel := p.compensation(ctx)
	defer cancel()
	found, err := p.lookFor(ctx, user.Username.Username)
	failed, _ := errors.AsType[*adminapi.Error](cause)
	switch {
	case errors.Is(err, domain.NotFound) && failed.Code == "503":
		// Keycloak was not there, most likely. But a gateway may also have passed the call on
		// before it lost sight of Keycloak: that is why the user was looked for.
		return "", cause
	case err != nil:
		return "", &domain.Error{
			Kind:    domain.Partial,
			Message: "It is not known whether the user was created. Please sync the user again.",
			Err:     fmt.Errorf("%w; then the user was looked for: %w", cause, err),
		}
	case found.Created != mark:
		return "", &domain.Error{Kind: domain.UsernameConflict, Err: cause}
	}
	return found.ID, nil
}

// lookFor looks for the user for some time, for Keycloak may not have finished yet.
func (p *Provider) lookFor(ctx context.Context, username domain.Username) (found adminapi.User, err error) {
	end := time.Now().Add(p.Timing.LookFor)
	notYet := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return errors.Is(err, domain.NotFound) && time.Now().Before(end) }).
		WithMaxRetries(-1).
		WithDelay(p.Timing.LookAgainAfter).
		ReturnLastFailure().
		Build()
	err = p.persist(ctx, func() (err error) {
		found, _, err = p.userNamed(ctx, username)
		return err
	}, notYet)
	return found, err
}

// compensation is a context for what must still be done though the caller may have
// gone: it ends a little after the caller's deadline.
func (p *Provider) compensation(ctx context.Context) (context.Context, context.CancelFunc) {
	end := time.Now().Add(p.Timing.WithoutDeadline)
	if deadline, ok := ctx.Deadline(); ok {
		end = deadline.Add(p.Timing.Grace)
	}
	ctx, cancel := context.WithDeadline(adminapi.BypassBounds(context.WithoutCancel(ctx)), end)
	ctx, stop := p.api.UntilClosed(ctx)
	return ctx, func() { stop(); cancel() }
}

// persist retries a compensation until it succeeds, is refused, or its time is over. It
// goes on however long Keycloak asks to wait: the alternative is a user left half done.
func (p *Provider) persist(ctx context.Context, do func() error, others ...failsafe.Policy[any]) error {
	retries := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return adminapi.Unclear(err) }).
		WithMaxRetries(-1).
		WithDelayFunc(func(made failsafe.ExecutionAttempt[any]) time.Duration {
			longest := min(p.Timing.LongestPause<<min(made.Retries(), 10), time.Second)
			return rand.N(longest) //nolint:gosec // A pause is no secret.
		}).
		ReturnLastFailure().
		Build()
	var err error = &domain.Error{Kind: domain.Unavailable, Err: errors.New("there was no time left")}
	_ = failsafe.With(append(others, retries)...).WithContext(ctx).Run(func() error {
		err = do()
		return err
	}) // That may be less than the latest failure: the end of the context.
	return err
}

// undo deletes the user that could not be finished and returns why it could not be. It
// does so also when the caller has gone away.
func (p *Provider) undo(ctx context.Context, id domain.UserID, cause error) error {
	kind := domain.AsError(cause).Kind
	if kind == domain.NotFound {
		// Somebody deleted the user between the two calls. To the caller, who wanted to create
		// it, "not found" would say nothing.
		kind = domain.BadAnswer
	}
	undoCtx, cancel := p.compensation(ctx)
	defer cancel()
	err := p.persist(undoCtx, func() error { return p.api.DeleteUser(undoCtx, id) })
	gone := err == nil || errors.Is(err, domain.NotFound)
	p.Observer.Compensated(gone)
	switch {
	case !gone:
		return &domain.Error{
			Kind:    domain.Partial,
			Message: fmt.Sprintf("A user without a role was left: %s. Please set the role.", id),
			Err:     fmt.Errorf("%w; then the user %s could not be deleted: %w", cause, id, err),
		}
	case kind == domain.UnknownRole:
		return cause
	}
	return &domain.Error{
		Kind:    kind,
		Message: "The role could not be assigned, so no user was created. Please try again.",
		Err:     cause,
	}
}
