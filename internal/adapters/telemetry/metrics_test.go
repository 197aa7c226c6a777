package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/telemetry"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// Alerts are written in these names, so they are part of what the service promises.

var _ app.Observer = (*telemetry.Metrics)(nil)

// scrape returns the lines that Prometheus would read.
func scrape(t *testing.T, metrics *telemetry.Metrics) []string {
	t.Helper()
	recorder := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	require.Equal(t, http.StatusOK, recorder.Code)
	return strings.Split(recorder.Body.String(), "\n")
}

// of returns the lines of one metric.
func of(lines []string, name string) []string {
	var values []string
	for _, line := range lines {
		if strings.HasPrefix(line, name) {
			values = append(values, line)
		}
	}
	return values
}

func TestMetrics_CountRefusalsByReasonAndWhetherTheyWereEnforced(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Build{})
	assert.Empty(t, of(scrape(t, metrics), "usersync_refusals_total"))
	metrics.Refused(domain.Forbidden, true)
	metrics.Refused(domain.Forbidden, true)
	metrics.Refused(domain.Forbidden, false)
	metrics.Refused(domain.ProtectedUser, true)
	assert.Equal(t, []string{
		`usersync_refusals_total{enforced="false",reason="forbidden"} 1`,
		`usersync_refusals_total{enforced="true",reason="forbidden"} 2`,
		`usersync_refusals_total{enforced="true",reason="protected_user"} 1`,
	}, of(scrape(t, metrics), "usersync_refusals_total"))
}

// The counter is there from the start: an alert on its increase misses the first
// failure otherwise.
func TestMetrics_CountFailuresOfTheAuditLog(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Build{})
	assert.Equal(t, []string{"usersync_audit_failures_total 0"}, of(scrape(t, metrics), "usersync_audit_failures_total"))
	metrics.AuditFailed()
	metrics.AuditFailed()
	assert.Equal(t, []string{"usersync_audit_failures_total 2"}, of(scrape(t, metrics), "usersync_audit_failures_total"))
	metrics.WatchAudit(func() uint64 { return 3 })
	assert.Equal(t, []string{"usersync_audit_suppressed_total 3"}, of(scrape(t, metrics), "usersync_audit_suppressed_total"))
}

func TestMetrics_CountUsersWhoWereLeftIncomplete(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Build{})
	assert.Equal(t, []string{"usersync_partial_users_total 0"}, of(scrape(t, metrics), "usersync_partial_users_total"))
	metrics.LeftPartial()
	metrics.LeftPartial()
	assert.Equal(t, []string{"usersync_partial_users_total 2"}, of(scrape(t, metrics), "usersync_partial_users_total"))
}

// As above: each administrator counts, the first one too.
func TestMetrics_CountAdministratorsAndDisabledAccounts(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Build{})
	for _, count := range []string{"0", "1"} {
		var given []string
		for _, how := range []string{"created", "moved", "repaired"} {
			given = append(given, `usersync_privileged_assignments_total{how="`+how+`"} `+count)
		}
		lines := scrape(t, metrics)
		assert.Equal(t, given, of(lines, "usersync_privileged_assignments_total"))
		assert.Equal(t, []string{"usersync_accounts_disabled_total " + count}, of(lines, "usersync_accounts_disabled_total"))
		for _, how := range []string{"created", "moved", "repaired"} {
			metrics.PrivilegesGiven(how)
		}
		metrics.Disabled()
	}
}

func TestMetrics_KeepTheNamesLabelsAndBucketsOfTheContract(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Build{})
	metrics.ObserveRequest(http.MethodPut, "/users/{username}/status", http.StatusOK, 60*time.Millisecond)
	lines := scrape(t, metrics)
	assert.Equal(t, []string{`http_requests_total{endpoint="/users/{username}/status",method="PUT",status="200"} 1`}, of(lines, "http_requests_total"))
	const labels = `{endpoint="/users/{username}/status",method="PUT",le="`
	var want []string
	for _, bucket := range []string{
		"0.005 0", "0.01 0", "0.025 0", "0.05 0", "0.075 1", "0.1 1", "0.25 1", "0.5 1", "0.75 1", "1 1", "2.5 1", "5 1", "7.5 1", "10 1", "+Inf 1",
	} {
		limit, count, _ := strings.Cut(bucket, " ")
		want = append(want, "http_request_duration_seconds_bucket"+labels+limit+`"} `+count)
	}
	assert.Equal(t, want, of(lines, "http_request_duration_seconds_bucket"))
}
