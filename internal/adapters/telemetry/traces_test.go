package telemetry_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"user-sync-service/internal/adapters/telemetry"
)

// How spans look at a collector is for test/e2e, on the running program.

// traced makes traces for a collector at endpoint, and one span, with what they log.
func traced(t *testing.T, protocol telemetry.Protocol, endpoint string, log io.Writer) *telemetry.Traces {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	traces, err := telemetry.NewTraces(t.Context(), protocol, "user-sync-service", "v1", slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	require.NoError(t, err)
	_, span := traces.Provider().Tracer("test").Start(t.Context(), "something")
	span.End()
	return traces
}

// Nobody waits for a collector that is not there, and nothing above debug tells of it.
func TestTraces_WithoutACollectorEndAtOnce(t *testing.T) {
	for _, protocol := range []telemetry.Protocol{telemetry.GRPC, telemetry.HTTPProtobuf} {
		t.Run(string(protocol), func(t *testing.T) {
			var log bytes.Buffer
			stderr := stderrOf(t, func() {
				traces := traced(t, protocol, "http://127.0.0.1:1", &log)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				traces.Close(ctx)
				assert.NoError(t, ctx.Err(), "the end of the program waits for the collector")
			})
			assert.Empty(t, stderr)
			assert.Contains(t, log.String(), "level=DEBUG msg=traces", "the span is lost, which is told at debug")
			assert.NotContains(t, log.String(), "level=WARN")
		})
	}
}

// A collector that takes connections and never answers holds up nobody for longer than
// the time given.
func TestTraces_EndInTimeWhenTheCollectorHangs(t *testing.T) {
	asked, release := make(chan struct{}, 1), make(chan struct{})
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	defer collector.Close()
	defer close(release)
	traces := traced(t, telemetry.HTTPProtobuf, collector.URL, io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	ended := make(chan struct{})
	go func() {
		traces.Close(ctx)
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		require.Fail(t, "it waits for the collector")
	}
}

// OpenTelemetry's variables are for the traces alone: what is wrong with them is told and
// does not stop the service.
func TestTraces_WarnOfValuesThatMeanNothing(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test,nonsense",
		"OTEL_TRACES_SAMPLER":      "sometimes",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			var log bytes.Buffer
			traced(t, telemetry.GRPC, "http://127.0.0.1:1", &log).Close(t.Context())
			assert.Contains(t, log.String(), "level=WARN msg=traces")
		})
	}
}

// A header may be a password for the collector. OpenTelemetry by itself would print what
// it cannot read of it.
func TestTraces_TellNoHeader(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%zzopen-sesame,open-sesame")
	var log bytes.Buffer
	stderr := stderrOf(t, func() { traced(t, telemetry.HTTPProtobuf, "http://127.0.0.1:1", &log).Close(t.Context()) })
	assert.Empty(t, stderr)
	assert.NotContains(t, log.String(), "open-sesame")
}

// stderrOf returns what run writes to standard error. The file behind it is replaced, not
// only os.Stderr: OpenTelemetry has made a logger of that before any test begins.
func stderrOf(t *testing.T, run func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	require.NoError(t, err)
	const stderr = 2
	before, err := unix.Dup(stderr)
	require.NoError(t, err)
	require.NoError(t, unix.Dup2(int(file.Fd()), stderr))
	defer func() { assert.NoError(t, unix.Close(before)) }()
	run()
	require.NoError(t, unix.Dup2(before, stderr))
	require.NoError(t, file.Close())
	written, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	return string(written)
}
