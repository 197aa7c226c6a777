package adminapi

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRetryAfter_InAllItsForms(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"1":                             time.Second,
		"120":                           2 * time.Minute,
		"-5":                            0,
		"1.5":                           0,
		"soon":                          0,
		"9223372036854775807":           24 * time.Hour,
		"99999999999999999999":          0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second,
		"Fri, 02 Jan 2026 03:04:05 GMT": 0,
		"Fri, 02 Jan 2026 03:03:05 GMT": 0,
	} {
		assert.Equal(t, want, retryAfter(http.Header{"Retry-After": {value}}, now), value)
	}
	assert.Zero(t, retryAfter(nil, now))
}

// Calls that finish or remove a user leave time for what may have to follow.
func TestCallTime_LeavesSomeOfIt(t *testing.T) {
	p := &Provider{callTimeout: 5 * time.Second}
	within := func(left time.Duration, exempt exemption) time.Duration {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		defer cancel()
		return p.callTime(withExemption(ctx, exempt)).Round(10 * time.Millisecond)
	}
	for _, exempt := range []exemption{fromNothing, fromLimit} {
		assert.Equal(t, 5*time.Second, within(time.Second, exempt), "the context ends the call")
	}
	assert.Equal(t, 5*time.Second, within(time.Minute, fromAllBounds))
	assert.Equal(t, 2500*time.Millisecond, within(3*time.Second, fromAllBounds))
	assert.Equal(t, 400*time.Millisecond, within(800*time.Millisecond, fromAllBounds))
	assert.Equal(t, 5*time.Second, p.callTime(withExemption(t.Context(), fromAllBounds)))
}

func TestExemption_IsNeverTakenAway(t *testing.T) {
	ctx := withExemption(withExemption(t.Context(), fromAllBounds), fromLimit)
	assert.Equal(t, fromAllBounds, exemptionOf(ctx))
	assert.Equal(t, fromNothing, exemptionOf(t.Context()))
}

// "Full jitter": any pause from none to the longest.
func TestPauses_AreRandomUpToTheLongest(t *testing.T) {
	const longest = 200 * time.Millisecond
	shortest, longestSeen := longest, time.Duration(0)
	for range 1000 {
		pause := randomUpTo(longest)
		assert.GreaterOrEqual(t, pause, time.Duration(0))
		assert.Less(t, pause, longest)
		shortest, longestSeen = min(shortest, pause), max(longestSeen, pause)
	}
	assert.Less(t, shortest, longest/20)
	assert.Greater(t, longestSeen, longest*19/20)
}

// These are the times that the program runs with.
func TestTiming_IsTheUsualOneUnlessATestSetsAnother(t *testing.T) {
	p := New(Config{URL: "http://127.0.0.1:1"})
	defer p.Close()
	assert.Equal(t, timing{
		longestPause: 200 * time.Millisecond, circuitDelay: 2 * time.Second, longestQueueing: 500 * time.Millisecond,
		lookFor: 2 * time.Second, lookAgainAfter: 250 * time.Millisecond, grace: 400 * time.Millisecond, withoutDeadline: 10 * time.Second,
		secretPause: 100 * time.Millisecond,
	}, p.timing)
}
