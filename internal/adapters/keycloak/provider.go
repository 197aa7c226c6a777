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
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/go-resty/resty/v2"

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
	URL          string
	Realm        string
	ClientID     string
	ClientSecret domain.Secret
	// CallTimeout bounds each single call to Keycloak.
	CallTimeout time.Duration
	// Transport carries the calls; nil means a connection pool of its own.
	Transport http.RoundTripper
	// Now is the clock by which tokens and caches expire; nil means time.Now.
	Now func() time.Time
	// Log takes what the owner of the realm should know; nil means that nobody is told.
	Log *slog.Logger
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
	realm       string // escaped for a path
	clientID    string
	secret      domain.Secret
	callTimeout time.Duration
	pool        *http.Transport // nil when the transport was given

	tokens         *cache[string] // one entry, under the key ""
	roles          *cache[*role]
	groups         *cache[*group]
	existence      *cache[bool]          // of realm roles, by name
	settings       *cache[realmSettings] // one entry, under the key ""
	administration *cache[string]        // one entry, under the key "", see loadAdministration

	administrationClient string // its name
	log                  *slog.Logger
	blindness            sync.Once // the warning about it
}

// New makes a Provider. It calls nobody yet; Close it in the end.
func New(config Config) *Provider {
	p := &Provider{
		realm:       url.PathEscape(config.Realm),
		clientID:    config.ClientID,
		secret:      config.ClientSecret,
		callTimeout: config.CallTimeout,

		administrationClient: administrationClientOf(config.Realm),
		log:                  config.Log,
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	transport := config.Transport
	if transport == nil {
		p.pool = newTransport(config.CallTimeout)
		transport = p.pool
	}
	now := config.Now
	if now == nil {
		now = time.Now
	}
	p.client = gocloak.NewClient(config.URL)
	// A client of our own: gocloak's default one keeps cookies and follows redirects.
	client := resty.NewWithClient(&http.Client{Transport: exchangeTransport{next: transport}})
	client.SetLogger(silence{}) // It would write lines of its own beside the log.
	p.client.SetRestyClient(client)
	p.tokens = newCache(now, p.logIn)
	p.roles = newCache(now, p.loadRole)
	p.groups = newCache(now, p.loadGroup)
	p.existence = newCache(now, p.loadExistence)
	p.settings = newCache(now, p.loadSettings)
	p.administration = newCache(now, p.loadAdministration)
	return p
}

// Close waits for what is still under way and closes the connections.
func (p *Provider) Close() {
	// Those first that make others load.
	p.settings.close()
	p.existence.close()
	p.groups.close()
	p.roles.close()
	p.administration.close()
	p.tokens.close()
	if p.pool != nil {
		p.pool.CloseIdleConnections()
	}
}

// call makes one call to Keycloak with an access token. When Keycloak no longer accepts
// the token it has done nothing, so the call is made once more with a new one.
func (p *Provider) call(ctx context.Context, op operation, send func(ctx context.Context, token string) error) error {
	token, err := p.tokens.get(ctx, "")
	if err != nil {
		return err
	}
	withToken := func(ctx context.Context) error { return send(ctx, token) }
	err = p.exchange(ctx, op, withToken)
	if !errors.Is(err, loginStale) {
		return err
	}
	p.tokens.forget("", token)
	token, err = p.tokens.get(ctx, "")
	if err != nil {
		return err
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

// exchange runs one call under its own deadline and classifies the outcome.
func (p *Provider) exchange(ctx context.Context, op operation, send func(ctx context.Context) error) error {
	callCtx, cancel := context.WithTimeout(ctx, p.callTimeout)
	defer cancel()
	callCtx, x := withExchange(callCtx)
	err := send(callCtx)
	return classify(ctx, op, x, err)
}

// logIn fetches an access token for the service account.
func (p *Provider) logIn(ctx context.Context, _ string) (token string, lifetime time.Duration, err error) {
	var jwt *gocloak.JWT
	err = p.exchange(answeredLikeARead(ctx), opLogin, func(ctx context.Context) error {
		var err error
		// RFC 6749, section 2.3.1: both are form-encoded before they are put into the
		// Basic header, and Keycloak decodes them. gocloak leaves that to us.
		jwt, err = p.client.LoginClient(ctx, url.QueryEscape(p.clientID), url.QueryEscape(p.secret.Reveal()), p.realm)
		return err
	})
	if err != nil {
		return "", 0, err
	}
	if jwt.AccessToken == "" {
		return "", 0, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("log in: an answer without an access token")}
	}
	lifetime = time.Duration(jwt.ExpiresIn) * time.Second
	// Renewed early, so that no token expires on its way to Keycloak.
	return jwt.AccessToken, lifetime - min(30*time.Second, lifetime/5), nil
}

// silence is a logger that says nothing: what matters is in the errors.
type silence struct{}

func (silence) Errorf(string, ...any) {}
func (silence) Warnf(string, ...any)  {}
func (silence) Debugf(string, ...any) {}

// pathSegment escapes text for one segment of a URL's path. It reports false for text
// that would name something else there, whatever the escaping.
func pathSegment(text string) (string, bool) {
	if text == "" || text == "." || text == ".." {
		return "", false
	}
	return url.PathEscape(text), true
}
