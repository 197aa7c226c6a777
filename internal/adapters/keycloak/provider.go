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
	"context"
	"log/slog"
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
type Config struct {
	adminapi.Config
	// Observer counts for the operators; nil means that nothing is counted.
	Observer Observer

	timing timing // the usual one unless a test sets another
}

// Observer is told what operators want to count. Its methods must not wait.
type Observer interface {
	adminapi.Observer
	// Compensated is told of each user that could not be finished, and whether Keycloak
	// was rid of it again.
	Compensated(removed bool)
}

// State is what the provider can tell of itself at any time.
type State = adminapi.State

// timing are the times that tests cannot wait for.
type timing struct {
	adminapi.Timing
	// lookFor is how long a user is looked for whose creation was not answered, and
	// lookAgainAfter the pause between two looks.
	lookFor, lookAgainAfter time.Duration
	// grace is how long a compensation may go on after the caller's deadline, and
	// withoutDeadline how long if there is none.
	grace, withoutDeadline time.Duration
}

func usualTiming() timing {
	return timing{
		Timing:          adminapi.UsualTiming(),
		lookFor:         2 * time.Second,
		lookAgainAfter:  250 * time.Millisecond,
		grace:           400 * time.Millisecond,
		withoutDeadline: 10 * time.Second,
	}
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

// Provider is a Keycloak realm as identity provider. It is safe for concurrent use.
type Provider struct {
	api      *adminapi.Client
	clientID string
	observer Observer
	log      *slog.Logger
	now      func() time.Time
	timing   timing

	roles          *adminapi.Cache[*role]  // by name
	groups         *adminapi.Cache[*group] // by path
	existence      *adminapi.Cache[bool]   // of realm roles, by name
	settings       *adminapi.Value[*realmSettings]
	actions        *adminapi.Value[*realmActions]
	profile        *adminapi.Value[*userProfile]
	administration *adminapi.Value[string] // see loadAdministration

	administrationClient string // its name
	blindness            sync.Once // the warning about it
	unreadRules          sync.Map  // of the password policy, that a warning was about: name to true
}

// New makes a Provider. It calls nobody yet; Close it in the end.
func New(config Config) *Provider {
	if config.timing == (timing{}) {
		config.timing = usualTiming()
	}
	config.Timing = config.timing.Timing
	if config.Observer != nil {
		config.Config.Observer = config.Observer
	}
	api := adminapi.New(config.Config)
	p := &Provider{
		api:      api,
		clientID: config.ClientID,
		observer: config.Observer,
		log:      api.Log,
		now:      api.Now,
		timing:   config.timing,

		administrationClient: administrationClientOf(config.Realm),
	}
	p.roles = adminapi.NewCache(p.now, p.loadRole)
	p.groups = adminapi.NewCache(p.now, p.loadGroup)
	p.existence = adminapi.NewCache(p.now, p.loadExistence)
	p.settings = adminapi.NewValue(p.now, p.loadSettings)
	p.actions = adminapi.NewValue(p.now, p.loadActions)
	p.profile = adminapi.NewValue(p.now, p.loadProfile)
	p.administration = adminapi.NewValue(p.now, p.loadAdministration)
	return p
}

// Close ends what is still under way, waits for it, and closes the connections.
func (p *Provider) Close() {
	p.api.End()
	// Those first that make others load.
	for _, kept := range []interface{ Close() }{p.settings, p.actions, p.profile, p.existence, p.groups, p.roles, p.administration, p.api} {
		kept.Close()
	}
}

// State returns the present state.
func (p *Provider) State() State { return p.api.State() }

// TokenActive asks Keycloak with the service's own client.
func (p *Provider) TokenActive(ctx context.Context, token string) (bool, error) {
	return p.api.TokenActive(ctx, token)
}

// EndSessions logs the user out everywhere.
func (p *Provider) EndSessions(ctx context.Context, id domain.UserID) error {
	return p.api.EndSessions(ctx, id)
}

// SendActionsMail mails the user a link to the actions.
func (p *Provider) SendActionsMail(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
	return p.api.SendActionsMail(ctx, id, texts(actions), lifespan)
}

// compensated tells the observer, if there is one.
func (p *Provider) compensated(removed bool) {
	if p.observer != nil {
		p.observer.Compensated(removed)
	}
}

// texts returns a list of plain texts, never nil.
func texts[T ~string](list []T) []string {
	all := make([]string, 0, len(list))
	for _, item := range list {
		all = append(all, string(item))
	}
	return all
}
