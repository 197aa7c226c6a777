// Package keycloak puts a Keycloak realm behind the ports IdentityProvider and
// TokenIntrospector: it knows what users, roles and groups of a realm mean to the port,
// and keeps what is costly to read. Package adminapi below it knows how to speak to
// Keycloak.
//
// The service account needs the roles manage-users and view-realm of the client
// realm-management, assigned to it directly. From Keycloak 26.7 on it also needs
// view-clients to see who administers the realm. What is relied on here has been seen on
// Keycloak 24.0.5 to 26.7.4.
package keycloak

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

var (
	_ ports.IdentityProvider  = (*Provider)(nil)
	_ ports.TokenIntrospector = (*Provider)(nil)
)

// Config says which realm to serve, as whom, and who observes it.
type Config = adminapi.Config

// State is what the provider can tell of itself at any time.
type State = adminapi.State

// MostConnections is how many connections to Keycloak there may be with a MaxConcurrency.
func MostConnections(maxConcurrency int) int { return adminapi.MostConnections(maxConcurrency) }

// How long values read from Keycloak are kept. The realm's settings are read anew by
// every Check.
const (
	// rightsLifetime is for roles and groups with what they bring along: short, because a
	// privileged role that was put into one of them must not be given away unseen.
	rightsLifetime    = 30 * time.Second
	existenceLifetime = time.Minute
	settingsLifetime  = time.Minute
	// administrationLifetime may be long: a realm that has become blind, as by an update of
	// Keycloak, says so when it is asked with what was kept. blindLifetime is how long one
	// that sees again is taken for blind: writes are refused then, or only the named users
	// are safe. Check reads the value again in the background.
	administrationLifetime = 5 * time.Minute
	blindLifetime          = 30 * time.Second
)

// Provider is a Keycloak realm as identity provider. It is safe for concurrent use.
type Provider struct {
	api *adminapi.Client
	Config

	roles          *adminapi.Cache[*role]          // by name
	groups         *adminapi.Cache[*group]         // by path
	existence      *adminapi.Cache[bool]           // of realm roles, by name
	defaults       *adminapi.Value[*domain.Rights] // see loadDefaults
	settings       *adminapi.Value[*realmSettings]
	actions        *adminapi.Value[*realmActions]
	profile        *adminapi.Value[*userProfile]
	account        *adminapi.Value[ownAccount]
	directories    *adminapi.Value[*directories]
	administration *adminapi.Value[string] // see loadAdministration

	administrationClient string    // its name
	blindness            sync.Once // the warning about it
	unreadRules          sync.Map  // of the password policy, that a warning was about: name to true
}

// New makes a Provider, which makes no call yet. Close it after use.
func New(config Config) *Provider {
	api := adminapi.New(config)
	p := &Provider{api: api, Config: api.Config, administrationClient: administrationClientOf(config.Realm)}
	p.roles = adminapi.NewCache(p.Now, p.loadRole)
	p.groups = adminapi.NewCache(p.Now, p.loadGroup)
	p.existence = adminapi.NewCache(p.Now, p.loadExistence)
	p.defaults = adminapi.NewValue(p.Now, p.loadDefaults)
	p.settings = adminapi.NewValue(p.Now, p.loadSettings)
	p.actions = adminapi.NewValue(p.Now, p.loadActions)
	p.profile = adminapi.NewValue(p.Now, p.loadProfile)
	p.account = adminapi.NewValue(p.Now, p.loadAccount)
	p.directories = adminapi.NewValue(p.Now, p.loadDirectories)
	p.administration = adminapi.NewValue(p.Now, p.loadAdministration)
	return p
}

// Close ends what is still under way, waits for it, and closes the connections.
func (p *Provider) Close() {
	p.api.End()
	// Those first that make others load.
	for _, kept := range []interface{ Close() }{p.defaults, p.settings, p.actions, p.profile, p.directories, p.existence, p.groups, p.roles, p.administration, p.account, p.api} {
		kept.Close()
	}
}

// State returns the present state.
func (p *Provider) State() State { return p.api.State() }

// BaseURL returns the base URL that counts, as far as that is known: see Config.URL.
func (p *Provider) BaseURL(ctx context.Context) string { return p.api.BaseURL(ctx) }

// TokenActive asks Keycloak with the service's own client.
func (p *Provider) TokenActive(ctx context.Context, token string) (owner domain.Actor, active bool, err error) {
	answer, err := p.api.Introspect(ctx, token)
	if err != nil || !*answer.Active {
		return domain.Actor{}, false, err
	}
	owner = domain.Actor{Subject: answer.Subject, Username: cmp.Or(answer.PreferredUsername, answer.Username), Roles: answer.RealmAccess.Roles}
	for _, client := range slices.Sorted(maps.Keys(answer.ResourceAccess)) {
		for _, role := range answer.ResourceAccess[client].Roles {
			owner.Roles = append(owner.Roles, client+":"+role)
		}
	}
	return owner, true, nil
}

// TokenHonoured asks Keycloak in the name of the token.
func (p *Provider) TokenHonoured(ctx context.Context, token string) (bool, error) {
	return p.api.Honours(ctx, token)
}

// EndSessions logs the user out everywhere.
func (p *Provider) EndSessions(ctx context.Context, id domain.UserID) error {
	return p.api.EndSessions(ctx, id)
}

// SendActionsMail mails the user a link to the actions.
func (p *Provider) SendActionsMail(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
	return p.api.SendActionsMail(ctx, id, texts(actions), lifespan)
}

// texts returns a list of plain texts, never nil.
func texts[T ~string](list []T) []string {
	all := make([]string, 0, len(list))
	for _, item := range list {
		all = append(all, string(item))
	}
	return all
}
