// Package accesstoken tells whose access token somebody shows, for tokens that the realm
// of a Keycloak has issued. It is the only package that knows go-oidc and go-jose.
//
// It never asks Keycloak about a token: it knows the realm's public keys, and reads them
// again when they get old and when a token names a key that it has not seen. Keys that
// it knows go on counting while Keycloak cannot be reached. What it returns names no
// person and repeats nothing of a token.
package accesstoken

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"go.opentelemetry.io/otel/trace"

	"user-sync-service/internal/domain"
)

// Config says whose tokens count.
type Config struct {
	// URL is the server's base URL, under which it has /realms, without a slash at its end.
	URL   string
	Realm string
	// Issuers are the names by which the realm may call itself in its tokens; they
	// must match to the letter. Empty means the name in the realm's discovery document.
	Issuers []string
	// Clients are those of whom one must have asked for the token (azp) or be meant by
	// it (aud). Empty means any.
	Clients []string
	// Timeout bounds each single request to Keycloak and must be above zero.
	Timeout time.Duration
	// Transport carries the requests; nil means a connection pool of its own.
	Transport http.RoundTripper
	// Observer is told of each request; nil means nobody is.
	Observer Observer
	// Traces makes the spans of the requests; nil means none are made.
	Traces trace.TracerProvider
	// Now is the clock by which tokens expire and keys get old; nil means time.Now.
	Now func() time.Time
}

// maxToken is the longest token looked at, in bytes. Those of an administrator with
// very many roles have some 10 KB.
const maxToken = 32 << 10

// Verifier verifies the access tokens of a realm. It is safe for concurrent use and
// implements ports.TokenVerifier.
type Verifier struct {
	clients []string
	now     func() time.Time
	keys    *keyring
	pool    *http.Transport // nil when the transport was given
}

// New returns a verifier. It makes no request yet. The caller must close it.
func New(config Config) *Verifier {
	v := &Verifier{clients: config.Clients, now: config.Now}
	if v.now == nil {
		v.now = time.Now
	}
	if config.Transport == nil {
		v.pool = http.DefaultTransport.(*http.Transport).Clone()
		config.Transport = v.pool
	}
	v.keys = newKeyring(v.now, newRealm(config).load)
	return v
}

// Close ends the requests under way and waits for them. Whoever waits for their
// outcome gets Unavailable.
func (v *Verifier) Close() {
	v.keys.close()
	if v.pool != nil {
		v.pool.CloseIdleConnections()
	}
}

// Verify implements ports.TokenVerifier. It does not look at the token before it knows
// the realm's keys: until then nobody can be told that a token is wrong.
func (v *Verifier) Verify(ctx context.Context, token string) (domain.Actor, error) {
	known, err := v.keys.get(ctx)
	if err != nil {
		return domain.Actor{}, err
	}
	checked, seen := known.verified.Get(digestOf(token))
	if !seen {
		if checked, known, err = v.verify(ctx, token, known); err != nil {
			return domain.Actor{}, err
		}
	}
	// The signature stays good as long as the keys count, but time goes on.
	if err := checked.check(v.now(), known.issuers, v.clients); err != nil {
		return domain.Actor{}, err
	}
	return checked.actor(), nil
}

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

// verify returns the claims of a token that one of the keys has signed, and the keys,
// which may be newer than those that were known.
func (v *Verifier) verify(ctx context.Context, token string, known *keySet) (claims, *keySet, error) {
	header, payload, err := parse(token)
	if err != nil {
		return claims{}, nil, err
	}
	// These checks prove nothing yet. They are here so that nobody makes the keyring
	// ask Keycloak for keys with a token that would be refused whatever the answer.
	claimed, err := readClaims(payload)
	if err != nil {
		return claims{}, nil, err
	}
	if err := claimed.check(v.now(), known.issuers, v.clients); err != nil {
		return claims{}, nil, err
	}
	if !known.has(header.KeyID) {
		if known, err = v.keys.find(ctx, header.KeyID); err != nil {
			return claims{}, nil, err
		}
	}
	if payload, err = v.verifySignature(ctx, token, known.suitable(header)); err != nil {
		return claims{}, nil, err
	}
	signed, err := readClaims(payload)
	if err != nil {
		return claims{}, nil, err
	}
	known.verified.Add(digestOf(token), signed)
	return signed, known, nil
}

// verifySignature returns the payload that one of the keys has signed.
func (v *Verifier) verifySignature(ctx context.Context, token string, keys []crypto.PublicKey) ([]byte, error) {
	if len(keys) == 0 {
		return nil, refuse("the key is for another algorithm")
	}
	// The issuer and the clients are for claims.check: go-oidc knows one of each only.
	verifier := oidc.NewVerifier("", &oidc.StaticKeySet{PublicKeys: keys}, &oidc.Config{
		SupportedSigningAlgs: algorithms[string](),
		SkipIssuerCheck:      true,
		SkipClientIDCheck:    true,
		Now:                  v.now,
	})
	verified, err := verifier.Verify(ctx, token)
	if _, expired := errors.AsType[*oidc.TokenExpiredError](err); expired {
		return nil, refuse("expired")
	}
	var payload json.RawMessage
	if err != nil || verified.Claims(&payload) != nil {
		return nil, refuse("signature, or the form of a standard claim")
	}
	return payload, nil
}

// algorithms are those that count: the ones with a public key that Keycloak offers and
// go-oidc knows. Neither "none" nor the symmetric ones are among them.
func algorithms[A ~string]() []A {
	return []A{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"}
}

// parse takes a token apart. Nothing of what it returns is verified.
func parse(token string) (jose.Header, []byte, error) {
	switch {
	case token == "":
		return jose.Header{}, nil, refuse("no token")
	case len(token) > maxToken:
		return jose.Header{}, nil, refuse("longer than any token")
	case strings.ContainsFunc(token, notInTokens):
		// go-jose and base64 would read over white space, and go-oidc takes the JSON
		// forms of a signature, which have headers that are not signed.
		return jose.Header{}, nil, refuse("malformed")
	}
	signed, err := jose.ParseSignedCompact(token, algorithms[jose.SignatureAlgorithm]())
	if _, other := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); other {
		return jose.Header{}, nil, refuse("an algorithm that does not count")
	}
	if err != nil {
		return jose.Header{}, nil, refuse("malformed")
	}
	header := signed.Signatures[0].Protected
	if header.KeyID == "" {
		return jose.Header{}, nil, refuse("it names no key")
	}
	return header, signed.UnsafePayloadWithoutVerification(), nil
}

// notInTokens reports whether r has no place in a signature's compact form.
func notInTokens(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// refuse says that a token does not count. The reason is for the log; it is always in
// our own words, since those of a token are whatever its sender likes.
func refuse(reason string) error {
	return &domain.Error{Kind: domain.Unauthenticated, Err: errors.New("access token: " + reason)}
}
