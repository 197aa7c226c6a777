//go:build chaos

package e2e

import (
	"context"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// chaos is what lies between the program and Keycloak, and what can go wrong there:
// a toxiproxy, which the program is connected to, and behind it a gateway.
type chaos struct {
	realm    *keycloaktest.Realm
	proxy    *toxicProxy
	mischief *mischief
}

// newChaos puts a proxy and a gateway before Keycloak. Both are in order.
func newChaos(t *testing.T, realm *keycloaktest.Realm, seed uint64) chaos {
	t.Helper()
	m := newMischief(t, realm.URL, seed)
	return chaos{realm: realm, proxy: newToxicProxy(t, m.URL), mischief: m}
}

// fault is one thing that goes wrong. Share is how many of the connections or calls are
// affected, where that can be said. What begin returns ends the fault again.
type fault struct {
	name  string
	begin func(ctx context.Context, c chaos, share float32) (end func(context.Context) error, err error)
	// Of a creation that meets nothing but this fault.
	onCreate expectation
}

// expectation is the answers that are right.
type expectation []string // codes; "created" for 201

// faults returns all that may go wrong.
func faults() []fault {
	const upstream, downstream = "upstream", "downstream"
	return []fault{
		{"connection refused", refusing, expectation{"provider_unavailable"}},
		connectionFault("reset before the call", upstream, "reset_peer", attributes{"timeout": 0}, "provider_unavailable"),
		connectionFault("reset after the call", downstream, "reset_peer", attributes{"timeout": 0}, "provider_unavailable"),
		connectionFault("call cut short", upstream, "limit_data", attributes{"bytes": 200}, "provider_unavailable"),
		connectionFault("answer cut short", downstream, "limit_data", attributes{"bytes": 100}, "provider_unavailable"),
		connectionFault("3 s of latency", downstream, "latency", attributes{"latency": 3000}, "provider_timeout", "provider_unavailable"),
		connectionFault("60 s of latency", upstream, "latency", attributes{"latency": 60_000}, "provider_timeout", "provider_unavailable"),
		connectionFault("a byte a second", downstream, "slicer", attributes{"average_size": 1, "delay": 1_000_000}, "provider_timeout", "provider_unavailable"),
		connectionFault("half open, calls vanish", upstream, "timeout", attributes{"timeout": 0}, "provider_timeout", "provider_unavailable"),
		connectionFault("half open, answers vanish", downstream, "timeout", attributes{"timeout": 0}, "provider_timeout", "provider_unavailable"),

		callFault("closed before the call", dropped, "provider_unavailable"),
		callFault("closed after the call", answerDropped, "provider_unavailable"),
		callFault("answer lost", answerLost, "provider_timeout", "provider_unavailable"),
		callFault("call delayed until the caller has gone", late, "provider_timeout", "provider_unavailable"),
		callFault("429", refusedWith(http.StatusTooManyRequests), "provider_unavailable"),
		callFault("429 with Retry-After", refusedWith(http.StatusTooManyRequests, "Retry-After: 1"), "provider_unavailable"),
		callFault("503", refusedWith(http.StatusServiceUnavailable), "provider_unavailable"),
		callFault("503 with Retry-After", refusedWith(http.StatusServiceUnavailable, "Retry-After: 1"), "provider_unavailable"),
		callFault("502 after the call", answerReplaced(http.StatusBadGateway, "text/html", "<h1>Bad Gateway</h1>"), "provider_unavailable"),
		callFault("504 after the call", answerReplaced(http.StatusGatewayTimeout, "text/html", "<h1>Gateway Timeout</h1>"), "provider_timeout", "provider_unavailable"),
		callFault("a page after the call", answerReplaced(http.StatusOK, "text/html", "<h1>Welcome</h1>"), "bad_gateway"),
		callFault("truncated JSON", cutShort, "bad_gateway"),
		callFault("a body of a byte a second", slowBody, "provider_timeout", "provider_unavailable"),

		{"token revoked", revoking, expectation{"created"}},
		{"secret rotated", rotating, expectation{"internal"}},
	}
}

type attributes = map[string]any

// connectionFault is a fault of connections.
func connectionFault(name, stream, kind string, attributes attributes, onCreate ...string) fault {
	return fault{name, func(_ context.Context, c chaos, share float32) (func(context.Context) error, error) {
		err := c.proxy.carry(toxic{Type: kind, Stream: stream, Toxicity: share, Attributes: attributes})
		return func(context.Context) error { return c.proxy.carry() }, err
	}, onCreate}
}

// callFault is a fault of calls.
func callFault(name string, disturb func(http.HandlerFunc) http.HandlerFunc, onCreate ...string) fault {
	return fault{name, func(_ context.Context, c chaos, share float32) (func(context.Context) error, error) {
		c.mischief.disturb(share, disturb)
		return func(context.Context) error { c.mischief.disturb(0, nil); return nil }, nil
	}, onCreate}
}

func refusing(_ context.Context, c chaos, _ float32) (func(context.Context) error, error) {
	c.proxy.refuse()
	return func(context.Context) error { return c.proxy.carry() }, nil
}

func revoking(ctx context.Context, c chaos, _ float32) (func(context.Context) error, error) {
	return func(context.Context) error { return nil }, c.realm.RevokeServiceTokens(ctx)
}

// rotating also revokes the tokens: with one of them the program could do without the
// secret.
func rotating(ctx context.Context, c chaos, _ float32) (func(context.Context) error, error) {
	setSecret := func(ctx context.Context, secret string) error {
		return c.realm.UpdateClient(ctx, c.realm.ClientID, map[string]any{"secret": secret})
	}
	err := setSecret(ctx, "another secret")
	if err == nil {
		err = c.realm.RevokeServiceTokens(ctx)
	}
	return func(ctx context.Context) error { return setSecret(ctx, c.realm.ClientSecret) }, err
}

// drive makes things go wrong, one after the other with short pauses, until ctx ends,
// and puts everything in order in the end. It returns how often each thing went wrong.
func (c chaos) drive(ctx context.Context, t *testing.T, random *rand.Rand) map[string]int {
	happened := make(map[string]int)
	var left []fault
	for ctx.Err() == nil {
		if len(left) == 0 {
			left = faults()
			random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		}
		next := left[0]
		left = left[1:]
		// Mostly a part of the calls: when all of them fail, the circuit opens and the
		// program makes few.
		share := []float32{0.1, 0.2, 0.3, 0.4, 1}[random.IntN(5)]
		end, err := next.begin(ctx, c, share)
		if ctx.Err() == nil && !assert.NoError(t, err, next.name) {
			return happened
		}
		wait(ctx, 300*time.Millisecond+time.Duration(random.IntN(1200))*time.Millisecond)
		// Ended also when the time is over.
		if !assert.NoError(t, end(context.WithoutCancel(ctx)), next.name) {
			return happened
		}
		happened[next.name]++
		wait(ctx, time.Duration(random.IntN(800))*time.Millisecond)
	}
	return happened
}

// wait waits for so long, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// keepMarks makes the realm store the attributes by which the program knows its users.
func keepMarks(t *testing.T, realm *keycloaktest.Realm) {
	t.Helper()
	require.NoError(t, realm.ChangeProfile(t.Context(), func(profile map[string]any) {
		profile["unmanagedAttributePolicy"] = "ADMIN_EDIT"
	}))
}
