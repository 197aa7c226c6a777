package keycloak_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// leaving makes a call with a context that ends, by end, while Keycloak has not
// answered yet.
func leaving(t *testing.T, route string, call func(context.Context, *keycloak.Provider, domain.UserID) error, end func(context.Context) (context.Context, context.CancelFunc)) {
	t.Helper()
	s := newStub(t)
	id := domain.UserID(s.plant(present()))
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	ctx, cancel := end(t.Context())
	defer cancel()
	s.answers(route, 1, func(w http.ResponseWriter, r *http.Request) {
		if _, hasDeadline := ctx.Deadline(); !hasDeadline {
			cancel()
		}
		hang(w, r)
	})
	err := call(ctx, p, id)
	require.ErrorIs(t, err, domain.Unavailable, route)
	assert.Equal(t, domain.Unavailable, domain.AsError(err).Kind, route)
}

// A caller who leaves is not Keycloak's fault, and neither is a caller's deadline: only
// the call's own deadline reads as Timeout.
func TestCallers_WhoLeaveGetUnavailable(t *testing.T) {
	name := username(t, "present")
	for route, call := range map[string]func(context.Context, *keycloak.Provider, domain.UserID) error{
		"GET users": func(ctx context.Context, p *keycloak.Provider, _ domain.UserID) error {
			_, err := p.FindUser(ctx, name)
			return err
		},
		"GET users/{id}/groups": func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			_, err := p.Memberships(ctx, id)
			return err
		},
		userClientRoute: func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			_, err := p.Privileges(ctx, id, nil)
			return err
		},
		userRealmRoute: func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			_, err := p.Privileges(ctx, id, []domain.RealmRole{"teller"})
			return err
		},
		introspectRoute: func(ctx context.Context, p *keycloak.Provider, _ domain.UserID) error {
			_, err := p.TokenActive(ctx, callerToken)
			return err
		},
		"PUT users/{id}": func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			return p.SetEnabled(ctx, id, false)
		},
		"POST users/{id}/logout": func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			return p.EndSessions(ctx, id)
		},
		"PUT users/{id}/execute-actions-email": func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			return p.SendPasswordReset(ctx, id, time.Hour)
		},
	} {
		t.Run(route, func(t *testing.T) {
			leaving(t, route, call, context.WithCancel)
			leaving(t, route, call, func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 50*time.Millisecond)
			})
		})
	}
}

// Close waits for what goes on without its caller: a login, and whatever is kept.
func TestClose_WaitsForWhatIsUnderWay(t *testing.T) {
	name := username(t, "present")
	rights := func(ctx context.Context, p *keycloak.Provider) error {
		_, err := p.RightsOf(ctx, domain.Assignment{Role: "teller", Group: "tellers"})
		return err
	}
	privileges := func(ctx context.Context, p *keycloak.Provider) error {
		_, err := p.Privileges(ctx, "4711", []domain.RealmRole{"teller"})
		return err
	}
	for what, c := range map[string]struct {
		route string
		call  func(context.Context, *keycloak.Provider) error
	}{
		"login": {"POST token", func(ctx context.Context, p *keycloak.Provider) error {
			_, err := p.FindUser(ctx, name)
			return err
		}},
		"settings":           {"GET realm", func(ctx context.Context, p *keycloak.Provider) error { return p.Check(ctx) }},
		"administration":     {ownRoute, func(ctx context.Context, p *keycloak.Provider) error { return p.Check(ctx) }},
		"existence":          {"GET roles/{role}", privileges},
		"role":               {"GET roles/{role}", rights},
		"group":              {groupRoute, rights},
		"a group's own part": {groupRealmRoute, rights},
	} {
		t.Run(what, func(t *testing.T) {
			s := newStub(t)
			p := keycloak.New(keycloak.Config{URL: s.URL, Realm: stubRealm, ClientID: stubClient, ClientSecret: domain.NewSecret(stubSecret), CallTimeout: time.Minute})
			ctx, leave := context.WithCancel(t.Context())
			reached, goOn := make(chan struct{}), make(chan struct{})
			s.answers(c.route, 1, func(w http.ResponseWriter, _ *http.Request) {
				close(reached)
				<-goOn
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			left := make(chan error, 1)
			go func() { left <- c.call(ctx, p) }()
			<-reached
			leave()
			require.ErrorIs(t, <-left, domain.Unavailable)
			closed := make(chan struct{})
			go func() { p.Close(); close(closed) }()
			select {
			case <-closed:
				t.Error("Close returned while something was under way")
			case <-time.After(50 * time.Millisecond):
			}
			close(goOn)
			<-closed
		})
	}
}
