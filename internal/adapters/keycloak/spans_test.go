package keycloak_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// traced collects the spans of a provider, and makes the request that they belong to.
type traced struct {
	exporter *tracetest.InMemoryExporter
	provider *sdktrace.TracerProvider
}

func newTraced(t *testing.T) traced {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	return traced{exporter, provider}
}

func (c traced) by(config *keycloak.Config) { config.Traces = c.provider }

// request returns a context within the span of a request.
func (c traced) request(ctx context.Context) (context.Context, trace.Span) {
	return c.provider.Tracer("test").Start(ctx, "request")
}

// taken returns the spans since the last time.
func (c traced) taken() tracetest.SpanStubs {
	spans := c.exporter.GetSpans()
	c.exporter.Reset()
	return spans
}

// attributesOf returns a span's attributes as texts.
func attributesOf(span tracetest.SpanStub) map[string]string {
	attributes := make(map[string]string)
	for _, a := range span.Attributes {
		attributes[string(a.Key)] = a.Value.String()
	}
	return attributes
}

// Each call is one span within the request's, named by its operation.
func TestSpans_AreOneForEachCallOfARequest(t *testing.T) {
	for _, op := range operations() {
		spans, seen := newTraced(t), &tally{}
		s := newStub(t)
		id := domain.UserID(s.plant(present()))
		p := s.provider(t, spans.by, seen.observe)
		ctx, request := spans.request(t.Context())
		require.NoError(t, op.call(ctx, t, p, id), op.name)

		want := seen.taken()
		got := []string{}
		for _, span := range spans.taken() {
			attributes := attributesOf(span)
			got = append(got, attributes["usersync.operation"]+" "+attributes["http.response.status_code"])
			assert.Equal(t, "keycloak "+attributes["usersync.operation"], span.Name)
			assert.Equal(t, trace.SpanKindClient, span.SpanKind)
			assert.Equal(t, codes.Unset, span.Status.Code)
			assert.Equal(t, request.SpanContext().SpanID(), span.Parent.SpanID(), span.Name)
			assert.Equal(t, request.SpanContext().TraceID(), span.SpanContext.TraceID())
			assert.Len(t, span.Attributes, 2, "%v", attributes)
			assert.Empty(t, span.Events)
		}
		slices.Sort(got)
		assert.Equal(t, want, got, op.name)
	}
}

func TestSpans_TellFailuresByKind(t *testing.T) {
	for name, c := range map[string]struct {
		with           http.HandlerFunc
		status, kind   string
		tries          []string
		isLeftByCaller bool
	}{
		"502":         {with: saying(502, "", ""), status: "502", kind: "provider_unavailable", tries: []string{"502", "502", "502"}},
		"reset":       {with: reset, kind: "provider_unavailable", tries: []string{"unreachable", "unreachable", "unreachable"}},
		"403":         {with: saying(403, "application/json", hiddenAnswer), status: "403", kind: "internal", tries: []string{"403"}},
		"no answer":   {with: hang, kind: "provider_timeout", tries: []string{"timeout"}},
		"caller left": {with: hang, kind: "provider_unavailable", tries: []string{"cancelled"}, isLeftByCaller: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans := newTraced(t)
			s, p, _ := warmed(t, spans.by, unpooled, impatientIf(name == "no answer"))
			s.spoil("GET users", c.with)
			spans.taken()
			ctx := t.Context()
			if c.isLeftByCaller {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			require.Error(t, find(ctx, t, p, ""))

			taken := spans.taken()
			require.Len(t, taken, 1, "with all of its repetitions")
			attributes := attributesOf(taken[0])
			assert.Equal(t, codes.Error, taken[0].Status.Code)
			assert.Equal(t, c.kind, taken[0].Status.Description)
			assert.Equal(t, c.kind, attributes["error.type"])
			assert.Equal(t, c.status, attributes["http.response.status_code"])
			var tries []string
			for _, event := range taken[0].Events {
				assert.Equal(t, "failed", event.Name)
				tries = append(tries, event.Attributes[0].Value.AsString())
			}
			assert.Equal(t, c.tries, tries)
		})
	}
}

// The names and addresses of persons, the ids and URLs that lead to them, tokens and
// secrets stay out of traces, whatever happens.
func TestSpans_NameNobody(t *testing.T) {
	private := []string{"present", "anna", "bank.example", "@", "user-", "role-", "http:", "/", "token-", callerToken, "a%2541", stubSecret, "Temp0rary", "tellers"}
	tell := `{"error":"present anna anna@bank.example http://127.0.0.1/admin/realms/bank/users/user-1 ` + callerToken + `"}`
	for _, op := range operations() {
		for name, with := range map[string]http.HandlerFunc{
			"in order": nil, "500": saying(500, "application/json", tell), "400": saying(400, "application/json", tell), "reset": reset,
			"violation": saying(400, "application/json", `{"field":"email","errorMessage":"anna@bank.example is not of the bank"}`),
			"page":      saying(200, "text/html", tell),
		} {
			spans := newTraced(t)
			s := newStub(t)
			id := domain.UserID(s.plant(present()))
			p := s.provider(t, spans.by, keycloak.WithUndoFor(50*time.Millisecond))
			if with != nil {
				s.answers(op.route, always, with)
			}
			_ = op.run(t, p, id) // Other tests say what comes of it.
			for _, span := range spans.taken() {
				text := spanText(span)
				for _, word := range private {
					assert.False(t, strings.Contains(text, word), "%s, %s: %q in %s", op.name, name, word, text)
				}
			}
		}
	}
}

// spanText is all that a collector would learn of a span, but for its times and ids.
func spanText(span tracetest.SpanStub) string {
	text := fmt.Sprint(span.Name, span.Status.Description, span.Links)
	for _, a := range span.Attributes {
		text += fmt.Sprint(" ", a.Key, "=", a.Value.String())
	}
	for _, event := range span.Events {
		text += " " + event.Name
		for _, a := range event.Attributes {
			text += fmt.Sprint(" ", a.Key, "=", a.Value.String())
		}
	}
	return text
}

// headers returns what Keycloak is told in a header by the calls of run.
func headers(t *testing.T, name string, run func(ctx context.Context, p *keycloak.Provider), change ...func(*keycloak.Config)) []string {
	t.Helper()
	s := newStub(t)
	s.plant(present())
	heard := &hearing{header: name}
	run(t.Context(), s.provider(t, append(change, heard.on)...))
	return heard.values
}

// hearing notes a header of each call.
type hearing struct {
	header string

	mu     sync.Mutex
	values []string
}

func (h *hearing) on(config *keycloak.Config) { config.Transport = h }

func (h *hearing) RoundTrip(req *http.Request) (*http.Response, error) {
	h.mu.Lock()
	h.values = append(h.values, strings.Join(req.Header.Values(h.header), "|"))
	h.mu.Unlock()
	return http.DefaultTransport.RoundTrip(req)
}

func TestPropagation_TellsKeycloakTheTrace(t *testing.T) {
	spans := newTraced(t)
	told := headers(t, "Traceparent", func(ctx context.Context, p *keycloak.Provider) {
		ctx, _ = spans.request(ctx)
		require.NoError(t, find(ctx, t, p, ""))
	}, spans.by)
	var want []string
	for _, span := range spans.taken() {
		want = append(want, "00-"+span.SpanContext.TraceID().String()+"-"+span.SpanContext.SpanID().String()+"-01")
	}
	assert.Len(t, want, 2, "log in, find user")
	assert.Equal(t, want, told)
}

// Without traces of our own, the caller's is passed on, and where there is none nothing is.
func TestPropagation_WithoutTracesOfOurOwn(t *testing.T) {
	remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true})
	const sent = "00-01000000000000000000000000000000-0200000000000000-01"
	assert.Equal(t, []string{sent, sent}, headers(t, "Traceparent", func(ctx context.Context, p *keycloak.Provider) {
		require.NoError(t, find(trace.ContextWithRemoteSpanContext(ctx, remote), t, p, ""))
	}))
	assert.Equal(t, []string{"", ""}, headers(t, "Traceparent", func(ctx context.Context, p *keycloak.Provider) {
		require.NoError(t, find(ctx, t, p, ""))
	}))
}

// A repetition must not send what the try before it has put into the header.
func TestPropagation_TellsTheSameInARepetition(t *testing.T) {
	spans := newTraced(t)
	s := newStub(t)
	s.plant(present())
	heard := &hearing{header: "Traceparent"}
	p := s.provider(t, spans.by, heard.on)
	s.answers("GET users", 2, saying(502, "", ""))
	require.NoError(t, findPresent(t, p))
	require.Len(t, heard.values, 4)
	assert.Equal(t, heard.values[1], heard.values[2])
	assert.Equal(t, heard.values[1], heard.values[3])
	assert.NotEqual(t, heard.values[0], heard.values[1], "the log-in is another call")
}
