// Package keycloak puts a Keycloak realm behind the port IdentityProvider, by way of
// Keycloak's admin REST API and gocloak. It is the only package that knows either.
//
// It logs in with the service's own client (client credentials); the service account
// needs the roles manage-users and view-realm of the client realm-management, no more.
// What it relies on has been seen on Keycloak 24.0.5 to 26.7.3.
package keycloak

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/go-resty/resty/v2"

	"user-sync-service/internal/domain"
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
}

// How long values read from Keycloak are kept. Realm roles and groups are configured
// rarely, and a stale one is noticed and read again; the realm's settings are read
// anew by every Check.
const (
	roleLifetime     = 5 * time.Minute
	groupLifetime    = 5 * time.Minute
	settingsLifetime = time.Minute
)

// Provider is a Keycloak realm as identity provider. It is safe for concurrent use and
// implements ports.IdentityProvider.
type Provider struct {
	client      *gocloak.GoCloak
	realm       string // escaped for a path
	clientID    string
	secret      domain.Secret
	callTimeout time.Duration
	pool        *http.Transport // nil when the transport was given

	tokens   *cache[string] // one entry, under the key ""
	roles    *cache[role]
	groups   *cache[domain.Group]
	settings *cache[realmSettings] // one entry, under the key ""
}

// New makes a Provider. It calls nobody yet; Close it in the end.
func New(config Config) *Provider {
	p := &Provider{
		realm:       url.PathEscape(config.Realm),
		clientID:    config.ClientID,
		secret:      config.ClientSecret,
		callTimeout: config.CallTimeout,
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
	p.settings = newCache(now, p.loadSettings)
	return p
}

// Close waits for what is still under way and closes the connections.
func (p *Provider) Close() {
	p.settings.close()
	p.groups.close()
	p.roles.close()
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
	err = p.exchange(context.WithValue(ctx, loginKey{}, true), opLogin, func(ctx context.Context) error {
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
