package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Lane is measured at each scrape.
type Lane struct {
	Name            string
	Inside, Waiting int // requests
	Refused         int // since the start
}

// WatchAdmission adds the state of the lanes in which requests are admitted.
func (m *Metrics) WatchAdmission(lanes func() []Lane) { m.registry.MustRegister(laneCollector(lanes)) }

// laneCollector reads the lanes once for all of their metrics.
type laneCollector func() []Lane

// Describe implements [prometheus.Collector]. It may describe nothing: Collect does.
func (laneCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c laneCollector) Collect(metrics chan<- prometheus.Metric) {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, []string{"lane"}, nil) }
	inside := desc("usersync_admission_inside", "Requests that were admitted and are under way.")
	waiting := desc("usersync_admission_waiting", "Requests that wait to be admitted.")
	refused := desc("usersync_admission_refusals_total", "Requests that were not admitted, because too many waited or for too long.")
	for _, lane := range c() {
		metrics <- prometheus.MustNewConstMetric(inside, prometheus.GaugeValue, float64(lane.Inside), lane.Name)
		metrics <- prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, float64(lane.Waiting), lane.Name)
		metrics <- prometheus.MustNewConstMetric(refused, prometheus.CounterValue, float64(lane.Refused), lane.Name)
	}
}
