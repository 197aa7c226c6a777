package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// A stolen session must not empty a bank within a minute. The clock is a bubble's, so a
// minute takes no time.

// limitingWrites is a service that lets each actor write so often in a minute.
func limitingWrites(perMinute int) func(*settings) {
	return func(with *settings) { with.app.WritesPerMinute = perMinute }
}

// inBubble runs test with a clock that nobody has to wait for.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	_, err := documentInSource() // read outside, for all bubbles
	require.NoError(t, err)
	synctest.Test(t, test)
}

// tooMany asserts that the answer is the one of an actor who writes too often.
func (r reply) tooMany(about ...any) {
	r.t.Helper()
	r.failed(http.StatusTooManyRequests, "rate_limited", "Too many changes in a short time. Please wait a minute.", about...)
	assert.Equal(r.t, "60", r.header.Get("Retry-After"), about...)
}

func TestRateLimit_RefusesTheFourthOfThreeWrites(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		provider := newRealm(t)
		a := newAPI(t, provider, enforcing, limitingWrites(3))
		for i := range 3 {
			body := employeeWith(t, members{"username": fmt.Sprintf("new%d", i), "email": fmt.Sprintf("new%d@bank.example", i)})
			require.Equal(t, http.StatusCreated, a.sendAsActor("asha", http.MethodPost, "/sync/user", body).status)
		}
		for _, before := range []string{"", prefix} {
			for _, route := range protectedRoutes() {
				answer := a.sendAsActor("asha", route.method, before+route.target, route.body)
				if route.method == http.MethodGet {
					assert.Equal(t, http.StatusOK, answer.status, "reads are not limited")
					continue
				}
				answer.tooMany(route.target)
				events := a.audit.all()
				event := events[len(events)-1]
				assert.Equal(t, domain.RateLimited, event.Reason)
				assert.Equal(t, domain.Refused, event.Outcome)
				assert.Equal(t, "asha", event.Actor.Name())
			}
		}
		assert.Len(t, provider.Users(), 7)
		assert.Empty(t, provider.Mails())
		assert.Equal(t, []domain.RequiredAction{domain.VerifyEmail}, userNamed(t, provider, "anna").RequiredActions)
	})
}

func TestRateLimit_CountsAllWritesTogetherAndNoReads(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := newAPI(t, newRealm(t), enforcing, limitingWrites(3))
		for range 10 {
			assert.Equal(t, http.StatusOK, a.sendAsActor("asha", http.MethodGet, "/users/anna/keycloak-status", "").status)
		}
		for _, route := range protectedRoutes()[:3] {
			assert.Less(t, a.sendAsActor("asha", route.method, prefix+route.target, route.body).status, 300, route.target)
		}
		a.sendAsActor("asha", http.MethodPost, "/users/anna/force-password-change", "").tooMany()
	})
}

func TestRateLimit_IsEachActorsOwn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := newAPI(t, newRealm(t), enforcing, limitingWrites(2))
		for range 2 {
			assert.Equal(t, http.StatusOK, a.sendAsActor("asha", http.MethodPut, "/users/anna/status", `{"enabled":true}`).status)
		}
		a.sendAsActor("asha", http.MethodPut, "/users/anna/status", `{"enabled":true}`).tooMany()
		a.sendAsActor("ASHA", http.MethodPut, "/users/anna/status", `{"enabled":true}`).tooMany("in other letter case")
		a.sendAsActor("aShA", http.MethodPut, "/users/anna/status", `{"enabled":true}`).tooMany("in other letter case")
		assert.Equal(t, http.StatusOK, a.sendAsActor("ash", http.MethodPut, "/users/anna/status", `{"enabled":true}`).status)
		assert.Equal(t, http.StatusOK, a.sendAsActor("asha2", http.MethodPut, "/users/anna/status", `{"enabled":true}`).status)
	})
}

func TestRateLimit_EndsWithTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := newAPI(t, newRealm(t), enforcing, limitingWrites(1))
		assert.Equal(t, http.StatusOK, a.sendAsActor("asha", http.MethodPut, "/users/anna/status", `{"enabled":true}`).status)
		time.Sleep(30 * time.Second)
		a.sendAsActor("asha", http.MethodPut, "/users/anna/status", `{"enabled":true}`).tooMany()
		time.Sleep(2 * time.Minute)
		assert.Equal(t, http.StatusOK, a.sendAsActor("asha", http.MethodPut, "/users/anna/status", `{"enabled":true}`).status)
	})
}

// Else a page of another site could use up an administrator's writes.
func TestRateLimit_CountsNothingThatIsRefusedBefore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := newAPI(t, newRealm(t), enforcing, limitingWrites(1))
		for range 5 {
			answer := a.sendWith(http.MethodPut, "/users/anna/status", `{"enabled":true}`, http.Header{
				"Authorization": {"Bearer asha"}, "Sec-Fetch-Site": {"cross-site"},
			})
			assert.Equal(t, http.StatusForbidden, answer.status)
			assert.Equal(t, http.StatusUnauthorized, a.sendAsActor("bad", http.MethodPut, "/users/anna/status", `{"enabled":true}`).status)
		}
		assert.Equal(t, http.StatusOK, a.sendAsActor("asha", http.MethodPut, "/users/anna/status", `{"enabled":true}`).status)
	})
}

// A write that fails was tried; whoever searches for weak spots fails a lot.
func TestRateLimit_CountsWritesThatFail(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := newAPI(t, newRealm(t), enforcing, limitingWrites(2))
		assert.Equal(t, http.StatusNotFound, a.sendAsActor("asha", http.MethodPost, "/users/nobody/reset-password", "").status)
		assert.Equal(t, http.StatusBadRequest, a.sendAsActor("asha", http.MethodPost, "/sync/user", "{}").status)
		a.sendAsActor("asha", http.MethodPost, "/sync/user", employee).tooMany()
	})
}

func TestRateLimit_OfZeroIsNone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := newAPI(t, newRealm(t), enforcing, limitingWrites(0))
		for range 150 {
			require.Equal(t, http.StatusOK, a.sendAsActor("asha", http.MethodPut, "/users/anna/status", `{"enabled":true}`).status)
		}
	})
}

// Where callers are not checked nothing tells them apart: one of them must not use up
// what all of them have.
func TestRateLimit_DoesNotCountUnknownActors(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := newAPI(t, newRealm(t), limitingWrites(1))
		for range 3 {
			assert.Equal(t, http.StatusOK, a.send(http.MethodPut, "/users/anna/status", `{"enabled":true}`).status)
		}
	})
}
