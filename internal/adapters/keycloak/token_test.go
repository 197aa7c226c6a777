package keycloak_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(span time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(span)
}

func (c *clock) set(config *keycloak.Config) { config.Now = c.Now }

// atOnce looks a user up many times at the same moment.
func atOnce(t *testing.T, p *keycloak.Provider, times int) []error {
	t.Helper()
	start := make(chan struct{})
	errs := make([]error, times)
	name := username(t, "present")
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() {
			<-start
			_, errs[i] = p.FindUser(t.Context(), name)
		})
	}
	close(start)
	all.Wait()
	return errs
}

func TestToken_OneLoginForAHundredAtOnce(t *testing.T) {
	s, c := newStub(t), newClock()
	s.plant(present())
	p := s.provider(t, c.set)
	for _, state := range []struct {
		name  string
		bring func()
	}{
		{"cold", func() {}}, {"revoked", s.revoke}, {"expired", func() { c.pass(time.Hour) }},
	} {
		s.taken()
		state.bring()
		for _, err := range atOnce(t, p, 100) {
			require.NoError(t, err, state.name)
		}
		assert.Equal(t, 1, s.count("POST token"), state.name)
	}
}

// A token is renewed before Keycloak refuses it, and not earlier than needed.
func TestToken_IsRenewedBeforeItExpires(t *testing.T) {
	s, c := newStub(t), newClock()
	s.plant(present())
	p := s.provider(t, c.set)
	find := func() {
		t.Helper()
		_, err := p.FindUser(t.Context(), username(t, "present"))
		require.NoError(t, err)
	}
	find()
	c.pass(269 * time.Second)
	find()
	assert.Equal(t, 1, s.count("POST token"))
	c.pass(2 * time.Second)
	find()
	assert.Equal(t, 2, s.count("POST token"))
}

func TestToken_RefusedOnceCostsOneLoginAndNoFailure(t *testing.T) {
	s := newStub(t)
	s.plant(present())
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	s.revoke()
	s.taken()
	_, err := p.FindUser(t.Context(), username(t, "present"))
	require.NoError(t, err)
	assert.Equal(t, []string{"GET users", "POST token", "GET users"}, s.taken())
}

// Rights that are missing look like this on some versions: it must not become a storm.
func TestToken_RefusedForEverIsOurFault(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	s.answers("GET users", always, saying(401, "application/json", `{"error":"HTTP 401 Unauthorized"}`))
	s.taken()
	_, err := p.FindUser(t.Context(), username(t, "present"))
	require.ErrorIs(t, err, domain.Internal)
	assert.Equal(t, []string{"GET users", "POST token", "GET users"}, s.taken())
}

func TestToken_FailedLoginIsSharedAndNotKept(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.plant(present())
	p := s.provider(t)
	waiting := make(chan struct{})
	s.answers("POST token", 1, func(w http.ResponseWriter, _ *http.Request) {
		<-waiting
		w.WriteHeader(http.StatusInternalServerError)
	})
	time.AfterFunc(time.Second, func() { close(waiting) }) // All callers wait by then.
	for _, err := range atOnce(t, p, 10) {
		require.ErrorIs(t, err, domain.BadAnswer)
	}
	assert.Equal(t, 1, s.count("POST token"))
	_, err := p.FindUser(t.Context(), username(t, "present"))
	require.NoError(t, err)
}

// The caller whose request started the login may go away; the others still get in.
func TestToken_FirstCallerMayLeave(t *testing.T) {
	s := newStub(t)
	s.plant(present())
	p := s.provider(t)
	reached, waiting := make(chan struct{}), make(chan struct{})
	s.answers("POST token", 1, func(w http.ResponseWriter, r *http.Request) {
		close(reached)
		<-waiting
		s.mu.Lock()
		defer s.mu.Unlock()
		r.SetPathValue("realm", stubRealm)
		s.token(w, r)
	})
	ctx, leave := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	name := username(t, "present")
	go func() { _, err := p.FindUser(ctx, name); first <- err }()
	<-reached
	go func() { _, err := p.FindUser(t.Context(), name); second <- err }()
	leave()
	require.ErrorIs(t, <-first, domain.Unavailable)
	close(waiting)
	require.NoError(t, <-second)
	assert.Equal(t, 1, s.count("POST token"))
}

// gocloak does not encode the secret for the Basic header (RFC 6749, section 2.3.1).
func TestToken_SecretsOfAnyCharacters(t *testing.T) {
	s := newStub(t) // its secret has %, +, blank, &, = and an umlaut
	require.NoError(t, s.provider(t).Check(t.Context()))
	wrong := s.provider(t, func(config *keycloak.Config) { config.ClientSecret = secretOf("wrong") })
	require.ErrorIs(t, wrong.Check(t.Context()), domain.Internal)
}
