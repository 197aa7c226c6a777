// Package telemetry measures the service for its operators: metrics for Prometheus and
// traces for OpenTelemetry. It is the only package that knows Prometheus.
package telemetry

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"user-sync-service/internal/domain"
)

// Metrics are the service's metrics in a registry of their own. They name no person.
type Metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	auditing prometheus.Counter
	partials prometheus.Counter
	disabled prometheus.Counter
	syncs    *prometheus.CounterVec
	// privileges are assignments.
	privileges *prometheus.CounterVec

	keycloakCalls    *prometheus.CounterVec
	keycloakDuration *prometheus.HistogramVec
	retries          *prometheus.CounterVec
	compensations    *prometheus.CounterVec
	secrets          *prometheus.CounterVec
	mails            *prometheus.CounterVec
}

// Build describes the running program.
type Build struct {
	Version, Revision string
	// RoleMap is the fingerprint of the role map.
	RoleMap string
}

// NewMetrics returns the metrics. Their names, labels and buckets are fixed: alerts use
// them.
func NewMetrics(build Build) *Metrics {
	registry := prometheus.NewRegistry()
	auto := promauto.With(registry)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return auto.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	m := &Metrics{
		registry: registry,

		requests: counter("http_requests_total", "Answered HTTP requests.", "method", "endpoint", "status"),
		duration: histogram("http_request_duration_seconds", "Time from the request's header to the end of the response.",
			[]float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}, "method", "endpoint"),
		refusals: counter("usersync_refusals_total",
			"Attempts refused for safety; those with enforced=\"false\" were let through nonetheless.", "reason", "enforced"),
		auditing: counter("usersync_audit_failures_total",
			"Audit events that could not be recorded, and writes refused because theirs could not have been.").WithLabelValues(),
		partials: counter("usersync_partial_users_total", "Users that were, or may have been, left incomplete.").WithLabelValues(),
		disabled: counter("usersync_accounts_disabled_total", "Accounts that were switched off.").WithLabelValues(),
		syncs:    counter("usersync_syncs_total", "Attempts to sync a user, by outcome.", "outcome"),
		privileges: counter("usersync_privileged_assignments_total",
			"Assignments with privileged roles that were given: each may have made an administrator.", "how"),

		keycloakCalls: counter("usersync_keycloak_requests_total",
			"Calls to Keycloak by HTTP status; timeout, unreachable and cancelled had no answer.", "operation", "code"),
		keycloakDuration: histogram("usersync_keycloak_request_duration_seconds", "Time that calls to Keycloak took.",
			[]float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}, "operation"),
		retries: counter("usersync_keycloak_retries_total", "Retries of calls to Keycloak.", "operation"),
		compensations: counter("usersync_compensations_total",
			"Users that could not be finished, and were removed again or left.", "outcome"),
		secrets: counter("usersync_client_secret_reloads_total",
			"Changes of the client secret that were noticed, and failures to read it.", "outcome"),
		mails: counter("usersync_mails_turned_away_total",
			"Mails that were not tried, because the mail server does not answer or too many were under way.", "reason"),
	}
	// An alert on an increase misses the first event of a series that is not there before.
	for counter, outcomes := range map[*prometheus.CounterVec][]string{
		m.privileges:    {"created", "repaired", "moved"},
		m.syncs:         {"created", "exists", "repaired", "failed", "refused"},
		m.compensations: {"removed", "left"},
		m.secrets:       {"changed", "failed"},
		m.mails:         {"circuit_open", "busy"},
	} {
		for _, outcome := range outcomes {
			counter.WithLabelValues(outcome)
		}
	}
	info := func(name, help string, labels prometheus.Labels) {
		auto.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}).Set(1)
	}
	info("usersync_build_info", "The running program.",
		prometheus.Labels{"version": build.Version, "revision": build.Revision, "goversion": runtime.Version()})
	info("usersync_role_map_info", "The role map in force, by its fingerprint.", prometheus.Labels{"hash": build.RoleMap})
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// ObserveRequest counts an answered request. Endpoint is the route's pattern.
func (m *Metrics) ObserveRequest(method, endpoint string, status int, duration time.Duration) {
	m.requests.WithLabelValues(method, endpoint, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(method, endpoint).Observe(duration.Seconds())
}

// Refused counts an attempt that was refused for safety, or would have been.
func (m *Metrics) Refused(reason domain.Kind, enforced bool) {
	m.refusals.WithLabelValues(string(reason), strconv.FormatBool(enforced)).Inc()
}

// AuditFailed counts a failure to keep the audit log.
func (m *Metrics) AuditFailed() { m.auditing.Inc() }

// WatchAudit counts what the audit log leaves out of the refusals of strangers.
func (m *Metrics) WatchAudit(suppressed func() uint64) {
	promauto.With(m.registry).NewCounterFunc(prometheus.CounterOpts{
		Name: "usersync_audit_suppressed_total", Help: "Refusals of strangers that the audit log counts instead of telling each.",
	}, func() float64 { return float64(suppressed()) })
}

// LeftPartial counts a user that was, or may have been, left incomplete.
func (m *Metrics) LeftPartial() { m.partials.Inc() }

// PrivilegesGiven counts an assignment with privileged roles, by how it came about.
func (m *Metrics) PrivilegesGiven(how string) { m.privileges.WithLabelValues(how).Inc() }

// Disabled counts an account that was switched off.
func (m *Metrics) Disabled() { m.disabled.Inc() }

// Synced counts an attempt to sync a user by its outcome.
func (m *Metrics) Synced(outcome string) { m.syncs.WithLabelValues(outcome).Inc() }
