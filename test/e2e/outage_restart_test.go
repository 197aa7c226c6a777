//go:build chaos

package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// Keycloak goes away in the middle of a run and comes back from nothing, with other keys
// and other ids: the program needs no restart, does not rush to log in, and gives no
// answer that is not true.
func TestOutage_KeycloakBackFromNothing(t *testing.T) {
	options := keycloaktest.RealmOptions{Name: "restart", CheapHash: true}
	realm := newRealm(t, options)
	keepMarks(t, realm)
	addRealmUser(t, realm, teller("present"))
	c := newChaos(t, realm, 1)
	p := startBrief(t, realm, c.proxy.URL, nil)
	stopWatching := watch(t, p, "/livez", "/readyz", "/health")
	l := startLoad(t, p, 20, 8, "restart", "present")
	l.awaitServed(t, 60)

	gone := time.Now()
	c.proxy.refuse()
	awaitHealth(t, p.URL, http.StatusServiceUnavailable)
	c.mischief.settle(t)
	require.NoError(t, realm.Delete(t.Context()))
	// What the bank sets up again by the same names.
	name, secret := realm.Name, realm.ClientSecret
	options.Mutate = func(representation map[string]any) {
		representation["realm"] = name
		representation["clients"].([]any)[0].(map[string]any)["secret"] = secret
	}
	realm = newRealm(t, options)
	realm.Name, realm.ClientSecret = name, secret
	keepMarks(t, realm)
	addRealmUser(t, realm, teller("present"))

	logIns := c.mischief.logIns.Load()
	started := time.Now()
	require.NoError(t, c.proxy.carry())
	l.awaitServed(t, 1)
	recovered := time.Since(started)
	awaitHealth(t, p.URL, http.StatusOK)
	l.awaitServed(t, 100)
	samples := l.end()
	seen := stopWatching()
	c.mischief.settle(t)

	t.Logf("Keycloak was away for %s; the first success came %s after it was back", started.Sub(gone), recovered)
	t.Logf("codes: %v; %d log-ins", l.check(t), c.mischief.logIns.Load()-logIns)
	assert.Less(t, recovered, recovery)
	assert.LessOrEqual(t, c.mischief.logIns.Load()-logIns, int64(10))
	checkProbes(t, seen)
	var after []sample
	for _, s := range samples {
		if s.begin.After(started) {
			after = append(after, s)
		}
	}
	checkLoadedCreates(t, realm, after)
}
