package accesstoken

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	tag "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"user-sync-service/internal/domain"
)

// Observer is told of the requests to Keycloak, for the operators. Its method must not
// wait.
type Observer interface {
	// Called is told of each request, "get_keys" or "get_issuer", and how it ended: with an
	// HTTP status, or "timeout", "unreachable" or "cancelled" when there was no answer.
	Called(operation, code string, took time.Duration)
}

// unobserved is the observer of those who have none.
type unobserved struct{}

func (unobserved) Called(string, string, time.Duration) {}

// observation is one request for the operators.
type observation struct {
	observer Observer
	span     trace.Span
	name     string // as metrics and traces call the operation
	began    time.Time
}

// observe begins the observation of a request, and its span, which belongs to no
// caller's trace: a fetch is for all who wait for it.
func (r *realm) observe(ctx context.Context, op operation) (context.Context, observation) {
	name := strings.ReplaceAll(string(op), " ", "_")
	ctx, span := r.tracer.Start(ctx, "keycloak "+name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(tag.String("usersync.operation", name)))
	return ctx, observation{r.observer, span, name, time.Now()}
}

// end tells how the request ended. The status is 0 when there was no answer, or not the
// whole of it.
func (o observation) end(status int, err error) {
	code := strconv.Itoa(status)
	switch {
	case status != 0:
		o.span.SetAttributes(tag.Int("http.response.status_code", status))
	case errors.Is(err, context.Canceled):
		code = "cancelled"
	case errors.Is(err, domain.Timeout):
		code = "timeout"
	default:
		code = "unreachable"
	}
	if err != nil {
		kind := domain.AsError(err).Kind.Error()
		o.span.SetStatus(codes.Error, kind)
		o.span.SetAttributes(tag.String("error.type", kind))
	}
	o.observer.Called(o.name, code, time.Since(o.began))
	o.span.End()
}
