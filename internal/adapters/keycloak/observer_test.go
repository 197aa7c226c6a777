package keycloak_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// tally is an observer that notes what it is told.
type tally struct {
	mu          sync.Mutex
	called      []string // "operation code"
	repeated    []string
	compensated []bool
	reread      []error
	turnedAway  []string
}

func (c *tally) observe(config *keycloak.Config) { config.Observer = c }

func (c *tally) Called(operation, code string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if took <= 0 {
		code += " in no time"
	}
	c.called = append(c.called, operation+" "+code)
}

func (c *tally) Retried(operation string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.repeated = append(c.repeated, operation)
}

func (c *tally) MailTurnedAway(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turnedAway = append(c.turnedAway, reason)
}

func (c *tally) Compensated(removed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compensated = append(c.compensated, removed)
}

func (c *tally) SecretReread(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reread = append(c.reread, err)
}

// taken returns the calls since the last time, in alphabetical order.
func (c *tally) taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	called := slices.Sorted(slices.Values(c.called))
	c.called = nil
	return called
}

// Each request that reaches Keycloak is told of, once and by its operation's name.
// Dashboards and alerts are written in these names.
func TestObserver_IsToldOfEachCall(t *testing.T) {
	told := make(map[string]bool)
	for _, op := range operations() {
		var c tally
		s := newStub(t)
		id := domain.UserID(s.plant(present()))
		require.NoError(t, op.run(t, s.provider(t, c.observe), id), op.name)
		called := c.taken()
		assert.Len(t, called, len(s.taken()), op.name)
		for _, call := range called {
			told[call] = true
		}
		assert.Empty(t, c.repeated, op.name)
		assert.Empty(t, c.compensated, op.name)
		assert.Empty(t, c.reread, op.name)
	}
	assert.Subset(t, slices.Collect(maps.Keys(told)), []string{
		"assign_role 204", "create_user 201", "end_sessions 204", "find_user 200", "get_administration_rights 200", "get_group 200",
		"get_group_roles 200", "get_own_roles 200", "get_realm 200", "get_role 200", "get_role_parts 200", "get_user_groups 200",
		"get_user_roles 200", "introspect_token 200", "join_group 204", "log_in 200", "send_actions_mail 204", "update_user 204",
	})
}

func TestObserver_IsToldHowACallEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with  http.HandlerFunc
		code  string
		calls int
	}{
		"a refusal":            {saying(403, "application/json", hiddenAnswer), "403", 1},
		"409":                  {saying(409, "application/json", `{}`), "409", 1},
		"429":                  {saying(429, "", ""), "429", 3},
		"500":                  {saying(500, "application/json", `{"error":"unknown_error"}`), "500", 1},
		"502":                  {saying(502, "", ""), "502", 3},
		"503":                  {saying(503, "", ""), "503", 3},
		"504":                  {saying(504, "", ""), "504", 3},
		"a page":               {saying(200, "text/html", ""), "200", 1},
		"a redirect":           {redirect(302), "302", 1},
		"no answer":            {hang, "timeout", 1},
		"an endless answer":    {trickle, "timeout", 1},
		"reset":                {reset, "unreachable", 3},
		"an answer cut short":  {cutOff, "unreachable", 3},
		"a header without end": {endlessHeader, "timeout", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen tally
			s, p, _ := warmed(t, impatientIf(c.code == "timeout"), unpooled, seen.observe)
			s.spoil("GET users", c.with)
			seen.taken()
			require.Error(t, findPresent(t, p))
			assert.Equal(t, slices.Repeat([]string{"find_user " + c.code}, c.calls), seen.taken())
			assert.Equal(t, slices.Repeat([]string{"find_user"}, c.calls-1), append([]string{}, seen.repeated...))
		})
	}
}

// endlessHeader says that an answer is about to come, and no more.
func endlessHeader(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	hang(w, r)
}

func TestObserver_IsToldOfCallersWhoLeave(t *testing.T) {
	var c tally
	s, p, _ := warmed(t, c.observe)
	s.spoil("GET users", hang)
	c.taken()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, find(ctx, t, p, ""), domain.Unavailable)
	assert.Equal(t, []string{"find_user cancelled"}, c.taken())
}

func TestObserver_IsToldOfKeycloakThatIsNotThere(t *testing.T) {
	var c tally
	s := newStub(t)
	p := s.provider(t, c.observe, newRouted(s, "GET users", refusing(always)).on)
	_, err := p.PasswordPolicy(t.Context())
	require.NoError(t, err)
	c.taken()
	require.ErrorIs(t, findPresent(t, p), domain.Unavailable)
	assert.Equal(t, slices.Repeat([]string{"find_user unreachable"}, 1+keycloak.Retries), c.taken())
}

// What an open circuit refuses was no call, and no repetition of one.
func TestObserver_IsNotToldOfCallsThatTheCircuitRefuses(t *testing.T) {
	var c tally
	_, p, _ := opened(t, c.observe)
	assert.Len(t, c.taken(), keycloak.CircuitFailures+len(warmCalls(t)))
	repeated := len(c.repeated)
	assert.Equal(t, keycloak.CircuitFailures-(keycloak.CircuitFailures/(1+keycloak.Retries)+1), repeated)
	require.ErrorIs(t, findPresent(t, p), domain.Unavailable)
	assert.Empty(t, c.taken())
	assert.Len(t, c.repeated, repeated)
}

// warmCalls are what it takes to make a provider warm.
func warmCalls(t *testing.T) []string {
	t.Helper()
	var c tally
	warmed(t, c.observe)
	return c.taken()
}

func TestObserver_IsToldOfUsersWhoCouldNotBeFinished(t *testing.T) {
	for name, c := range map[string]struct {
		deletion []http.HandlerFunc
		removed  bool
		called   []string
	}{
		"removed":          {nil, true, []string{"delete_user 204"}},
		"gone already":     {[]http.HandlerFunc{saying(404, "application/json", `{"error":"User not found"}`)}, true, []string{"delete_user 404"}},
		"removed at last":  {[]http.HandlerFunc{saying(500, "application/json", `{}`)}, true, []string{"delete_user 204", "delete_user 500"}},
		"cannot be undone": {[]http.HandlerFunc{saying(403, "application/json", hiddenAnswer)}, false, []string{"delete_user 403"}},
	} {
		t.Run(name, func(t *testing.T) {
			var seen tally
			s, p, _ := warmed(t, seen.observe)
			s.roleRefused()
			for _, with := range c.deletion {
				s.answers(deleteRoute, 1, with)
			}
			seen.taken()
			_, err := create(t, p, "anna")
			require.Error(t, err)
			assert.Equal(t, append([]string{"assign_role 403", "create_user 201"}, c.called...), seen.taken())
			assert.Equal(t, []bool{c.removed}, seen.compensated, "one user, however many calls it took")
		})
	}
}

// A creation that never made anybody leaves nothing to undo.
func TestObserver_IsNotToldOfUsersWhoNeverWere(t *testing.T) {
	var c tally
	s, p, _ := warmed(t, c.observe)
	s.spoil("POST users", saying(400, "application/json", `{"field":"email","errorMessage":"error-invalid-email"}`))
	_, err := create(t, p, "anna")
	require.ErrorIs(t, err, domain.InvalidField)
	assert.Empty(t, c.compensated)
}
