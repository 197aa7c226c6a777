package auditlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"user-sync-service/internal/domain"
)

const (
	// head begins each line. The type comes first, so that plain text tools tell an event from
	// a line of the ordinary log.
	head = `{"type":"audit","instance":"%s","sequence":%d,`
	// longestHead is more than it ever takes, with the newline that ends a torn line.
	longestHead = 128
	// longestLine is more than any line has, in bytes: a reservation must know.
	longestLine = 16 << 10
	// longestFrame is more than the names of the members take, and what shows that something
	// was left out.
	longestFrame = 1 << 10
	// timeFormat is RFC 3339 with all nine digits, so that times sort as text.
	timeFormat = "2006-01-02T15:04:05.000000000Z07:00"
)

// line is the wire form of an event behind its head. Searches of the log rely on its names
// and order.
type line struct {
	Time          string         `json:"time"`
	Action        string         `json:"action"`
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
	Username string `json:"username"`
	ID       string `json:"id"`
}

type mapping struct {
	FineractRole string `json:"fineract_role"`
	RealmRole    string `json:"realm_role"`
	Group        string `json:"group"`
}

// encode returns the event's line, without its head and with its newline. Who did what to
// whom comes before how: it has its part of the line whatever the rest is.
func encode(event domain.AuditEvent) []byte {
	left := budget(longestLine - longestHead - longestFrame)
	l := line{
		Time:          event.Time.UTC().Format(timeFormat),
		Action:        left.text(string(event.Action)),
		Outcome:       event.Outcome,
		Reason:        event.Reason,
		NotEnforced:   event.NotEnforced,
		Actor:         actor{Subject: left.text(event.Actor.Subject), Username: left.text(event.Actor.Username)},
		ClientAddress: left.text(event.ClientAddress),
		ForwardedFor:  left.end(event.ForwardedFor),
		RequestID:     left.text(event.RequestID),
		TraceID:       left.text(event.TraceID),
		Target:        target{left.text(event.TargetUsername), left.text(string(event.TargetID))},
		Mapping:       mapping{left.text(event.FineractRole), left.text(string(event.Assignment.Role)), left.text(string(event.Assignment.Group))},
	}
	l.After = left.object(plain(event.After), deepest)
	l.Before = left.object(plain(event.Before), deepest)
	l.Actor.Roles = left.texts(event.Actor.Roles)
	return marshal(l)
}

// encodeSummary is encode for what stands for many events.
func encodeSummary(since, until time.Time, more suppressed) []byte {
	return marshal(summary{until.UTC().Format(timeFormat), domain.Refused, since.UTC().Format(timeFormat), more})
}

// marshal returns what is behind the head of a line. It is given texts, numbers and the
// like only, which can always be encoded.
func marshal(rest any) []byte {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(rest) // It ends with a newline.
	text := bytes.TrimSuffix(encoded.Bytes(), []byte("\n"))
	return append(escape(bytes.TrimPrefix(text, []byte("{"))), '\n')
}

// escape writes characters that JSON allows in a text, but that a terminal obeys, that a
// program takes for the end of a line or that a reader cannot see, as JSON's own escapes: a
// name must not change how the log reads, and it comes out as it went in.
func escape(encoded []byte) []byte {
	escaped := make([]byte, 0, len(encoded)+1)
	for len(encoded) > 0 {
		r, size := utf8.DecodeRune(encoded)
		switch {
		case r == utf8.RuneError || shows(r):
			escaped = append(escaped, encoded[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escaped = appendEscape(appendEscape(escaped, high), low)
		default:
			escaped = appendEscape(escaped, r)
		}
		encoded = encoded[size:]
	}
	return escaped
}

func appendEscape(line []byte, r rune) []byte { return fmt.Appendf(line, `\u%04x`, r) }

// shows reports whether a reader sees the character as what it is. Some letters and marks
// are there not to be seen, and of all spaces only the usual one is known as such.
func shows(r rune) bool {
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Visible returns a writer that escapes the lines of a JSON log as those of the audit log
// are: names get into the ordinary log where the audit log cannot be written.
func Visible(w io.Writer) io.Writer { return visible{w} }

type visible struct{ w io.Writer }

func (v visible) Write(lines []byte) (int, error) {
	var written []byte
	for line := range bytes.Lines(lines) {
		written = append(written, escape(bytes.TrimSuffix(line, []byte("\n")))...)
		if bytes.HasSuffix(line, []byte("\n")) {
			written = append(written, '\n')
		}
	}
	if _, err := v.w.Write(written); err != nil {
		return 0, err
	}
	return len(lines), nil
}
