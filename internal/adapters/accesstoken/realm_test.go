package accesstoken_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/accesstoken"
	"user-sync-service/internal/domain"
)

// Most of these tests use a real server and the verifier's own connections.

// newServed returns a verifier that reads the stub over HTTP.
func newServed(t *testing.T, s *stub, changes ...func(*accesstoken.Config)) *accesstoken.Verifier {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return newVerifier(t, s, append([]func(*accesstoken.Config){func(c *accesstoken.Config) {
		c.URL, c.Transport = at(server.URL), nil
	}}, changes...)...)
}

func TestFetch_ReadsTheKeysAndTheIssuer(t *testing.T) {
	k := newECKey(t, "first")
	s := newStub(k.public())
	v := newServed(t, s)
	checkAccepted(t, v, k.token(t, nil))
	assert.Equal(t, []string{issuePath, keysPath}, s.asked())
}

// Issuers that are given make the discovery document useless, and it is not read.
func TestFetch_DoesNotReadTheIssuerWhenItIsGiven(t *testing.T) {
	k := newECKey(t, "first")
	s := newStub(k.public())
	s.onIssuer = status(http.StatusInternalServerError)
	v := newServed(t, s, func(c *accesstoken.Config) { c.Issuers = []string{"http://keycloak/realms/bank", issuer} })
	checkAccepted(t, v, k.token(t, nil))
	_, err := v.Verify(t.Context(), k.token(t, map[string]any{"iss": "http://keycloak/realms/bank"}))
	require.NoError(t, err)
	checkFailure(t, v, k.token(t, map[string]any{"iss": "http://keycloak/realms/bank/"}), domain.Unauthenticated, "wrong issuer")
	assert.Equal(t, []string{keysPath}, s.asked())
}

// An issuer without a name is a mistake that must not admit tokens without an issuer.
func TestFetch_AnEmptyIssuerAdmitsNobody(t *testing.T) {
	k := newECKey(t, "first")
	v := newServed(t, newStub(k.public()), func(c *accesstoken.Config) { c.Issuers = []string{""} })
	checkFailure(t, v, k.token(t, map[string]any{"iss": ""}), domain.Unauthenticated, "wrong issuer")
	checkFailure(t, v, k.token(t, map[string]any{"iss": nil}), domain.Unauthenticated, "wrong issuer")
}

func TestFetch_EscapesTheRealm(t *testing.T) {
	k := newECKey(t, "first")
	s := newStub(k.public())
	v := newServed(t, s, func(c *accesstoken.Config) { c.Realm = "a/b c?d#e%41é" })
	checkAccepted(t, v, k.token(t, nil))
	const escaped = "/realms/a%2Fb%20c%3Fd%23e%2541%C3%A9/"
	assert.Equal(t, []string{escaped + ".well-known/openid-configuration", escaped + "protocol/openid-connect/certs"}, s.asked())
}

func TestFetch_TellsWhatIsWrongWithAnAnswer(t *testing.T) {
	k := newECKey(t, "first")
	set := func(keys ...any) http.HandlerFunc {
		data, err := json.Marshal(map[string]any{"keys": keys})
		require.NoError(t, err)
		return text(string(data))
	}
	notForSignatures, withoutID := k.Public(), k.Public()
	notForSignatures.Use, withoutID.KeyID = "enc", ""
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kind   domain.Kind
		cause  string
	}{
		"429":                  {status(http.StatusTooManyRequests), domain.Unavailable, "status 429"},
		"502":                  {status(http.StatusBadGateway), domain.Unavailable, "status 502"},
		"503":                  {status(http.StatusServiceUnavailable), domain.Unavailable, "status 503"},
		"504":                  {status(http.StatusGatewayTimeout), domain.Timeout, "status 504"},
		"500":                  {status(http.StatusInternalServerError), domain.BadAnswer, "status 500"},
		"404":                  {status(http.StatusNotFound), domain.BadAnswer, "status 404"},
		"401":                  {status(http.StatusUnauthorized), domain.BadAnswer, "status 401"},
		"204":                  {status(http.StatusNoContent), domain.BadAnswer, "status 204"},
		"a redirect":           {http.RedirectHandler("/realms/bank/elsewhere", http.StatusFound).ServeHTTP, domain.BadAnswer, "status 302"},
		"HTML":                 {text("<html>Sign in</html>"), domain.BadAnswer, "not a "},
		"nothing":              {text(""), domain.BadAnswer, "not a "},
		"more than a megabyte": {text(`{"keys":[],"issuer":"x","x":"` + strings.Repeat("x", 1<<20) + `"}`), domain.BadAnswer, "more than 1048576 bytes"},
		"a broken connection":  {breakOff, domain.Unavailable, ""},
		"half an answer":       {halfAnAnswer, domain.Unavailable, ""},
		"no answer":            {hang, domain.Timeout, ""},
		"an answer that stops": {stall, domain.Timeout, ""},
	} {
		for op, issuers := range map[string][]string{"get keys": {issuer}, "get issuer": nil} {
			t.Run(op+"/"+name, func(t *testing.T) {
				s := newStub(k.public())
				s.onKeys, s.onIssuer = test.answer, test.answer
				v := newServed(t, s, func(c *accesstoken.Config) {
					c.Issuers = issuers
					if test.kind == domain.Timeout {
						c.Timeout = 200 * time.Millisecond
					}
				})
				token := k.token(t, nil)
				_, err := v.Verify(t.Context(), token)
				checkError(t, err, test.kind, test.cause)
				require.ErrorContains(t, err, op+": ")
				assert.NotContains(t, err.Error(), token)
				assert.NotContains(t, strings.Join(s.asked(), " "), "elsewhere")
			})
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"an object without keys":         text(`{}`),
		"keys that are no list":          text(`{"keys":{}}`),
		"a list":                         text(`[]`),
		"null":                           text(`null`),
		"an empty set":                   set(),
		"a symmetric key only":           set(jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "first", Use: "sig"}),
		"a key for encryption only":      set(notForSignatures),
		"a key without an id only":       set(withoutID),
		"a private key only":             set(k.JSONWebKey),
		"keys that nobody can read only": set(map[string]any{"kty": "RSA", "kid": "first"}, 1, nil, "first"),
	} {
		t.Run("get keys/"+name, func(t *testing.T) {
			s := newStub()
			s.answerKeys(answer)
			checkFailure(t, newServed(t, s), k.token(t, nil), domain.BadAnswer, "get keys: no")
		})
	}
	for _, answer := range []string{`{}`, `[]`, `null`, `{"issuer":""}`, `{"issuer":1}`} {
		t.Run("get issuer/"+answer, func(t *testing.T) {
			s := newStub(k.public())
			s.onIssuer = text(answer)
			checkFailure(t, newServed(t, s), k.token(t, nil), domain.BadAnswer, "get issuer: not a discovery document")
		})
	}
}

func TestFetch_ReturnsUnavailableWhenNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	v := newVerifier(t, nil, func(c *accesstoken.Config) { c.URL, c.Transport = at(server.URL), nil })
	checkFailure(t, v, "", domain.Unavailable, "get issuer: ")
}

func TestFetch_DoesNotReadAnEndlessAnswer(t *testing.T) {
	const much = 256 << 20
	written := make(chan int, 1)
	s := newStub()
	s.answerKeys(func(w http.ResponseWriter, _ *http.Request) {
		sum, piece := 0, make([]byte, 64<<10)
		for sum < much {
			n, err := w.Write(piece)
			if sum += n; err != nil {
				break
			}
		}
		written <- sum
	})
	checkFailure(t, newServed(t, s), "", domain.BadAnswer, "get keys: an answer of more than 1048576 bytes")
	assert.Less(t, <-written, much)
}

// A realm has keys for other purposes, and may have some that nobody here has heard of.
func TestFetch_LeavesOutKeysItCannotUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newECKey(t, "first")
		encryption := newECKey(t, "encryption")
		encryption.Use = "enc"
		s := newStub(
			map[string]any{"kty": "OKP", "crv": "Ed448", "kid": "ed448", "x": "AAAA", "use": "sig"},
			map[string]any{"kty": "EC", "crv": "secp256k1", "kid": "k1", "x": "AAAA", "y": "AAAA"},
			map[string]any{"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
			map[string]any{"kty": "LATTICE", "kid": "new"},
			map[string]any{"kid": 1}, 1, nil, encryption.public(), k.public(),
			jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "first", Use: "sig"},
		)
		v := newVerifier(t, s)
		checkAccepted(t, v, k.token(t, nil))
		checkFailure(t, v, encryption.token(t, nil), domain.Unauthenticated, "unknown key")
	})
}

// A weak key is one that strangers may sign with.
func TestFetch_LeavesOutWeakKeys(t *testing.T) {
	strong := newRSAKey(t, "strong", jose.RS256)
	private, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	small := key{jose.JSONWebKey{Key: private, KeyID: "weak", Algorithm: string(jose.RS256), Use: "sig"}}
	n := strong.Public().Key.(*rsa.PublicKey).N
	weak := func(n *big.Int, e int64) any {
		return map[string]any{"kty": "RSA", "kid": "weak", "use": "sig", "n": base64.RawURLEncoding.EncodeToString(n.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(e).Bytes())}
	}
	for name, published := range map[string]any{
		"1024 bits": small.public(), "2047 bits": weak(new(big.Int).Rsh(n, 1), 65537),
		"exponent 3": weak(n, 3), "exponent 65535": weak(n, 65535), "even exponent": weak(n, 65538),
	} {
		t.Run(name, func(t *testing.T) {
			v := newServed(t, newStub(published, strong.public()))
			checkAccepted(t, v, strong.token(t, nil))
			checkFailure(t, v, small.token(t, nil), domain.Unauthenticated, "unknown key")
			checkFailure(t, newServed(t, newStub(published)), "", domain.BadAnswer, "get keys: no usable key")
		})
	}
}

// Two keys of one id are unusual, and both count.
func TestFetch_KeepsAllKeysOfOneID(t *testing.T) {
	one, other := newECKey(t, "same"), newECKey(t, "same")
	v := newServed(t, newStub(one.public(), other.public()))
	checkAccepted(t, v, one.token(t, nil))
	checkAccepted(t, v, other.token(t, nil))
}

func TestClose_IsQuickWhenKeycloakHangs(t *testing.T) {
	s := newStub()
	asked := make(chan struct{})
	s.answerKeys(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		hang(w, r)
	})
	v := newServed(t, s, func(c *accesstoken.Config) { c.Timeout = time.Hour })
	var all sync.WaitGroup
	all.Go(func() { checkFailure(t, v, "", domain.Unavailable, "get keys: ") })
	<-asked
	started := time.Now()
	v.Close()
	all.Wait()
	assert.Less(t, time.Since(started), 10*time.Second)
}

func TestClose_ClosesTheConnections(t *testing.T) {
	s := newStub(newECKey(t, "first").public())
	closed := make(chan struct{})
	server := httptest.NewUnstartedServer(s)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	server.Start()
	defer server.Close()
	v := newVerifier(t, s, func(c *accesstoken.Config) { c.URL, c.Transport = at(server.URL), nil })
	checkFailure(t, v, "", domain.Unauthenticated, "no token")
	v.Close()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		assert.Fail(t, "the connection is still open")
	}
}

// breakOff closes the connection without an answer.
func breakOff(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func halfAnAnswer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	w.Write([]byte(`{"keys":`))
}

// stall begins an answer and does not end it.
func stall(w http.ResponseWriter, r *http.Request) {
	w.Write([]byte(`{"keys":`))
	http.NewResponseController(w).Flush()
	hang(w, r)
}
