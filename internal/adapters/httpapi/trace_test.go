package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// What an operator can follow of a request, and what must not be in a trace.

// The trace that a caller's request belongs to.
const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersSpan  = "00f067aa0ba902b7"
	traceparent  = "00-" + callersTrace + "-" + callersSpan + "-01"
)

// newTraced is newAPI with traces, which are collected.
func newTraced(t *testing.T, provider ports.IdentityProvider, change ...func(*settings)) (*api, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	return newAPI(t, provider, append(change, func(with *settings) {
		with.traces = sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	})...), spans
}

// attributesOf returns a span's attributes as texts.
func spanAttributes(span tracetest.SpanStub) map[string]string {
	attributes := make(map[string]string)
	for _, a := range span.Attributes {
		attributes[string(a.Key)] = a.Value.String()
	}
	return attributes
}

func TestTrace_HasOneSpanForEachRequest(t *testing.T) {
	for _, test := range []struct {
		method, target, body string
		name, route, status  string
		kind                 string
		failed               bool
	}{
		{"POST", "/sync/user", employee, "POST /sync/user", "/sync/user", "201", "", false},
		{"POST", "/sync/user", "{}", "POST /sync/user", "/sync/user", "400", "missing_field", false},
		{"PUT", "/api/user-sync/users/anna/status", `{"enabled":false}`, "PUT /users/{username}/status", "/users/{username}/status", "200", "", false},
		{"GET", "/users/anna/keycloak-status", "", "GET /users/{username}/keycloak-status", "/users/{username}/keycloak-status", "502", "bad_gateway", true},
		{"GET", "/persons/anna", "", "GET other", "other", "404", "not_found", false},
		{"BREW", "/users/anna/status", "", "other other", "other", "405", "method_not_allowed", false},
	} {
		realm := newRealm(t)
		a, spans := newTraced(t, failingIn(realm, map[bool]string{true: "Memberships"}[test.failed], domain.BadAnswer))
		answer := a.send(test.method, test.target, test.body)

		taken := spans.GetSpans()
		require.Len(t, taken, 1, test.target)
		span, attributes := taken[0], spanAttributes(taken[0])
		assert.Equal(t, test.name, span.Name)
		assert.Equal(t, trace.SpanKindServer, span.SpanKind)
		assert.Equal(t, test.failed, span.Status.Code == codes.Error, test.target)
		method, _, _ := strings.Cut(test.name, " ")
		want := map[string]string{
			"http.request.method": method, "http.route": test.route, "http.response.status_code": test.status,
			"usersync.request_id": answer.header.Get("X-Request-Id"),
		}
		if test.kind != "" {
			want["error.type"] = test.kind
		}
		assert.Equal(t, want, attributes)
		assert.Empty(t, span.Events)
	}
}

func TestTrace_OfAProbeIsNone(t *testing.T) {
	a, spans := newTraced(t, unreachable)
	for _, before := range []string{"", prefix} {
		for _, target := range []string{"/health", "/livez", "/readyz"} {
			a.send(http.MethodGet, before+target, "")
		}
	}
	a.send(http.MethodGet, "/metrics", "")
	assert.Empty(t, spans.GetSpans())
	for _, line := range a.log.parse(t) {
		assert.Equal(t, "DEBUG", line["level"])
	}
}

// spying is a provider that notes in which span it is asked.
type spying struct {
	ports.IdentityProvider
	span trace.SpanContext
}

func (s *spying) FindUser(ctx context.Context, username domain.Username) (domain.User, error) {
	s.span = trace.SpanContextFromContext(ctx)
	return s.IdentityProvider.FindUser(ctx, username)
}

// The caller's trace goes on here and further on, and the log and the audit log name it.
func TestTrace_IsTheCallers(t *testing.T) {
	provider := &spying{IdentityProvider: newRealm(t)}
	a, spans := newTraced(t, provider)
	request := requestTo(t, http.MethodGet, "/users/anna/keycloak-status")
	request.Header.Set("Traceparent", traceparent)
	request.Header.Set("Tracestate", "gateway=1")
	a.do(request)

	taken := spans.GetSpans()
	require.Len(t, taken, 1)
	assert.Equal(t, callersTrace, taken[0].SpanContext.TraceID().String())
	assert.Equal(t, callersSpan, taken[0].Parent.SpanID().String())
	assert.True(t, taken[0].Parent.IsRemote())
	assert.Equal(t, "gateway=1", taken[0].SpanContext.TraceState().String())
	assert.Equal(t, taken[0].SpanContext, provider.span)
	assert.Equal(t, callersTrace, a.audit.only(t).TraceID)
	assert.Equal(t, callersTrace, a.log.parse(t)[0]["trace_id"])
}

func TestTrace_IsANewOneWhereTheCallerHasNone(t *testing.T) {
	for name, header := range map[string]string{"none": "", "nonsense": "00-x-y-01", "zeros": "00-" + strings.Repeat("0", 32) + "-" + callersSpan + "-01"} {
		a, spans := newTraced(t, newRealm(t))
		request := requestTo(t, http.MethodGet, "/users/anna/keycloak-status")
		if header != "" {
			request.Header.Set("Traceparent", header)
		}
		assert.Equal(t, http.StatusOK, a.do(request).status, name)
		taken := spans.GetSpans()
		require.Len(t, taken, 1, name)
		assert.False(t, taken[0].Parent.IsValid(), name)
		id := taken[0].SpanContext.TraceID().String()
		assert.Equal(t, id, a.audit.only(t).TraceID, name)
		assert.Equal(t, id, a.log.parse(t)[0]["trace_id"], name)
	}
}

// Without a collector the caller's trace is still named and passed on.
func TestTrace_WithoutTracesOfOurOwn(t *testing.T) {
	provider := &spying{IdentityProvider: newRealm(t)}
	a := newAPI(t, provider)
	request := requestTo(t, http.MethodGet, "/users/anna/keycloak-status")
	request.Header.Set("Traceparent", traceparent)
	assert.Equal(t, http.StatusOK, a.do(request).status)
	assert.Equal(t, callersTrace, a.audit.only(t).TraceID)
	assert.Equal(t, callersTrace, a.log.parse(t)[0]["trace_id"])
	assert.Equal(t, callersSpan, provider.span.SpanID().String())

	a = newAPI(t, newRealm(t))
	assert.Equal(t, http.StatusOK, a.send(http.MethodGet, "/users/anna/keycloak-status", "").status)
	assert.Empty(t, a.audit.only(t).TraceID)
	assert.NotContains(t, a.log.parse(t)[0], "trace_id")
}

// Whatever is asked and whatever comes of it, a collector learns of no person.
func TestTrace_NamesNobody(t *testing.T) {
	cause := &domain.Error{Kind: domain.Internal, Message: "zuleika cannot be found", Err: errors.New("zuleika@hidden.example")}
	for name, provider := range map[string]ports.IdentityProvider{
		"in order": newRealm(t),
		"failing":  failing{newRealm(t), map[string]error{"FindUser": cause, "CreateUser": cause}},
		"panics":   &panicking{IdentityProvider: newRealm(t), cause: func(domain.NewUser) any { return "zuleika" }},
	} {
		a, spans := newTraced(t, provider)
		for _, before := range []string{"", prefix} {
			a.sendWithSecrets(http.MethodPost, before+"/sync/user", zuleika)
			for _, route := range userRoutes {
				target := before + strings.Replace(route.target, "%s", "zuleika", 1)
				a.sendWithSecrets(route.method, target+"?token=inthequery", route.body)
				a.sendWithSecrets("ZULEIKA", target, "")
			}
			a.sendWithSecrets(http.MethodGet, before+"/zuleika", "")
		}
		assert.Len(t, spans.GetSpans(), 2*(2+2*len(userRoutes)), name)
		for _, span := range spans.GetSpans() {
			text := strings.ToLower(fmt.Sprint(span.Name, span.Status.Description, spanAttributes(span), span.Events, span.Links))
			for _, private := range []string{"zuleika", "hidden.example", "verborgen", "inthe", "bearer"} {
				assert.NotContains(t, text, private, name)
			}
		}
	}
}
