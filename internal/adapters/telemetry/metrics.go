// Package telemetry measures the service for its operators. It knows Prometheus; nobody
// else does.
package telemetry

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"user-sync-service/internal/domain"
)

// Metrics are the service's metrics in a registry of their own. They carry no names of
// persons.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	auditing prometheus.Counter
	partials prometheus.Counter
	syncs    *prometheus.CounterVec
	keycloak keycloakMetrics
}

// Build is what the metrics say of the running program, once for all.
type Build struct {
	Version, Revision string
	// RoleMap is the fingerprint of the mapping from Fineract roles.
	RoleMap string
}

// NewMetrics makes the metrics. Names, labels and buckets of the first two are fixed:
// alerts use them.
func NewMetrics(build Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Answered HTTP requests.",
		}, []string{"method", "endpoint", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Time from the request's header to the end of the answer.",
			Buckets: []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10},
		}, []string{"method", "endpoint"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usersync_refusals_total",
			Help: "Attempts refused for the sake of safety; those with enforced=\"false\" got through nonetheless.",
		}, []string{"reason", "enforced"}),
		auditing: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "usersync_audit_failures_total",
			Help: "Audit events that could not be recorded, and writes refused because theirs could not have been.",
		}),
		partials: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "usersync_partial_users_total",
			Help: "Users that were, or may have been, left incomplete.",
		}),
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usersync_syncs_total",
			Help: "Attempts to sync a user, by what became of them.",
		}, []string{"outcome"}),
		keycloak: newKeycloakMetrics(),
	}
	startAtZero(m.syncs, "created", "exists", "repaired", "failed", "refused")
	m.registry.MustRegister(m.requests, m.duration, m.refusals, m.auditing, m.partials, m.syncs)
	m.registry.MustRegister(m.keycloak.all()...)
	m.registry.MustRegister(
		constant("usersync_build_info", "The running program.", prometheus.Labels{
			"version": build.Version, "revision": build.Revision, "goversion": runtime.Version(),
		}),
		constant("usersync_role_map_info", "The mapping from Fineract roles that is in force, by its fingerprint.", prometheus.Labels{"hash": build.RoleMap}),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ObserveRequest counts an answered request. Endpoint is the route's pattern.
func (m *Metrics) ObserveRequest(method, endpoint string, status int, duration time.Duration) {
	m.requests.WithLabelValues(method, endpoint, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(method, endpoint).Observe(duration.Seconds())
}

// Refused counts a refusal for the sake of safety.
func (m *Metrics) Refused(reason domain.Kind, enforced bool) {
	m.refusals.WithLabelValues(string(reason), strconv.FormatBool(enforced)).Inc()
}

// AuditFailed counts a failure to keep the audit log.
func (m *Metrics) AuditFailed() { m.auditing.Inc() }

// LeftPartial counts a user that was, or may have been, left incomplete.
func (m *Metrics) LeftPartial() { m.partials.Inc() }

// Synced counts an attempt to sync a user by its outcome.
func (m *Metrics) Synced(outcome string) { m.syncs.WithLabelValues(outcome).Inc() }

// startAtZero makes a counter's series be there from the start: an alert on their
// increase misses the first event otherwise.
func startAtZero(counter *prometheus.CounterVec, values ...string) {
	for _, value := range values {
		counter.WithLabelValues(value)
	}
}

// constant is a metric whose labels say something, and whose value is 1.
func constant(name, help string, labels prometheus.Labels) prometheus.Collector {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
	gauge.Set(1)
	return gauge
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
