package accesstoken

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	lru "github.com/hashicorp/golang-lru/v2"
	tag "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"user-sync-service/internal/domain"
)

// maxAnswer is the largest answer read, in bytes. A realm with many keys and their
// certificates has some 20 KB.
const maxAnswer = 1 << 20

// operation names a request in errors; metrics and traces replace its blanks by "_".
type operation string

const (
	getKeys   operation = "get keys"
	getIssuer operation = "get issuer"
)

func (op operation) failed(kind domain.Kind, err error) error {
	return &domain.Error{Kind: kind, Err: fmt.Errorf("%s: %w", op, err)}
}

// realm reads a realm's public documents.
type realm struct {
	config Config
	path   string // below the server's base URL
	client *http.Client
	tracer trace.Tracer
}

func newRealm(config Config) *realm {
	if config.Traces == nil {
		config.Traces = noop.NewTracerProvider()
	}
	return &realm{
		config: config,
		path:   "/realms/" + url.PathEscape(config.Realm),
		client: &http.Client{
			Transport: config.Transport,
			// Keycloak does not redirect here; a redirect could lead to foreign keys.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		tracer: config.Traces.Tracer("user-sync-service/internal/adapters/accesstoken"),
	}
}

// load reads the keys, and the issuer unless it is configured. It does not use the
// address of the keys in the discovery document, which is for callers from outside.
func (r *realm) load(ctx context.Context) (*keySet, error) {
	issuers := r.config.Issuers
	if len(issuers) == 0 {
		issuer, err := r.issuer(ctx)
		if err != nil {
			return nil, err
		}
		issuers = []string{issuer}
	}
	answer, err := r.get(ctx, getKeys, "/protocol/openid-connect/certs")
	if err != nil {
		return nil, err
	}
	keys, err := readKeys(answer)
	if err != nil {
		return nil, getKeys.failed(domain.BadAnswer, err)
	}
	verified, err := lru.New[[sha256.Size]byte, claims](maxVerified)
	return &keySet{byID: keys, issuers: issuers, verified: verified}, err
}

// issuer reads the realm's name for itself.
func (r *realm) issuer(ctx context.Context) (string, error) {
	answer, err := r.get(ctx, getIssuer, "/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var document struct {
		Issuer string `json:"issuer"`
	}
	if json.Unmarshal(answer, &document) != nil || document.Issuer == "" {
		return "", getIssuer.failed(domain.BadAnswer, errors.New("not a discovery document"))
	}
	return document.Issuer, nil
}

// readKeys returns the public signature keys by their ids. It skips what it cannot read
// or use and weak keys: a realm may have keys for other purposes.
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
	return key.KeyID != "" && (key.Use == "" || key.Use == "sig") && isStrong(key.Key)
}

// isStrong reports whether only its owner can sign with the key. FIPS 186-5 asks the same
// of RSA; of the elliptic curves, go-jose reads P-256, P-384 and P-521 alone.
func isStrong(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048 && key.E > 1<<16 && key.E%2 == 1
	case *ecdsa.PublicKey:
		return true
	}
	return false
}

// get reads one of the realm's documents, measured and traced. The context is the
// keyring's: the span belongs to no caller's trace, since callers share a fetch.
func (r *realm) get(ctx context.Context, op operation, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	name := strings.ReplaceAll(string(op), " ", "_")
	ctx, span := r.tracer.Start(ctx, "keycloak "+name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(tag.String("usersync.operation", name)))
	defer span.End()
	begin := time.Now()
	status, body, err := r.request(ctx, op, path)
	code := strconv.Itoa(status)
	switch {
	case status != 0:
		span.SetAttributes(tag.Int("http.response.status_code", status))
	case errors.Is(err, context.Canceled):
		code = "cancelled"
	case errors.Is(err, domain.Timeout):
		code = "timeout"
	default:
		code = "unreachable"
	}
	if err != nil {
		kind := domain.AsError(err).Kind.Error()
		span.SetStatus(codes.Error, kind)
		span.SetAttributes(tag.String("error.type", kind))
	}
	if r.config.Observer != nil {
		r.config.Observer.Called(name, code, time.Since(begin))
	}
	return body, err
}

// request makes one request. The status is 0 if the connection failed, even in the middle of
// the answer.
func (r *realm) request(ctx context.Context, op operation, path string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.config.URL(ctx)+r.path+path, nil)
	if err != nil {
		return 0, nil, op.failed(domain.Internal, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cache-Control", "no-cache") // A cache on the way would hide a new key.
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, nil, op.failed(connectionKind(err), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, nil, op.failed(statusKind(resp.StatusCode), fmt.Errorf("status %d", resp.StatusCode))
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, op.failed(connectionKind(err), err)
	}
	if len(body) > maxAnswer {
		return resp.StatusCode, nil, op.failed(domain.BadAnswer, fmt.Errorf("an answer of more than %d bytes", maxAnswer))
	}
	return resp.StatusCode, body, nil
}

// statusKind classifies a status other than 200.
func statusKind(status int) domain.Kind {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable:
		return domain.Unavailable
	case http.StatusGatewayTimeout:
		return domain.Timeout
	}
	return domain.BadAnswer
}

// connectionKind classifies a failed connection.
func connectionKind(err error) domain.Kind {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() { // context.DeadlineExceeded is one, too
		return domain.Timeout
	}
	return domain.Unavailable
}
