package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// secretInFile runs the program with the client's secret in a file.
func secretInFile(t *testing.T, realm *keycloaktest.Realm) (p *program, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "client-secret")
	writeSecret(t, path, realm.ClientSecret)
	environment := environmentFor(realm, realm.URL)
	delete(environment, "KEYCLOAK_CLIENT_SECRET")
	environment["KEYCLOAK_CLIENT_SECRET_FILE"] = path
	return serveWith(t, realm, environment), path
}

// writeSecret replaces the file as Kubernetes does, from one moment to the next.
func writeSecret(t *testing.T, path, secret string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(secret+"\n"), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

// setSecret changes the client's secret at Keycloak, and ends the tokens that the program
// has: with one of them it could do without the secret for some time.
func setSecret(t *testing.T, realm *keycloaktest.Realm, secret string) {
	t.Helper()
	require.NoError(t, realm.UpdateClient(t.Context(), realm.ClientID, map[string]any{"secret": secret, "notBefore": time.Now().Unix()}))
}

// steadyWork makes reads and writes without a pause, all of which must succeed.
type steadyWork struct {
	requests atomic.Int64

	mu      sync.Mutex
	slowest time.Duration
	end     func()
}

func keepWorking(t *testing.T, p *program, realm *keycloaktest.Realm) *steadyWork {
	t.Helper()
	a := &steadyWork{}
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	for i := range 3 {
		// One each: Keycloak refuses one of two changes of a user at the same moment.
		target := fmt.Sprint("target", i)
		addRealmUser(t, realm, teller(target))
		working.Go(func() {
			for ctx.Err() == nil {
				for _, action := range []int{2, 3, 4} { // set status, force password change, get status
					a.one(ctx, t, p, attempts()[action].on(target, ""))
				}
			}
		})
	}
	a.end = func() { cancel(); working.Wait() }
	t.Cleanup(a.end)
	return a
}

func (a *steadyWork) one(ctx context.Context, t *testing.T, p *program, what attempt) {
	begin := time.Now()
	answer, err := p.trySend(ctx, what.method, what.path, what.body)
	if ctx.Err() != nil {
		return
	}
	if assert.NoError(t, err) {
		assertVerdict(t, granted, what, answer)
	}
	a.requests.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slowest = max(a.slowest, time.Since(begin))
}

// goOn waits for some more requests.
func (a *steadyWork) goOn(t *testing.T) {
	t.Helper()
	goal := a.requests.Load() + 60
	eventually(t, func() bool { return a.requests.Load() >= goal }, time.Minute, 5*time.Millisecond)
}

// took returns how long the slowest request took since the last time.
func (a *steadyWork) took() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	slowest := a.slowest
	a.slowest = 0
	return slowest
}

// The client's secret is rotated twice while administrators work, in either order, and no
// request fails. The service first is the order that costs nothing, however long it takes.
// Keycloak first makes requests wait, so there is little time to follow.
func TestSecretRotation_FailsNoRequest(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "rotated", CheapHash: true})
	p, path := secretInFile(t, realm)
	secrets := []string{realm.ClientSecret, "k%41y+&%-" + rand.Text(), "k%41y+&%-" + rand.Text()}
	const refusedLogIns, refusedIntrospections = `usersync_keycloak_requests_total{code="401",operation="log_in"}`, `usersync_keycloak_requests_total{code="401",operation="introspect_token"}`

	work := keepWorking(t, p, realm)
	work.goOn(t)
	t.Logf("before: the slowest request takes %s", work.took())

	writeSecret(t, path, secrets[1])
	work.goOn(t)
	assert.Zero(t, series(t, p.URL)[refusedLogIns]+series(t, p.URL)[refusedIntrospections], "nothing is refused while Keycloak does not know it")
	setSecret(t, realm, secrets[1])
	work.goOn(t)
	first := series(t, p.URL)
	t.Logf("the service first: the slowest request takes %s; %v log-ins and %v introspections refused", work.took(), first[refusedLogIns], first[refusedIntrospections])

	setSecret(t, realm, secrets[2])
	time.Sleep(200 * time.Millisecond) // as long as it takes to write a file
	writeSecret(t, path, secrets[2])
	work.goOn(t)
	second := series(t, p.URL)
	t.Logf("Keycloak first: the slowest request takes %s; %v log-ins and %v introspections refused", work.took(),
		second[refusedLogIns]-first[refusedLogIns], second[refusedIntrospections]-first[refusedIntrospections])
	work.end()
	t.Logf("%d requests, of which none failed", work.requests.Load())

	assert.InDelta(t, 2, second[`usersync_client_secret_reloads_total{outcome="changed"}`], 0)
	assert.Zero(t, second[`usersync_client_secret_reloads_total{outcome="failed"}`])
	assert.Positive(t, first[refusedLogIns]+first[refusedIntrospections], "the rotations were met by requests")
	assert.Greater(t, second[refusedLogIns]+second[refusedIntrospections], first[refusedLogIns]+first[refusedIntrospections])
	for _, secret := range secrets {
		for _, text := range []string{p.log(), p.auditText(t), send(t, http.MethodGet, p.URL+"/metrics", "").body} {
			assert.False(t, strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)), "a secret is written somewhere")
		}
	}
}

// A file that has gone is told once and counted; the service goes on with what it knows,
// until that is not enough.
func TestSecretRotation_WithoutTheFile(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "fileless", CheapHash: true})
	p, path := secretInFile(t, realm)
	addRealmUser(t, realm, teller("target"))
	require.NoError(t, os.Remove(path))
	force := attempts()[3].on("target", "")
	for range 3 {
		assertVerdict(t, granted, force, force.sendWith(t, p, bearer(p.token)))
	}
	assert.InDelta(t, 1, series(t, p.URL)[`usersync_client_secret_reloads_total{outcome="failed"}`], 0)
	assert.Equal(t, 1, strings.Count(p.log(), "the client secret cannot be read"))

	another := rand.Text()
	setSecret(t, realm, another)
	assertVerdict(t, verdict{http.StatusInternalServerError, "internal"}, force, force.sendWith(t, p, bearer(p.token)))
	writeSecret(t, path, another)
	assertVerdict(t, granted, force, force.sendWith(t, p, bearer(p.token)))
}
