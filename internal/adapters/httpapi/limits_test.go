package httpapi_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What callers are told who come too often. The rules are the application's.

func TestRateLimit_IsToldOnEveryRouteThatWrites(t *testing.T) {
	a := newAPI(t, newRealm(t), enforcing, func(with *settings) { with.app.WritesPerMinute = 1 })
	// Also what is no valid request was tried.
	require.Equal(t, http.StatusBadRequest, a.sendAsActor("asha", http.MethodPost, "/sync/user", "{}").status)
	for _, before := range []string{"", prefix} {
		for _, route := range protectedRoutes() {
			answer := a.sendAsActor("asha", route.method, before+route.target, route.body)
			if route.method == http.MethodGet {
				assert.Equal(t, http.StatusOK, answer.status, "reads are not limited")
				continue
			}
			answer.failed(http.StatusTooManyRequests, "rate_limited", "Too many changes in a short time. Please wait a minute.", route.target)
			assert.Equal(t, "60", answer.header.Get("Retry-After"), route.target)
		}
	}
}

// Whole seconds, rounded up: who waits that long does not come too early.
func TestResetCooldown_SaysHowManySecondsAreLeft(t *testing.T) {
	now := time.Date(2026, time.March, 1, 9, 30, 0, 0, time.UTC)
	a := newAPI(t, newRealm(t), func(with *settings) {
		with.app.ResetCooldown, with.app.Now = time.Minute, func() time.Time { return now }
	})
	reset := func(name string) reply { return a.send(http.MethodPost, "/users/"+name+"/reset-password", "") }
	require.Equal(t, http.StatusOK, reset("anna").status)
	sent := now
	for passed, left := range map[time.Duration]int{
		0: 60, time.Nanosecond: 60, time.Second: 59, 1500 * time.Millisecond: 59, 59 * time.Second: 1, 59900 * time.Millisecond: 1, time.Minute - 1: 1,
	} {
		now = sent.Add(passed)
		for _, spelt := range []string{"anna", "ANNA", "%61nna", "a%4Ena"} {
			answer := reset(spelt)
			answer.failed(http.StatusTooManyRequests, "rate_limited", "A reset mail was sent to this user a moment ago. Please wait a little.", spelt)
			assert.Equal(t, strconv.Itoa(left), answer.header.Get("Retry-After"), "%s after %s", spelt, passed)
		}
	}
}
