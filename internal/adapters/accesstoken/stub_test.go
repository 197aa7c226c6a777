package accesstoken_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"user-sync-service/internal/adapters/accesstoken"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestVerifier_IsTheProgramsVerifier(t *testing.T) {
	assert.Implements(t, (*ports.TokenVerifier)(nil), new(accesstoken.Verifier))
}

const (
	issuer    = "https://login.bank.example/realms/bank"
	keysPath  = "/realms/bank/protocol/openid-connect/certs"
	issuePath = "/realms/bank/.well-known/openid-configuration"
)

// stub is the public side of a realm: its keys and its discovery document. A test may
// change what it answers at any time, and see what it was asked.
type stub struct {
	mu       sync.Mutex
	keys     []any // as they stand in the set
	issuer   string
	latency  time.Duration    // of the keys
	onKeys   http.HandlerFunc // nil: the keys
	onIssuer http.HandlerFunc // nil: the issuer
	paths    []string
	fetched  []time.Time // when the keys were asked for
	serving  int         // requests that are being answered
	busiest  int         // the most of them at once
}

func newStub(keys ...any) *stub { return &stub{keys: keys, issuer: issuer} }

// ServeHTTP takes what it answers when the request comes, and answers after its latency,
// as a server does whose keys are changed meanwhile.
func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.paths = append(s.paths, r.RequestURI)
	s.serving++
	s.busiest = max(s.busiest, s.serving)
	defer s.change(func(s *stub) { s.serving-- })
	forKeys := strings.HasSuffix(r.URL.Path, "/certs")
	answer, body := s.onIssuer, any(map[string]any{"issuer": s.issuer, "jwks_uri": "https://login.bank.example/never"})
	if forKeys {
		s.fetched = append(s.fetched, time.Now())
		answer, body = s.onKeys, map[string]any{"keys": s.keys}
	}
	latency := s.latency
	s.mu.Unlock()
	if forKeys {
		time.Sleep(latency)
	}
	if answer != nil {
		answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

// RoundTrip serves without a network, for tests that run in a synctest bubble.
func (s *stub) RoundTrip(req *http.Request) (*http.Response, error) {
	incoming := req.Clone(req.Context())
	incoming.RequestURI = req.URL.RequestURI()
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, incoming)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}

func (s *stub) change(f func(*stub)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// publish makes these the realm's keys.
func (s *stub) publish(keys ...any) { s.change(func(s *stub) { s.keys = keys }) }

// answerKeys sets the answer to requests for the keys.
func (s *stub) answerKeys(with http.HandlerFunc) { s.change(func(s *stub) { s.onKeys = with }) }

// fetches is how often the keys were asked for.
func (s *stub) fetches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.fetched)
}

// asked are the paths that were asked for.
func (s *stub) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.paths)
}

// requirePace checks that no two requests for the keys came within a second.
func (s *stub) requirePace(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 1; i < len(s.fetched); i++ {
		require.GreaterOrEqual(t, s.fetched[i].Sub(s.fetched[i-1]), time.Second, "between fetches %d and %d", i, i+1)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) }
}

// hang answers when the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

var atKeycloak = at("http://keycloak")

func at(url string) func(context.Context) string {
	return func(context.Context) string { return url }
}

// newVerifier returns a verifier of the stub's tokens that uses no network.
func newVerifier(t testing.TB, s *stub, changes ...func(*accesstoken.Config)) *accesstoken.Verifier {
	t.Helper()
	config := accesstoken.Config{URL: atKeycloak, Realm: "bank", Timeout: 10 * time.Second, Transport: s}
	for _, change := range changes {
		change(&config)
	}
	v := accesstoken.New(config)
	t.Cleanup(v.Close)
	return v
}

// key is a private key with what a realm publishes about it.
type key struct {
	jose.JSONWebKey
}

func newRSAKey(t testing.TB, id string, alg jose.SignatureAlgorithm) key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key{jose.JSONWebKey{Key: private, KeyID: id, Algorithm: string(alg), Use: "sig"}}
}

func newECKey(t testing.TB, id string) key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key{jose.JSONWebKey{Key: private, KeyID: id, Algorithm: "ES256", Use: "sig"}}
}

// public is the key as it stands in the set.
func (k key) public() any { return k.Public() }

// sign returns a token of the key with this payload.
func (k key) sign(t testing.TB, payload []byte) string {
	t.Helper()
	return signed(t, jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: k.JSONWebKey}, payload)
}

// token returns a token of the key with ordinary claims and these changes.
func (k key) token(t testing.TB, changes map[string]any) string {
	t.Helper()
	return k.sign(t, payload(t, time.Now(), changes))
}

func signed(t testing.TB, with jose.SigningKey, payload []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(with, nil)
	require.NoError(t, err)
	signature, err := signer.Sign(payload)
	require.NoError(t, err)
	token, err := signature.CompactSerialize()
	require.NoError(t, err)
	return token
}

// payload is that of an access token of Keycloak, issued now, with changes; a nil
// removes a claim.
func payload(t testing.TB, now time.Time, changes map[string]any) []byte {
	t.Helper()
	claims := map[string]any{
		"exp": now.Add(5 * time.Minute).Unix(), "iat": now.Unix(), "jti": "onrtac:4f0e", "iss": issuer,
		"aud": "oauth2-proxy", "sub": "6f1c-id", "typ": "Bearer", "azp": "oauth2-proxy", "sid": "8c1f", "acr": "1",
		"realm_access":       map[string]any{"roles": []string{"user-admin", "offline_access"}},
		"resource_access":    map[string]any{"shop": map[string]any{"roles": []string{"buy", "sell"}}, "account": map[string]any{"roles": []string{"view"}}},
		"scope":              "openid profile email",
		"preferred_username": "anna.admin", "email": "anna@bank.example", "email_verified": true,
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	data, err := json.Marshal(claims)
	require.NoError(t, err)
	return data
}

// admin is whom such a token is about.
func admin() domain.Actor {
	return domain.Actor{
		Subject:  "6f1c-id",
		Username: "anna.admin",
		Roles:    []string{"user-admin", "offline_access", "account:view", "shop:buy", "shop:sell"},
	}
}

// The checks that follow are also made in goroutines, which must not end a test.

func checkAccepted(t *testing.T, v *accesstoken.Verifier, token string) {
	t.Helper()
	actor, err := v.Verify(t.Context(), token)
	assert.NoError(t, err)
	assert.Equal(t, admin(), actor)
}

// checkFailure checks that nobody comes back, and why.
func checkFailure(t *testing.T, v *accesstoken.Verifier, token string, kind domain.Kind, cause string) {
	t.Helper()
	actor, err := v.Verify(t.Context(), token)
	checkError(t, err, kind, cause)
	assert.Equal(t, domain.Actor{}, actor)
}

func checkError(t *testing.T, err error, kind domain.Kind, cause string) {
	t.Helper()
	_, plain := err.(*domain.Error) //nolint:errorlint // it is about the error itself, not its chain
	assert.True(t, plain, "not a domain error, but a %T", err)
	assert.ErrorIs(t, err, kind)
	assert.ErrorContains(t, err, cause)
}
