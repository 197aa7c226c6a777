package adminapi

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
	// MaxRetries is how often a call is made again after it failed.
	MaxRetries = 2

	// CircuitFailures of the latest circuitCalls open the circuit.
	CircuitFailures = 10
	circuitCalls    = 20
	// CircuitProbes calls are let through after a delay; if they succeed, the circuit
	// closes. Only one, because Keycloak may keep it waiting.
	CircuitProbes = 1

	// leastQueue is more than the calls that one operation makes side by side, so that
	// none is in its own way.
	leastQueue = 16

	// anotherTry is the time that a call about a half-finished user leaves for what may
	// have to be done after it.
	anotherTry = 500 * time.Millisecond
)

// Timing are the times that tests cannot wait for, those of package keycloak included.
type Timing struct {
	// LongestPause is the longest pause before a retry. Each is random up to it ("full
	// jitter"), so that many callers do not come back at the same moment.
	LongestPause time.Duration
	// CircuitDelay is how long the circuit stays open before it lets a call through, and
	// MailCircuitDelay the same for the circuit of mails.
	CircuitDelay, MailCircuitDelay time.Duration
	// LongestQueueing is how long a call waits for its turn, if it has so much time: longer
	// than any should, since requests are admitted before they make calls.
	LongestQueueing time.Duration
	// SecretPause is the first pause before the client's secret is read again.
	SecretPause time.Duration
	// LookFor is how long a user is looked for whose creation was not answered, and
	// LookAgainAfter the pause between two looks.
	LookFor, LookAgainAfter time.Duration
	// Settling is the shortest pause between a write of a user and the look after it.
	Settling time.Duration
	// Grace is how long a compensation may go on after the caller's deadline, and
	// WithoutDeadline how long if there is none.
	Grace, WithoutDeadline time.Duration
}

// UsualTiming returns the times that the program runs with.
func UsualTiming() Timing {
	return Timing{
		LongestPause:     200 * time.Millisecond,
		CircuitDelay:     2 * time.Second,
		MailCircuitDelay: 10 * time.Second,
		LongestQueueing:  5 * time.Second,
		SecretPause:      100 * time.Millisecond,
		LookFor:          2 * time.Second,
		LookAgainAfter:   250 * time.Millisecond,
		Settling:         80 * time.Millisecond,
		Grace:            400 * time.Millisecond,
		WithoutDeadline:  10 * time.Second,
	}
}

// bounds keeps the calls in bounds, from the outside inwards: retries, the bulkhead with
// a queue before it, and the circuit breaker. The circuit is the innermost, so that a
// call that did not get its turn does not count as one that Keycloak answered. Mails have
// bounds of their own.
type bounds struct {
	retries  failsafe.Executor[any]
	queue    bulkhead.Bulkhead[any]
	bulkhead bulkhead.Bulkhead[any]
	circuit  circuitbreaker.CircuitBreaker[any]
}

func newBounds(maxConcurrency int, times Timing) bounds {
	retries := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return asFailure(err).again }).
		WithMaxRetries(MaxRetries).
		WithDelayFunc(func(made failsafe.ExecutionAttempt[any]) time.Duration {
			return asFailure(made.LastError()).after + randomUpTo(times.LongestPause)
		}).
		ReturnLastFailure().
		Build()
	limit := uint(maxConcurrency)
	return bounds{
		retries:  failsafe.With[any](retries),
		queue:    bulkhead.New[any](max(limit, leastQueue)),
		bulkhead: bulkhead.New[any](limit),
		circuit:  newCircuit(CircuitFailures, circuitCalls, times.CircuitDelay),
	}
}

// newCircuit returns a circuit breaker that so many failures of the latest calls open.
func newCircuit(failures, calls uint, delay time.Duration) circuitbreaker.CircuitBreaker[any] {
	return circuitbreaker.NewBuilder[any]().
		WithFailureThresholdRatio(failures, calls).
		WithSuccessThreshold(CircuitProbes).
		WithDelay(delay).
		Build()
}

// asFailure returns the failed try, or one from which nothing follows.
func asFailure(err error) *Error {
	if failure, ok := errors.AsType[*Error](err); ok {
		return failure
	}
	return &Error{}
}

// do makes one call under its own deadline, and retries it where that is safe.
func (c *Client) do(ctx context.Context, op operation, send func(ctx context.Context) error) (err error) {
	ctx, span := c.startSpan(ctx, op)
	defer func() { endSpan(span, err) }()
	bypass, bounds, queueing := bypassOf(ctx), c.bounds, c.Timing.LongestQueueing
	if bypass != allBounds && bounds.circuit.RemainingDelay() > 0 {
		return circuitOpen(op) // Without waiting for a turn first.
	}
	if op == opSendActionsMail {
		bounds, queueing = c.mailBounds, c.mailPatience()
		if bounds.circuit.RemainingDelay() > 0 {
			return c.mailTurnedAway(circuitbreaker.ErrOpen)
		}
	}
	callCtx, cancel := WithTimeout(ctx, c.callTime(ctx))
	defer cancel()
	defer c.atClose(cancel)()
	tried := false
	var failure *Error
	err = bounds.retries.WithContext(callCtx).Run(func() error {
		if bypass == nothing {
			if err := bounds.takeTurn(callCtx, queueing); err != nil {
				return err
			}
			defer bounds.bulkhead.ReleasePermit()
		}
		if bypass != allBounds && !bounds.circuit.TryAcquirePermit() {
			return circuitbreaker.ErrOpen
		}
		if tried {
			c.Observer.Retried(op.name())
		}
		tried = true
		failure = c.try(callCtx, op, bounds.circuit, bypass, send)
		if failure == nil {
			return nil
		}
		if failure.Code == timedOut && op != opSendActionsMail { // Mails wait for another server.
			c.leaveConnections()
		}
		if bypass != allBounds && bounds.circuit.IsOpen() {
			failure.again = false // It would be refused, after a pause in vain.
		}
		return failure
	})
	switch {
	// What failsafe returns may be less than the latest failure: the end of the context,
	// or that there was no turn for a retry.
	case failure != nil:
		return failure
	case tried:
		return nil
	case op == opSendActionsMail && !callerGone(callCtx):
		return c.mailTurnedAway(err)
	case errors.Is(err, circuitbreaker.ErrOpen):
		return circuitOpen(op)
	case errors.Is(err, bulkhead.ErrFull), !callerGone(callCtx):
		return notSent(op, domain.Overloaded, "too many calls are under way")
	}
	return notSent(op, domain.Unavailable, "the caller left while the call waited")
}

// takeTurn waits in the queue for a place in the bulkhead, if there is none at once.
func (b bounds) takeTurn(ctx context.Context, longest time.Duration) error {
	if b.bulkhead.TryAcquirePermit() {
		return nil
	}
	if !b.queue.TryAcquirePermit() {
		return bulkhead.ErrFull
	}
	defer b.queue.ReleasePermit()
	return b.bulkhead.AcquirePermitWithMaxWait(ctx, longest)
}

// callTime is how long a call may take. Calls that finish or remove a user leave some
// of the time for what has to be done when they fail.
func (c *Client) callTime(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok || bypassOf(ctx) != allBounds {
		return c.CallTimeout
	}
	left := time.Until(deadline)
	return min(c.CallTimeout, max(left-anotherTry, left/2))
}

// try makes one try at a call and tells the circuit how it went.
func (c *Client) try(ctx context.Context, op operation, circuit circuitbreaker.CircuitBreaker[any], bypass bypass, send func(ctx context.Context) error) (failure *Error) {
	if bypass == allBounds {
		return c.observed(ctx, op, send)
	}
	fault, abandoned := true, false // It stays so if there is a panic, or the circuit would wait for ever.
	defer func() {
		switch {
		case fault:
			circuit.RecordFailure()
		case !abandoned:
			circuit.RecordSuccess()
		// A caller who left says nothing about Keycloak. But in a half-open circuit each try
		// has the place of a probe, and gives it back only with an outcome: then nothing is
		// proved, which is not enough to close it.
		case circuit.IsHalfOpen():
			circuit.RecordFailure()
		}
	}()
	began := time.Now()
	failure = c.observed(ctx, op, send)
	fault, abandoned = failure.isFault(), failure != nil && failure.Code == cancelled
	if op == opSendActionsMail {
		fault, abandoned = c.mailFault(failure, time.Since(began))
	}
	return failure
}

func circuitOpen(op operation) *Error {
	return notSent(op, domain.Unavailable, "not tried, the circuit is open")
}

// bypass is what bounds a call is free of.
type bypass int

const (
	nothing bypass = iota
	theBulkhead
	allBounds
)

type bypassKey struct{}

// BypassBulkhead returns a context whose calls do not wait for a turn: for the check, which
// tells how Keycloak fares, not how busy we are, and for the login, of which there is one
// at a time and for which all others wait.
func BypassBulkhead(ctx context.Context) context.Context {
	return context.WithValue(ctx, bypassKey{}, max(theBulkhead, bypassOf(ctx)))
}

// BypassBounds returns a context whose calls wait for nothing and are not turned away: for
// what finishes or removes a user who is there already, and would else be left half done.
func BypassBounds(ctx context.Context) context.Context {
	return context.WithValue(ctx, bypassKey{}, allBounds)
}

func bypassOf(ctx context.Context) bypass {
	b, _ := ctx.Value(bypassKey{}).(bypass)
	return b
}

// randomUpTo returns a random time from zero up to longest.
func randomUpTo(longest time.Duration) time.Duration {
	return rand.N(longest) //nolint:gosec // A pause is no secret.
}
