package ports

import (
	"context"

	"user-sync-service/internal/domain"
)

// AuditLog keeps who attempted what. It is safe for concurrent use.
type AuditLog interface {
	// Reserve sets room aside for the event of one attempt, which nothing else can use up. It
	// is asked before the attempt's first write, so that none happens unrecorded. It returns
	// AuditUnavailable.
	Reserve(ctx context.Context) (AuditReservation, error)

	// Record appends the event of an attempt that has no reservation, and returns once it is
	// kept. It does so also when ctx has ended. It returns AuditUnavailable when the event is
	// not, or not wholly, kept.
	Record(ctx context.Context, event domain.AuditEvent) error

	// RecordStranger is Record for the refusal of a caller of whom nothing is known, or who
	// asks too often. There can be any number of those, so only the first ones of each second are kept whole; of
	// the others the log says, soon after, how many there were and why. A power failure may
	// take the latest ones.
	RecordStranger(ctx context.Context, event domain.AuditEvent) error
}

// AuditReservation is room for the event of one attempt. It must be used on every way out:
// the room is kept until then.
type AuditReservation interface {
	// Record is as that of AuditLog, in the room that was set aside. The room is given back,
	// also when the event is not kept. A second event has no room of its own.
	Record(ctx context.Context, event domain.AuditEvent) error
}
