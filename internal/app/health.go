package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"user-sync-service/internal/domain"
)

// healthCheckInterval is the pause between two checks of the identity provider.
const healthCheckInterval = 5 * time.Second

// Health knows whether the identity provider answered lately. It asks in the
// background, so that a question about health never waits for the provider.
type Health struct {
	ask  func(context.Context) error
	log  *slog.Logger
	last atomic.Pointer[error] // nil: not checked yet; else what the last check returned
}

// NewHealth makes a Health that counts as unhealthy until Run has had a first answer of
// ask, which is the identity provider's Check.
func NewHealth(ask func(context.Context) error, log *slog.Logger) *Health {
	return &Health{ask: ask, log: log}
}

// Run checks the provider at once and then every few seconds until ctx ends.
func (h *Health) Run(ctx context.Context) {
	ticker := time.NewTicker(healthCheckInterval)
	defer ticker.Stop()
	for {
		h.check(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Err returns nil when the last check succeeded, else why it did not.
func (h *Health) Err() error {
	if last := h.last.Load(); last != nil {
		return *last
	}
	return &domain.Error{Kind: domain.Unavailable, Err: errors.New("not checked yet")}
}

// check logs only changes: an outage of an hour is two lines, not hundreds. Another fault of
// the set-up is a change too.
func (h *Health) check(ctx context.Context) {
	err := h.ask(ctx)
	if ctx.Err() != nil {
		return
	}
	before := h.last.Swap(&err)
	switch {
	case before != nil && (*before == nil) == (err == nil) && (faultOf(err) == "" || faultOf(err) == faultOf(*before)):
	case err != nil:
		h.log.ErrorContext(ctx, "the identity provider is not usable", "error", err)
	default:
		h.log.InfoContext(ctx, "the identity provider is usable")
	}
}

// faultOf returns what is wrong with the set-up, empty if it is something else.
func faultOf(err error) domain.SetupFault {
	fault, _ := errors.AsType[domain.SetupFault](err)
	return fault
}
