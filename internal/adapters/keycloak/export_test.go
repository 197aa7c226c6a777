package keycloak

import (
	"context"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
)

// QuickTiming makes pauses short and gives up looking for a user soon.
func QuickTiming(config *Config) {
	config.Timing = adminapi.UsualTiming()
	config.Timing.LongestPause = 5 * time.Millisecond
	config.Timing.LookFor = 50 * time.Millisecond
	config.Timing.LookAgainAfter = 10 * time.Millisecond
	config.Timing.SecretPause = 5 * time.Millisecond
	config.Timing.Settling = 10 * time.Millisecond
}

// WithCircuitDelay is for a Config with a timing.
func WithCircuitDelay(delay time.Duration) func(*Config) {
	return func(config *Config) { config.Timing.CircuitDelay, config.Timing.MailCircuitDelay = delay, delay }
}

// WithLookFor is for a Config with a timing.
func WithLookFor(span time.Duration) func(*Config) {
	return func(config *Config) { config.Timing.LookFor = span }
}

// WithUndoFor is for a Config with a timing, and callers without a deadline.
func WithUndoFor(span time.Duration) func(*Config) {
	return func(config *Config) { config.Timing.WithoutDeadline = span }
}

// WithQueueing is for a Config with a timing.
func WithQueueing(longest time.Duration) func(*Config) {
	return func(config *Config) { config.Timing.LongestQueueing = longest }
}

// WithPause is for a Config with a timing.
func WithPause(longest time.Duration) func(*Config) {
	return func(config *Config) { config.Timing.LongestPause = longest }
}

// WithSecretPause is for a Config with a timing.
func WithSecretPause(first time.Duration) func(*Config) {
	return func(config *Config) { config.Timing.SecretPause = first }
}

// What tests compare with.
const (
	Retries         = adminapi.MaxRetries
	CircuitFailures = adminapi.CircuitFailures
	CircuitProbes   = adminapi.CircuitProbes
	MaxMails        = adminapi.MaxMails
	MailFailures    = adminapi.MailFailures
	SecretTries     = adminapi.SecretTries
)

// Warm reads what the realm says of required actions and attributes, as a creation does.
func Warm(ctx context.Context, p *Provider) error {
	_, err := p.creationRules(ctx)
	return err
}
