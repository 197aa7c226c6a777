// Package telemetry measures the service for its operators. It knows Prometheus; nobody
// else does.
package telemetry

import (
	"net/http"
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
}

// NewMetrics makes the metrics. Names, labels and buckets of the first two are fixed:
// alerts use them.
func NewMetrics() *Metrics {
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
	}
	m.registry.MustRegister(m.requests, m.duration, m.refusals, m.auditing, m.partials,
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

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
