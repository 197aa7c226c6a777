//go:build chaos

package e2e

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// startKeycloak starts a Keycloak for a test that kills it.
func startKeycloak(t *testing.T) *keycloaktest.Server {
	t.Helper()
	if os.Getenv("KEYCLOAK_TEST_URL") != "" {
		t.Skip("kills Keycloak, which is not ours")
	}
	keycloakServer(t) // Skips or fails where there can be none.
	server, err := keycloaktest.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { server.Stop(false) })
	return server
}

// Keycloak is killed in the middle of a run and starts again elsewhere, with other keys
// and other ids: the program needs no restart, does not rush to log in, and gives no
// answer that is not true.
func TestOutage_KeycloakKilledAndStartedAgain(t *testing.T) {
	first := startKeycloak(t)
	options := keycloaktest.RealmOptions{Name: "restart", CheapHash: true}
	realm, err := first.NewRealm(t.Context(), options)
	require.NoError(t, err)
	keepMarks(t, realm)
	addRealmUser(t, realm, teller("present"))
	c := newChaos(t, realm, 1)
	p := startBrief(t, realm, c.proxy.URL, nil)
	stopWatching := watch(t, p, "/livez", "/readyz", "/health")
	l := startLoad(t, p, 20, 8, "restart", "present")
	l.awaitServed(t, 60)

	killed := time.Now()
	first.Stop(false) // with SIGKILL
	awaitHealth(t, p.URL, http.StatusServiceUnavailable)
	second := startKeycloak(t)
	// What a database would have kept.
	name, secret := realm.Name, realm.ClientSecret
	options.Mutate = func(representation map[string]any) {
		representation["realm"] = name
		representation["clients"].([]any)[0].(map[string]any)["secret"] = secret
	}
	realm, err = second.NewRealm(t.Context(), options)
	require.NoError(t, err)
	realm.Name, realm.ClientSecret = name, secret
	keepMarks(t, realm)
	addRealmUser(t, realm, teller("present"))

	back := newMischief(t, second.URL, 1)
	started := time.Now()
	require.NoError(t, c.proxy.carryTo(back.URL))
	l.awaitServed(t, 1)
	recovered := time.Since(started)
	awaitHealth(t, p.URL, http.StatusOK)
	l.awaitServed(t, 100)
	samples := l.end()
	seen := stopWatching()
	back.settle(t)

	t.Logf("Keycloak was away for %s; the first success came %s after it was back", started.Sub(killed), recovered)
	t.Logf("codes: %v; %d log-ins", l.check(t), back.logIns.Load())
	assert.Less(t, recovered, recovery)
	assert.LessOrEqual(t, back.logIns.Load(), int64(10))
	checkProbes(t, seen)
	var after []sample
	for _, s := range samples {
		if s.begin.After(started) {
			after = append(after, s)
		}
	}
	checkLoadedCreates(t, realm, after)
	require.NoError(t, realm.Delete(context.WithoutCancel(t.Context())))
}
