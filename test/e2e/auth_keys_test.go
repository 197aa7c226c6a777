package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// The parts of the realm's public paths.
const (
	certsPath     = "/protocol/openid-connect/certs"
	discoveryPath = "/.well-known/openid-configuration"
)

// The realm signs with a new key from one moment to the next, and drops the old one,
// twice, while administrators log in and work: nobody is turned away, although somebody
// else keeps asking with keys that the realm has never had.
func TestAuth_KeyRotationUnderLoad(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "rotation", CheapHash: true, Mutate: letLogInAgain})
	g := newGateway(t, realm.URL)
	p := serveRealm(t, realm, g.URL)
	addRealmUser(t, realm, teller("target"))
	workers := make([]worker, 4)
	for i := range workers {
		workers[i].username = fmt.Sprintf("worker%d", i)
		_, err := realm.NewActor(t.Context(), workers[i].username, "admin")
		require.NoError(t, err)
	}
	stranger := signingKey{"never-seen", newKey(t)}.sign(t, claimsOf(t, p.token), nil)
	first := keyOf(t, p.token)
	g.taken()
	start := time.Now()

	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	for i := range workers {
		working.Go(func() { workers[i].run(ctx, t, p, realm) })
	}
	working.Go(func() {
		for ctx.Err() == nil {
			answer, err := trySend(ctx, http.MethodGet, p.URL+"/users/target/keycloak-status", "", bearer(stranger))
			if err == nil {
				assert.Equal(t, http.StatusUnauthorized, answer.status, answer.body)
			}
		}
	})

	current := first
	awaitWorkers(t, workers, current)
	for _, priority := range []int{200, 300} {
		next := plantKey(t, realm, priority)
		awaitWorkers(t, workers, next.id)
		removeKey(t, realm, current)
		current = next.id
		awaitWorkers(t, workers, current)
	}
	stop()
	working.Wait()

	requests, slowest := 0, time.Duration(0)
	for i := range workers {
		requests += int(workers[i].requests.Load())
		slowest = max(slowest, workers[i].slowest)
	}
	fetches := 0
	for _, c := range g.taken() {
		if strings.HasSuffix(c.Path, certsPath) {
			fetches++
		}
	}
	seconds := int(time.Since(start)/time.Second) + 1
	assert.LessOrEqual(t, fetches, seconds+1, "Keycloak is asked for its keys about once a second at most")
	t.Logf("%d requests with fresh tokens in %d s, the slowest took %s; %d fetches of keys", requests, seconds, slowest, fetches)
}

// worker logs in again and again, and makes a read and a write with each token.
type worker struct {
	username string
	requests atomic.Int64
	slowest  time.Duration

	mu   sync.Mutex
	done map[string]int // how many log-ins it has worked with, by the key that signed them
}

func (w *worker) run(ctx context.Context, t *testing.T, p *program, realm *keycloaktest.Realm) {
	for ctx.Err() == nil {
		grant, err := realm.Login(ctx, w.username, keycloaktest.ActorPassword)
		if ctx.Err() != nil {
			return
		}
		if !assert.NoError(t, err) || !assert.Equal(t, http.StatusOK, grant.Status) {
			return
		}
		for _, a := range []attempt{attempts()[4].on("target", ""), attempts()[3].on("target", "")} {
			begin := time.Now()
			answer, err := trySend(ctx, a.method, p.URL+a.path, a.body, bearer(grant.AccessToken))
			if ctx.Err() != nil {
				return
			}
			if assert.NoError(t, err) {
				assertVerdict(t, granted, a, answer)
			}
			w.slowest = max(w.slowest, time.Since(begin))
			w.requests.Add(1)
		}
		w.mu.Lock()
		if w.done == nil {
			w.done = make(map[string]int)
		}
		w.done[keyOf(t, grant.AccessToken)]++
		w.mu.Unlock()
	}
}

// awaitWorkers waits until every worker has worked some more with tokens of a key.
func awaitWorkers(t *testing.T, workers []worker, key string) {
	t.Helper()
	const more = 5
	done := func(w *worker) int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.done[key]
	}
	goal := make([]int, len(workers))
	for i := range workers {
		goal[i] = done(&workers[i]) + more
	}
	for i := range workers {
		eventually(t, func() bool { return done(&workers[i]) >= goal[i] }, time.Minute, 10*time.Millisecond)
	}
}

// keyOf is the id of the key that signed a token.
func keyOf(t *testing.T, token string) string {
	t.Helper()
	return fmt.Sprint(partOf(t, token, 0)["kid"])
}

// breakEach lets a fault answer for the paths that end so; the rest reaches Keycloak.
func breakEach(t *testing.T, g *gateway, realm *keycloaktest.Realm, fault http.HandlerFunc, suffixes ...string) {
	t.Helper()
	handler := proxyTo(t, realm.URL)
	for _, suffix := range suffixes {
		handler = only(suffix, fault, handler)
	}
	g.breakWith(handler)
}

// The keys that are known go on counting while Keycloak does not tell them. Only a token
// of a key that nobody has seen has to wait for the end of the outage. The real thing
// may last for minutes; that keys which have got old outlast it too is for the unit
// tests of accesstoken, which have a clock of their own.
func TestAuth_KeysOutlastAnOutage(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "outage", CheapHash: true})
	g := newGateway(t, realm.URL)
	p := serveRealm(t, realm, g.URL)
	addRealmUser(t, realm, teller("target"))
	read, force := attempts()[4].on("target", ""), attempts()[3].on("target", "")
	breakEach(t, g, realm, status(503, "text/html", "<h1>down</h1>"), certsPath, discoveryPath)

	work := func() {
		t.Helper()
		for range 20 {
			assertVerdict(t, granted, read, read.sendWith(t, p, bearer(p.token)))
			assertVerdict(t, granted, force, force.sendWith(t, p, bearer(p.token)))
		}
	}
	work()
	plantKey(t, realm, 200)
	fresh := administrator(t, realm)
	require.NotEqual(t, keyOf(t, p.token), keyOf(t, fresh))
	for _, a := range []attempt{read, force} {
		assertVerdict(t, verdict{503, "provider_unavailable"}, a, a.sendWith(t, p, bearer(fresh)))
		assertVerdict(t, unauthenticated, a, a.sendWith(t, p))
		assertVerdict(t, unauthenticated, a, a.sendWith(t, p, bearer("garbage")))
	}
	work()
	g.breakWith(nil)
	assertVerdict(t, granted, read, read.sendWith(t, p, bearer(fresh)))
	assertVerdict(t, granted, force, force.sendWith(t, p, bearer(fresh)))
}

// A program that starts while Keycloak does not tell its keys knows nobody: it says to
// everybody to come again later, never that a token is wrong, and lets nobody in. It is
// right again by itself.
func TestAuth_StartWithoutKeys(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "cold", CheapHash: true})
	addRealmUser(t, realm, teller("target"))
	admin := administrator(t, realm)
	ledger := ledgerOf(t, realm)
	before := len(ledger.writes(t))
	closed := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for _, c := range []struct {
		name, path string
		fault      http.HandlerFunc
	}{
		{"503", certsPath, status(503, "text/html", "<h1>down</h1>")},
		{"connection closed", certsPath, closed},
		{"no discovery document", discoveryPath, status(503, "text/html", "<h1>down</h1>")},
		{"no answer", certsPath, hang},
		{"a page", certsPath, status(200, "text/html", "<h1>Welcome</h1>")},
		{"no key at all", certsPath, status(200, "application/json", `{"keys":[]}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // Each takes a second, for that is how often keys are asked for.
			g := newGateway(t, realm.URL)
			breakEach(t, g, realm, c.fault, c.path)
			environment := environmentFor(realm, g.URL)
			environment["KEYCLOAK_TIMEOUT"] = "300ms"
			p := startProgram(t, nil, environment)
			var asking sync.WaitGroup // Side by side: they wait for the same answer.
			for i, header := range [][]string{nil, {bearer(admin)}, {bearer("garbage")}} {
				for j, a := range attempts() {
					asking.Go(func() {
						a := a.on("target", fmt.Sprintf("new%d-%d", i, j))
						answer, err := trySend(t.Context(), a.method, p.URL+a.path, a.body, header...)
						if assert.NoError(t, err) {
							assertVerdict(t, unavailable, a, answer)
						}
					})
				}
			}
			asking.Wait()
			ledger.unchanged(t, before)
			assert.Equal(t, http.StatusOK, send(t, http.MethodGet, p.URL+"/readyz", "").status)
			awaitHealth(t, p.URL, http.StatusOK)

			g.breakWith(nil)
			read := attempts()[4].on("target", "")
			eventually(t, func() bool { return read.sendWith(t, p, bearer(admin)).status == http.StatusOK }, 10*time.Second, 10*time.Millisecond)
			assertVerdict(t, unauthenticated, read, read.sendWith(t, p))
		})
	}
}

// The issuer is what the realm says, or what the configuration says, to the letter.
func TestAuth_ConfiguredIssuers(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "issuers", CheapHash: true})
	addRealmUser(t, realm, teller("target"))
	admin := administrator(t, realm)
	issuer := claimsOf(t, admin)["iss"].(string)
	read := attempts()[4].on("target", "")
	for issuers, want := range map[string]verdict{
		"https://inside.example/realms/" + realm.Name:                  unauthenticated,
		"https://inside.example/realms/" + realm.Name + " , " + issuer: granted,
		issuer + "/":            unauthenticated,
		strings.ToUpper(issuer): unauthenticated,
	} {
		g := newGateway(t, realm.URL)
		// With issuers of its own the program does not need the realm's word.
		breakEach(t, g, realm, status(503, "text/html", ""), discoveryPath)
		environment := environmentFor(realm, g.URL)
		environment["AUTH_ISSUERS"] = issuers
		p := startProgram(t, nil, environment)
		assertVerdict(t, want, read, read.sendWith(t, p, bearer(admin)))
	}
}

// Keycloak puts every client into aud of which the user has a role, so that a token of any
// application would do for AUTH_CLIENTS if that meant aud as well.
func TestAuth_ConfiguredClientsAndAudience(t *testing.T) {
	realm := authRealm(t, "audience", newSink(t))
	addRealmUser(t, realm, teller("target"))
	application := logIn(t, realm, strangerClient, "writer").Access
	require.Equal(t, webClient, claimsOf(t, application)["aud"])
	web := logIn(t, realm, webClient, "writer").Access
	require.NotContains(t, claimsOf(t, web)["aud"], webClient)
	read := attempts()[4].on("target", "")
	for _, c := range []struct {
		clients, audience string
		application, web  verdict
	}{
		{"", "", granted, granted},
		{webClient, "", unauthenticated, granted},
		{strangerClient + "," + webClient, "", granted, granted},
		{"", webClient, granted, unauthenticated},
		{"", keycloaktest.LoginClientID, unauthenticated, granted},
		{strangerClient, webClient, granted, unauthenticated},
		{webClient, keycloaktest.LoginClientID, unauthenticated, granted},
		{strangerClient, keycloaktest.LoginClientID, unauthenticated, unauthenticated},
	} {
		environment := environmentFor(realm, realm.URL)
		environment["AUTH_WRITE_ROLES"] = webClient + ":writer"
		environment["AUTH_CLIENTS"], environment["AUTH_AUDIENCE"] = c.clients, c.audience
		p := startProgram(t, nil, environment)
		assertVerdict(t, c.application, read, read.sendWith(t, p, bearer(application)))
		assertVerdict(t, c.web, read, read.sendWith(t, p, bearer(web)))
		assert.Equal(t, c.clients+c.audience == "", strings.Contains(p.log(), "tokens of every client of the realm count"))
	}
}
