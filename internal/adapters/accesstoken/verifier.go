// Package accesstoken finds out whose access token a caller has shown, for tokens issued
// by one Keycloak realm. It is the only package that knows go-oidc and go-jose.
//
// It never asks Keycloak about a token, and says of an actor what the token says. It keeps the realm's public keys and reads them
// again when they are old or when a token names an unknown key. Old keys go on counting
// for a while, but only while newer ones cannot be had. Its errors name no person, and of a
// token they quote the issuer, the client and the audience at most.
package accesstoken

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
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
	// URL returns the server's base URL, without /realms and without a slash at its end. It
	// is asked for each request.
	URL   func(context.Context) string
	Realm string
	// Issuers are the values of iss that count, compared exactly. Empty: the one in the
	// realm's discovery document.
	Issuers []string
	// Clients are those of which one must have obtained the token (azp). Empty: any.
	Clients []string
	// Audience are those of which one must be in the token's aud. Empty: any or none.
	Audience []string
	// Timeout bounds each request to Keycloak and must be above zero.
	Timeout time.Duration
	// Transport carries the requests. Nil: a connection pool of its own.
	Transport http.RoundTripper
	// Observer is told of each request; may be nil.
	Observer Observer
	// Traces makes a span for each request. Nil: none.
	Traces trace.TracerProvider
	// Now is the clock by which tokens expire. Nil: time.Now.
	Now func() time.Time
}

// Observer is told of the requests to Keycloak. Its method must not block.
type Observer interface {
	// Called is told of each request, "get_keys" or "get_issuer", and its code: the HTTP
	// status, or "timeout", "unreachable" or "cancelled" if there was no answer.
	Called(operation, code string, took time.Duration)
}

const (
	// maxToken is the longest token looked at, in bytes. That of an administrator with very
	// many roles has some 10 KB.
	maxToken = 32 << 10
	// maxHeader is the longest header of one, encoded; Keycloak's have some 150 bytes. Before
	// any signature is checked, go-jose reads it to any depth, at 250 bytes of stack a level.
	maxHeader = 2 << 10
)

// Verifier verifies the access tokens of a realm. It is safe for concurrent use and
// implements ports.TokenVerifier.
type Verifier struct {
	config Config
	keys   *keyring
	pool   *http.Transport // nil if the transport was given
}

// New returns a verifier. It makes no request yet. The caller must close it.
func New(config Config) *Verifier {
	if config.Now == nil {
		config.Now = time.Now
	}
	v := &Verifier{}
	if config.Transport == nil {
		v.pool = http.DefaultTransport.(*http.Transport).Clone()
		config.Transport = v.pool
	}
	v.config = config
	v.keys = newKeyring(newRealm(config).load)
	return v
}

// Close ends the requests under way and waits for them. Calls that wait for their outcome
// return Unavailable.
func (v *Verifier) Close() {
	v.keys.close()
	if v.pool != nil {
		v.pool.CloseIdleConnections()
	}
}

// Verify implements ports.TokenVerifier. Until it knows the realm's keys it does not look
// at tokens, since it could not tell a wrong one.
func (v *Verifier) Verify(ctx context.Context, token string) (domain.Actor, error) {
	known, err := v.current(ctx, token)
	if err != nil {
		return domain.Actor{}, err
	}
	signed, seen := known.recall(token)
	if !seen {
		if signed, known, err = v.verify(ctx, token, known); err != nil {
			return domain.Actor{}, err
		}
		known.remember(token, signed)
	}
	// The signature stays good as long as the keys count, but time goes on.
	if err := signed.check(known.issuers, &v.config); err != nil {
		return domain.Actor{}, err
	}
	return signed.actor(), nil
}

// current returns keys that count now. The wait for them is bounded for strangers only:
// whoever has a token that the old keys have signed must not be kept out by them.
func (v *Verifier) current(ctx context.Context, token string) (*keySet, error) {
	known, ok := v.keys.current()
	if ok {
		return known, nil
	}
	if known != nil {
		if h, err := v.read(token, known); err == nil {
			if _, err = v.verifySignature(ctx, token, known.suitable(h)); err == nil {
				return v.keys.renew(ctx)
			}
		}
	}
	if err := v.keys.enter(); err != nil {
		return nil, err
	}
	defer v.keys.leave()
	return v.keys.renew(ctx)
}

// verify returns the claims of a token and the keys that have signed it, which may be
// newer than the known ones.
func (v *Verifier) verify(ctx context.Context, token string, known *keySet) (claims, *keySet, error) {
	h, err := v.read(token, known)
	if err != nil {
		return claims{}, nil, v.explained(ctx, token, h, known, err)
	}
	if !known.has(h.keyID) {
		if known, err = v.keys.find(ctx, h.keyID); err != nil {
			return claims{}, nil, err
		}
	}
	signed, err := v.verifySignature(ctx, token, known.suitable(h))
	return signed, known, err
}

// read returns the header of a token, and nil if its claims would count if they were signed. That
// proves nothing yet. It keeps a token that would be refused anyway from making the
// keyring fetch keys.
func (v *Verifier) read(token string, known *keySet) (header, error) {
	h, claimed, err := parse(token)
	if err != nil {
		return header{}, err
	}
	return h, claimed.check(known.issuers, &v.config)
}

// verifySignature returns the claims if one of the keys has signed them.
func (v *Verifier) verifySignature(ctx context.Context, token string, keys []crypto.PublicKey) (claims, error) {
	if len(keys) == 0 {
		return claims{}, refuse("the key is for another algorithm")
	}
	// claims.check sees to the issuer and the clients, of which go-oidc knows only one each.
	verifier := oidc.NewVerifier("", &oidc.StaticKeySet{PublicKeys: keys}, &oidc.Config{
		SupportedSigningAlgs: algorithms[string](),
		SkipIssuerCheck:      true,
		SkipClientIDCheck:    true,
		Now:                  v.config.Now,
	})
	verified, err := verifier.Verify(ctx, token)
	if _, expired := errors.AsType[*oidc.TokenExpiredError](err); expired {
		return claims{}, refuse("expired")
	}
	var payload json.RawMessage
	if err != nil || verified.Claims(&payload) != nil {
		return claims{}, refuse("signature, or the form of a standard claim")
	}
	return readClaims(payload)
}

// algorithms are those with a public key that Keycloak offers and go-oidc knows; neither
// "none" nor a symmetric one.
func algorithms[A ~string]() []A {
	return []A{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"}
}

// header is what matters of a token's header. It is all that is kept of the token, beside
// its text, while the request waits for a key.
type header struct{ keyID, algorithm string }

// parse takes a token apart. What it returns is not verified.
func parse(token string) (header, claims, error) {
	switch {
	case token == "":
		return header{}, claims{}, refuseFor(errors.New("no token")) // There is no fault in it.
	case len(token) > maxToken:
		return header{}, claims{}, refuse("longer than any token")
	case strings.IndexByte(token, '.') > maxHeader:
		return header{}, claims{}, refuse("a header longer than any token's")
	case strings.ContainsFunc(token, notInTokens):
		// go-jose and base64 would skip white space, and go-oidc also takes the JSON forms
		// of a signature, which have headers that are not signed.
		return header{}, claims{}, refuse("malformed")
	}
	signed, err := jose.ParseSignedCompact(token, algorithms[jose.SignatureAlgorithm]())
	if _, other := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); other {
		return header{}, claims{}, refuse("an algorithm that does not count")
	}
	if err != nil {
		return header{}, claims{}, refuse("malformed")
	}
	protected := signed.Signatures[0].Protected
	if protected.KeyID == "" {
		return header{}, claims{}, refuse("it names no key")
	}
	claimed, err := readClaims(signed.UnsafePayloadWithoutVerification())
	return header{protected.KeyID, protected.Algorithm}, claimed, err
}

// notInTokens reports whether r has no place in a signature's compact form.
func notInTokens(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// refuse says why a token does not count. The reason quotes nothing of the token, whose text
// is up to its sender.
func refuse(reason domain.TokenFault) error { return refuseFor(reason) }

func refuseFor(cause error) error {
	return &domain.Error{Kind: domain.Unauthenticated, Err: fmt.Errorf("access token: %w", cause)}
}
