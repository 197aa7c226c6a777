package auditlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"user-sync-service/internal/domain"
)

const (
	// marker tells an event from a line of the ordinary log. It goes first, so that
	// plain text tools find it.
	marker = "audit"
	// timeFormat is RFC 3339 with all nine digits, so that times sort as texts.
	timeFormat = "2006-01-02T15:04:05.000000000Z07:00"
	// longestText is how many characters of a text are kept that anybody can choose:
	// nobody shall fill the disk with one request.
	longestText = 256
)

// line is the wire form of an event. Names and order are relied upon by those who
// search the log.
type line struct {
	Type          string         `json:"type"`
	Time          string         `json:"time"`
	Action        domain.Action  `json:"action"`
	Outcome       domain.Outcome `json:"outcome"`
	Reason        domain.Kind    `json:"reason,omitempty"`
	NotEnforced   domain.Kind    `json:"not_enforced,omitempty"`
	Actor         actor          `json:"actor"`
	ClientAddress string         `json:"client_address"`
	ForwardedFor  string         `json:"forwarded_for,omitempty"`
	RequestID     string         `json:"request_id"`
	TraceID       string         `json:"trace_id,omitempty"`
	Target        target         `json:"target"`
	Mapping       *mapping       `json:"mapping,omitempty"`
	Before        map[string]any `json:"before,omitempty"`
	After         map[string]any `json:"after,omitempty"`
}

type actor struct {
	Subject  string   `json:"sub"`
	Username string   `json:"preferred_username"`
	Roles    []string `json:"roles"`
}

type target struct {
	Username string        `json:"username"`
	ID       domain.UserID `json:"id"`
}

type mapping struct {
	FineractRole string           `json:"fineract_role"`
	RealmRole    domain.RealmRole `json:"realm_role"`
	Group        domain.Group     `json:"group"`
}

func newLine(event domain.AuditEvent) line {
	return line{
		Type:          marker,
		Time:          event.Time.UTC().Format(timeFormat),
		Action:        event.Action,
		Outcome:       event.Outcome,
		Reason:        event.Reason,
		NotEnforced:   event.NotEnforced,
		Actor:         newActor(event.Actor),
		ClientAddress: event.ClientAddress,
		ForwardedFor:  cut(event.ForwardedFor),
		RequestID:     event.RequestID,
		TraceID:       event.TraceID,
		Target:        target{Username: cut(event.TargetUsername), ID: event.TargetID},
		Mapping:       newMapping(event),
		Before:        event.Before,
		After:         event.After,
	}
}

func newActor(a domain.Actor) actor {
	// Never null, which would be a second way to say that there are none.
	return actor{Subject: a.Subject, Username: a.Username, Roles: append([]string{}, a.Roles...)}
}

// newMapping returns the mapping that was used, nil for none.
func newMapping(event domain.AuditEvent) *mapping {
	used := mapping{FineractRole: cut(event.FineractRole), RealmRole: event.Assignment.Role, Group: event.Assignment.Group}
	if used == (mapping{}) {
		return nil
	}
	return &used
}

// cut shortens a text to what is kept of it.
func cut(text string) string {
	count := 0
	for i := range text {
		if count == longestText {
			return text[:i] + "…"
		}
		count++
	}
	return text
}

// encode returns the event's line with its newline.
func encode(event domain.AuditEvent) ([]byte, error) {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(newLine(event)); err != nil {
		// The cause is left out: it may quote the value.
		return nil, errors.New("the fields before or after the change cannot be encoded")
	}
	return append(escapeControls(bytes.TrimSuffix(encoded.Bytes(), []byte("\n"))), '\n'), nil
}

// escapeControls escapes what JSON allows inside a text as it is, though terminals obey
// it or other programs take it for the end of the line: a name must not change how the
// log reads. The escapes are JSON, so the names stay what they are.
func escapeControls(encoded []byte) []byte {
	escaped := make([]byte, 0, len(encoded)+1)
	for _, r := range string(encoded) {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			escaped = fmt.Appendf(escaped, `\u%04x`, r) // None of them needs more digits.
			continue
		}
		escaped = utf8.AppendRune(escaped, r)
	}
	return escaped
}
