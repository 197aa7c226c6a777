package keycloak_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// circuitDelay is long enough for what a test does meanwhile on a busy machine.
const circuitDelay = 500 * time.Millisecond

// findPresent looks the user "present" up.
func findPresent(t *testing.T, p *keycloak.Provider) error {
	t.Helper()
	return find(t.Context(), t, p, "")
}

// warmed returns a provider that is logged in and has read what every operation of the
// tests keeps, on a stub with the user "present".
func warmed(t *testing.T, change ...func(*keycloak.Config)) (*stub, *keycloak.Provider, domain.UserID) {
	t.Helper()
	s := newStub(t)
	id := domain.UserID(s.plant(present()))
	p := s.provider(t, change...)
	require.NoError(t, p.Check(t.Context()))
	_, err := p.RightsOf(t.Context(), newcomer(t, "anna").Assignment)
	require.NoError(t, err)
	require.NoError(t, keycloak.Warm(t.Context(), p))
	s.taken()
	return s, p, id
}

// spoil makes look-ups fail until the returned function is called.
func (s *stub) spoil(route string, with http.HandlerFunc) (heal func()) {
	o := &override{route, always, with}
	s.change(func() { s.overrides = append(s.overrides, o) })
	return func() { s.change(func() { o.times = 0 }) }
}

// opened is a provider whose circuit is open because look-ups fail.
func opened(t *testing.T, change ...func(*keycloak.Config)) (*stub, *keycloak.Provider, func()) {
	t.Helper()
	s, p, _ := warmed(t, append(change, keycloak.WithCircuitDelay(circuitDelay))...)
	heal := s.spoil("GET users", saying(502, "text/html", ""))
	for range keycloak.CircuitFailures/(1+keycloak.Retries) + 1 {
		require.ErrorIs(t, findPresent(t, p), domain.Unavailable)
	}
	require.Equal(t, keycloak.CircuitFailures, s.count("GET users"), "not a call more once the circuit is open")
	s.taken()
	return s, p, heal
}

func TestCircuit_OpensAndRefusesAtOnce(t *testing.T) {
	s, p, _ := opened(t)
	began := time.Now()
	err := findPresent(t, p)
	assertOnlyKind(t, domain.Unavailable, err)
	assert.Contains(t, err.Error(), "circuit")
	assert.Less(t, time.Since(began), 100*time.Millisecond)
	assert.Empty(t, s.taken())
}

// While it is open no operation calls Keycloak, not even for what is not kept yet.
func TestCircuit_IsOneForAllOperations(t *testing.T) {
	s, p, _ := opened(t)
	s.plant(present())
	for _, op := range operations() {
		if op.name == "PasswordPolicy" {
			continue // It is kept.
		}
		assert.ErrorIs(t, op.run(t, p, "user-1"), domain.Unavailable, op.name)
	}
	assert.Empty(t, s.taken())
}

func TestCircuit_OpensForEachFaultOfKeycloak(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]http.HandlerFunc{
		"reset": reset, "cut off": cutOff, "502": saying(502, "", ""), "503": saying(503, "", ""), "504": saying(504, "", ""), "no answer": hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, _ := warmed(t, impatientIf(name == "no answer"), unpooled)
			s.spoil("GET users", with)
			var all sync.WaitGroup
			for range keycloak.CircuitFailures {
				all.Go(func() { assert.Error(t, findPresent(t, p)) })
			}
			all.Wait()
			s.taken()
			require.ErrorIs(t, findPresent(t, p), domain.Unavailable)
			assert.Empty(t, s.taken())
		})
	}
}

// A creation gets half of the time only. That Keycloak needs more is its fault.
func TestCircuit_OpensForCreationsThatHang(t *testing.T) {
	t.Parallel()
	s, p, _ := warmed(t)
	s.spoil("POST users", hang)
	var all sync.WaitGroup
	for i := range keycloak.CircuitFailures {
		user := newcomer(t, fmt.Sprintf("anna%d", i))
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := p.CreateUser(ctx, user)
			assert.ErrorIs(t, err, domain.Partial)
		})
	}
	all.Wait()
	s.taken()
	require.ErrorIs(t, findPresent(t, p), domain.Unavailable)
	assert.Empty(t, s.taken())
}

func TestCircuit_ClosesAfterAProbe(t *testing.T) {
	t.Parallel()
	s, p, heal := opened(t)
	heal()
	require.Error(t, findPresent(t, p), "the delay is not over")
	time.Sleep(circuitDelay)
	require.NoError(t, findPresent(t, p))
	s.taken()
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() { assert.NoError(t, findPresent(t, p)) })
	}
	all.Wait()
	assert.Equal(t, 30, s.count("GET users"))
}

// The check in the background does that as well, so that the first request after an
// outage succeeds.
func TestCircuit_ClosesAfterACheck(t *testing.T) {
	t.Parallel()
	s, p, heal := opened(t)
	require.ErrorIs(t, p.Check(t.Context()), domain.Unavailable, "open")
	assert.Empty(t, s.taken())
	heal()
	time.Sleep(circuitDelay)
	require.NoError(t, p.Check(t.Context()))
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() { assert.NoError(t, findPresent(t, p)) })
	}
	all.Wait()
}

// As long as nobody knows how Keycloak fares, few calls are made.
func TestCircuit_LetsFewProbesThroughAndOpensAgain(t *testing.T) {
	t.Parallel()
	s, p, heal := opened(t)
	heal()
	probing, goOn := make(chan struct{}, always), make(chan struct{})
	heal = s.spoil("GET users", func(w http.ResponseWriter, _ *http.Request) {
		probing <- struct{}{}
		<-goOn
		w.WriteHeader(http.StatusBadGateway)
	})
	time.Sleep(circuitDelay)
	results := make(chan error, 20)
	for range cap(results) {
		go func() { results <- findPresent(t, p) }()
	}
	for range cap(results) - keycloak.CircuitProbes {
		require.ErrorIs(t, <-results, domain.Unavailable, "those who are no probe do not wait")
	}
	require.Eventually(t, func() bool { return len(probing) == keycloak.CircuitProbes }, 5*time.Second, time.Millisecond)
	close(goOn)
	for range keycloak.CircuitProbes {
		require.ErrorIs(t, <-results, domain.Unavailable)
	}
	s.taken()
	require.ErrorIs(t, findPresent(t, p), domain.Unavailable, "open again")
	assert.Empty(t, s.taken())

	heal()
	time.Sleep(circuitDelay)
	require.NoError(t, findPresent(t, p))
}

// What an open circuit would refuse is not worth a pause.
func TestCircuit_ThatOpensEndsRepetitions(t *testing.T) {
	t.Parallel()
	s, p, heal := opened(t, patient)
	heal()
	s.spoil("GET users", askingToWait(503, "10"))
	time.Sleep(circuitDelay)
	began := time.Now()
	require.ErrorIs(t, findPresent(t, p), domain.Unavailable)
	assert.Less(t, time.Since(began), 5*time.Second)
	assert.Equal(t, 1, s.count("GET users"))
}

// Probes that never got an answer, because their callers left or the program failed, do
// not keep the circuit half open for ever.
func TestCircuit_SurvivesProbesWithoutAnOutcome(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with http.HandlerFunc
		call func(t *testing.T, p *keycloak.Provider)
	}{
		"callers leave": {hang, func(t *testing.T, p *keycloak.Provider) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			require.ErrorIs(t, find(ctx, t, p, ""), domain.Unavailable)
		}},
		"panics": {nil, func(t *testing.T, p *keycloak.Provider) {
			t.Helper()
			defer func() { require.NotNil(t, recover()) }()
			_ = findPresent(t, p)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var panics atomic.Bool
			s, p, heal := opened(t, func(config *keycloak.Config) {
				config.Transport = panicking{&http.Transport{DisableKeepAlives: true}, &panics}
			})
			heal()
			time.Sleep(circuitDelay)
			panics.Store(c.with == nil)
			if c.with != nil {
				heal = s.spoil("GET users", c.with)
			}
			for range keycloak.CircuitProbes {
				c.call(t, p)
			}
			panics.Store(false)
			heal()
			require.ErrorIs(t, findPresent(t, p), domain.Unavailable, "nothing has been proved")
			time.Sleep(circuitDelay)
			require.NoError(t, findPresent(t, p))
		})
	}
}

type panicking struct {
	http.RoundTripper
	now *atomic.Bool
}

func (p panicking) RoundTrip(req *http.Request) (*http.Response, error) {
	if p.now.Load() {
		panic("no answer, and no error either")
	}
	return p.RoundTripper.RoundTrip(req)
}

// Keycloak is well when it refuses something.
func TestCircuit_IsNotOpenedByRefusals(t *testing.T) {
	for name, with := range map[string]http.HandlerFunc{
		"400": saying(400, "application/json", `{"error":"invalid_request"}`), "403": saying(403, "application/json", hiddenAnswer),
		"404": saying(404, "application/json", `{"error":"User not found"}`), "409": saying(409, "application/json", `{}`),
		"429": saying(429, "", ""), "500": saying(500, "application/json", `{"error":"unknown_error"}`), "a page": saying(200, "text/html", ""),
	} {
		t.Run(name, func(t *testing.T) {
			s, p, _ := warmed(t)
			heal := s.spoil("GET users", with)
			for range 2 * keycloak.CircuitFailures {
				require.Error(t, findPresent(t, p))
			}
			heal()
			require.NoError(t, findPresent(t, p))
		})
	}
}

// It is not Keycloak's fault that callers leave, or have no more time.
func TestCircuit_IsNotOpenedByCallersWhoLeave(t *testing.T) {
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"cancelled": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(100*time.Millisecond, cancel)
			return ctx, cancel
		},
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 100*time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, p, _ := warmed(t)
			heal := s.spoil("GET users", hang)
			var all sync.WaitGroup
			for range 3 * keycloak.CircuitFailures {
				all.Go(func() {
					ctx, cancel := end(t.Context())
					defer cancel()
					assert.ErrorIs(t, find(ctx, t, p, ""), domain.Unavailable)
				})
			}
			all.Wait()
			heal()
			require.NoError(t, findPresent(t, p))
		})
	}
}

// Nor does a caller who leaves cover up a fault.
func TestCircuit_CountsFaultsAmongCallersWhoLeave(t *testing.T) {
	t.Parallel()
	s, p, _ := warmed(t)
	answering := s.spoil("GET users", hang)
	leave := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, find(ctx, t, p, ""), domain.Unavailable)
	}
	for range keycloak.CircuitFailures / 2 {
		for range 5 {
			leave()
		}
		answering()
		failing := s.spoil("PUT users/{id}", saying(502, "", ""))
		require.ErrorIs(t, p.SetEnabled(t.Context(), "user-1", true), domain.Unavailable)
		failing()
		answering = s.spoil("GET users", hang)
	}
	answering()
	s.taken()
	require.ErrorIs(t, findPresent(t, p), domain.Unavailable)
	assert.Empty(t, s.taken())
}

// What is turned away for want of room says nothing about Keycloak, neither against it
// nor for it.
func TestCircuit_IsNeitherOpenedNorKeptClosedByOverload(t *testing.T) {
	s, p, id := warmed(t, func(config *keycloak.Config) { config.MaxConcurrency = 1 }, keycloak.WithQueueing(100*time.Millisecond))
	reached, goOn := make(chan struct{}), make(chan int)
	s.spoil("POST users/{id}/logout", func(w http.ResponseWriter, _ *http.Request) {
		reached <- struct{}{}
		status := <-goOn
		w.Header().Set("Retry-After", "10") // Longer than a call may take: it is not retried.
		w.WriteHeader(status)
	})
	// overload turns many calls away while one is under way that ends with the status.
	overload := func(status int) {
		result := make(chan error, 1)
		go func() {
			result <- p.EndSessions(t.Context(), id)
		}()
		<-reached
		var all sync.WaitGroup
		for range 25 {
			all.Go(func() { assert.ErrorIs(t, findPresent(t, p), domain.Overloaded) })
		}
		all.Wait()
		goOn <- status
		<-result
	}
	overload(http.StatusNoContent)
	require.NoError(t, findPresent(t, p))

	for range keycloak.CircuitFailures {
		overload(http.StatusBadGateway)
	}
	s.taken()
	require.ErrorIs(t, findPresent(t, p), domain.Unavailable)
	assert.Empty(t, s.taken())
}
