package httpapi_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// auditLog keeps events in memory, or fails. A failing one counts its events still, as
// attempts that it was told of.
type auditLog struct {
	mu                    sync.Mutex
	events                []domain.AuditEvent
	reserveErr, recordErr error
}

func (a *auditLog) Reserve(context.Context) (ports.AuditReservation, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a, a.reserveErr
}

func (a *auditLog) RecordStranger(ctx context.Context, event domain.AuditEvent) error {
	return a.Record(ctx, event)
}

func (a *auditLog) Record(ctx context.Context, event domain.AuditEvent) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Err() != nil {
		return &domain.Error{Kind: domain.AuditUnavailable, Err: ctx.Err()} // It may need the time.
	}
	a.events = append(a.events, event)
	return a.recordErr
}

func (a *auditLog) all() []domain.AuditEvent {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.events)
}

// only returns the one event there is.
func (a *auditLog) only(t *testing.T) domain.AuditEvent {
	t.Helper()
	events := a.all()
	require.Len(t, events, 1)
	return events[0]
}

// uncounted is an observer to whom counts are no matter.
type uncounted struct{}

func (uncounted) Refused(domain.Kind, bool) {}
func (uncounted) AuditFailed()              {}
func (uncounted) LeftPartial()              {}
func (uncounted) PrivilegesGiven(string)    {}
func (uncounted) Disabled()                 {}
func (uncounted) Synced(string)             {}
