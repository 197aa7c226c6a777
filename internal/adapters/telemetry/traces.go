package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Protocol is how spans travel to the collector (OTEL_EXPORTER_OTLP_PROTOCOL).
type Protocol string

// The protocols.
const (
	GRPC         Protocol = "grpc"
	HTTPProtobuf Protocol = "http/protobuf"
)

// Traces sends spans to an OpenTelemetry collector, in the background and in batches.
type Traces struct {
	provider *sdktrace.TracerProvider
}

// NewTraces returns Traces for the collector, resource and sampling in OpenTelemetry's own
// environment variables; the log warns of invalid values. It does not wait for the
// collector: while there is none, spans are dropped, and the log says so at debug.
func NewTraces(ctx context.Context, protocol Protocol, serviceName, version string, log *slog.Logger) (*Traces, error) {
	// OpenTelemetry would write lines of its own beside the log, which quote the headers for
	// the collector and may show a password.
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "error", err) }))
	defer otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Debug("traces", "error", err) }))

	// No retries: without a collector they would hold up the program's end.
	client := otlptracegrpc.NewClient(otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}))
	if protocol == HTTPProtobuf {
		client = otlptracehttp.NewClient(otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	described, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", serviceName), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv(), // The last one wins.
	)
	if errors.Is(err, resource.ErrPartialResource) {
		otel.Handle(err)
	} else if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return &Traces{provider: sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described))}, nil
}

// Provider returns what makes the spans.
func (t *Traces) Provider() trace.TracerProvider { return t.provider }

// Close sends the remaining spans, for as long as ctx lasts.
func (t *Traces) Close(ctx context.Context) {
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}
