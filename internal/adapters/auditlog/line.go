package auditlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"user-sync-service/internal/domain"
)

const (
	// marker tells an event from a line of the ordinary log. It comes first, so that plain
	// text tools find it.
	marker = "audit"
	// timeFormat is RFC 3339 with all nine digits, so that times sort as text.
	timeFormat = "2006-01-02T15:04:05.000000000Z07:00"
	// longestText is how many characters are kept of a text from the request: one request
	// must not fill the disk.
	longestText = 256
)

// line is the wire form of an event. Searches of the log rely on its names and order.
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
	Mapping       mapping        `json:"mapping,omitzero"`
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

// cut shortens a text to longestText.
func cut(text string) string {
	if characters := []rune(text); len(characters) > longestText {
		return string(characters[:longestText]) + "…"
	}
	return text
}

// encode returns the event's line with its newline.
func encode(event domain.AuditEvent) ([]byte, error) {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	who := actor(event.Actor)
	who.Roles = append([]string{}, who.Roles...) // Never null: that would be a second way to say none.
	err := encoder.Encode(line{
		Type:          marker,
		Time:          event.Time.UTC().Format(timeFormat),
		Action:        event.Action,
		Outcome:       event.Outcome,
		Reason:        event.Reason,
		NotEnforced:   event.NotEnforced,
		Actor:         who,
		ClientAddress: event.ClientAddress,
		ForwardedFor:  cut(event.ForwardedFor),
		RequestID:     event.RequestID,
		TraceID:       event.TraceID,
		Target:        target{Username: cut(event.TargetUsername), ID: event.TargetID},
		Mapping:       mapping{cut(event.FineractRole), event.Assignment.Role, event.Assignment.Group},
		Before:        event.Before,
		After:         event.After,
	})
	if err != nil {
		// The cause is left out: it may quote the value.
		return nil, errors.New("the fields before or after the change cannot be encoded")
	}
	return append(escapeControls(strings.TrimSuffix(encoded.String(), "\n")), '\n'), nil
}

// escapeControls escapes characters that JSON allows in a text but that a terminal obeys or
// a program takes for the end of a line: a name must not change how the log reads. The
// escapes are JSON's own, so a name comes out as it went in.
func escapeControls(encoded string) []byte {
	escaped := make([]byte, 0, len(encoded)+1)
	for _, r := range encoded {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			escaped = fmt.Appendf(escaped, `\u%04x`, r) // None of them needs more digits.
			continue
		}
		escaped = utf8.AppendRune(escaped, r)
	}
	return escaped
}
