package keycloak_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// rotation is a realm whose client's secret changes, at Keycloak and where the program
// reads it.
type rotation struct {
	*stub
	*keycloak.Provider
	seen tally

	mu     sync.Mutex
	log    bytes.Buffer
	secret string
	err    error
	reads  int
	onRead func(reads int)
}

const rotatedSecret = "another%+ &=secret"

// newRotation makes a provider, whose secret is the one that Keycloak knows.
func newRotation(t *testing.T, change ...func(*keycloak.Config)) *rotation {
	t.Helper()
	r := &rotation{stub: newStub(t), secret: stubSecret}
	r.active[callerToken] = true
	r.plant(present())
	r.Provider = r.provider(t, append(change, r.seen.observe, func(config *keycloak.Config) {
		config.ClientSecret = r.read
		config.Log = slog.New(slog.NewTextHandler(&r.log, nil)) // Written while the secret is read, thus one after the other.
	})...)
	return r
}

func (r *rotation) read() (domain.Secret, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	if r.onRead != nil {
		r.onRead(r.reads)
	}
	return domain.NewSecret(r.secret), r.err
}

// inFile changes what the program reads.
func (r *rotation) inFile(secret string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret, r.err = secret, err
}

// atKeycloak changes what Keycloak accepts, and ends all tokens.
func (r *rotation) atKeycloak(secret string) {
	r.change(func() { r.stub.secret, r.tokens = secret, map[string]bool{} })
}

// works asserts that the client can log in and introspect, and returns the calls.
func (r *rotation) works(t *testing.T, about string) []string {
	t.Helper()
	r.revoke()
	require.NoError(t, r.Check(t.Context()), about)
	_, active, err := r.TokenActive(t.Context(), callerToken)
	require.NoError(t, err, about)
	assert.True(t, active, about)
	var asClient []string
	for _, call := range r.seen.taken() {
		if strings.HasPrefix(call, "log_in") || strings.HasPrefix(call, "introspect") {
			asClient = append(asClient, call)
		}
	}
	return asClient
}
