package auditlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// inTests is the instance of the logs whose lines are compared.
const inTests = "INSTANCEINSTANCEINSTANCE00"

// lineOf records the event in memory and returns the line.
func lineOf(t *testing.T, event domain.AuditEvent) string {
	t.Helper()
	var out bytes.Buffer
	log := New(&out)
	log.instance = inTests
	require.NoError(t, log.Record(t.Context(), event))
	return out.String()
}

// decoded is the event's line as a reader of the log decodes it.
func decoded(t *testing.T, event domain.AuditEvent) line {
	t.Helper()
	text := lineOf(t, event)
	require.Equal(t, 1, strings.Count(text, "\n"), "one line: %q", text)
	var l line
	require.NoError(t, json.Unmarshal([]byte(text), &l))
	return l
}

// Those who search the log rely on the names and on the beginning of the line.
func TestRecord_WritesTheFullEvent(t *testing.T) {
	want := `{"type":"audit","instance":"` + inTests + `","sequence":1,"time":"2026-03-29T00:30:00.000007000Z","action":"sync_user","outcome":"failed",` +
		`"reason":"partial","not_enforced":"forbidden",` +
		`"actor":{"sub":"7f3c","preferred_username":"anna","roles":["admin","webapp:writer"]},` +
		`"client_address":"10.0.0.7","forwarded_for":"203.0.113.9, 10.0.0.1","request_id":"req-1",` +
		`"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","target":{"username":"ben","id":"9b1d"},` +
		`"mapping":{"fineract_role":"Branch Manager","realm_role":"branch-manager","group":"branches/north"},` +
		`"before":{"enabled":false},"after":{"email":"ben@example.org","enabled":true,"required_actions":["UPDATE_PASSWORD"]}}` + "\n"
	assert.Equal(t, want, lineOf(t, fullEvent()))
}

// What was refused before anything was known still has the members that say who asked
// for what.
func TestRecord_WritesAMinimalEvent(t *testing.T) {
	event := domain.AuditEvent{Action: domain.ActionGetStatus, Outcome: domain.Refused, Before: map[string]any{}}
	want := `{"type":"audit","instance":"` + inTests + `","sequence":1,"time":"0001-01-01T00:00:00.000000000Z","action":"get_status","outcome":"refused",` +
		`"actor":{"sub":"","preferred_username":"","roles":[]},"client_address":"","request_id":"",` +
		`"target":{"username":"","id":""}}` + "\n"
	assert.Equal(t, want, lineOf(t, event))
}

func TestRecord_LeavesAMappingOutOnlyWhereThereWasNone(t *testing.T) {
	for _, event := range []domain.AuditEvent{
		{FineractRole: "Loan Officer"},
		{Assignment: domain.Assignment{Role: "staff"}},
		{Assignment: domain.Assignment{Group: "tellers"}},
	} {
		assert.NotZero(t, decoded(t, event).Mapping, "%+v", event)
	}
}

func TestRecord_RedactsSecrets(t *testing.T) {
	event := fullEvent()
	secret := domain.NewSecret("hunter2")
	event.Before = map[string]any{"password": secret}
	event.After = map[string]any{"password": &secret, "all": []any{secret, struct{ Token domain.Secret }{secret}}}
	text := lineOf(t, event)
	assert.NotContains(t, text, "hunter2")
	assert.Equal(t, 4, strings.Count(text, `"[redacted]"`))
}

// A name is anybody's choice: it must neither end the line nor be obeyed by the terminal
// that shows it, and it must come out as it went in.
func TestRecord_KeepsNamesInTheirLine(t *testing.T) {
	for _, name := range []string{
		"a\nb\r\nc", "a\x00b\x1b[2Jc\td", "a\u0085b\u009b2Jc\x7fd", "a\u2028b\u2029c", "a\u202eb\u2066c\u200fd", `"},{"\u0041`, "<i>&</i>", "日本 😀",
		"bo\u200bss", "a\u00adb\ufeffc", "a\ue000b\U000f0000c\U0010ffffd", "a\u0378b\U000e0041c", "a\u3164b\u2003c\u00a0d\ufe0fe\U000e0100f",
	} {
		event := domain.AuditEvent{TargetUsername: name, Actor: domain.Actor{Username: name, Roles: []string{name}}, After: map[string]any{name: name}}
		text := lineOf(t, event)
		for _, r := range strings.TrimSuffix(text, "\n") {
			assert.Truef(t, unicode.IsPrint(r) && !strings.ContainsRune("\u3164\ufe0f\U000e0100", r), "%q contains %U", text, r)
		}
		got := decoded(t, event)
		assert.Equal(t, name, got.Target.Username)
		assert.Equal(t, name, got.Actor.Username)
		assert.Equal(t, []string{name}, got.Actor.Roles)
		assert.Equal(t, map[string]any{name: name}, got.After)
	}
	assert.Contains(t, lineOf(t, domain.AuditEvent{TargetUsername: "<i>&</i>"}), "<i>&</i>", "readable")
}

func TestRecord_ReplacesWhatIsNoUTF8(t *testing.T) {
	got := decoded(t, domain.AuditEvent{TargetUsername: "a\xff\xc3(", ForwardedFor: "\xed\xa0\x80"})
	assert.Equal(t, "a\ufffd\ufffd(", got.Target.Username)
	assert.Equal(t, "\ufffd\ufffd\ufffd", got.ForwardedFor)
}

// Nobody shall fill the disk with one request.
func TestRecord_CutsLongTexts(t *testing.T) {
	fits, long := strings.Repeat("ä", 256), strings.Repeat("ä", 257)
	for given, want := range map[string]string{fits: fits, long: fits + "…"} {
		got := decoded(t, domain.AuditEvent{
			TargetUsername: given, FineractRole: given, Actor: domain.Actor{Username: given, Roles: []string{given}}, After: map[string]any{"x": []string{given}, given: 1},
		})
		assert.Equal(t, want, got.Target.Username)
		assert.Equal(t, want, got.Mapping.FineractRole)
		assert.Equal(t, actor{Username: want, Roles: []string{want}}, got.Actor)
		assert.Equal(t, map[string]any{"x": []any{want}, want: 1.}, got.After)
	}
	for given, want := range map[string]int{"\xff": 170, "\U000e0001": 85, "😀": 256} { // Escapes are longer.
		got := decoded(t, domain.AuditEvent{TargetUsername: strings.Repeat(given, 1<<20)})
		assert.Equal(t, strings.Repeat(strings.ToValidUTF8(given, "\ufffd"), want)+"…", got.Target.Username)
	}
}

// Gateways add what they know to the end; the rest is invented at will.
func TestRecord_KeepsTheEndOfForwardedFor(t *testing.T) {
	got := decoded(t, domain.AuditEvent{ForwardedFor: strings.Repeat("192.0.2.7, ", 30) + "203.0.113.9"})
	assert.Len(t, []rune(got.ForwardedFor), 257)
	assert.True(t, strings.HasPrefix(got.ForwardedFor, "…"))
	assert.True(t, strings.HasSuffix(got.ForwardedFor, "192.0.2.7, 203.0.113.9"))
}

func TestRecord_SaysHowManyEntriesItLeavesOut(t *testing.T) {
	roles, fields := make([]string, 100), make(map[string]any)
	for i := range roles {
		roles[i] = fmt.Sprintf("role-%03d", i)
		fields[roles[i]] = true
	}
	got := decoded(t, domain.AuditEvent{Actor: domain.Actor{Roles: roles}, Before: map[string]any{"groups": roles}, After: fields})
	assert.Equal(t, append(roles[:64:64], "… 36 more"), got.Actor.Roles)
	assert.Len(t, got.Before["groups"], 65)
	assert.Len(t, got.After, 65)
	assert.Equal(t, "… 36 more", got.After["…"])
	assert.Contains(t, got.After, "role-063")
}

// Whatever the parts are, no line is longer than a reservation, and each of them still says
// who did what to whom.
func TestRecord_KeepsEachLineBelowTheLongest(t *testing.T) {
	long, id := strings.Repeat("\U000e0001", 300), "6f1c9a52-5b0e-4a8e-9d2c-3f1f0c1f2a3b"
	texts := make([]string, 100)
	fields := map[string]any{"number": json.Number(strings.Repeat("9", 1<<16)), "text": strings.Repeat("x", 3<<20)}
	var nested any = long
	for i := range texts {
		texts[i] = fmt.Sprint(i, long)
		fields[texts[i][:20]] = texts[:min(i, 5)]
		nested = map[string]any{"a": []any{nested}}
	}
	fields["nested"] = nested
	for _, event := range []domain.AuditEvent{
		{Before: fields, After: fields, Actor: domain.Actor{Subject: id, Roles: texts}},
		{Action: domain.Action(long), Actor: domain.Actor{Subject: id, Username: long, Roles: texts}, ClientAddress: long, ForwardedFor: long, RequestID: long, TraceID: long,
			TargetUsername: long, TargetID: domain.UserID(long), FineractRole: long, Assignment: domain.Assignment{Role: domain.RealmRole(long), Group: domain.Group(long)},
			Before: fields, After: fields},
	} {
		assert.LessOrEqual(t, len(lineOf(t, event)), longestLine)
		assert.Greater(t, len(lineOf(t, event)), longestLine*3/4, "and what there is room for is told")
		assert.Equal(t, id, decoded(t, event).Actor.Subject)
	}
}

func TestRecord_TellsNothingOfWhatItCannotEncode(t *testing.T) {
	for _, value := range []any{math.Inf(1), quoting{}, make(chan int)} {
		got := decoded(t, domain.AuditEvent{TargetID: "9b1d", After: map[string]any{"x": value, "y": 1}})
		assert.Equal(t, map[string]any{"x": "[cannot be encoded]", "y": 1.}, got.After)
		assert.Equal(t, "9b1d", got.Target.ID, "the event is on record all the same")
	}
}

// Names get there when the audit log is full.
func TestVisible_EscapesTheOrdinaryLog(t *testing.T) {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(Visible(&out), nil)).Info("<x>", "name", "bo\u200bss\u202e\n")
	assert.Contains(t, out.String(), `"name":"bo\u200bss\u202e\n"}`+"\n")
	n, err := Visible(&takes{err: errors.New("full")}).Write([]byte("x"))
	assert.Zero(t, n)
	assert.Error(t, err)
}

// quoting is a value that quotes itself when it cannot be encoded.
type quoting struct{}

func (quoting) MarshalText() ([]byte, error) { return nil, errors.New("anna is not text") }
