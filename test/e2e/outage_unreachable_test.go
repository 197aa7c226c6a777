//go:build chaos

package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// recovery is how soon after Keycloak answers again a request has to succeed, with some
// seconds for a busy test machine.
const recovery = 5*time.Second + 5*time.Second

// While Keycloak cannot be reached, the program lives and is ready, says quickly that
// Keycloak is away, and is back by itself soon after Keycloak is.
func TestOutage_KeycloakUnreachable(t *testing.T) {
	length := time.Duration(numberFrom(t, "OUTAGE_SECONDS", 10)) * time.Second
	byName := make(map[string]fault)
	for _, f := range faults() {
		byName[f.name] = f
	}
	for _, name := range []string{"connection refused", "half open, calls vanish", "503"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // They mostly wait for the end of the outage.
			realm := newRealm(t, keycloaktest.RealmOptions{Name: "outage", CheapHash: true})
			keepMarks(t, realm)
			addRealmUser(t, realm, teller("present"))
			c := newChaos(t, realm, 1)
			p := startBrief(t, realm, c.proxy.URL, map[string]string{"AUTH_MODE": "enforce"})
			p.token = administrator(t, realm)
			p.awaitKeys(t)
			stopWatching := watch(t, p, "/livez", "/readyz", "/health", "/metrics")
			l := startLoad(t, p, 50, 16, "outage", "present")
			l.awaitServed(t, 20)

			end, err := byName[name].begin(t.Context(), c, 1)
			require.NoError(t, err)
			// With its token the program could do without a log-in when Keycloak is back.
			require.NoError(t, realm.RevokeServiceTokens(t.Context()))
			begun, logIns := time.Now(), c.mischief.logIns.Load()
			awaitHealth(t, p.URL, http.StatusServiceUnavailable)
			unhealthy := time.Since(begun)
			wait(t.Context(), time.Until(begun.Add(length)))
			during := c.mischief.logIns.Load() - logIns
			ended := time.Now()
			require.NoError(t, end(context.WithoutCancel(t.Context())))
			l.awaitServed(t, 1)
			recovered := time.Since(ended)
			awaitHealth(t, p.URL, http.StatusOK)
			healthy := time.Since(ended)
			l.awaitServed(t, 50)
			samples := l.end()
			seen := stopWatching()

			t.Logf("codes: %v", l.check(t))
			var refused []sample
			for _, s := range samples {
				// By then, the circuit is open.
				if s.begin.After(begun.Add(3*time.Second)) && s.begin.Before(ended) && !s.ok() {
					refused = append(refused, s)
				}
			}
			median, p99, longest := quantiles(refused)
			slow := 0
			for _, s := range refused {
				if s.took > 100*time.Millisecond {
					slow++
				}
			}
			t.Logf("refused during the outage: %d requests, median %s, p99 %s, longest %s; %d took more than 100 ms", len(refused), median, p99, longest, slow)
			t.Logf("/health was 503 after %s; the first success came %s after the end, /health was 200 after %s", unhealthy, recovered, healthy)
			t.Logf("log-ins: %d during the outage, %d after it", during, c.mischief.logIns.Load()-logIns-during)
			assert.NotEmpty(t, refused)
			assert.Less(t, median, briefCall/10)
			assert.Less(t, recovered, recovery)
			// Tries to log in are held up by the circuit like everything else.
			assert.LessOrEqual(t, during, int64(length/time.Second)*5+20)
			assert.LessOrEqual(t, c.mischief.logIns.Load()-logIns-during, int64(10))
			checkProbes(t, seen)
			c.mischief.settle(t)
			checkLoadedCreates(t, realm, samples)
		})
	}
}

// checkLoadedCreates compares the answers to the creations of a load with the realm.
func checkLoadedCreates(t *testing.T, realm *keycloaktest.Realm, samples []sample) {
	t.Helper()
	found := readCensus(t, realm)
	for _, s := range samples {
		if s.path == syncPath {
			found.checkAnswer(t, s.asked, createAnswer{reply: s.reply, code: s.code})
		}
	}
}
