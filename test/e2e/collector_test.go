package e2e

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// collector receives traces as an OpenTelemetry collector does.
type collector struct {
	collectorpb.UnimplementedTraceServiceServer
	URL string

	mu       sync.Mutex
	spans    []span
	received []*tracepb.ResourceSpans
}

// span is what a collector knows of a span.
type span struct {
	traceID, id, parentID string
	name                  string
	kind                  tracepb.Span_SpanKind
	failed                bool
	attributes, resource  map[string]string
}

// newGRPCCollector starts a collector that is spoken to by gRPC.
func newGRPCCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	server := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(server, c)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() { assert.NoError(t, server.Serve(listener)) })
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	c.URL = "http://" + listener.Addr().String()
	return c
}

// newHTTPCollector starts a collector that is spoken to by HTTP with protobuf.
func newHTTPCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collectorpb.ExportTraceServiceRequest
		if err != nil || r.Method+" "+r.URL.Path != "POST /v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, &request) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.keep(&request)
		w.Header().Set("Content-Type", "application/x-protobuf") // An empty message is an empty body.
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// Export implements collectorpb.TraceServiceServer.
func (c *collector) Export(_ context.Context, request *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	c.keep(request)
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

func (c *collector) keep(request *collectorpb.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		c.received = append(c.received, resource)
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, span{
					traceID: hex.EncodeToString(s.GetTraceId()), id: hex.EncodeToString(s.GetSpanId()), parentID: hex.EncodeToString(s.GetParentSpanId()),
					name: s.GetName(), kind: s.GetKind(), failed: s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR,
					attributes: attributeTexts(s.GetAttributes()), resource: attributeTexts(resource.GetResource().GetAttributes()),
				})
			}
		}
	}
}

func attributeTexts(attributes []*commonpb.KeyValue) map[string]string {
	texts := make(map[string]string)
	for _, a := range attributes {
		value, ok := a.GetValue().GetValue().(*commonpb.AnyValue_StringValue)
		if ok {
			texts[a.GetKey()] = value.StringValue
		} else {
			texts[a.GetKey()] = a.GetValue().String()
		}
	}
	return texts
}

// of returns the spans of a trace so far, in alphabetical order.
func (c *collector) of(traceID string) []span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var spans []span
	for _, s := range c.spans {
		if s.traceID == traceID {
			spans = append(spans, s)
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return strings.Compare(a.name, b.name) })
	return spans
}

// count returns how many spans have come so far.
func (c *collector) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.spans)
}

// await waits until the span of the request of a trace is there, which ends last, and
// returns all spans of the trace.
func (c *collector) await(t *testing.T, traceID string) []span {
	t.Helper()
	isRequest := func(s span) bool { return s.kind == tracepb.Span_SPAN_KIND_SERVER }
	eventually(t, func() bool { return slices.ContainsFunc(c.of(traceID), isRequest) }, 20*time.Second, 10*time.Millisecond, "the collector never sees the request")
	return c.of(traceID)
}

// text is all that the collector has ever been told.
func (c *collector) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := ""
	for _, resource := range c.received {
		text += prototext.Format(resource)
	}
	return text
}
