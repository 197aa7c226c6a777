package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// alerts reads the rule file strictly as the content of a PrometheusRule, which the
// operator takes as well as the file itself.
func alerts(t *testing.T) []monitoringv1.Rule {
	t.Helper()
	text, err := os.ReadFile(deployFolder + "/alerts.yaml")
	require.NoError(t, err)
	var spec monitoringv1.PrometheusRuleSpec
	require.NoError(t, yaml.UnmarshalStrict(text, &spec))
	require.Len(t, spec.Groups, 1)
	require.NotEmpty(t, spec.Groups[0].Rules)
	return spec.Groups[0].Rules
}

// promtool runs Debian's promtool, or leaves the test out, loudly. With
// DEPLOY_TEST=required, as in CI, a missing one is a failure.
func promtool(t *testing.T, arguments ...string) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("DEPLOY_TEST") == "required" {
			require.NoError(t, err, "Debian has it in the package prometheus")
		}
		announce("LEFT OUT: " + t.Name() + " needs promtool, of Debian's package prometheus")
		t.Skip("no promtool")
	}
	output, err := exec.CommandContext(t.Context(), path, arguments...).CombinedOutput()
	require.NoError(t, err, "%s", output)
	return string(output)
}

// announce says something also on the terminal, since the go command hides what tests say
// that pass.
func announce(message string) {
	fmt.Fprintln(os.Stderr, message)
	if terminal, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
		fmt.Fprintf(terminal, "\n*** %s\n\n", message)
		_ = terminal.Close()
	}
}

func TestAlerts_ArePrometheusRules(t *testing.T) {
	output := promtool(t, "check", "rules", deployFolder+"/alerts.yaml")
	assert.Contains(t, output, strconv.Itoa(len(alerts(t)))+" rules found")
}

func TestAlerts_FireWhenTheyShould(t *testing.T) {
	promtool(t, "test", "rules", deployFolder+"/alerts_test.yaml")
}

// An alert without a test of its firing may never fire.
func TestAlerts_AreAllTested(t *testing.T) {
	text, err := os.ReadFile(deployFolder + "/alerts_test.yaml")
	require.NoError(t, err)
	var tests struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string
				ExpAlerts []any `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &tests))
	var fired []string
	for _, test := range tests.Tests {
		for _, expected := range test.AlertRuleTest {
			if len(expected.ExpAlerts) > 0 {
				fired = append(fired, expected.Alertname)
			}
		}
	}
	for _, alert := range alerts(t) {
		assert.Contains(t, fired, alert.Alert)
	}
}

// section is a heading's anchor in the runbook, with its text.
type section struct{ anchor, text string }

// runbook splits the runbook at its second-level headings.
func runbook(t *testing.T) []section {
	t.Helper()
	text, err := os.ReadFile(root + "/docs/runbook.md")
	require.NoError(t, err)
	var sections []section
	for _, part := range strings.Split("\n"+string(text), "\n## ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		anchor := strings.ReplaceAll(strings.ToLower(heading), " ", "-")
		anchor = regexp.MustCompile(`[^\pL\pN_-]`).ReplaceAllString(anchor, "")
		sections = append(sections, section{anchor, body})
	}
	return sections
}

func TestAlerts_LeadToTheRunbook(t *testing.T) {
	sections := runbook(t)
	for _, alert := range alerts(t) {
		link := alert.Annotations["runbook_url"]
		path, anchor, ok := strings.Cut(link, "#")
		require.True(t, ok, "%s: %q", alert.Alert, link)
		assert.Equal(t, "docs/runbook.md", path)
		at := slices.IndexFunc(sections, func(s section) bool { return s.anchor == anchor })
		require.GreaterOrEqual(t, at, 0, "%s: the runbook has no section %s", alert.Alert, anchor)
		assert.Equal(t, strings.ToLower(alert.Alert), anchor, "an alert is found under its name")
		for _, part := range []string{"**Meaning.**", "**Look.**", "**Do.**"} {
			assert.Contains(t, sections[at].text, part, alert.Alert)
		}
		assert.NotEmpty(t, alert.Annotations["summary"], alert.Alert)
		assert.NotEmpty(t, alert.Annotations["description"], alert.Alert)
		assert.Contains(t, []string{"critical", "warning"}, alert.Labels["severity"], alert.Alert)
	}
}

// Sections of alerts that are gone would be looked up in vain.
func TestRunbook_HasNoAlertThatIsGone(t *testing.T) {
	var names []string
	for _, alert := range alerts(t) {
		names = append(names, strings.ToLower(alert.Alert))
	}
	for _, section := range runbook(t) {
		if strings.HasPrefix(section.anchor, "usersync") {
			assert.Contains(t, names, section.anchor)
		}
	}
}
