package keycloak_test

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// askingToWait refuses with a status and a Retry-After.
func askingToWait(status int, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(status)
	}
}

// unpooled uses a new connection for each request: on one that was used before, net/http
// itself repeats reads.
func unpooled(config *keycloak.Config) {
	config.Transport = &http.Transport{DisableKeepAlives: true}
}

// forEachOperation runs f for all operations, each with a stub of its own.
func forEachOperation(t *testing.T, f func(op operation, s *stub, id domain.UserID)) {
	t.Helper()
	for _, op := range operations() {
		s := newStub(t)
		f(op, s, domain.UserID(s.plant(present())))
	}
}

// forEachAtOnce is the same where f waits: one after the other would take long.
func forEachAtOnce(t *testing.T, f func(op operation, s *stub, id domain.UserID)) {
	t.Helper()
	var all sync.WaitGroup
	forEachOperation(t, func(op operation, s *stub, id domain.UserID) {
		all.Go(func() { f(op, s, id) })
	})
	all.Wait()
}

// patient is for calls that have to succeed on a busy machine.
func patient(config *keycloak.Config) { config.CallTimeout = 30 * time.Second }

// calls returns how often the operation asks its route when nothing is the matter.
func (o operation) calls(t *testing.T) int {
	t.Helper()
	s := newStub(t)
	assert.NoError(t, o.run(t, s.provider(t), domain.UserID(s.plant(present()))), o.name)
	return s.count(o.route)
}

// What lasts is met three times at most; a creation and a mail are tried once when
// Keycloak may have seen them.
func TestRepetition_HasALimit(t *testing.T) {
	for name, c := range map[string]struct {
		with  http.HandlerFunc
		kind  domain.Kind
		tries int
		// unclear tells that a creation may have been carried out all the same.
		unclear bool
	}{
		"reset before the answer": {reset, domain.Unavailable, 3, true},
		"truncated body":          {cutOff, domain.Unavailable, 3, true},
		"429":                     {saying(429, "text/plain", ""), domain.Unavailable, 3, false},
		"502":                     {saying(502, "text/html", ""), domain.Unavailable, 3, true},
		"503":                     {saying(503, "text/html", ""), domain.Unavailable, 3, false},
		"504":                     {saying(504, "text/html", ""), domain.Timeout, 3, true},
		// Nobody waits for longer than there is time.
		"503 for a minute": {askingToWait(503, "60"), domain.Unavailable, 1, false},
		"503 until a date": {askingToWait(503, "Fri, 31 Dec 2100 23:59:59 GMT"), domain.Unavailable, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			forEachOperation(t, func(op operation, s *stub, id domain.UserID) {
				want, kind := c.tries, c.kind
				if op.once {
					want = 1
				}
				if c.unclear {
					kind = op.unclear(kind)
				}
				p := s.provider(t, unpooled, patient)
				s.answers(op.route, always, c.with)
				began := time.Now()
				err := op.run(t, p, id)
				assert.Less(t, time.Since(began), 20*time.Second, op.name)
				assert.ErrorIs(t, err, kind, op.name)
				assert.Equal(t, kind, domain.AsError(err).Kind, op.name)
				assert.Equal(t, want, s.count(op.route), op.name)
				assert.Empty(t, s.mails, op.name)
			})
		})
	}
}

// When the time for a call is over there is none for another try.
func TestRepetition_IsNoneAfterATimeout(t *testing.T) {
	t.Parallel()
	forEachAtOnce(t, func(op operation, s *stub, id domain.UserID) {
		p := s.provider(t, func(config *keycloak.Config) { config.CallTimeout = 3 * time.Second })
		s.answers(op.route, always, hang)
		assert.ErrorIs(t, op.run(t, p, id), op.unclear(domain.Timeout), op.name)
		assert.Equal(t, 1, s.count(op.route), op.name)
		assert.Empty(t, s.mails, op.name)
	})
}

// A fault that passes goes unnoticed.
func TestRepetition_Succeeds(t *testing.T) {
	for name, with := range map[string]http.HandlerFunc{"reset before the answer": reset, "503": saying(503, "text/html", "")} {
		t.Run(name, func(t *testing.T) {
			forEachOperation(t, func(op operation, s *stub, id domain.UserID) {
				if op.once {
					return
				}
				p := s.provider(t, unpooled)
				s.answers(op.route, keycloak.Retries, with)
				assert.NoError(t, op.run(t, p, id), op.name)
				assert.Equal(t, op.calls(t)+keycloak.Retries, s.count(op.route), op.name)
			})
		})
	}
}

// A write that was carried out before its answer was lost is carried out again, and that
// changes nothing.
func TestRepetition_OfAWriteThatWasCarriedOut(t *testing.T) {
	for _, op := range operations() {
		carryOut := map[string]func(*stub) http.HandlerFunc{
			assignRoute: func(s *stub) http.HandlerFunc { return s.assign }, joinRoute: func(s *stub) http.HandlerFunc { return s.join },
			putUserRoute: func(s *stub) http.HandlerFunc { return s.update }, "POST users/{id}/logout": func(s *stub) http.HandlerFunc { return s.logout },
			takeRoleRoute: func(s *stub) http.HandlerFunc { return s.take }, leaveRoute: func(s *stub) http.HandlerFunc { return s.leave },
		}[op.route]
		if carryOut == nil {
			continue
		}
		s := newStub(t)
		id := domain.UserID(s.plant(present()))
		s.answers(op.route, 1, s.thenReset(carryOut(s)))
		require.NoError(t, op.run(t, s.provider(t), id), op.name)
		assert.Equal(t, 2, s.count(op.route), op.name)
	}
}

// thenReset lets the stub do what was asked, and closes the connection without an answer.
func (s *stub) thenReset(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.asUsual(do)(unanswered{w}, r)
		panic(http.ErrAbortHandler)
	}
}

// Keycloak is given the time it asks for.
func TestRepetition_WaitsAsLongAsKeycloakAsks(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func() string{
		"a second": func() string { return "1" },
		// A date has no fractions of a second.
		"a date": func() string { return time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forEachAtOnce(t, func(op operation, s *stub, id domain.UserID) {
				if op.once {
					return
				}
				p := s.provider(t, patient)
				var asked time.Time
				s.answers(op.route, 1, func(w http.ResponseWriter, r *http.Request) {
					asked = time.Now()
					askingToWait(503, after())(w, r)
				})
				assert.NoError(t, op.run(t, p, id), op.name)
				assert.Equal(t, op.calls(t)+1, s.count(op.route), op.name)
				assert.GreaterOrEqual(t, time.Since(asked), time.Second, op.name)
			})
		})
	}
}

// A caller who leaves does not wait for the repetition, and there is none.
func TestRepetition_EndsWithTheCaller(t *testing.T) {
	s := newStub(t)
	s.plant(present())
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	ctx, leave := context.WithCancel(t.Context())
	s.answers("GET users", always, askingToWait(503, "4"))
	time.AfterFunc(100*time.Millisecond, leave)
	began := time.Now()
	_, err := p.FindUser(ctx, username(t, "present"))
	require.ErrorIs(t, err, domain.Unavailable)
	assert.Less(t, time.Since(began), 2*time.Second)
	assert.Equal(t, 2, s.count("GET users"), "one of them was for the check")
}

// The pauses are random, so that callers do not come back all at once.
func TestRepetition_PausesAtRandom(t *testing.T) {
	const longest = 100 * time.Millisecond
	var mu sync.Mutex
	var pauses []time.Duration
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			s := newStub(t)
			s.plant(present())
			p := s.provider(t, keycloak.WithPause(longest))
			assert.NoError(t, p.Check(t.Context()))
			var asked []time.Time
			s.answers("GET users", always, func(w http.ResponseWriter, _ *http.Request) {
				asked = append(asked, time.Now())
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			_, err := p.FindUser(t.Context(), username(t, "present"))
			assert.ErrorIs(t, err, domain.Unavailable)
			mu.Lock()
			defer mu.Unlock()
			for i := 1; i < len(asked); i++ {
				pauses = append(pauses, asked[i].Sub(asked[i-1]))
			}
		})
	}
	all.Wait()
	slices.Sort(pauses)
	require.Len(t, pauses, 30*keycloak.Retries)
	assert.Less(t, pauses[5], longest/2, "some are short")
	assert.Greater(t, pauses[len(pauses)-6], longest/2, "some are long")
	assert.Less(t, pauses[len(pauses)/2], longest, "few take longer, and only because the machine is busy")
}

// routed carries requests for some routes in another way.
type routed struct {
	s      *stub
	usual  http.RoundTripper
	others map[string]http.RoundTripper
	asked  atomic.Int64 // requests that went the other way
}

func (r *routed) RoundTrip(req *http.Request) (*http.Response, error) {
	if other := r.others[r.s.route(req)]; other != nil {
		r.asked.Add(1)
		return other.RoundTrip(req)
	}
	return r.usual.RoundTrip(req)
}

// on is a Config whose requests for a route are carried by another transport.
func (r *routed) on(config *keycloak.Config) { config.Transport = r }

func newRouted(s *stub, route string, other http.RoundTripper) *routed {
	return &routed{s: s, usual: &http.Transport{DisableKeepAlives: true}, others: map[string]http.RoundTripper{route: other}}
}

// refusing is a transport whose first connections are refused.
func refusing(times int) http.RoundTripper {
	var dialled atomic.Int64
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialled.Add(1) <= int64(times) {
			address = "127.0.0.1:1" // where nobody listens
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
}

// What was not sent may be sent again, also a creation and a mail.
func TestRepetition_AfterARefusedConnection(t *testing.T) {
	forEachOperation(t, func(op operation, s *stub, id domain.UserID) {
		r := newRouted(s, op.route, refusing(keycloak.Retries))
		assert.NoError(t, op.run(t, s.provider(t, r.on, patient), id), op.name)
		assert.GreaterOrEqual(t, int(r.asked.Load()), 1+keycloak.Retries, op.name)
		if op.once {
			assert.Equal(t, 1, s.count(op.route), op.name)
			assert.EqualValues(t, 1+keycloak.Retries, r.asked.Load(), op.name)
		}
	})
}

// It has changed nothing, so it is Unavailable also for a creation, and nobody is looked
// for.
func TestRepetition_WhileConnectionsAreRefused(t *testing.T) {
	forEachOperation(t, func(op operation, s *stub, id domain.UserID) {
		r := newRouted(s, op.route, refusing(always))
		p := s.provider(t, r.on)
		assert.ErrorIs(t, op.run(t, p, id), domain.Unavailable, op.name)
		assert.EqualValues(t, 1+keycloak.Retries, r.asked.Load(), op.name)
		if op.route == "POST users" {
			assert.Equal(t, 1, s.count("GET users"), "the service account")
		}
	})
}

// A host that is gone answers nothing, not even that nobody listens.
func TestRepetition_WhenNoConnectionComesAbout(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	defer close(ended)
	gone := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		<-ended // net/http does not give up a connection with the request that wanted it.
		return nil, context.Canceled
	}}
	forEachAtOnce(t, func(op operation, s *stub, id domain.UserID) {
		if !slices.Contains([]string{"FindUser", "CreateUser", "SendActionsMail", "SetEnabled"}, op.name) {
			return
		}
		r := newRouted(s, op.route, gone)
		kind := domain.Timeout
		if op.name == "SendActionsMail" {
			kind = domain.Unavailable // A mail that times out may have gone out; this one has not.
		}
		assert.ErrorIs(t, op.run(t, s.provider(t, r.on, impatient), id), kind, op.name)
		assert.EqualValues(t, 1, r.asked.Load(), op.name)
		if op.route == "POST users" {
			assert.Equal(t, 1, s.count("GET users"), "the service account")
		}
	})
}

// A login that fails has not created anybody, whatever became of it.
func TestRepetition_OfALoginBeforeACreation(t *testing.T) {
	for name, c := range map[string]struct {
		spend func(*stub, *clock) // makes the token one that Keycloak does not accept
		posts int
	}{
		"the token has expired": {func(_ *stub, c *clock) { c.pass(20 * time.Second) }, 0},
		"it is refused":         {func(s *stub, _ *clock) { s.revoke() }, 1},
	} {
		for fault, with := range map[string]http.HandlerFunc{"reset": reset, "502": saying(502, "", ""), "503": saying(503, "", ""), "a page": saying(200, "text/html", "")} {
			t.Run(name+", "+fault, func(t *testing.T) {
				clock := newClock()
				s := newStub(t)
				s.lifetime = 20
				p := s.provider(t, clock.set, unpooled)
				require.NoError(t, p.Check(t.Context()))
				_, err := p.RightsOf(t.Context(), newcomer(t, "anna").Assignment)
				require.NoError(t, err)
				require.NoError(t, keycloak.Warm(t.Context(), p))
				c.spend(s, clock)
				s.spoil("POST token", with)
				s.taken()
				_, err = create(t, p, "anna")
				kind, logins := domain.Unavailable, 1+keycloak.Retries
				if fault == "a page" {
					kind, logins = domain.BadAnswer, 1
				}
				assertOnlyKind(t, kind, err)
				assert.Equal(t, slices.Concat(slices.Repeat([]string{"POST users"}, c.posts), slices.Repeat([]string{"POST token"}, logins)), s.taken())
			})
		}
	}
}

// A token that is refused costs one login and one more creation: Keycloak has said that
// it did not carry the first one out.
func TestRepetition_OfACreationWithANewToken(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	_, err := create(t, p, "anna")
	require.NoError(t, err)
	s.revoke()
	s.taken()
	_, err = create(t, p, "berta")
	require.NoError(t, err)
	assert.Equal(t, []string{"POST users", "POST token", "POST users", assignRoute}, s.taken())
}
