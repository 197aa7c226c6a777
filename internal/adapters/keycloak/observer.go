package keycloak

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	tag "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"user-sync-service/internal/domain"
)

// Observer is told of the calls to Keycloak, for the operators. Its methods must not
// wait. Operations are names such as "create_user".
type Observer interface {
	// Called is told of each call, each repetition by itself, and how it ended: with an
	// HTTP status, or "timeout", "unreachable" or "cancelled" when there was no answer.
	Called(operation, code string, took time.Duration)
	// Repeated is told of each repetition, which Called is told of as well.
	Repeated(operation string)
	// Compensated is told of each user who could not be finished, and whether Keycloak
	// was rid of it again.
	Compensated(removed bool)
	// SecretReread is told of each client secret that replaced another one, and of each
	// one that could not be read.
	SecretReread(err error)
}

// State is what the provider can tell of itself at any time.
type State struct {
	Circuit string // "closed", "half_open" or "open"
	// UnderWay is the number of calls to Keycloak that have not ended.
	UnderWay int
	// TokenAge is the age of the access token; LoggedIn is false as long as there is none.
	TokenAge time.Duration
	LoggedIn bool
}

// State returns the present state.
func (p *Provider) State() State {
	state := State{Circuit: "closed", UnderWay: int(p.underWay.Load())}
	switch {
	case p.bounds.circuit.IsOpen():
		state.Circuit = "open"
	case p.bounds.circuit.IsHalfOpen():
		state.Circuit = "half_open"
	}
	if since := p.loggedIn.Load(); since != nil {
		state.TokenAge, state.LoggedIn = p.now().Sub(*since), true
	}
	return state
}

// name is the operation as metrics and traces call it.
func (op operation) name() string { return strings.ReplaceAll(string(op), " ", "_") }

// observed makes one try and tells the observer and the span how it went.
func (p *Provider) observed(ctx context.Context, op operation, send func(ctx context.Context) error) *try {
	p.underWay.Add(1)
	defer p.underWay.Add(-1)
	began := time.Now()
	made := tryOnce(ctx, op, send)
	code := made.code()
	p.observer.Called(op.name(), code, time.Since(began))
	span := trace.SpanFromContext(ctx)
	if made.status != 0 {
		span.SetAttributes(tag.Int("http.response.status_code", made.status))
	}
	if made.err != nil {
		span.AddEvent("failed", trace.WithAttributes(tag.String("error.type", code)))
	}
	return made
}

// code says how the try ended.
func (t *try) code() string {
	switch {
	case t.status != 0:
		return strconv.Itoa(t.status)
	case t.abandoned:
		return "cancelled"
	case domain.AsError(t.err).Kind == domain.Timeout:
		return "timeout"
	default:
		return "unreachable"
	}
}

// startSpan starts the span of one call with its repetitions. It is named by the
// operation alone: addresses of Keycloak's admin API hold usernames and ids.
func (p *Provider) startSpan(ctx context.Context, op operation) (context.Context, trace.Span) {
	return p.tracer.Start(ctx, "keycloak "+op.name(), trace.WithSpanKind(trace.SpanKindClient),
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

// propagate puts the trace that ctx belongs to into the header (W3C Trace Context).
func propagate(ctx context.Context, header http.Header) {
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
}

// unobserved is the observer of those who have none.
type unobserved struct{}

func (unobserved) Called(string, string, time.Duration) {}
func (unobserved) Repeated(string)                      {}
func (unobserved) Compensated(bool)                     {}
func (unobserved) SecretReread(error)                   {}
