package auditlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"user-sync-service/internal/domain"
)

// fullEvent is an event with every field set.
func fullEvent() domain.AuditEvent {
	return domain.AuditEvent{
		Time:           time.Date(2026, 3, 29, 2, 30, 0, 7000, time.FixedZone("CEST", 2*60*60)),
		Action:         domain.ActionSyncUser,
		Actor:          domain.Actor{Subject: "7f3c", Username: "anna", Roles: []string{"admin", "webapp:writer"}},
		ClientAddress:  "10.0.0.7",
		ForwardedFor:   "203.0.113.9, 10.0.0.1",
		RequestID:      "req-1",
		TraceID:        "4bf92f3577b34da6a3ce929d0e0e4736",
		TargetUsername: "ben",
		TargetID:       "9b1d",
		Outcome:        domain.Failed,
		Reason:         domain.Partial,
		NotEnforced:    domain.Forbidden,
		FineractRole:   "Branch Manager",
		Assignment:     domain.Assignment{Role: "branch-manager", Group: "branches/north"},
		Before:         map[string]any{"enabled": false},
		After:          map[string]any{"enabled": true, "email": "ben@example.org", "required_actions": []string{"UPDATE_PASSWORD"}},
	}
}

// request is a small event that is told from others by its request id.
func request(id string) domain.AuditEvent {
	return domain.AuditEvent{Action: domain.ActionGetStatus, Outcome: domain.Allowed, RequestID: id}
}

// newPath is where no log is yet.
func newPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "audit.log")
}

func open(t *testing.T, path string) *Log {
	t.Helper()
	log, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() }) // Some tests close it themselves.
	return log
}

// reserve is Reserve where only the error counts: the room is given back at once.
func reserve(t testing.TB, log *Log) error {
	t.Helper()
	_, err := log.Reserve(t.Context())
	if err == nil {
		log.turn <- struct{}{}
		log.reserved--
		log.release()
	}
	return err
}

// reserved records the event of an attempt with a reservation.
func reserved(t testing.TB, log *Log, event domain.AuditEvent) error {
	t.Helper()
	reservation, err := log.Reserve(t.Context())
	if err != nil {
		return err
	}
	return reservation.Record(t.Context(), event)
}

// record records requests with these ids.
func record(t *testing.T, log *Log, ids ...string) {
	t.Helper()
	for _, id := range ids {
		require.NoError(t, log.Record(t.Context(), request(id)))
	}
}

// requireUnavailable checks the error and that it tells nothing of fullEvent.
func requireUnavailable(t *testing.T, err error, why ...any) {
	t.Helper()
	require.ErrorIs(t, err, domain.AuditUnavailable, why...)
	failure := domain.AsError(err)
	require.Error(t, failure.Err, "the cause is for the log")
	for _, content := range []string{"anna", "ben", "203.0.113", "req-1"} {
		require.NotContains(t, err.Error(), content)
		require.NotContains(t, failure.Message, content)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// requestIDs decodes a log of whole lines, each of them an event in its place, and returns
// their request ids.
func requestIDs(t *testing.T, content string) []string {
	t.Helper()
	var ids []string
	last := make(map[string]uint64) // sequence, by instance
	for text := range bytes.Lines([]byte(content)) {
		var decoded struct {
			Type      string `json:"type"`
			Instance  string `json:"instance"`
			Sequence  uint64 `json:"sequence"`
			RequestID string `json:"request_id"`
		}
		require.True(t, bytes.HasSuffix(text, []byte("\n")), "a torn line at the end: %s", text)
		require.NoError(t, json.Unmarshal(text, &decoded), "no whole line: %s", text)
		require.Equal(t, "audit", decoded.Type)
		require.Len(t, decoded.Instance, 26)
		if before, found := last[decoded.Instance]; found {
			require.Equal(t, before+1, decoded.Sequence, "a gap")
		}
		last[decoded.Instance] = decoded.Sequence
		ids = append(ids, decoded.RequestID)
	}
	return ids
}

// summaries decodes the lines, which may be events too.
func summaries(t *testing.T, content string) []summary {
	t.Helper()
	requestIDs(t, content)
	var lines []summary
	for text := range strings.Lines(content) {
		var decoded summary
		require.NoError(t, json.Unmarshal([]byte(text), &decoded))
		lines = append(lines, decoded)
	}
	return lines
}

// mountTmpfs makes a file system of its own, which can run full without harm to others.
func mountTmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		skipMount(t, err)
	}
	t.Cleanup(func() { assert.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

// skipMount skips a test that cannot have a file system of its own.
func skipMount(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skip("NOT TESTED: what happens when the disk is full. Mounting is not allowed here; run this as root.")
	}
	require.NoError(t, err)
}

// fill leaves no room in the file system and returns the file that takes it.
func fill(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(block)
	}
	require.ErrorIs(t, err, unix.ENOSPC)
	return path
}
