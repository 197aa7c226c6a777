//go:build chaos

package e2e

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// When far more is asked than a slow Keycloak can bear, some requests are served and the
// others are told so at once. The program stays quick about itself meanwhile, and is as
// small afterwards as it was before.
func TestOutage_Overload(t *testing.T) {
	const clients, each = 200, 3
	for maxConcurrency, latency := range map[string]time.Duration{"8": time.Second, "64": 2 * time.Second} {
		t.Run("KEYCLOAK_MAX_CONCURRENCY "+maxConcurrency, func(t *testing.T) {
			realm := newRealm(t, keycloaktest.RealmOptions{Name: "overload", CheapHash: true})
			keepMarks(t, realm)
			addRealmUser(t, realm, teller("present"))
			c := newChaos(t, realm, 1)
			environment := environmentFor(realm, c.proxy.URL)
			environment["KEYCLOAK_MAX_CONCURRENCY"] = maxConcurrency
			p := serveWith(t, realm, environment) // with the usual budgets
			for i := range 20 {
				require.True(t, sendTurn(t.Context(), p, i, "warm", "present").ok())
			}
			before := footprintOf(t, p)

			require.NoError(t, c.proxy.carry(toxic{Type: "latency", Stream: "downstream", Toxicity: 1, Attributes: attributes{"latency": latency.Milliseconds()}}))
			stopWatching := watch(t, p, "/livez", "/readyz", "/health", "/metrics")
			l := &load{}
			var all sync.WaitGroup
			for i := range clients {
				all.Go(func() {
					for j := range each {
						l.add(sendTurn(t.Context(), p, i+j*clients, "overload", "present"))
					}
				})
			}
			all.Wait()
			during := footprintOf(t, p)
			seen := stopWatching()
			require.NoError(t, c.proxy.carry())
			c.mischief.settle(t)

			codes := l.check(t)
			median, p99, longest := quantiles(l.samples)
			t.Logf("%d requests: %v; median %s, p99 %s, longest %s", len(l.samples), codes, median, p99, longest)
			assert.Positive(t, codes["success"])
			assert.Positive(t, codes["overloaded"])
			var overloaded []sample
			for _, s := range l.samples {
				if s.code == "overloaded" {
					overloaded = append(overloaded, s)
				}
			}
			median, p99, longest = quantiles(overloaded)
			t.Logf("overloaded: median %s, p99 %s, longest %s", median, p99, longest)
			assert.Less(t, median, latency, "they waited for Keycloak")
			checkProbes(t, seen)
			for path, samples := range seen {
				median, _, _ := quantiles(samples)
				assert.Less(t, median, latency/10, path)
			}
			checkLoadedCreates(t, realm, l.samples)

			http.DefaultClient.CloseIdleConnections()
			eventually(t, func() bool {
				after := footprintOf(t, p)
				return after.goroutines <= before.goroutines+10 && after.descriptors <= before.descriptors+10
			}, 30*time.Second, 100*time.Millisecond, "before %+v", before)
			t.Logf("before %+v, during %+v, after %+v", before, during, footprintOf(t, p))
			assert.Less(t, during.memory, before.memory+256<<20)
		})
	}
}

// footprint is what the program takes of the machine.
type footprint struct {
	goroutines, descriptors int
	memory                  int // bytes
}

func footprintOf(t *testing.T, p *program) footprint {
	t.Helper()
	number := func(series string) int {
		value, err := strconv.ParseFloat(metric(t, p, series), 64)
		require.NoError(t, err)
		return int(value)
	}
	return footprint{number("go_goroutines"), number("process_open_fds"), number("process_resident_memory_bytes")}
}
