package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Called counts a call to Keycloak.
func (m *Metrics) Called(operation, code string, took time.Duration) {
	m.keycloakCalls.WithLabelValues(operation, code).Inc()
	m.keycloakDuration.WithLabelValues(operation).Observe(took.Seconds())
}

// Retried counts a retry of a call to Keycloak.
func (m *Metrics) Retried(operation string) { m.retries.WithLabelValues(operation).Inc() }

// MailTurnedAway counts a mail that was not tried.
func (m *Metrics) MailTurnedAway(reason string) { m.mails.WithLabelValues(reason).Inc() }

// Compensated counts a user that could not be finished.
func (m *Metrics) Compensated(removed bool) {
	outcome := "left"
	if removed {
		outcome = "removed"
	}
	m.compensations.WithLabelValues(outcome).Inc()
}

// SecretReread counts a change of the client secret, or a failure to read it.
func (m *Metrics) SecretReread(err error) {
	outcome := "changed"
	if err != nil {
		outcome = "failed"
	}
	m.secrets.WithLabelValues(outcome).Inc()
}

// KeycloakState is measured at each scrape.
type KeycloakState struct {
	Up bool // at the latest background check
	// Circuit and MailCircuit are "closed", "half_open" or "open".
	Circuit, MailCircuit string
	UnderWay             int // calls
	TokenAge             time.Duration
	LoggedIn             bool // else there is no token
}

// WatchKeycloak adds gauges of the state.
func (m *Metrics) WatchKeycloak(state func() KeycloakState) {
	m.registry.MustRegister(stateCollector(state))
}

// stateCollector reads the state once for all of its gauges, so that they agree.
type stateCollector func() KeycloakState

// Describe implements [prometheus.Collector]. It may describe nothing: Collect does.
func (stateCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c stateCollector) Collect(metrics chan<- prometheus.Metric) {
	state := c()
	gauge := func(name, help string, value float64, labels prometheus.Labels) {
		metrics <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, labels), prometheus.GaugeValue, value)
	}
	gauge("usersync_keycloak_up", "1 if the latest background check of Keycloak succeeded.", oneIf(state.Up), nil)
	for _, name := range []string{"closed", "half_open", "open"} {
		gauge("usersync_keycloak_circuit_state", "1 for the state of the circuit breaker.",
			oneIf(state.Circuit == name), prometheus.Labels{"state": name})
		gauge("usersync_mail_circuit_state", "1 for the state of the circuit breaker of mails.",
			oneIf(state.MailCircuit == name), prometheus.Labels{"state": name})
	}
	gauge("usersync_keycloak_requests_in_flight", "Calls to Keycloak under way.", float64(state.UnderWay), nil)
	if state.LoggedIn {
		gauge("usersync_keycloak_token_age_seconds", "Age of the service's access token.", state.TokenAge.Seconds(), nil)
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
