package ports

import (
	"context"

	"user-sync-service/internal/domain"
)

// RealmExaminer looks whether a realm of the identity provider is set up for the service.
type RealmExaminer interface {
	// Examine returns what is wrong with the way to the provider, with the service's own
	// account, and with the realm, in the order in which it looks; nothing for a sound realm. It
	// changes nothing and needs no more rights than the service has: what these do not show
	// is a finding that cannot be told. A step that needs one that has failed is left out.
	// Remedies are in the provider's own words, with the realm's own names, and hold no secret.
	//
	// It obeys the context. What it could not look at by then, it says.
	Examine(ctx context.Context, needs domain.RealmNeeds) []domain.Finding
}
