package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	grafana "github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// metric is what the program exports under a name.
type metric struct {
	kind   string   // counter, gauge or histogram
	labels []string // sorted
	seen   bool     // within the test, not only after an event
}

// promised reads the metrics of testdata/series.txt.
func promised(t *testing.T) map[string]metric {
	t.Helper()
	text, err := os.ReadFile("testdata/series.txt")
	require.NoError(t, err)
	metrics := make(map[string]metric)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		require.Len(t, fields, 4, line)
		require.Contains(t, []string{"seen", "event"}, fields[3])
		require.NotContains(t, metrics, fields[0])
		m := metric{kind: fields[1], seen: fields[3] == "seen"}
		if fields[2] != "-" {
			m.labels = strings.Split(fields[2], ",")
		}
		require.True(t, slices.IsSorted(m.labels), line)
		metrics[fields[0]] = m
	}
	return metrics
}

// byPrometheus are the labels that Prometheus and its operator add to each series. The
// operator's "endpoint" is not among them: the ServiceMonitor drops it.
var byPrometheus = []string{"job", "instance", "namespace", "pod", "container", "service"}

// series returns the series by their names, with all labels that they can have.
func series(metrics map[string]metric) map[string][]string {
	all := map[string][]string{
		"up":     byPrometheus,
		"ALERTS": {"alertname", "alertstate", "severity"},
	}
	for name, m := range metrics {
		whole := append(slices.Clone(byPrometheus), m.labels...)
		if m.kind != "histogram" {
			all[name] = whole
			continue
		}
		all[name+"_bucket"] = append(slices.Clone(whole), "le")
		all[name+"_sum"], all[name+"_count"] = whole, whole
	}
	return all
}

func parse(t *testing.T, query string) parser.Expr {
	t.Helper()
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	require.NoError(t, err, "%s", query)
	return expression
}

// faults returns what a query names that there is not: series, labels of them, or labels to
// group and match by.
func faults(t *testing.T, query string, known map[string][]string) []string {
	t.Helper()
	var found []string
	var available []string // in any of the query's series
	expression := parse(t, query)
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		has, ok := known[selector.Name]
		if !ok {
			found = append(found, fmt.Sprintf("no series %q", selector.Name))
			return nil
		}
		available = append(available, has...)
		for _, matcher := range selector.LabelMatchers {
			if matcher.Name != model.MetricNameLabel && !slices.Contains(has, matcher.Name) {
				found = append(found, fmt.Sprintf("%s has no label %q", selector.Name, matcher.Name))
			}
		}
		if selector.Name != "ALERTS" && !slices.ContainsFunc(selector.LabelMatchers, isOurJob) {
			found = append(found, selector.Name+" of any job")
		}
		return nil
	})
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		var grouping []string
		switch node := node.(type) {
		case *parser.AggregateExpr:
			grouping = node.Grouping
		case *parser.BinaryExpr:
			if node.VectorMatching != nil {
				grouping = append(slices.Clone(node.VectorMatching.MatchingLabels), node.VectorMatching.Include...)
			}
		}
		for _, label := range grouping {
			if !slices.Contains(available, label) {
				found = append(found, fmt.Sprintf("no series with the label %q", label))
			}
		}
		return nil
	})
	return found
}

func isOurJob(matcher *labels.Matcher) bool {
	return matcher.Name == "job" && matcher.Type == labels.MatchEqual && matcher.Value == name
}

// The check itself is seen to fail.
func TestFaults_AreFound(t *testing.T) {
	known := series(promised(t))
	for _, sound := range []string{
		`sum by (endpoint, le, pod) (rate(http_request_duration_seconds_bucket{job="user-sync-service"}[5m]))`,
		`up{job="user-sync-service"} and on (instance) usersync_keycloak_up{job="user-sync-service"}`,
	} {
		assert.Empty(t, faults(t, sound, known), sound)
	}
	for _, faulty := range []string{
		`usersync_keycloak_down{job="user-sync-service"}`,
		`http_request_duration_seconds{job="user-sync-service"}`,
		`usersync_keycloak_up`,
		`usersync_keycloak_up{job="another"}`,
		`http_requests_total{job="user-sync-service",code="500"}`,
		`sum by (route) (http_requests_total{job="user-sync-service"})`,
		`up{job="user-sync-service"} and on (exported_endpoint) http_requests_total{job="user-sync-service"}`,
	} {
		assert.Len(t, faults(t, faulty, known), 1, faulty)
	}
}

func TestAlerts_NameOnlyWhatTheProgramExports(t *testing.T) {
	known := series(promised(t))
	for _, alert := range alerts(t) {
		assert.Empty(t, faults(t, alert.Expr.String(), known), alert.Alert)
	}
}

type grafanaDashboard = dashboard.Dashboard //nolint:staticcheck // Every Grafana in use imports this version of the schema, few the second one.

// readDashboard reads the dashboard strictly by Grafana's own schema.
func readDashboard(t *testing.T) (grafanaDashboard, []byte) {
	t.Helper()
	plugins := cog.NewRuntime()
	plugins.RegisterPanelcfgVariant(stat.VariantConfig())
	plugins.RegisterPanelcfgVariant(timeseries.VariantConfig())
	plugins.RegisterDataqueryVariant(grafana.VariantConfig())
	text, err := os.ReadFile(deployFolder + "/grafana-dashboard.json")
	require.NoError(t, err)
	if err := new(grafanaDashboard).UnmarshalJSONStrict(text); err != nil {
		require.Empty(t, err.Error()) // For no fault at all the library returns an empty list of them.
	}
	var board grafanaDashboard // Once more, since the strict way forgets the panels for the same reason.
	require.NoError(t, json.Unmarshal(text, &board))
	require.NoError(t, board.Validate())
	return board, text
}

func TestDashboard_FollowsGrafanasSchema(t *testing.T) {
	board, _ := readDashboard(t)
	ids := make(map[uint32]string)
	taken := make(map[[2]uint32]string)
	for _, entry := range board.Panels {
		if entry.RowPanel != nil {
			assert.NotContains(t, ids, entry.RowPanel.Id)
			ids[entry.RowPanel.Id] = *entry.RowPanel.Title
			continue
		}
		panel := entry.Panel
		require.NotNil(t, panel)
		require.NotNil(t, panel.Id)
		assert.NotContains(t, ids, *panel.Id)
		ids[*panel.Id] = *panel.Title
		assert.Contains(t, []string{"stat", "timeseries"}, panel.Type, "the schemas of these two are checked")
		assert.NotEmpty(t, panel.Targets, *panel.Title)
		place := panel.GridPos
		require.NotNil(t, place)
		assert.LessOrEqual(t, place.X+place.W, uint32(24), *panel.Title)
		for x := place.X; x < place.X+place.W; x++ {
			for y := place.Y; y < place.Y+place.H; y++ {
				assert.Empty(t, taken[[2]uint32{x, y}], "%s lies over another panel", *panel.Title)
				taken[[2]uint32{x, y}] = *panel.Title
			}
		}
	}
}

func TestDashboard_NamesOnlyWhatTheProgramExports(t *testing.T) {
	board, text := readDashboard(t)
	known := series(promised(t))
	checked := 0
	for _, entry := range board.Panels {
		if entry.Panel == nil {
			continue
		}
		for _, target := range entry.Panel.Targets {
			query, ok := target.(*grafana.Dataquery)
			require.True(t, ok, *entry.Panel.Title)
			checked++
			assert.Empty(t, faults(t, strings.ReplaceAll(query.Expr, "$__rate_interval", "5m"), known), *entry.Panel.Title)
			// A label in a legend that the query does not leave is shown as nothing.
			for _, label := range legendLabels(query.LegendFormat) {
				assert.Contains(t, labelsLeft(t, query.Expr, known), label, *entry.Panel.Title)
			}
		}
	}
	for _, annotation := range board.Annotations.List {
		checked++
		assert.Empty(t, faults(t, *annotation.Expr, known), annotation.Name)
	}
	assert.Equal(t, bytes.Count(text, []byte(`"expr":`)), checked, "all queries were looked at")
}

// legendLabels returns the labels that a legend such as "{{status}}" shows.
func legendLabels(legend *string) []string {
	var names []string
	if legend == nil {
		return names
	}
	for _, part := range strings.Split(*legend, "{{")[1:] {
		label, _, _ := strings.Cut(part, "}}")
		names = append(names, label)
	}
	return names
}

// labelsLeft returns what the result of a query has for labels: those of its outermost
// aggregation, or all.
func labelsLeft(t *testing.T, query string, known map[string][]string) []string {
	t.Helper()
	var left []string
	var aggregated bool
	parser.Inspect(parse(t, strings.ReplaceAll(query, "$__rate_interval", "5m")), func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.AggregateExpr:
			if !aggregated {
				left, aggregated = node.Grouping, true
			}
		case *parser.VectorSelector:
			if !aggregated {
				left = append(left, known[node.Name]...)
			}
		}
		return nil
	})
	return left
}

// What nobody looks at is not worth its place; and the list does not outlive the program.
func TestSeries_AreAllUsed(t *testing.T) {
	_, board := readDashboard(t)
	rules, err := os.ReadFile(deployFolder + "/alerts.yaml")
	require.NoError(t, err)
	for name := range promised(t) {
		assert.Contains(t, string(board)+string(rules), name)
	}
}

// The program, both in the demonstration and on a Keycloak that fails, exports what the list
// says, with these types and labels, and nothing of its own beside it.
func TestSeries_AreThoseOfTheProgram(t *testing.T) {
	demonstration := start(t, nil, "demo", "--port", "0")
	for range 2 { // created, then exists
		send(t, demonstration.url+"/sync/user", `{"username":"maria","email":"maria@bank.example","role":"Cashier"}`)
	}
	failing := start(t, withSecret(t, map[string]string{
		"KEYCLOAK_URL": failingKeycloak(t), "KEYCLOAK_REALM": "bank", "KEYCLOAK_CLIENT_ID": name,
	}))
	send(t, failing.url+"/sync/user", `{}`) // refused: without a token

	wanted := promised(t)
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		exported := scrape(t, demonstration.url)
		maps.Copy(exported, scrape(t, failing.url))
		for name, found := range exported {
			if !strings.HasPrefix(name, "http_") && !strings.HasPrefix(name, "usersync_") && wanted[name].kind == "" {
				continue // of the libraries
			}
			promise, ok := wanted[name]
			if assert.True(t, ok, "%s is not in the list", name) {
				assert.Equal(t, promise.kind, found.kind, name)
				assert.Equal(t, promise.labels, found.labels, name)
			}
		}
		for name, promise := range wanted {
			if promise.seen {
				assert.Contains(t, exported, name)
			}
		}
	}, 30*time.Second, 200*time.Millisecond)
}

// send makes a POST request, whose answer is of no interest.
func send(t *testing.T, url, body string) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
}

// scrape reads /metrics as Prometheus does.
func scrape(t require.TestingT, url string) map[string]metric {
	response, err := http.Get(url + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text := expfmt.NewTextParser(model.UTF8Validation)
	families, err := text.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	metrics := make(map[string]metric)
	for name, family := range families {
		metrics[name] = metric{kind: strings.ToLower(family.GetType().String()), labels: labelsOf(family)}
	}
	return metrics
}

// labelsOf returns the labels of all metrics of a family, sorted.
func labelsOf(family *dto.MetricFamily) []string {
	var all []string
	for _, m := range family.GetMetric() {
		for _, pair := range m.GetLabel() {
			all = append(all, pair.GetName())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
