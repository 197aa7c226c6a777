package auditlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// lineOf records the event in memory and returns the line.
func lineOf(t *testing.T, event domain.AuditEvent) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, New(&out).Record(t.Context(), event))
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
	want := `{"type":"audit","time":"2026-03-29T00:30:00.000007000Z","action":"sync_user","outcome":"failed",` +
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
	want := `{"type":"audit","time":"0001-01-01T00:00:00.000000000Z","action":"get_status","outcome":"refused",` +
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
	} {
		event := domain.AuditEvent{TargetUsername: name, Actor: domain.Actor{Username: name, Roles: []string{name}}, After: map[string]any{name: name}}
		text := lineOf(t, event)
		for _, r := range strings.TrimSuffix(text, "\n") {
			assert.Falsef(t, r < ' ' || 0x7f <= r && r < 0xa0 || strings.ContainsRune("\u2028\u2029\u202e\u2066\u200f", r), "%q contains %U", text, r)
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
		got := decoded(t, domain.AuditEvent{TargetUsername: given, ForwardedFor: given, FineractRole: given})
		assert.Equal(t, want, got.Target.Username)
		assert.Equal(t, want, got.ForwardedFor)
		assert.Equal(t, want, got.Mapping.FineractRole)
	}
	got := decoded(t, domain.AuditEvent{TargetUsername: strings.Repeat("\xff", 1<<20)})
	assert.Equal(t, strings.Repeat("\ufffd", 256)+"…", got.Target.Username)
}

func TestRecord_TellsNothingOfWhatItCannotEncode(t *testing.T) {
	var out bytes.Buffer
	log := New(&out)
	for _, value := range []any{math.Inf(1), quoting{}, make(chan int)} {
		event := fullEvent()
		event.After = map[string]any{"anna": value}
		err := log.Record(t.Context(), event)
		requireUnavailable(t, err)
		assert.NotContains(t, err.Error(), "Inf")
	}
	assert.Empty(t, out.String())
	assert.NoError(t, log.Reserve(t.Context()), "nothing is wrong with the log itself")
}

// quoting is a value that quotes itself when it cannot be encoded.
type quoting struct{}

func (quoting) MarshalText() ([]byte, error) { return nil, errors.New("anna is not text") }
