package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// keycloakMetrics are about the calls to Keycloak.
type keycloakMetrics struct {
	calls         *prometheus.CounterVec
	duration      *prometheus.HistogramVec
	repetitions   *prometheus.CounterVec
	compensations *prometheus.CounterVec
	secrets       *prometheus.CounterVec
}

func newKeycloakMetrics() keycloakMetrics {
	m := keycloakMetrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usersync_keycloak_requests_total",
			Help: "Calls to Keycloak by their HTTP status; timeout, unreachable and cancelled had no answer.",
		}, []string{"operation", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "usersync_keycloak_request_duration_seconds",
			Help:    "Time that calls to Keycloak took.",
			Buckets: []float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"operation"}),
		repetitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usersync_keycloak_retries_total",
			Help: "Calls to Keycloak that were made again after a failure.",
		}, []string{"operation"}),
		compensations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usersync_compensations_total",
			Help: "Users that could not be finished, and were removed again or left.",
		}, []string{"outcome"}),
		secrets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usersync_client_secret_reloads_total",
			Help: "Changes of the client secret that were noticed, and failures to read it.",
		}, []string{"outcome"}),
	}
	startAtZero(m.compensations, "removed", "left")
	startAtZero(m.secrets, "changed", "failed")
	return m
}

func (m keycloakMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.calls, m.duration, m.repetitions, m.compensations, m.secrets}
}

// Called counts a call to Keycloak.
func (m *Metrics) Called(operation, code string, took time.Duration) {
	m.keycloak.calls.WithLabelValues(operation, code).Inc()
	m.keycloak.duration.WithLabelValues(operation).Observe(took.Seconds())
}

// Repeated counts a repetition of a call to Keycloak.
func (m *Metrics) Retried(operation string) { m.keycloak.repetitions.WithLabelValues(operation).Inc() }

// Compensated counts a user that could not be finished.
func (m *Metrics) Compensated(removed bool) {
	outcome := "left"
	if removed {
		outcome = "removed"
	}
	m.keycloak.compensations.WithLabelValues(outcome).Inc()
}

// SecretReread counts a change of the client secret, or a failure to read it.
func (m *Metrics) SecretReread(err error) {
	outcome := "changed"
	if err != nil {
		outcome = "failed"
	}
	m.keycloak.secrets.WithLabelValues(outcome).Inc()
}

// KeycloakState is what is measured when somebody asks for the metrics.
type KeycloakState struct {
	Up       bool   // at the latest check in the background
	Circuit  string // "closed", "half_open" or "open"
	UnderWay int    // calls
	TokenAge time.Duration
	LoggedIn bool // else there is no token
}

// WatchKeycloak adds gauges of the state.
func (m *Metrics) WatchKeycloak(state func() KeycloakState) {
	m.registry.MustRegister(stateCollector{
		state:    state,
		up:       prometheus.NewDesc("usersync_keycloak_up", "1 when the latest background check of Keycloak succeeded.", nil, nil),
		circuit:  prometheus.NewDesc("usersync_keycloak_circuit_state", "1 for the state in which the circuit breaker is.", []string{"state"}, nil),
		underWay: prometheus.NewDesc("usersync_keycloak_requests_in_flight", "Calls to Keycloak under way.", nil, nil),
		tokenAge: prometheus.NewDesc("usersync_keycloak_token_age_seconds", "Age of the service's access token.", nil, nil),
	})
}

// stateCollector asks for the state once for all of its gauges, so that they agree.
type stateCollector struct {
	state                           func() KeycloakState
	up, circuit, underWay, tokenAge *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c stateCollector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, description := range []*prometheus.Desc{c.up, c.circuit, c.underWay, c.tokenAge} {
		descriptions <- description
	}
}

// Collect implements [prometheus.Collector].
func (c stateCollector) Collect(metrics chan<- prometheus.Metric) {
	state := c.state()
	gauge := func(description *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value, labels...)
	}
	gauge(c.up, oneIf(state.Up))
	for _, name := range []string{"closed", "half_open", "open"} {
		gauge(c.circuit, oneIf(state.Circuit == name), name)
	}
	gauge(c.underWay, float64(state.UnderWay))
	if state.LoggedIn {
		gauge(c.tokenAge, state.TokenAge.Seconds())
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
