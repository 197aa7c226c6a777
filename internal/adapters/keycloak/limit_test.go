package keycloak_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// room is how many calls may be under way in these tests; as many may wait.
const room = 20

func roomy(config *keycloak.Config) { config.MaxConcurrency = room }

// crowd fills the room with look-ups that hang, and the queue before it.
type crowd struct {
	goOn    chan struct{}
	release func() // closes goOn, once
	results chan error

	mu         sync.Mutex
	here, most int // look-ups at the stub
}

func (c *crowd) answer(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	c.here++
	c.most = max(c.most, c.here)
	c.mu.Unlock()
	<-c.goOn
	c.mu.Lock()
	c.here--
	c.mu.Unlock()
	answer(w, http.StatusOK, `[{"id":"user-1","username":"present"}]`)
}

// gather brings up as many look-ups as there is room for, and as many as may wait. Some
// of the room may be taken already.
func gather(t *testing.T, s *stub, p *keycloak.Provider, taken int) *crowd {
	t.Helper()
	const tooMany = 50
	c := &crowd{goOn: make(chan struct{}), results: make(chan error, 2*room+tooMany)}
	c.release = sync.OnceFunc(func() { close(c.goOn) })
	t.Cleanup(c.release) // The stub cannot close before.
	s.spoil("GET users", c.answer)
	for range 2*room + tooMany {
		go func() { c.results <- findPresent(t, p) }()
	}
	for range tooMany + taken {
		assertOnlyKind(t, domain.Overloaded, <-c.results)
	}
	assert.Eventually(t, func() bool { return s.count("GET users") == room-taken }, 5*time.Second, time.Millisecond)
	return c
}

func TestLimit_ManyWaitAndMoreAreTurnedAwayAtOnce(t *testing.T) {
	s, p, _ := warmed(t, roomy, keycloak.WithQueueing(time.Minute))
	c := gather(t, s, p, 0)
	began := time.Now()
	require.ErrorIs(t, findPresent(t, p), domain.Overloaded)
	assert.Less(t, time.Since(began), 100*time.Millisecond)
	assert.Equal(t, room, s.count("GET users"))

	c.release()
	for range 2 * room {
		require.NoError(t, <-c.results, "who is in the queue gets a turn")
	}
	assert.Equal(t, 2*room, s.count("GET users"))
	assert.Equal(t, room, c.most)
	require.NoError(t, findPresent(t, p))
}

// Nobody waits long for a turn.
func TestLimit_WaitingHasAnEnd(t *testing.T) {
	const longest = 100 * time.Millisecond
	s, p, _ := warmed(t, roomy, keycloak.WithQueueing(longest))
	began := time.Now()
	c := gather(t, s, p, 0)
	for range room {
		require.ErrorIs(t, <-c.results, domain.Overloaded)
	}
	assert.GreaterOrEqual(t, time.Since(began), longest)
	c.release()
	for range room {
		require.NoError(t, <-c.results)
	}
	assert.Equal(t, room, s.count("GET users"))
}

// An operation that makes many calls side by side is not in its own way.
func TestLimit_OfOneIsEnoughForEveryOperation(t *testing.T) {
	forEachOperation(t, func(op operation, s *stub, id domain.UserID) {
		p := s.provider(t, func(config *keycloak.Config) { config.MaxConcurrency = 1 }, patient)
		assert.NoError(t, op.run(t, p, id), op.name)
	})
}

// The check tells how Keycloak fares, not how busy we are.
func TestLimit_DoesNotHoldUpTheCheck(t *testing.T) {
	s, p, _ := warmed(t, roomy, keycloak.WithQueueing(time.Minute))
	c := gather(t, s, p, 0)
	s.revoke()
	assert.NoError(t, p.Check(t.Context()), "not even when it has to log in")
	c.release()
	for range 2 * room {
		<-c.results
	}
}

// Nor the login, for which all others wait.
func TestLimit_DoesNotHoldUpTheLogin(t *testing.T) {
	clock := newClock()
	s, p, _ := warmed(t, roomy, clock.set, keycloak.WithQueueing(time.Minute))
	c := gather(t, s, p, 0)
	clock.pass(time.Hour)
	require.ErrorIs(t, findPresent(t, p), domain.Overloaded)
	assert.Equal(t, 1, s.count("POST token"))
	c.release()
	for range 2 * room {
		<-c.results
	}
}

// Once it is known that Keycloak is in trouble, nobody waits for a turn to be told so.
func TestLimit_IsNoMatterWhenTheCircuitIsOpen(t *testing.T) {
	s, p, _ := warmed(t, roomy, keycloak.WithQueueing(time.Minute))
	c := gather(t, s, p, 0)
	s.spoil("GET realm", saying(502, "", ""))
	for range keycloak.CircuitFailures {
		require.ErrorIs(t, p.Check(t.Context()), domain.Unavailable)
	}
	began := time.Now()
	assertOnlyKind(t, domain.Unavailable, findPresent(t, p))
	assert.Less(t, time.Since(began), 100*time.Millisecond)
	c.release()
	for range 2 * room {
		<-c.results
	}
}

// meanwhile makes the stub create the user, and then run something before it answers.
func (s *stub) meanwhile(happens func()) {
	s.answers("POST users", 1, func(w http.ResponseWriter, r *http.Request) {
		happens()
		s.asUsual(s.create)(w, r)
	})
}

// Whoever has made a user is not turned away half way, neither for want of room nor by
// the circuit.
func TestBounds_DoNotHoldUpWhatFinishesAUser(t *testing.T) {
	for name, c := range map[string]struct {
		assigning http.HandlerFunc // nil: as usual
		kind      domain.Kind      // empty: none
		left      []string
	}{
		"it gets its role":      {nil, "", []string{"anna", "present"}},
		"it is removed again":   {saying(403, "application/json", hiddenAnswer), domain.Internal, []string{"present"}},
		"with a role made anew": {nil, "", []string{"anna", "present"}},
	} {
		for bound, reach := range map[string]func(t *testing.T, s *stub, p *keycloak.Provider) (end func()){
			"limit": func(t *testing.T, s *stub, p *keycloak.Provider) func() {
				t.Helper()
				return gather(t, s, p, 1).release
			},
			"circuit": func(t *testing.T, s *stub, p *keycloak.Provider) func() {
				t.Helper()
				s.spoil("GET users", saying(502, "", ""))
				for range keycloak.CircuitFailures {
					assert.Error(t, findPresent(t, p))
				}
				s.taken()
				assert.ErrorIs(t, findPresent(t, p), domain.Unavailable)
				assert.Empty(t, s.taken())
				return func() {}
			},
		} {
			t.Run(name+" beyond the "+bound, func(t *testing.T) {
				s, p, _ := warmed(t, roomy, keycloak.WithQueueing(time.Minute))
				var end func()
				s.meanwhile(func() {
					end = reach(t, s, p)
					s.revoke() // The next call has to log in again.
				})
				if name == "with a role made anew" {
					s.change(func() { s.roles["teller"] = "role-9" })
				}
				if c.assigning != nil {
					s.answers(assignRoute, always, c.assigning)
				}
				_, err := create(t, p, "anna")
				if c.kind == "" {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, c.kind)
				}
				assert.ElementsMatch(t, c.left, s.usernames())
				end()
			})
		}
	}
}
