package ports

import (
	"context"

	"user-sync-service/internal/domain"
)

// AuditLog keeps who attempted what. It is safe for concurrent use.
type AuditLog interface {
	// Reserve makes sure, as far as can be known beforehand, that the events of the
	// attempts under way can be recorded. It is asked before every write, so that none
	// happens unrecorded. It returns AuditUnavailable.
	Reserve(ctx context.Context) error

	// Record appends the event and returns once it is kept. It does so also when ctx has
	// ended. It returns AuditUnavailable when the event is not, or not wholly, kept.
	Record(ctx context.Context, event domain.AuditEvent) error
}
