package keycloak

import (
	"context"
	"time"
)

// QuickTiming makes pauses short and gives up looking for a user soon.
func QuickTiming(config *Config) {
	config.timing = usualTiming()
	config.timing.longestPause = 5 * time.Millisecond
	config.timing.lookFor = 50 * time.Millisecond
	config.timing.lookAgainAfter = 10 * time.Millisecond
	config.timing.secretPause = 5 * time.Millisecond
}

// WithCircuitDelay is for a Config with a timing.
func WithCircuitDelay(delay time.Duration) func(*Config) {
	return func(config *Config) { config.timing.circuitDelay = delay }
}

// WithLookFor is for a Config with a timing.
func WithLookFor(span time.Duration) func(*Config) {
	return func(config *Config) { config.timing.lookFor = span }
}

// WithUndoFor is for a Config with a timing, and callers without a deadline.
func WithUndoFor(span time.Duration) func(*Config) {
	return func(config *Config) { config.timing.withoutDeadline = span }
}

// WithQueueing is for a Config with a timing.
func WithQueueing(longest time.Duration) func(*Config) {
	return func(config *Config) { config.timing.longestQueueing = longest }
}

// WithPause is for a Config with a timing.
func WithPause(longest time.Duration) func(*Config) {
	return func(config *Config) { config.timing.longestPause = longest }
}

// WithSecretPause is for a Config with a timing.
func WithSecretPause(first time.Duration) func(*Config) {
	return func(config *Config) { config.timing.secretPause = first }
}

// What tests compare with.
const (
	Repeats         = maxRepeats
	CircuitFailures = circuitFailures
	CircuitProbes   = circuitProbes
	SecretTries     = secretTries
)

// Warm reads what the realm says of required actions and attributes, as a creation does.
func Warm(ctx context.Context, p *Provider) error {
	_, err := p.creationRules(ctx)
	return err
}
