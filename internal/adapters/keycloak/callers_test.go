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
			_, _, err := p.TokenActive(ctx, callerToken)
			return err
		},
		"PUT users/{id}": func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			return p.SetEnabled(ctx, id, false)
		},
		lockRoute: func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			_, err := p.Details(ctx, id)
			return err
		},
		leaveRoute: func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			return p.Unassign(ctx, id, domain.Assignment{Role: "teller", Group: "tellers"})
		},
		getUserRoute: func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			_, err := p.UpdateUser(ctx, id, domain.UserChange{})
			return err
		},
		"POST users/{id}/logout": func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			return p.EndSessions(ctx, id)
		},
		"PUT users/{id}/execute-actions-email": func(ctx context.Context, p *keycloak.Provider, id domain.UserID) error {
			return p.SendActionsMail(ctx, id, []domain.RequiredAction{domain.UpdatePassword}, time.Hour)
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

// Close ends what is under way, also what goes on without its caller, and waits for it:
// goleak sees whatever is left.
func TestClose_EndsWhatIsUnderWay(t *testing.T) {
	for name, leaves := range map[string]bool{"the caller waits": false, "the caller has left": true} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			p := keycloak.New(keycloak.Config{URL: s.URL, Realm: stubRealm, ClientID: stubClient, ClientSecret: secretOf(stubSecret), CallTimeout: time.Minute})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			reached, ended := make(chan struct{}), make(chan struct{})
			s.answers("POST token", 1, func(w http.ResponseWriter, r *http.Request) {
				close(reached)
				defer close(ended)
				hang(w, r)
			})
			result := make(chan error, 1)
			name := username(t, "present")
			go func() { _, err := p.FindUser(ctx, name); result <- err }()
			<-reached
			if leaves {
				leave()
				require.ErrorIs(t, <-result, domain.Unavailable)
			}
			began := time.Now()
			p.Close()
			<-ended
			assert.Less(t, time.Since(began), 10*time.Second)
			if !leaves {
				require.ErrorIs(t, <-result, domain.Unavailable)
			}
		})
	}
}

// What finishes or removes a user ends as well: the program is about to end.
func TestClose_EndsCompensations(t *testing.T) {
	for name, hanging := range map[string]string{"the removal": deleteRoute, "the look-up": "GET users"} {
		t.Run(name, func(t *testing.T) {
			s, p, _ := warmed(t)
			reached := make(chan struct{}, always)
			s.spoil(hanging, func(w http.ResponseWriter, r *http.Request) {
				reached <- struct{}{}
				hang(w, r)
			})
			s.roleRefused()
			if hanging == "GET users" {
				s.answers("POST users", 1, lost(carriedOutAtOnce)(s))
			}
			result := make(chan error, 1)
			user := newcomer(t, "anna")
			go func() { _, err := p.CreateUser(t.Context(), user); result <- err }()
			<-reached
			began := time.Now()
			p.Close()
			require.ErrorIs(t, <-result, domain.Partial)
			assert.Less(t, time.Since(began), 8*time.Second, "it would go on for ten")
		})
	}
}

// Nor does anything begin afterwards.
func TestClose_IsForGood(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	p.Close()
	_, err := p.FindUser(t.Context(), username(t, "present"))
	require.ErrorIs(t, err, domain.Unavailable)
	_, err = create(t, p, "anna")
	require.ErrorIs(t, err, domain.Unavailable)
	assert.Empty(t, s.usernames())
}
