package app_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// An unrecorded write must not happen; a read may.

// full is what an audit log says that has no room.
var full = &domain.Error{Kind: domain.AuditUnavailable, Err: errors.New("no space left on device")}

// subjects are two whom the use case would write: a sync writes nothing of those who exist.
func subjects(do useCase) []string {
	if do.name == "sync" {
		return []string{"tariq", "ines"}
	}
	return []string{"anna", "neighbour"}
}

func TestReserve_NothingIsWrittenThatCannotBePutOnRecord(t *testing.T) {
	for _, do := range writing() {
		provider := newGuardedRealm(t)
		same := unchanged(t, provider)
		session, err := provider.SignIn("anna", "Long&Secret11")
		require.NoError(t, err)
		b := newBench(provider)
		b.audit.reserveErr, b.audit.recordErr = full, full

		for _, name := range subjects(do) {
			require.ErrorIs(t, b.attempt(t, app.Caller{}, do, name), domain.AuditUnavailable, do.name)
		}

		same(do.name)
		assert.True(t, provider.SessionActive(session), do.name)
		assert.Equal(t, 4, b.observer.auditFailures, "each refused write, and each event that is lost")
		assert.Equal(t, map[refusal]int{{domain.AuditUnavailable, true}: 2}, b.observer.refused)
	}
}

// The log may have room again when the refusal is put on record.
func TestReserve_TheRefusalItselfIsPutOnRecordWhereThatWorks(t *testing.T) {
	for _, do := range writing() {
		b := newBench(newGuardedRealm(t))
		b.audit.reserveErr = full
		require.ErrorIs(t, b.attempt(t, app.Caller{}, do, subjects(do)[0]), domain.AuditUnavailable, do.name)
		event := b.audit.only(t)
		assert.Equal(t, domain.Refused, event.Outcome)
		assert.Equal(t, domain.AuditUnavailable, event.Reason)
		assert.Equal(t, 1, b.observer.auditFailures)
	}
}

func TestReserve_IsNotAskedForReads(t *testing.T) {
	b := newBench(newGuardedRealm(t))
	b.audit.reserveErr = full
	require.NoError(t, b.attempt(t, app.Caller{}, reading(), "anna"))
	assert.Zero(t, b.observer.auditFailures)
}

// A full disk must not hide why somebody is refused.
func TestReserve_ComesAfterTheGuards(t *testing.T) {
	for _, do := range targeting() {
		b := newBench(newGuardedRealm(t), guarded)
		b.audit.reserveErr = full
		require.ErrorIs(t, b.attempt(t, app.Caller{}, do, "holder"), domain.ProtectedUser)
		require.ErrorIs(t, b.attempt(t, app.Caller{}, do, "nobody"), domain.NotFound)
	}
}

// What an attempt holds is given back on every way out, by its event.
func TestReserve_IsUsedWhateverBecomesOfTheWrite(t *testing.T) {
	for _, do := range writing() {
		for _, recordErr := range []error{nil, full} {
			b := newBench(newGuardedRealm(t))
			b.audit.recordErr = recordErr
			for _, name := range []string{"anna", "nobody", "holder"} {
				_ = b.attempt(t, app.Caller{}, do, name) // Some succeed.
			}
			attempt := b.Begin(do.action, app.Request{})
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := do.call(ctx, t, b.Service, attempt, "anna")
			_ = b.Finish(ctx, attempt, err)
			assert.Zero(t, b.audit.held, do.name)
		}
	}
}
