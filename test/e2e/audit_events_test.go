package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// auditEvent is a line of the audit log.
type auditEvent struct {
	Type          string     `json:"type"`
	Instance      string     `json:"instance"`
	Sequence      int        `json:"sequence"`
	Time          time.Time  `json:"time"`
	Action        string     `json:"action"`
	Outcome       string     `json:"outcome"`
	Reason        string     `json:"reason"`
	NotEnforced   string     `json:"not_enforced"`
	Actor         auditActor `json:"actor"`
	ClientAddress string     `json:"client_address"`
	ForwardedFor  string     `json:"forwarded_for"`
	RequestID     string     `json:"request_id"`
	TraceID       string     `json:"trace_id"`
	Target        auditUser  `json:"target"`
	Mapping       *struct {
		FineractRole string `json:"fineract_role"`
		RealmRole    string `json:"realm_role"`
		Group        string `json:"group"`
	} `json:"mapping"`
	Before map[string]any `json:"before"`
	After  map[string]any `json:"after"`
	// Suppressed counts strangers who were refused, by the reason, where the line stands for
	// many.
	Suppressed map[string]int `json:"suppressed"`
}

type auditActor struct {
	Subject  string   `json:"sub"`
	Username string   `json:"preferred_username"`
	Roles    []string `json:"roles"`
}

type auditUser struct {
	Username string `json:"username"`
	ID       string `json:"id"`
}

// essence is what can be foretold of an event.
func (e auditEvent) essence() auditEvent {
	return auditEvent{
		Action: e.Action, Outcome: e.Outcome, Reason: e.Reason, NotEnforced: e.NotEnforced, RequestID: e.RequestID,
		Actor:  auditActor{Username: e.Actor.Username},
		Target: auditUser{Username: e.Target.Username},
	}
}

// auditEvents returns the events in the program's audit log, in their order.
func auditEvents(t *testing.T, p *program) []auditEvent {
	t.Helper()
	events, _ := auditLines(t, p)
	return events
}

// auditLines returns the events and how many strangers' refusals were only counted. It
// checks that no line is missing.
func auditLines(t *testing.T, p *program) (events []auditEvent, suppressed int) {
	t.Helper()
	sequence := make(map[string]int)
	for line := range strings.Lines(p.auditText(t)) {
		var event auditEvent
		require.NoError(t, json.Unmarshal([]byte(line), &event), line)
		require.True(t, strings.HasSuffix(line, "\n"), "not a whole line: %s", line)
		require.LessOrEqual(t, len(line), 16<<10)
		sequence[event.Instance]++
		require.Equal(t, sequence[event.Instance], event.Sequence, "a line is missing before %s", line)
		if event.Suppressed == nil {
			events = append(events, event)
		}
		for _, count := range event.Suppressed {
			suppressed += count
		}
	}
	return events, suppressed
}

// auditEventOf returns the one event of a request.
func auditEventOf(t *testing.T, p *program, requestID string) auditEvent {
	t.Helper()
	found := auditEventsOf(t, p, requestID)
	require.Len(t, found, 1, "events of %s", requestID)
	return found[0]
}

// auditEventsOf returns the events of a request: none of a stranger who was one of many.
func auditEventsOf(t *testing.T, p *program, requestID string) []auditEvent {
	t.Helper()
	return slices.DeleteFunc(auditEvents(t, p), func(event auditEvent) bool { return event.RequestID != requestID })
}
