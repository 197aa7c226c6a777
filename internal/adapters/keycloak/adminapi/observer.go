package adminapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	tag "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"user-sync-service/internal/domain"
)

// Observer is told of the calls, for the operators. Its methods must not wait.
// Operations are names such as "create_user".
type Observer interface {
	// Called is told of each try at a call, and how it ended: with an HTTP status, or
	// "timeout", "unreachable" or "cancelled" when there was no answer.
	Called(operation, code string, took time.Duration)
	// Retried is told of each retry, which Called is told of as well.
	Retried(operation string)
	// MailTurnedAway is told of each mail that was not tried, because the mail server does
	// not answer ("circuit_open") or too many are under way ("busy").
	MailTurnedAway(reason string)
	// Compensated is told of each user that package keycloak could not finish, and whether
	// Keycloak was rid of it again.
	Compensated(removed bool)
	// SecretReread is told of each client secret that replaced another one, and of each
	// one that could not be read.
	SecretReread(err error)
}

// observed makes one try and tells the observer and the span how it went.
func (c *Client) observed(ctx context.Context, op operation, send func(ctx context.Context) error) *Error {
	c.underWay.Add(1)
	defer c.underWay.Add(-1)
	began := time.Now()
	failure, x := tryOnce(ctx, op, send)
	code := strconv.Itoa(x.status)
	if failure != nil {
		code = failure.Code
	}
	c.Observer.Called(op.name(), code, time.Since(began))
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		if status, err := strconv.Atoi(code); err == nil {
			span.SetAttributes(tag.Int("http.response.status_code", status))
		}
		if failure != nil {
			span.AddEvent("failed", trace.WithAttributes(tag.String("error.type", code)))
		}
	}
	return failure
}

// startSpan starts the span of one call with its retries. It is named by the operation
// alone: addresses of Keycloak's admin API hold usernames and ids.
func (c *Client) startSpan(ctx context.Context, op operation) (context.Context, trace.Span) {
	return c.tracer.Start(ctx, "keycloak "+op.name(), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(tag.String("usersync.operation", op.name())))
}

// endSpan ends it with the kind of the failure, whose text could name a user.
func endSpan(span trace.Span, err error) {
	if err != nil {
		kind := domain.AsError(err).Kind.Error()
		span.SetStatus(codes.Error, kind)
		span.SetAttributes(tag.String("error.type", kind))
	}
	span.End()
}

// traced returns the request with the trace that it belongs to (W3C Trace Context), if it
// belongs to one.
func traced(req *http.Request) *http.Request {
	ctx := req.Context()
	if trace.SpanContextFromContext(ctx).IsValid() {
		req = req.Clone(ctx)
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	}
	return req
}

// unobserved is the observer of those who have none.
type unobserved struct{}

func (unobserved) Called(string, string, time.Duration) {}
func (unobserved) Retried(string)                       {}
func (unobserved) MailTurnedAway(string)                {}
func (unobserved) Compensated(bool)                     {}
func (unobserved) SecretReread(error)                   {}
