package accesstoken_test

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"user-sync-service/internal/adapters/accesstoken"
	"user-sync-service/internal/domain"
)

// tally is an observer that notes what it is told.
type tally struct {
	mu     sync.Mutex
	called []string // "operation code"
	took   time.Duration
}

func (c *tally) Called(operation, code string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.called = append(c.called, operation+" "+code)
	c.took += took
}

// watch makes a note of everything about a verifier's requests.
func watch() (seen *tally, spans *tracetest.InMemoryExporter, by func(*accesstoken.Config)) {
	seen, spans = &tally{}, tracetest.NewInMemoryExporter()
	return seen, spans, func(c *accesstoken.Config) {
		c.Observer, c.Traces = seen, sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	}
}

func TestObserver_IsToldOfEachRequest(t *testing.T) {
	k := newECKey(t, "first")
	s := newStub(k.public())
	var parents []string
	s.answerKeys(func(w http.ResponseWriter, r *http.Request) {
		parents = append(parents, r.Header.Get("Traceparent"))
		json.NewEncoder(w).Encode(map[string]any{"keys": []any{k.public()}})
	})
	seen, exporter, by := watch()
	v := newVerifier(t, s, by)
	for range 2 {
		checkAccepted(t, v, k.token(t, nil)) // The second time there is nothing to ask.
	}
	assert.Equal(t, []string{"get_issuer 200", "get_keys 200"}, seen.called)
	spans := exporter.GetSpans()
	require.Len(t, spans, 2)
	for i, name := range []string{"get_issuer", "get_keys"} {
		assert.Equal(t, "keycloak "+name, spans[i].Name)
		assert.Equal(t, trace.SpanKindClient, spans[i].SpanKind)
		assert.Equal(t, codes.Unset, spans[i].Status.Code)
		attributes := make(map[string]string)
		for _, a := range spans[i].Attributes {
			attributes[string(a.Key)] = a.Value.String()
		}
		assert.Equal(t, map[string]string{"usersync.operation": name, "http.response.status_code": "200"}, attributes)
	}
	require.Len(t, parents, 1)
	assert.Contains(t, parents[0], spans[1].SpanContext.SpanID().String(), "Keycloak is told of the span")
}

func TestObserver_IsToldHowItFailed(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		code   string
		kind   domain.Kind
	}{
		"an error":       {status(http.StatusBadGateway), "502", domain.Unavailable},
		"not keys":       {text("<html>"), "200", domain.BadAnswer},
		"no answer":      {hang, "timeout", domain.Timeout},
		"a broken one":   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "unreachable", domain.Unavailable},
		"one that ended": {cutOff, "unreachable", domain.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(newECKey(t, "first").public())
			s.answerKeys(test.answer)
			seen, exporter, by := watch()
			v := newServed(t, s, by, func(c *accesstoken.Config) { c.Timeout = 100 * time.Millisecond })
			checkFailure(t, v, "any", test.kind, "")
			assert.Equal(t, []string{"get_issuer 200", "get_keys " + test.code}, seen.called)
			assert.Positive(t, seen.took)
			spans := exporter.GetSpans()
			require.Len(t, spans, 2)
			if test.kind == domain.BadAnswer {
				return // The request itself went well.
			}
			assert.Equal(t, codes.Error, spans[1].Status.Code)
			assert.Equal(t, test.kind.Error(), spans[1].Status.Description, "a text of ours, not of the answer")
			assert.Empty(t, spans[1].Events)
		})
	}
}

// cutOff promises more than it sends.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = w.Write([]byte("{")) // What is missing is noticed at the other end.
}

func TestObserver_IsToldOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub(newECKey(t, "first").public())
		s.answerKeys(hang)
		seen, _, by := watch()
		v := newVerifier(t, s, by)
		var asking sync.WaitGroup
		asking.Go(func() { checkFailure(t, v, "any", domain.Unavailable, "") })
		synctest.Wait()
		v.Close()
		asking.Wait()
		assert.Equal(t, []string{"get_issuer 200", "get_keys cancelled"}, seen.called)
	})
}
