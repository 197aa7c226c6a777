package accesstoken

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"user-sync-service/internal/domain"
)

// maxAnswer is the largest answer read, in bytes. A realm with many keys and their
// certificates is some 20 KB.
const maxAnswer = 1 << 20

// operation names a request in errors.
type operation string

const (
	opGetKeys   operation = "get keys"
	opGetIssuer operation = "get issuer"
)

// realm reads what a realm tells everybody.
type realm struct {
	address string
	issuers []string // empty: the realm tells
	timeout time.Duration
	client  *http.Client

	observer Observer
	tracer   trace.Tracer
}

func newRealm(config Config) *realm {
	if config.Observer == nil {
		config.Observer = unobserved{}
	}
	if config.Traces == nil {
		config.Traces = noop.NewTracerProvider()
	}
	return &realm{
		address: config.URL + "/realms/" + url.PathEscape(config.Realm),
		issuers: config.Issuers,
		timeout: config.Timeout,
		client: &http.Client{
			Transport: config.Transport,
			// Keycloak does not redirect here; whoever does leads to other keys.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		observer: config.Observer,
		tracer:   config.Traces.Tracer("user-sync-service/internal/adapters/accesstoken"),
	}
}

// load reads the keys, and the issuer unless it is given. The keys' address in the
// discovery document is not used: it is the one for the outside.
func (r *realm) load(ctx context.Context) (*keySet, error) {
	issuers := r.issuers
	if len(issuers) == 0 {
		issuer, err := r.issuer(ctx)
		if err != nil {
			return nil, err
		}
		issuers = []string{issuer}
	}
	answer, err := r.get(ctx, opGetKeys, "/protocol/openid-connect/certs")
	if err != nil {
		return nil, err
	}
	keys, err := readKeys(answer)
	if err != nil {
		return nil, badAnswer(opGetKeys, err)
	}
	return newKeySet(keys, issuers)
}

// issuer reads by what name the realm calls itself in its tokens.
func (r *realm) issuer(ctx context.Context) (string, error) {
	answer, err := r.get(ctx, opGetIssuer, "/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var document struct {
		Issuer string `json:"issuer"`
	}
	if json.Unmarshal(answer, &document) != nil || document.Issuer == "" {
		return "", badAnswer(opGetIssuer, errors.New("not a discovery document"))
	}
	return document.Issuer, nil
}

// readKeys returns the public keys for signatures by their ids. Those that it cannot
// read or use are left out: a realm may have keys for other purposes.
func readKeys(answer []byte) (map[string][]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(answer, &set) != nil {
		return nil, errors.New("not a set of keys")
	}
	keys := make(map[string][]jose.JSONWebKey)
	for _, data := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(data) == nil && isUsable(key) {
			keys[key.KeyID] = append(keys[key.KeyID], key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no usable key")
	}
	return keys, nil
}

func isUsable(key jose.JSONWebKey) bool {
	if key.KeyID == "" || (key.Use != "" && key.Use != "sig") {
		return false
	}
	switch key.Key.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey:
		return true
	}
	return false
}

// get reads one of the realm's documents.
func (r *realm) get(ctx context.Context, op operation, path string) ([]byte, error) {
	timed, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	timed, observed := r.observe(timed, op)
	status, body, err := r.exchange(timed, op, path)
	observed.end(status, err)
	return body, err
}

// exchange makes one request. The status is 0 when there was no answer, or not the whole
// of it.
func (r *realm) exchange(ctx context.Context, op operation, path string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.address+path, nil)
	if err != nil {
		return 0, nil, &domain.Error{Kind: domain.Internal, Err: fmt.Errorf("%s: %w", op, err)}
	}
	req.Header.Set("Accept", "application/json")
	// A cache in between would hide a new key.
	req.Header.Set("Cache-Control", "no-cache")
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, nil, connectionError(op, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, nil, &domain.Error{Kind: statusKind(resp.StatusCode), Err: fmt.Errorf("%s: status %d", op, resp.StatusCode)}
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, connectionError(op, err)
	}
	if len(body) > maxAnswer {
		return resp.StatusCode, nil, badAnswer(op, fmt.Errorf("an answer of more than %d bytes", maxAnswer))
	}
	return resp.StatusCode, body, nil
}

// statusKind says what it means that a status is not 200.
func statusKind(status int) domain.Kind {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable:
		return domain.Unavailable
	case http.StatusGatewayTimeout:
		return domain.Timeout
	}
	return domain.BadAnswer
}

// connectionError is a failed connection, which may also be the end of the verifier.
func connectionError(op operation, err error) error {
	kind := domain.Unavailable
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() { // context.DeadlineExceeded is one, too
		kind = domain.Timeout
	}
	return &domain.Error{Kind: kind, Err: fmt.Errorf("%s: %w", op, err)}
}

func badAnswer(op operation, err error) error {
	return &domain.Error{Kind: domain.BadAnswer, Err: fmt.Errorf("%s: %w", op, err)}
}
