//go:build chaos

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// sample is a request and what came of it.
type sample struct {
	path  string
	begin time.Time
	took  time.Duration
	reply
	code  string
	err   error
	asked create // for a creation
}

func (s sample) ok() bool { return s.err == nil && s.status >= 200 && s.status < 300 }

// load is requests that go on until they are stopped.
type load struct {
	served  atomic.Int64
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	samples []sample
}

// startLoad sends requests at a rate, one of each route in turn, and creations with
// names that begin so. User is somebody who exists.
func startLoad(t *testing.T, p *program, perSecond, atOnce int, names, user string) *load {
	t.Helper()
	l := &load{}
	var ctx context.Context
	ctx, l.stop = context.WithCancel(t.Context())
	t.Cleanup(l.stop)
	next := make(chan int)
	l.running.Go(func() {
		defer close(next)
		pace := time.NewTicker(time.Second / time.Duration(perSecond))
		defer pace.Stop()
		for i := 0; ; i++ {
			select {
			case <-pace.C:
				next <- i
			case <-ctx.Done():
				return
			}
		}
	})
	for range atOnce {
		l.running.Go(func() {
			for i := range next {
				l.add(sendTurn(t.Context(), p, i, names, user))
			}
		})
	}
	return l
}

// sendTurn sends the i-th request of a load.
func sendTurn(ctx context.Context, p *program, i int, names, user string) sample {
	s := sample{begin: time.Now()}
	method, body := http.MethodGet, ""
	switch i % 3 {
	case 0:
		s.path = "/users/" + user + "/keycloak-status"
	case 1:
		method, s.path, body = http.MethodPut, "/users/"+user+"/status", `{"enabled":true}`
	case 2:
		method, s.path = http.MethodPost, syncPath
		s.asked = newCreate(fmt.Sprintf("%s-%06d", names, i))
		body = fmt.Sprintf(`{"username":%q,"email":%q,"role":%q}`, s.asked.username, s.asked.email, s.asked.role)
	}
	s.reply, s.err = p.trySend(ctx, method, s.path, body)
	s.took = time.Since(s.begin)
	var answer struct{ Code string }
	if s.err == nil {
		s.err = json.Unmarshal([]byte(s.body), &answer)
	}
	s.code = answer.Code
	if s.status == http.StatusCreated {
		s.code = "created"
	}
	return s
}

func (l *load) add(s sample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.samples = append(l.samples, s)
	if s.ok() {
		l.served.Add(1)
	}
}

// awaitServed waits until n more requests have succeeded.
func (l *load) awaitServed(t *testing.T, n int64) {
	t.Helper()
	until := l.served.Load() + n
	eventually(t, func() bool { return l.served.Load() >= until }, time.Minute, 10*time.Millisecond, "no request succeeds")
}

// end stops the load and returns the samples in the order of their beginnings.
func (l *load) end() []sample {
	l.stop()
	l.running.Wait()
	slices.SortFunc(l.samples, func(a, b sample) int { return a.begin.Compare(b.begin) })
	return l.samples
}

// check checks that each request had an answer that is a success or says honestly that
// Keycloak is in trouble, and returns the number of answers by their code.
func (l *load) check(t *testing.T) map[string]int {
	t.Helper()
	codes := make(map[string]int)
	for _, s := range l.samples {
		if !assert.NoError(t, s.err, s.path) {
			continue
		}
		if s.ok() {
			codes["success"]++
			continue
		}
		codes[s.code]++
		assert.Contains(t, []string{"provider_unavailable", "provider_timeout", "overloaded", "partial"}, s.code, "%s: %d %s", s.path, s.status, s.body)
		if s.status == http.StatusServiceUnavailable {
			assert.NotEmpty(t, s.header.Get("Retry-After"), s.body)
		}
	}
	return codes
}

// quantiles returns the median, the 99th percentile and the longest duration.
func quantiles(samples []sample) (median, p99, longest time.Duration) {
	if len(samples) == 0 {
		return 0, 0, 0
	}
	took := make([]time.Duration, 0, len(samples))
	for _, s := range samples {
		took = append(took, s.took)
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
}

// watch asks for the paths that tell of the program itself until it is stopped, and
// returns what they answered.
func watch(t *testing.T, p *program, paths ...string) (stop func() map[string][]sample) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	var mu sync.Mutex
	seen := make(map[string][]sample)
	for _, path := range paths {
		watching.Go(func() {
			pace := time.NewTicker(50 * time.Millisecond)
			defer pace.Stop()
			for ctx.Err() == nil {
				s := sample{path: path, begin: time.Now()}
				s.reply, s.err = trySend(t.Context(), http.MethodGet, p.URL+path, "")
				s.took = time.Since(s.begin)
				mu.Lock()
				seen[path] = append(seen[path], s)
				mu.Unlock()
				<-pace.C
			}
		})
	}
	return func() map[string][]sample {
		cancel()
		watching.Wait()
		return seen
	}
}

// checkProbes checks that the program never looked dead or unready.
func checkProbes(t *testing.T, seen map[string][]sample) {
	t.Helper()
	for _, path := range []string{"/livez", "/readyz"} {
		for _, s := range seen[path] {
			assert.NoError(t, s.err)
			assert.Equal(t, http.StatusOK, s.status, path)
		}
	}
	for path, samples := range seen {
		median, p99, longest := quantiles(samples)
		t.Logf("%s: %d times, median %s, p99 %s, longest %s", path, len(samples), median, p99, longest)
	}
}
