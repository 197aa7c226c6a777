package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"
)

func TestLoad_OfOperationHasDefaults(t *testing.T) {
	setEnvironment(t, sound(nil))
	config, err := Load()
	require.NoError(t, err)
	assert.Equal(t, Operation{LogLevel: logLevel(slog.LevelInfo), LogFormat: "json"}, config.Operation)
}

func TestLoad_SaysWhatIsWrongWithTheOperation(t *testing.T) {
	for _, c := range []struct{ name, value string }{
		{"LOG_FORMAT", ""}, {"LOG_FORMAT", "JSON"}, {"LOG_FORMAT", "logfmt"},
		{"MANAGEMENT_ADDR", "9090"}, {"MANAGEMENT_ADDR", "127.0.0.1"}, {"MANAGEMENT_ADDR", "::1:9090"}, {"MANAGEMENT_ADDR", ":"},
		{"MANAGEMENT_ADDR", ":http"}, {"MANAGEMENT_ADDR", ":65536"}, {"MANAGEMENT_ADDR", "http://127.0.0.1:9090"},
		{"PPROF", "true"}, {"PPROF", "on"}, // the first without MANAGEMENT_ADDR
		{"API_DOCS", "yes"}, {"API_DOCS", ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"}, {"OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://collector:4317"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://"}, {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:x"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http"}, {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"}, {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "GRPC"},
		{"OTEL_TRACES_EXPORTER", "zipkin"}, {"OTEL_TRACES_EXPORTER", "otlp,console"},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			setEnvironment(t, sound(map[string]string{c.name: c.value}))
			_, err := Load()
			var faults configError
			require.ErrorAs(t, err, &faults)
			require.Len(t, faults, 1)
			assert.True(t, strings.HasPrefix(faults[0], c.name+": must be "), faults[0])
		})
	}
}

func TestLoad_ListsTheFaultsOfTheOperationAtOnce(t *testing.T) {
	setEnvironment(t, sound(map[string]string{
		"LOG_FORMAT": "x", "MANAGEMENT_ADDR": "x", "OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "x",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "x", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "x", "OTEL_TRACES_EXPORTER": "x", "API_DOCS": "x",
	}))
	_, err := Load()
	var faults configError
	require.ErrorAs(t, err, &faults)
	assert.Equal(t, configError{
		"API_DOCS: must be true or false",
		"LOG_FORMAT: must be json or text",
		"MANAGEMENT_ADDR: must be host:port or :port",
		"OTEL_EXPORTER_OTLP_ENDPOINT: must be an http or https URL, such as http://collector:4317",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: must be an http or https URL, such as http://collector:4317",
		"OTEL_EXPORTER_OTLP_PROTOCOL: must be grpc or http/protobuf",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: must be grpc or http/protobuf",
		"OTEL_TRACES_EXPORTER: must be otlp or none",
	}, faults)
}

func TestLoad_TakesWhatIsRightForTheOperation(t *testing.T) {
	for _, variables := range []map[string]string{
		{"LOG_FORMAT": "text"}, {"MANAGEMENT_ADDR": ":9090"}, {"MANAGEMENT_ADDR": "[::1]:9090"}, {"MANAGEMENT_ADDR": ""}, {"API_DOCS": "true"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.bank.example/otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
		// To OpenTelemetry, an empty variable is one that is not set.
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "", "OTEL_EXPORTER_OTLP_PROTOCOL": "", "OTEL_TRACES_EXPORTER": "", "OTEL_SDK_DISABLED": ""},
		{"OTEL_SDK_DISABLED": "1"},
	} {
		setEnvironment(t, sound(variables))
		_, err := Load()
		assert.NoError(t, err, "%v", variables)
	}
}

// There are traces only where there is a collector, and nobody has said that there are
// to be none.
func TestTraces_AreOffUnlessThereIsACollector(t *testing.T) {
	const collector = "http://127.0.0.1:1"
	for _, test := range []struct {
		variables map[string]string
		on        bool
	}{
		{nil, false},
		{map[string]string{"OTEL_SERVICE_NAME": "sync", "OTEL_TRACES_SAMPLER": "always_on"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_TRACES_EXPORTER": "none"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_TRACES_EXPORTER": "otlp"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_SDK_DISABLED": "True"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_SDK_DISABLED": "false"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_SDK_DISABLED": "1"}, true}, // as its specification has it
	} {
		setEnvironment(t, sound(test.variables))
		config, err := Load()
		require.NoError(t, err)
		provider, end, err := config.traces(t.Context(), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		_, off := provider.(noop.TracerProvider)
		assert.Equal(t, test.on, !off, "%v", test.variables)
		end()
	}
}

func TestLogger_WritesTheFormatAndTheLevelThatAreWanted(t *testing.T) {
	for format, want := range map[string]string{"json": `"level":"WARN","msg":"hello","a":"b c"`, "text": `level=WARN msg=hello a="b c"`} {
		var written bytes.Buffer
		log := Operation{LogFormat: format, LogLevel: logLevel(slog.LevelWarn)}.logger(&written)
		log.Info("not this")
		log.Warn("hello", "a", "b c")
		assert.Equal(t, 1, strings.Count(written.String(), "\n"))
		assert.Contains(t, written.String(), want)
	}
}
