package telemetry_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/adapters/telemetry"
)

func TestMetrics_CountCallsByOperationAndOutcome(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Build{})
	metrics.Called("create_user", "201", 30*time.Millisecond)
	metrics.Called("create_user", "timeout", 6*time.Second)
	metrics.Called("find_user", "200", 2*time.Millisecond)
	metrics.Retried("find_user")
	lines := scrape(t, metrics)
	assert.Equal(t, []string{
		`usersync_keycloak_requests_total{code="200",operation="find_user"} 1`,
		`usersync_keycloak_requests_total{code="201",operation="create_user"} 1`,
		`usersync_keycloak_requests_total{code="timeout",operation="create_user"} 1`,
	}, of(lines, "usersync_keycloak_requests_total"))
	assert.Equal(t, []string{`usersync_keycloak_retries_total{operation="find_user"} 1`}, of(lines, "usersync_keycloak_retries_total"))

	const labels = `{operation="create_user",le="`
	var want []string
	for _, bucket := range []string{
		"0.0025 0", "0.005 0", "0.01 0", "0.025 0", "0.05 1", "0.1 1", "0.25 1", "0.5 1", "1 1", "2.5 1", "5 1", "+Inf 2",
	} {
		limit, count, _ := strings.Cut(bucket, " ")
		want = append(want, "usersync_keycloak_request_duration_seconds_bucket"+labels+limit+`"} `+count)
	}
	assert.Equal(t, want, of(lines, `usersync_keycloak_request_duration_seconds_bucket{operation="create_user"`))
}

// An alert on the increase of these misses the first event if they are not there before.
func TestMetrics_StartAtZero(t *testing.T) {
	lines := scrape(t, telemetry.NewMetrics(telemetry.Build{}))
	for name, labels := range map[string][]string{
		"usersync_syncs_total":                 {"created", "exists", "failed", "refused", "repaired"},
		"usersync_compensations_total":         {"left", "removed"},
		"usersync_client_secret_reloads_total": {"changed", "failed"},
	} {
		var want []string
		for _, outcome := range labels {
			want = append(want, name+`{outcome="`+outcome+`"} 0`)
		}
		assert.Equal(t, want, of(lines, name))
	}
	assert.Equal(t, []string{"usersync_audit_failures_total 0"}, of(lines, "usersync_audit_failures_total"))
	assert.Equal(t, []string{"usersync_partial_users_total 0"}, of(lines, "usersync_partial_users_total"))
}

func TestMetrics_CountOutcomes(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Build{})
	metrics.Synced("created")
	metrics.Compensated(true)
	metrics.Compensated(true)
	metrics.Compensated(false)
	metrics.MailTurnedAway("busy")
	metrics.SecretReread(nil)
	metrics.SecretReread(errors.New("no such file"))
	metrics.SecretReread(errors.New("no such file"))
	lines := scrape(t, metrics)
	for _, line := range []string{
		`usersync_syncs_total{outcome="created"} 1`,
		`usersync_compensations_total{outcome="removed"} 2`,
		`usersync_compensations_total{outcome="left"} 1`,
		`usersync_mails_turned_away_total{reason="busy"} 1`,
		`usersync_mails_turned_away_total{reason="circuit_open"} 0`,
		`usersync_client_secret_reloads_total{outcome="changed"} 1`,
		`usersync_client_secret_reloads_total{outcome="failed"} 2`,
	} {
		assert.Contains(t, lines, line)
	}
}

func TestMetrics_TellTheStateOfTheDoorWhenAsked(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Build{})
	metrics.WatchAdmission(func() []telemetry.Lane { return []telemetry.Lane{{Name: "reads", Inside: 3, Waiting: 2, Refused: 1}} })
	assert.Equal(t, []string{
		`usersync_admission_inside{lane="reads"} 3`,
		`usersync_admission_refusals_total{lane="reads"} 1`,
		`usersync_admission_waiting{lane="reads"} 2`,
	}, of(scrape(t, metrics), "usersync_admission"))
}

func TestMetrics_TellTheStateOfKeycloakWhenAsked(t *testing.T) {
	metrics := telemetry.NewMetrics(telemetry.Build{})
	assert.Empty(t, of(scrape(t, metrics), "usersync_keycloak_up"), "nobody watches")
	var state telemetry.KeycloakState
	metrics.WatchKeycloak(func() telemetry.KeycloakState { return state })

	state = telemetry.KeycloakState{Circuit: "open", MailCircuit: "half_open", UnderWay: 3}
	assert.Equal(t, []string{
		`usersync_keycloak_circuit_state{state="closed"} 0`,
		`usersync_keycloak_circuit_state{state="half_open"} 0`,
		`usersync_keycloak_circuit_state{state="open"} 1`,
		`usersync_keycloak_requests_in_flight 3`,
		`usersync_keycloak_up 0`,
	}, of(scrape(t, metrics), "usersync_keycloak"), "no age before there is a token")
	assert.Equal(t, []string{
		`usersync_mail_circuit_state{state="closed"} 0`,
		`usersync_mail_circuit_state{state="half_open"} 1`,
		`usersync_mail_circuit_state{state="open"} 0`,
	}, of(scrape(t, metrics), "usersync_mail_circuit_state"))

	state = telemetry.KeycloakState{Up: true, Circuit: "half_open", LoggedIn: true, TokenAge: 1500 * time.Millisecond}
	assert.Equal(t, []string{
		`usersync_keycloak_circuit_state{state="closed"} 0`,
		`usersync_keycloak_circuit_state{state="half_open"} 1`,
		`usersync_keycloak_circuit_state{state="open"} 0`,
		`usersync_keycloak_requests_in_flight 0`,
		`usersync_keycloak_token_age_seconds 1.5`,
		`usersync_keycloak_up 1`,
	}, of(scrape(t, metrics), "usersync_keycloak"))
}

func TestMetrics_NameTheRunningProgram(t *testing.T) {
	lines := scrape(t, telemetry.NewMetrics(telemetry.Build{Version: "v1.2.3", Revision: "abc", RoleMap: "f00"}))
	assert.Contains(t, lines, `usersync_build_info{goversion="`+runtime.Version()+`",revision="abc",version="v1.2.3"} 1`)
	assert.Contains(t, lines, `usersync_role_map_info{hash="f00"} 1`)
	for _, name := range []string{"go_goroutines ", "process_resident_memory_bytes "} {
		assert.Len(t, of(lines, name), 1, name)
	}
}
