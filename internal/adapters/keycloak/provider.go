// Package keycloak puts a Keycloak realm behind the ports IdentityProvider and
// TokenIntrospector, by way of Keycloak's admin REST API and gocloak. It is the only
// package that knows either.
//
// It logs in with the service's own client (client credentials); the service account
// needs the roles manage-users and view-realm of the client realm-management, assigned
// to it directly. From Keycloak 26.7 on it also needs view-clients to see who
// administers the realm. What it relies on has been seen on Keycloak 24.0.5 to 26.7.3.
package keycloak

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/go-resty/resty/v2"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

var (
	_ ports.IdentityProvider  = (*Provider)(nil)
	_ ports.TokenIntrospector = (*Provider)(nil)
)

// Config says which realm to serve and as whom.
type Config struct {
	// URL is the server's base URL, under which it has /realms and /admin. Keycloak
	// refuses a token that was fetched under another host name.
	URL      string
	Realm    string
	ClientID string
	// ClientSecret returns the client's secret as it is now. It is called often.
	ClientSecret func() (domain.Secret, error)
	// CallTimeout bounds each single call to Keycloak, with its repetitions.
	CallTimeout time.Duration
	// MaxConcurrency is how many calls may be under way at once; as many more, and 16 at
	// least, may wait for their turn. Zero means 64.
	MaxConcurrency int
	// Transport carries the calls; nil means a connection pool of its own.
	Transport http.RoundTripper
	// Now is the clock by which tokens and caches expire; nil means time.Now.
	Now func() time.Time
	// Log takes what the owner of the realm should know; nil means that nobody is told.
	Log *slog.Logger
	// Observer counts for the operators; nil means that nobody does.
	Observer Observer
	// Traces takes a span for each call; nil means none.
	Traces trace.TracerProvider

	timing timing // the usual one unless a test sets another
}

// How long values read from Keycloak are kept. The realm's settings are read anew by
// every Check.
const (
	// rightsLifetime is for roles and groups with what they bring along: short, because a
	// privileged role that was put into one of them must not be given away unseen.
	rightsLifetime    = 30 * time.Second
	existenceLifetime = time.Minute
	settingsLifetime  = time.Minute
	// administrationLifetime costs nothing to be short, since Check reads the value again
	// in the background. Until it is over, a realm that has become blind, as by an update
	// of Keycloak, is taken for one that shows everything.
	administrationLifetime = 5 * time.Minute
)

// Provider is a Keycloak realm as identity provider. It is safe for concurrent use and
// implements ports.IdentityProvider and ports.TokenIntrospector.
type Provider struct {
	client      *gocloak.GoCloak
	baseURL     string
	realm       string // escaped for a path
	clientID    string
	secret      clientSecret
	observer    Observer
	tracer      trace.Tracer
	now         func() time.Time
	underWay    atomic.Int64              // calls to Keycloak
	loggedIn    atomic.Pointer[time.Time] // when; nil: not yet
	callTimeout time.Duration
	timing      timing
	bounds      bounds
	pool        *http.Transport // nil when the transport was given
	open        context.Context // ends with Close, and every call with it
	end         context.CancelFunc
	leftovers   sync.Map // users that could not be finished or removed: lower-case username to domain.UserID
	changes     turns

	tokens         *cache[string] // one entry, under the key ""
	roles          *cache[*role]
	groups         *cache[*group]
	existence      *cache[bool]           // of realm roles, by name
	settings       *cache[*realmSettings] // one entry, under the key ""
	actions        *cache[*realmActions]  // one entry, under the key ""
	profile        *cache[*userProfile]   // one entry, under the key ""
	administration *cache[string]         // one entry, under the key "", see loadAdministration

	administrationClient string // its name
	log                  *slog.Logger
	blindness            sync.Once // the warning about it
	unreadRules          sync.Map  // of the password policy, that a warning was about: name to true
}

// New makes a Provider. It calls nobody yet; Close it in the end.
func New(config Config) *Provider {
	p := &Provider{
		baseURL:     config.URL,
		realm:       url.PathEscape(config.Realm),
		clientID:    config.ClientID,
		callTimeout: config.CallTimeout,
		timing:      config.timing,
		observer:    config.Observer,
		now:         config.Now,

		administrationClient: administrationClientOf(config.Realm),
		log:                  config.Log,
	}
	p.open, p.end = context.WithCancel(context.Background())
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.observer == nil {
		p.observer = unobserved{}
	}
	if config.Traces == nil {
		config.Traces = noop.NewTracerProvider()
	}
	p.tracer = config.Traces.Tracer("user-sync-service/internal/adapters/keycloak")
	p.secret.read, p.secret.reread = config.ClientSecret, p.secretReread
	if p.now == nil {
		p.now = time.Now
	}
	if config.MaxConcurrency == 0 {
		config.MaxConcurrency = 64
	}
	if p.timing == (timing{}) {
		p.timing = usualTiming()
	}
	p.bounds = newBounds(config.MaxConcurrency, p.timing)
	transport := config.Transport
	if transport == nil {
		p.pool = newTransport(config.CallTimeout, config.MaxConcurrency)
		transport = p.pool
	}
	p.client = gocloak.NewClient(config.URL)
	// A client of our own: gocloak's default one keeps cookies and follows redirects.
	client := resty.NewWithClient(&http.Client{Transport: exchangeTransport{next: transport}})
	client.SetLogger(silence{}) // It would write lines of its own beside the log.
	p.client.SetRestyClient(client)
	p.tokens = newCache(p.now, p.logIn)
	p.roles = newCache(p.now, p.loadRole)
	p.groups = newCache(p.now, p.loadGroup)
	p.existence = newCache(p.now, p.loadExistence)
	p.settings = newCache(p.now, p.loadSettings)
	p.actions = newCache(p.now, p.loadActions)
	p.profile = newCache(p.now, p.loadProfile)
	p.administration = newCache(p.now, p.loadAdministration)
	return p
}

// Close ends what is still under way, waits for it, and closes the connections.
func (p *Provider) Close() {
	p.end()
	// Those first that make others load.
	p.settings.close()
	p.actions.close()
	p.profile.close()
	p.existence.close()
	p.groups.close()
	p.roles.close()
	p.administration.close()
	p.tokens.close()
	p.leaveConnections()
}

// atClose ends something when the provider is closed, unless it is stopped before.
func (p *Provider) atClose(end context.CancelFunc) (stop func() bool) {
	return context.AfterFunc(p.open, end)
}

// call makes one call to Keycloak with an access token. When Keycloak no longer accepts
// the token it has done nothing, so the call is made once more with a new one.
func (p *Provider) call(ctx context.Context, op operation, send func(ctx context.Context, token string) error) error {
	token, err := p.tokens.get(ctx, "")
	if err != nil {
		return effectless(err)
	}
	withToken := func(ctx context.Context) error { return send(ctx, token) }
	err = p.exchange(ctx, op, withToken)
	if !errors.Is(err, loginStale) {
		return err
	}
	p.tokens.forget("", token)
	token, err = p.tokens.get(ctx, "")
	if err != nil {
		return effectless(err)
	}
	err = p.exchange(ctx, op, withToken)
	if errors.Is(err, loginStale) {
		return &domain.Error{Kind: domain.Internal, Err: err}
	}
	return err
}

// onUser makes one call about the user with this id.
func (p *Provider) onUser(ctx context.Context, op operation, id domain.UserID, send func(ctx context.Context, token, userID string) error) error {
	userID, ok := pathSegment(string(id))
	if !ok {
		return &domain.Error{Kind: domain.NotFound}
	}
	return p.call(ctx, op, func(ctx context.Context, token string) error { return send(ctx, token, userID) })
}

// leaveConnections makes the next calls use new connections. The other end of those that
// are open may be gone without a word, and each would cost a call to find that out.
func (p *Provider) leaveConnections() {
	if p.pool != nil {
		p.pool.CloseIdleConnections()
	}
}

// logIn fetches an access token for the service account.
func (p *Provider) logIn(ctx context.Context, _ string) (token string, lifetime time.Duration, err error) {
	var jwt *gocloak.JWT
	err = p.asClient(withExemption(answeredLikeARead(ctx), fromLimit), opLogin, func(ctx context.Context, secret string) error {
		var err error
		// RFC 6749, section 2.3.1: both are form-encoded before they are put into the
		// Basic header, and Keycloak decodes them. gocloak leaves that to us.
		jwt, err = p.client.LoginClient(ctx, url.QueryEscape(p.clientID), url.QueryEscape(secret), p.realm)
		return err
	})
	if err != nil {
		return "", 0, err
	}
	if jwt.AccessToken == "" {
		return "", 0, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("log in: an answer without an access token")}
	}
	p.loggedIn.Store(new(p.now()))
	lifetime = time.Duration(jwt.ExpiresIn) * time.Second
	// Renewed early, so that no token expires on its way to Keycloak.
	return jwt.AccessToken, lifetime - min(30*time.Second, lifetime/5), nil
}

// silence is a logger that says nothing: what matters is in the errors.
type silence struct{}

func (silence) Errorf(string, ...any) {}
func (silence) Warnf(string, ...any)  {}
func (silence) Debugf(string, ...any) {}
