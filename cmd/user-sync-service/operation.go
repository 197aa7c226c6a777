package main

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"user-sync-service/internal/adapters/auditlog"
	"user-sync-service/internal/adapters/telemetry"
)

// Operation is the part of the configuration that operators care about alone.
type Operation struct {
	// LogLevel is the least level that is logged: debug, info, warn or error.
	LogLevel logLevel `envconfig:"LOG_LEVEL" default:"info"`
	// LogFormat is "json" or "text".
	LogFormat string `envconfig:"LOG_FORMAT" default:"json"`
	// ManagementAddr is host:port of a listener for /metrics, /livez and /readyz, which are
	// not served on PORT then. Empty: there is none.
	ManagementAddr string `envconfig:"MANAGEMENT_ADDR"`
	// PProf serves profiles of the running program, /debug/pprof, on ManagementAddr too.
	PProf bool `envconfig:"PPROF"`
	// APIDocs serves the page /docs, on which the API can be tried out.
	APIDocs bool `envconfig:"API_DOCS"`
	// OTLPEndpoint is the URL of an OpenTelemetry collector, OTLPTracesEndpoint one for
	// traces alone. With neither there are no traces. The other variables of
	// OpenTelemetry's SDK count too; it reads them by itself.
	OTLPEndpoint       string `envconfig:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	OTLPTracesEndpoint string `envconfig:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	// OTLPProtocol is "grpc" or "http/protobuf", OTLPTracesProtocol goes before it. Empty
	// means "grpc": OpenTelemetry takes an empty variable for one that is not set.
	OTLPProtocol       string `envconfig:"OTEL_EXPORTER_OTLP_PROTOCOL"`
	OTLPTracesProtocol string `envconfig:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"`
	// TracesExporter is "otlp" or empty, or "none" for no traces.
	TracesExporter string `envconfig:"OTEL_TRACES_EXPORTER"`
	// SDKDisabled is "true" for no traces too; anything else means nothing.
	SDKDisabled string `envconfig:"OTEL_SDK_DISABLED"`
}

// lastTracesTimeout bounds the sending of the last spans at the end of the program.
const lastTracesTimeout = time.Second

// validateOperation is Validate for what operators care about alone.
func (o Operation) validateOperation(found *configError) {
	isNoURL := func(text string) bool {
		_, ok := parseHTTP(text)
		return text != "" && !ok
	}
	protocols := []string{"", string(telemetry.GRPC), string(telemetry.HTTPProtobuf)}
	found.addIf(!slices.Contains([]string{"json", "text"}, o.LogFormat), "LOG_FORMAT: must be json or text")
	found.addIf(o.ManagementAddr != "" && !isAddress(o.ManagementAddr), "MANAGEMENT_ADDR: must be host:port or :port")
	found.addIf(o.PProf && o.ManagementAddr == "", "PPROF: must be off without MANAGEMENT_ADDR, the only place where profiles are served")
	found.addIf(isNoURL(o.OTLPEndpoint), "OTEL_EXPORTER_OTLP_ENDPOINT: must be an http or https URL, such as http://collector:4317")
	found.addIf(isNoURL(o.OTLPTracesEndpoint), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: must be an http or https URL, such as http://collector:4317")
	found.addIf(!slices.Contains(protocols, o.OTLPProtocol), "OTEL_EXPORTER_OTLP_PROTOCOL: must be grpc or http/protobuf")
	found.addIf(!slices.Contains(protocols, o.OTLPTracesProtocol), "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: must be grpc or http/protobuf")
	found.addIf(!slices.Contains([]string{"", "otlp", tracesOff}, o.TracesExporter), "OTEL_TRACES_EXPORTER: must be otlp or none")
}

// tracesOff is the value of OTEL_TRACES_EXPORTER for no traces.
const tracesOff = "none"

// isAddress reports whether text is an address to listen on, with a port in figures.
func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// logger makes the program's log.
func (o Operation) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.Level(o.LogLevel)}
	if o.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(auditlog.Visible(w), options))
}

// traces starts the traces, if there is a collector for them. The returned function
// sends what is left of them.
func (o Operation) traces(ctx context.Context, log *slog.Logger) (provider trace.TracerProvider, end func(), err error) {
	if o.OTLPEndpoint == "" && o.OTLPTracesEndpoint == "" || o.TracesExporter == tracesOff || strings.EqualFold(o.SDKDisabled, "true") {
		return noop.NewTracerProvider(), func() {}, nil
	}
	protocol := telemetry.Protocol(cmp.Or(o.OTLPTracesProtocol, o.OTLPProtocol, string(telemetry.GRPC)))
	traces, err := telemetry.NewTraces(ctx, protocol, "user-sync-service", version(), log)
	if err != nil {
		return nil, nil, err
	}
	return traces.Provider(), func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTracesTimeout)
		defer cancel()
		traces.Close(ctx)
	}, nil
}
