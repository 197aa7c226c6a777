package keycloak

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"user-sync-service/internal/domain"
)

// try is one attempt at a call, and what follows from it.
type try struct {
	err    error // nil: it succeeded
	status int   // of the answer; 0: none came, or not all of it
	// fault tells that Keycloak is in trouble, not that it refused something.
	fault bool
	// unanswered tells that there was no answer in time.
	unanswered bool
	// abandoned tells that the caller left before there was an answer.
	abandoned bool
	// repeat tells that the call may be made again.
	repeat bool
	// after is how long Keycloak asked to wait before that; zero: it did not.
	after time.Duration
}

// tryOnce makes one try at a call and says what follows from it.
func tryOnce(ctx context.Context, op operation, send func(ctx context.Context) error) *try {
	tryCtx, x := withExchange(ctx)
	err := classify(ctx, op, x, send(tryCtx))
	if err == nil {
		return &try{status: x.answered()}
	}
	t := &try{err: err, status: x.answered(), after: retryAfter(x.header, time.Now())}
	switch {
	case x.unsent() || refuses(x.status):
		t.err = effectless(err)
	case x.status == http.StatusServiceUnavailable:
		t.err = declinedError{err}
	}
	if !isPassing(err) {
		return t
	}
	t.abandoned = callerGone(ctx)
	t.unanswered = x.status == 0 && domain.AsError(err).Kind == domain.Timeout
	t.fault = !t.abandoned && x.status != http.StatusTooManyRequests
	t.repeat = (op.isIdempotent() || x.unsent()) && hasTimeFor(ctx, t.after)
	return t
}

// tryError is a failed try as an error, for the policies.
type tryError struct{ *try }

func (e tryError) Error() string { return e.err.Error() }

func (t *try) failure() error {
	if t.err == nil {
		return nil
	}
	return tryError{t}
}

// asTry returns the try that failed with err, or one from which nothing follows.
func asTry(err error) *try {
	if failed, ok := errors.AsType[tryError](err); ok {
		return failed.try
	}
	return &try{}
}

// isPassing reports whether Keycloak was away or too slow, which may be over soon.
func isPassing(err error) bool {
	kind := domain.AsError(err).Kind
	return err != nil && (kind == domain.Unavailable || kind == domain.Timeout)
}

// isUnclear reports whether there was no answer of Keycloak's, or none that makes sense.
func isUnclear(err error) bool {
	return isPassing(err) || err != nil && domain.AsError(err).Kind == domain.BadAnswer
}

// timeUp is why the context of a call ends that takes too long. net/http fails with it.
type timeUp struct{}

func (timeUp) Error() string { return "no answer in time" }

// callerGone reports whether the context of a call has ended for another reason.
func callerGone(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), timeUp{})
}

// hasTimeFor reports whether ctx goes on after a pause.
func hasTimeFor(ctx context.Context, pause time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(deadline) > pause)
}

// isIdempotent reports whether a second call changes nothing that the first has not
// changed. A user may be there already, a mail may have gone out.
func (op operation) isIdempotent() bool { return op != opCreateUser && op != opSendActionsMail }

// refuses reports whether the status says that the request was not carried out. With any
// other failure, Keycloak may have done its work and the answer was lost on the way.
func refuses(status int) bool {
	return status >= http.StatusMultipleChoices && status < http.StatusInternalServerError
}

// retryAfter reads how long the answer asks to wait (RFC 9110, section 10.2.3).
func retryAfter(header http.Header, now time.Time) time.Duration {
	const most = 24 * 60 * 60 // seconds: nobody waits longer, and what is too much would overflow
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(max(0, min(seconds, most))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// effectlessError marks the failure of a call that has changed nothing at Keycloak.
type effectlessError struct{ error }

func (e effectlessError) Unwrap() error { return e.error }

func effectless(err error) error { return effectlessError{err} }

// declinedError marks a 503. Keycloak was not there, most likely, but a gateway may also
// have passed the call on before it lost sight of Keycloak.
type declinedError struct{ error }

func (e declinedError) Unwrap() error { return e.error }

// outcomeUnknown reports whether a call that failed so may have had its effect.
func outcomeUnknown(err error) bool {
	if _, ok := errors.AsType[effectlessError](err); ok {
		return false
	}
	return isUnclear(err)
}
