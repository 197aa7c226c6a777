package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// A provider that hangs must not make the administrator hang. The tests run on a clock
// of their own, which stands still while somebody works, so they may be exact.

const budget = 10 * time.Second

// within makes the budget the request's time.
func within(with *settings) { with.requestTimeout = budget }

// hang waits for the end of the context, as an adapter does.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return &domain.Error{Kind: domain.Unavailable, Err: fmt.Errorf("find user: %w", ctx.Err())}
}

// hanging is a provider one method of which never answers.
type hanging struct {
	ports.IdentityProvider
	method string
}

func (h hanging) at(ctx context.Context, method string) error {
	if h.method == method {
		return hang(ctx)
	}
	return nil
}

func (h hanging) FindUser(ctx context.Context, username domain.Username) (domain.User, error) {
	if err := h.at(ctx, "FindUser"); err != nil {
		return domain.User{}, err
	}
	return h.IdentityProvider.FindUser(ctx, username)
}

func (h hanging) RightsOf(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
	if err := h.at(ctx, "RightsOf"); err != nil {
		return domain.Rights{}, err
	}
	return h.IdentityProvider.RightsOf(ctx, assignment)
}

func (h hanging) CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	if err := h.at(ctx, "CreateUser"); err != nil {
		return domain.CreatedUser{}, err
	}
	return h.IdentityProvider.CreateUser(ctx, user)
}

func (h hanging) EndSessions(ctx context.Context, id domain.UserID) error {
	if err := h.at(ctx, "EndSessions"); err != nil {
		return err
	}
	return h.IdentityProvider.EndSessions(ctx, id)
}

func (h hanging) SendActionsMail(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
	if err := h.at(ctx, "SendActionsMail"); err != nil {
		return err
	}
	return h.IdentityProvider.SendActionsMail(ctx, id, actions, lifespan)
}

const tooSlow = "The login system did not answer in time. Please check before you try again."

func TestRequestTimeout_AnswersWhenTheBudgetIsSpent(t *testing.T) {
	for _, route := range protectedRoutes() {
		hangs := []string{"FindUser"}
		if route.target == "/sync/user" {
			hangs = []string{"RightsOf", "CreateUser"}
		}
		for _, method := range hangs {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t, hanging{newRealm(t), method}, within)
				start := time.Now()

				answer := a.send(route.method, route.target, route.body)

				assert.Equal(t, budget, time.Since(start), "%s in %s", method, route.target)
				answer.failed(http.StatusGatewayTimeout, "provider_timeout", tooSlow, "%s in %s", method, route.target)
				event := a.audit.only(t)
				assert.Equal(t, domain.Failed, event.Outcome, "what is late is on record all the same")
				assert.Equal(t, domain.Timeout, event.Reason)
				assert.Contains(t, a.log.String(), `"error":"find user: context deadline exceeded"`, "the cause is lost")
			})
		}
	}
}

// hangingTokens is a verifier, or what asks about tokens, that never answers.
type hangingTokens struct{}

func (hangingTokens) Verify(ctx context.Context, _ string) (domain.Actor, error) {
	return domain.Actor{}, hang(ctx)
}

func (hangingTokens) TokenHonoured(context.Context, string) (bool, error) { return false, nil }

func (hangingTokens) TokenActive(ctx context.Context, _ string) (domain.Actor, bool, error) {
	return domain.Actor{}, false, hang(ctx)
}

// It is the same budget for finding out who asks.
func TestRequestTimeout_IsAlsoThatOfCheckingTheCaller(t *testing.T) {
	for name, change := range map[string]func(*settings){
		"verifying": func(with *settings) { with.app.Verifier = hangingTokens{} },
		"asking":    func(with *settings) { with.app.Introspector = hangingTokens{} },
		"only reporting": func(with *settings) {
			with.app.Access.Mode, with.app.Verifier = app.Report, hangingTokens{}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := newAPI(t, newRealm(t), enforcing, within, change)
			start := time.Now()
			answer := a.sendAsActor("asha", http.MethodPut, "/users/anna/status", `{"enabled":false}`)
			assert.Equal(t, budget, time.Since(start), name)
			answer.failed(http.StatusGatewayTimeout, "provider_timeout", tooSlow, name)
			a.audit.only(t)
		})
	}
}

// The administrator must still learn what is half done.
func TestRequestTimeout_KeepsTheSentenceOfWhatWasDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, hanging{newRealm(t), "EndSessions"}, within)
		a.send(http.MethodPut, "/users/anna/status", `{"enabled":false}`).failed(http.StatusGatewayTimeout, "provider_timeout",
			"The user is disabled now, but still has open sessions. Please disable again.")
	})
}

// What is known in the end is worth more than that it took long.
func TestRequestTimeout_LeavesOtherFailuresAsTheyAre(t *testing.T) {
	for kind, status := range map[domain.Kind]int{domain.Partial: http.StatusBadGateway, domain.BadAnswer: http.StatusBadGateway, domain.Overloaded: http.StatusServiceUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			a := newAPI(t, &creating{IdentityProvider: newRealm(t), fail: func(ctx context.Context) error {
				// Even with a cause of the kind that the end of the context has.
				return &domain.Error{Kind: kind, Message: "This is known.", Err: hang(ctx)}
			}}, within)
			answer := a.send(http.MethodPost, "/sync/user", employee)
			answer.failed(status, kind.Error(), "This is known.")
			assert.Equal(t, kind, a.audit.only(t).Reason)
		})
	}
}

// A creation that is done is told, even when that took all the time there was.
func TestRequestTimeout_DoesNotTakeBackASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, &creating{IdentityProvider: newRealm(t), fail: func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		}}, within)
		answer := a.send(http.MethodPost, "/sync/user", employee)
		assert.Equal(t, http.StatusCreated, answer.status, answer.body)
		assert.Equal(t, domain.Allowed, a.audit.only(t).Outcome)
	})
}

// creating is a provider whose CreateUser fails in a way of its own; when it does not, it
// creates the user whatever the time.
type creating struct {
	ports.IdentityProvider
	fail func(context.Context) error
}

func (c *creating) CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	if err := c.fail(ctx); err != nil {
		return domain.CreatedUser{}, err
	}
	return c.IdentityProvider.CreateUser(context.WithoutCancel(ctx), user)
}

// A caller who goes away cancels the work. Nobody reads the answer, but the attempt is on
// record, and not as the provider's fault.
func TestRequestTimeout_ACallerWhoGoesAwayCancelsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, hanging{newRealm(t), "SendActionsMail"}, within)
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(budget/2, leave)
		start := time.Now()
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/users/anna/reset-password", strings.NewReader(""))

		answer := a.do(request)

		assert.Equal(t, budget/2, time.Since(start))
		answer.failed(http.StatusServiceUnavailable, "provider_unavailable", "The login system cannot be reached. Please try again later.")
		event := a.audit.only(t)
		assert.Equal(t, domain.Failed, event.Outcome)
		assert.Equal(t, domain.Unavailable, event.Reason)
	})
}

// The provider is away: that is no question of time, however late it shows.
func TestRequestTimeout_AProviderThatIsAwayIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, &creating{IdentityProvider: newRealm(t), fail: func(context.Context) error {
			time.Sleep(budget - time.Second)
			return &domain.Error{Kind: domain.Unavailable, Err: errors.New("connection refused")}
		}}, within)
		a.send(http.MethodPost, "/sync/user", employee).
			failed(http.StatusServiceUnavailable, "provider_unavailable", "The login system cannot be reached. Please try again later.")
	})
}

// Probes ask nobody, so there is nothing to wait for.
func TestRequestTimeout_IsNotThatOfProbes(t *testing.T) {
	a := newAPI(t, unreachable, func(with *settings) { with.requestTimeout = -time.Second })
	for _, target := range []string{"/health", "/livez", "/readyz", "/metrics", "/openapi.json"} {
		assert.Equal(t, http.StatusOK, a.send(http.MethodGet, target, "").status, target)
	}
}
