package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// auditEvent is a line of the audit log.
type auditEvent struct {
	Type          string     `json:"type"`
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
	var events []auditEvent
	for line := range strings.Lines(p.auditText(t)) {
		var event auditEvent
		require.NoError(t, json.Unmarshal([]byte(line), &event), line)
		require.True(t, strings.HasSuffix(line, "\n"), "not a whole line: %s", line)
		events = append(events, event)
	}
	return events
}

// auditEventOf returns the one event of a request.
func auditEventOf(t *testing.T, p *program, requestID string) auditEvent {
	t.Helper()
	var found []auditEvent
	for _, event := range auditEvents(t, p) {
		if event.RequestID == requestID {
			found = append(found, event)
		}
	}
	require.Len(t, found, 1, "events of %s", requestID)
	return found[0]
}
