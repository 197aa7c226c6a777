// Package adminapi speaks to Keycloak's token endpoint and admin REST API, by way of
// gocloak. One call is logged in, bounded by a deadline, a bulkhead and a circuit
// breaker, retried where that is safe, classified and observed. What an answer means to
// the port is the business of package keycloak, which alone may use this one.
package adminapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/go-resty/resty/v2"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"user-sync-service/internal/domain"
)

// Config says which realm to speak to, as whom, and who observes it.
type Config struct {
	// URL is the server's base URL, under which it has /realms and /admin, without a slash at
	// its end. An "/auth" there counts unless Keycloak answers only without it. Keycloak
	// refuses a token that was fetched under another host name.
	URL      string
	Realm    string
	ClientID string
	// ClientSecret returns the client's secret as it is now. It is called often.
	ClientSecret func() (domain.Secret, error)
	// CallTimeout bounds each single call, with its retries.
	CallTimeout time.Duration
	// MaxConcurrency is how many calls may be under way at once; as many more, and 16 at
	// least, may wait for their turn. Zero means 64.
	MaxConcurrency int
	// Transport carries the calls; nil means a connection pool of its own.
	Transport http.RoundTripper
	// Now is the clock by which tokens expire; nil means time.Now.
	Now func() time.Time
	// Log takes what the operators should know; nil means that nothing is logged.
	Log *slog.Logger
	// Observer counts for the operators; nil means that nothing is counted.
	Observer Observer
	// Traces takes a span for each call; nil means none.
	Traces trace.TracerProvider
	// Timing is UsualTiming when it is zero.
	Timing Timing
}

// Client speaks to one realm. It is safe for concurrent use. Its methods return nil or
// an [*Error].
type Client struct {
	Config
	gocloak *gocloak.GoCloak
	base    *base
	realm   string // escaped for a path
	admin   string // the address of the realm in the admin API
	openID  string // the address of the realm's OpenID Connect
	// secretInForm says how the realm wants the client's secret: in the form, or in the header.
	secretInForm atomic.Bool
	secret       clientSecret
	tokens       *Value[string]
	tracer       trace.Tracer
	bounds       bounds
	mailBounds   bounds
	underWay     atomic.Int64              // tries
	loggedIn     atomic.Pointer[time.Time] // when; nil: not yet
	pool         *http.Transport           // nil when the transport was given
	open         context.Context           // ends with Close, and every call with it
	end          context.CancelFunc
}

// New makes a Client, which makes no call yet. Close it after use.
func New(config Config) *Client {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Observer == nil {
		config.Observer = unobserved{}
	}
	if config.Traces == nil {
		config.Traces = noop.NewTracerProvider()
	}
	if config.MaxConcurrency == 0 {
		config.MaxConcurrency = 64
	}
	if config.Timing == (Timing{}) {
		config.Timing = UsualTiming()
	}
	var pool *http.Transport
	if config.Transport == nil {
		pool = newTransport(config.CallTimeout, config.MaxConcurrency)
		config.Transport = pool
	}
	realm := url.PathEscape(config.Realm)
	base := newBase(config, realm)
	c := &Client{
		Config:  config,
		gocloak: gocloak.NewClient(base.given),
		base:    base,
		admin:   base.given + "/admin/realms/" + realm,
		openID:  base.given + "/realms/" + realm + "/protocol/openid-connect",
		pool:    pool,
		realm:   realm,
		tracer:  config.Traces.Tracer("user-sync-service/internal/adapters/keycloak"),
		bounds:  newBounds(config.MaxConcurrency, config.Timing),
	}
	c.mailBounds = c.bounds.mailBounds(config.Timing)
	c.open, c.end = context.WithCancel(context.Background())
	c.secret.read, c.secret.reread = config.ClientSecret, c.secretReread
	c.tokens = NewValue(config.Now, c.logIn)
	// A client of our own: gocloak's default one keeps cookies and follows redirects.
	client := resty.NewWithClient(&http.Client{Transport: exchangeTransport{base}})
	client.SetLogger(silence{}) // It would write lines of its own beside the log.
	c.gocloak.SetRestyClient(client)
	return c
}

// End ends the calls under way and lets no other begin.
func (c *Client) End() { c.end() }

// Close is End; it also waits for what it ended, and closes the connections.
func (c *Client) Close() {
	c.end()
	c.tokens.Close()
	c.leaveConnections()
}

// ForgetToken makes the next call log in anew. Up to Keycloak 26.4 a token keeps the rights
// with which it was issued.
func (c *Client) ForgetToken(ctx context.Context) {
	if token, err := c.tokens.Get(ctx); err == nil {
		c.tokens.Forget(token)
	}
}

// UntilClosed returns a context that also ends when the client is closed.
func (c *Client) UntilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := c.atClose(cancel)
	return ctx, func() { stop(); cancel() }
}

// atClose ends something when the client is closed, unless it is stopped before.
func (c *Client) atClose(end context.CancelFunc) (stop func() bool) {
	return context.AfterFunc(c.open, end)
}

// leaveConnections makes the next calls use new connections. The other end of those that
// are open may be gone without a word, and each would cost a call to find that out.
func (c *Client) leaveConnections() {
	if c.pool != nil {
		c.pool.CloseIdleConnections()
	}
}

// BaseURL returns the base URL that counts, as far as that is known: see Config.URL.
func (c *Client) BaseURL(ctx context.Context) string { return c.base.address(ctx) }

// CheckBaseURL asks again whether the configured URL is not Keycloak's, if that was so.
func (c *Client) CheckBaseURL(ctx context.Context) { c.base.askAgain(ctx) }

// State is what the client can tell of itself at any time.
type State struct {
	// Circuit and MailCircuit are "closed", "half_open" or "open".
	Circuit, MailCircuit string
	// UnderWay is the number of calls that have not ended.
	UnderWay int
	// TokenAge is the age of the access token; LoggedIn is false as long as there is none.
	TokenAge time.Duration
	LoggedIn bool
}

// State returns the present state.
func (c *Client) State() State {
	state := State{
		Circuit: nameOf(c.bounds.circuit.State()), MailCircuit: nameOf(c.mailBounds.circuit.State()), UnderWay: int(c.underWay.Load()),
	}
	if since := c.loggedIn.Load(); since != nil {
		state.TokenAge, state.LoggedIn = c.Now().Sub(*since), true
	}
	return state
}

// nameOf is the circuit's state as metrics call it.
func nameOf(state circuitbreaker.State) string { return strings.ReplaceAll(state.String(), "-", "_") }

// silence is a logger that says nothing: what matters is in the errors.
type silence struct{}

func (silence) Errorf(string, ...any) {}
func (silence) Warnf(string, ...any)  {}
func (silence) Debugf(string, ...any) {}
