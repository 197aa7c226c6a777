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
	c := &Client{Config: Config{CallTimeout: 5 * time.Second}}
	within := func(left time.Duration, with func(context.Context) context.Context) time.Duration {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		defer cancel()
		return c.callTime(with(ctx)).Round(10 * time.Millisecond)
	}
	as := func(ctx context.Context) context.Context { return ctx }
	assert.Equal(t, 5*time.Second, within(time.Second, as), "the context ends the call")
	assert.Equal(t, 5*time.Second, within(time.Second, BypassBulkhead), "the context ends the call")
	assert.Equal(t, 5*time.Second, within(time.Minute, BypassBounds))
	assert.Equal(t, 2500*time.Millisecond, within(3*time.Second, BypassBounds))
	assert.Equal(t, 400*time.Millisecond, within(800*time.Millisecond, BypassBounds))
	assert.Equal(t, 5*time.Second, c.callTime(BypassBounds(t.Context())))
}

func TestBypass_IsNeverTakenAway(t *testing.T) {
	assert.Equal(t, allBounds, bypassOf(BypassBulkhead(BypassBounds(t.Context()))))
	assert.Equal(t, nothing, bypassOf(t.Context()))
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
	c := New(Config{URL: "http://127.0.0.1:1"})
	defer c.Close()
	assert.Equal(t, Timing{
		LongestPause: 200 * time.Millisecond, CircuitDelay: 2 * time.Second, MailCircuitDelay: 10 * time.Second, LongestQueueing: 5 * time.Second,
		LookFor: 2 * time.Second, LookAgainAfter: 250 * time.Millisecond, Grace: 400 * time.Millisecond, WithoutDeadline: 10 * time.Second,
		SecretPause: 100 * time.Millisecond, Settling: 80 * time.Millisecond,
	}, c.Timing)
}
