package keycloak

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"user-sync-service/internal/domain"
)

const (
	// maxRepeats is how often a call is made again after it failed.
	maxRepeats = 2

	// The circuit opens when so many of the latest calls failed. After a delay it lets
	// a call through, to see how it fares: a success closes it again. Only one, because
	// Keycloak may keep it waiting.
	circuitFailures = 10
	circuitCalls    = 20
	circuitProbes   = 1

	// leastQueue is more than the calls that one operation makes side by side, so that
	// none is in its own way.
	leastQueue = 16

	// anotherTry is the time that a call about a half-finished user leaves for what may
	// have to be done after it.
	anotherTry = 500 * time.Millisecond
)

// timing are the times that tests cannot wait for.
type timing struct {
	// longestPause is the longest pause before a repetition. Each is random up to it
	// ("full jitter"), so that many callers do not come back at the same moment.
	longestPause time.Duration
	// circuitDelay is how long the circuit stays open before it lets a call through.
	circuitDelay time.Duration
	// longestQueueing is how long a call waits for its turn.
	longestQueueing time.Duration
	// lookFor is how long a user is looked for whose creation was not answered, and
	// lookAgainAfter the pause between two looks.
	lookFor, lookAgainAfter time.Duration
	// grace is how long a compensation may go on after the caller's deadline, and
	// withoutDeadline how long if there is none.
	grace, withoutDeadline time.Duration
	// secretPause is the first pause before the client's secret is read again.
	secretPause time.Duration
}

func usualTiming() timing {
	return timing{
		longestPause:    200 * time.Millisecond,
		circuitDelay:    2 * time.Second,
		longestQueueing: 500 * time.Millisecond,
		lookFor:         2 * time.Second,
		lookAgainAfter:  250 * time.Millisecond,
		grace:           400 * time.Millisecond,
		withoutDeadline: 10 * time.Second,
		secretPause:     100 * time.Millisecond,
	}
}

// bounds keeps the calls to Keycloak in bounds, from the outside inwards: repetitions,
// the limit of calls under way with a queue before it, and the circuit breaker. The
// circuit is the innermost, so that a call that did not get its turn does not count as
// one that Keycloak answered.
type bounds struct {
	limited   failsafe.Executor[any]
	unlimited failsafe.Executor[any] // repetitions only
	circuit   circuitbreaker.CircuitBreaker[any]
}

func newBounds(maxConcurrency int, times timing) bounds {
	limit := uint(maxConcurrency)
	repetitions := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return asTry(err).repeat }).
		WithMaxRetries(maxRepeats).
		WithDelayFunc(func(made failsafe.ExecutionAttempt[any]) time.Duration {
			return asTry(made.LastError()).after + randomUpTo(times.longestPause)
		}).
		ReturnLastFailure().
		Build()
	queue := bulkhead.New[any](limit + max(limit, leastQueue))
	turns := bulkhead.NewBuilder[any](limit).WithMaxWaitTime(times.longestQueueing).Build()
	return bounds{
		limited:   failsafe.With[any](repetitions, queue, turns),
		unlimited: failsafe.With[any](repetitions),
		circuit: circuitbreaker.NewBuilder[any]().
			WithFailureThresholdRatio(circuitFailures, circuitCalls).
			WithSuccessThreshold(circuitProbes).
			WithDelay(times.circuitDelay).
			Build(),
	}
}

// exchange makes one call under its own deadline, repeats it where that is safe, and
// classifies the outcome.
func (p *Provider) exchange(ctx context.Context, op operation, send func(ctx context.Context) error) (err error) {
	ctx, span := p.startSpan(ctx, op)
	defer func() { endSpan(span, err) }()
	exempt := exemptionOf(ctx)
	if exempt != fromAllBounds && p.bounds.circuit.RemainingDelay() > 0 {
		return circuitOpen(op) // Without waiting for a turn first.
	}
	callCtx, cancel := context.WithTimeoutCause(ctx, p.callTime(ctx), timeUp{})
	defer cancel()
	defer p.atClose(cancel)()
	policies := p.bounds.limited
	if exempt != fromNothing {
		policies = p.bounds.unlimited
	}
	var latest *try
	err = policies.WithContext(callCtx).Run(func() error {
		made, err := p.attempt(callCtx, op, exempt, send)
		if err != nil {
			return err
		}
		if latest != nil {
			p.observer.Repeated(op.name())
		}
		if made.unanswered {
			p.leaveConnections()
		}
		if exempt != fromAllBounds && p.bounds.circuit.IsOpen() {
			made.repeat = false // It would be refused, after a pause in vain.
		}
		latest = made
		return made.failure()
	})
	switch {
	case latest != nil:
		// What failsafe returns may be less: the end of the context, or that there was no
		// turn for a repetition.
		return latest.err
	case errors.Is(err, circuitbreaker.ErrOpen):
		return circuitOpen(op)
	case errors.Is(err, bulkhead.ErrFull), err != nil && !callerGone(callCtx):
		return effectless(&domain.Error{Kind: domain.Overloaded, Err: errors.New(string(op) + ": too many calls are under way")})
	}
	return effectless(domain.AsError(err)) // The caller left while the call waited.
}

// callTime is how long a call may take. Calls that finish or remove a user leave some
// of the time for what has to be done when they fail.
func (p *Provider) callTime(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok || exemptionOf(ctx) != fromAllBounds {
		return p.callTimeout
	}
	left := time.Until(deadline)
	return min(p.callTimeout, max(left-anotherTry, left/2))
}

// attempt makes one try at a call if the circuit lets it through.
func (p *Provider) attempt(ctx context.Context, op operation, exempt exemption, send func(ctx context.Context) error) (*try, error) {
	if exempt == fromAllBounds {
		return p.observed(ctx, op, send), nil
	}
	if !p.bounds.circuit.TryAcquirePermit() {
		return nil, circuitbreaker.ErrOpen
	}
	made := &try{fault: true} // It stays so if there is a panic, or the circuit would wait for ever.
	defer func() { p.record(made) }()
	made = p.observed(ctx, op, send)
	return made, nil
}

// record tells the circuit how a try went. A caller who left says nothing about
// Keycloak. But in a half-open circuit each try has the place of a probe, and gives it
// back only with an outcome: then nothing is proved, which is not enough to close it.
func (p *Provider) record(made *try) {
	switch {
	case made.fault:
		p.bounds.circuit.RecordFailure()
	case !made.abandoned:
		p.bounds.circuit.RecordSuccess()
	case p.bounds.circuit.IsHalfOpen():
		p.bounds.circuit.RecordFailure()
	}
}

func circuitOpen(op operation) error {
	return effectless(&domain.Error{Kind: domain.Unavailable, Err: errors.New(string(op) + ": not tried, the circuit is open")})
}

// exemption is what bounds a call is free of.
type exemption int

const (
	fromNothing exemption = iota
	// fromLimit is for the check, which tells how Keycloak fares, not how busy we are, and
	// for the login, of which there is one at a time and for which all others wait.
	fromLimit
	// fromAllBounds is for what finishes or removes a user who is there already: to be
	// turned away would leave it half done.
	fromAllBounds
)

type exemptionKey struct{}

// withExemption returns a context whose calls have at least this exemption.
func withExemption(ctx context.Context, exempt exemption) context.Context {
	return context.WithValue(ctx, exemptionKey{}, max(exempt, exemptionOf(ctx)))
}

func exemptionOf(ctx context.Context) exemption {
	exempt, _ := ctx.Value(exemptionKey{}).(exemption)
	return exempt
}

// randomUpTo returns a random time from zero up to longest.
func randomUpTo(longest time.Duration) time.Duration {
	return rand.N(longest) //nolint:gosec // A pause is no secret.
}
