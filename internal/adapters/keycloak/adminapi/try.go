package adminapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"time"
)

// tryOnce makes one try at a call. It returns nil or how that failed.
func tryOnce(ctx context.Context, op operation, send func(ctx context.Context) error) (failure *Error, x *exchange) {
	x = &exchange{op: op}
	tryCtx := httptrace.WithClientTrace(context.WithValue(ctx, exchangeKey{}, x), x.trace())
	failure = classify(ctx, x, send(tryCtx))
	if failure != nil && Away(failure) && failure.Reason != directoryAway {
		failure.after = retryAfter(x.header, time.Now())
		deadline, limited := ctx.Deadline()
		inTime := ctx.Err() == nil && (!limited || time.Until(deadline) > failure.after)
		failure.again = inTime && (op.isIdempotent() || failure.Outcome == NotSent)
	}
	return failure, x
}

// timeUp is why the context of a call ends that takes too long. net/http fails with it.
type timeUp struct{}

func (timeUp) Error() string { return "no answer in time" }

// WithTimeout returns a context for calls whose end counts as Keycloak being too slow,
// not as the caller having left.
func WithTimeout(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, most, timeUp{})
}

// callerGone reports whether the context of a call has ended for another reason than time.
func callerGone(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), timeUp{})
}

// retryAfter reads how long the answer asks to wait (RFC 9110, section 10.2.3).
func retryAfter(header http.Header, now time.Time) time.Duration {
	const most = 24 * 60 * 60 // seconds: no caller waits longer, and what is too much would overflow
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(max(0, min(seconds, most))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
