package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"user-sync-service/internal/adapters/auditlog"
	"user-sync-service/internal/adapters/httpapi"
	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/adapters/rolemap"
	"user-sync-service/internal/adapters/telemetry"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// What the server does with time, over real connections. How long a machine takes is
// nobody's promise, so these tests look at the answers and not at the clock.

// longest is far more than any of these tests takes; it only ends one that hangs.
const longest = 30 * time.Second

// stuck is a provider that finds nobody before the end of the context.
type stuck struct {
	ports.IdentityProvider
	called, ended chan struct{}
}

func newStuck() *stuck {
	return &stuck{IdentityProvider: memory.New(memory.Realm{}), called: make(chan struct{}), ended: make(chan struct{})}
}

func (s *stuck) FindUser(ctx context.Context, _ domain.Username) (domain.User, error) {
	close(s.called)
	<-ctx.Done()
	close(s.ended)
	return domain.User{}, &domain.Error{Kind: domain.Unavailable, Err: ctx.Err()}
}

// running is a server under test.
type running struct {
	address string
	output  *lockedBuffer // the log and the audit log
	stop    func()        // begins to drain
}

// settings are what a test may want otherwise.
type settings struct {
	core       app.Config
	edge       httpapi.Config
	metrics    *telemetry.Metrics
	health     *app.Health
	management net.Listener
}

// settingsFor serve the provider to callers who are not checked.
func settingsFor(provider ports.IdentityProvider, output io.Writer) settings {
	log, metrics := slog.New(slog.NewJSONHandler(output, nil)), telemetry.NewMetrics(telemetry.Build{})
	return settings{
		core: app.Config{
			Provider: provider,
			Roles:    rolemap.Default(),
			Guard:    domain.DefaultGuard(),
			Access:   app.Access{Mode: app.Off},
			Audit:    auditlog.New(output),
			Random:   rand.Reader,
			Log:      log,
			Observer: metrics,
		},
		edge: httpapi.Config{
			RequestTimeout: longest,
			CrossOrigin:    http.NewCrossOriginProtection(),
			Realm:          "bank",
			Log:            log,
			Metrics:        metrics.Handler(),
			Observe:        metrics.ObserveRequest,
			Traces:         noop.NewTracerProvider(),
		},
		metrics: metrics,
		health:  app.NewHealth(provider.Check, log),
	}
}

func (s settings) serve(ctx context.Context, listener net.Listener) error {
	s.edge.Service = app.New(s.core)
	return serve(ctx, s.edge, s.health, listeners{public: listener, management: s.management}, longest)
}

// start serves the provider until the end of the test, at which it must end well.
func start(t *testing.T, provider ports.IdentityProvider, change func(*settings)) running {
	t.Helper()
	var output lockedBuffer
	serving := settingsFor(provider, &output)
	change(&serving)
	listener, err := listen(t.Context(), "LISTEN_HOST", "PORT", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { assert.NoError(t, serving.serve(ctx, listener)) })
	t.Cleanup(func() {
		stop()
		ended.Wait()
	})
	return running{listener.Addr().String(), &output, stop}
}

// answerOn reads the next answer of a connection.
func answerOn(t *testing.T, connection net.Conn) (status int, body map[string]any) {
	t.Helper()
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(longest)))
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.NoError(t, json.Unmarshal(text, &body), "%s", text)
	return response.StatusCode, body
}

// dial opens a connection that is closed at the end of the test.
func (r running) dial(t *testing.T) net.Conn {
	t.Helper()
	connection, err := (&net.Dialer{Timeout: longest}).DialContext(t.Context(), "tcp", r.address)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, connection.Close()) })
	return connection
}

// send sends one request on a connection of its own.
func (r running) send(t *testing.T, method, path, body string) net.Conn {
	t.Helper()
	connection := r.dial(t)
	_, err := fmt.Fprintf(connection, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
	require.NoError(t, err)
	return connection
}

func TestServe_AnswersWhenTheProviderHangs(t *testing.T) {
	provider := newStuck()
	serving := start(t, provider, func(s *settings) { s.edge.RequestTimeout = 100 * time.Millisecond })
	status, body := answerOn(t, serving.send(t, http.MethodGet, "/users/anna/keycloak-status", ""))
	assert.Equal(t, http.StatusGatewayTimeout, status)
	assert.Equal(t, "provider_timeout", body["code"])
	events, _ := auditLines(serving.output.String())
	require.Len(t, events, 1, "what is late is on record before it is answered")
	assert.Contains(t, events[0], `"reason":"provider_timeout"`)
}

func TestServe_ACallerWhoGoesAwayCancelsTheWork(t *testing.T) {
	provider := newStuck()
	serving := start(t, provider, func(*settings) {})
	connection := serving.dial(t)
	_, err := fmt.Fprint(connection, "GET /users/anna/keycloak-status HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	<-provider.called
	require.NoError(t, connection.(*net.TCPConn).CloseWrite()) // It is gone: no more will come.
	select {
	case <-provider.ended:
	case <-time.After(longest):
		require.Fail(t, "the work goes on for nobody")
	}
	require.Eventually(t, func() bool {
		events, _ := auditLines(serving.output.String())
		return len(events) == 1
	}, longest, time.Millisecond, "the attempt is on record all the same")
}

// A client that sends its body too slowly is told so; the provider is not to blame, nor
// asked.
func TestServe_ASlowBodyIsNotTakenForASlowProvider(t *testing.T) {
	const budget = 100 * time.Millisecond
	serving := start(t, newStuck(), func(s *settings) { s.edge.RequestTimeout = budget })
	const firstPart, rest = `{"username":"ines","email":"ines@bank.example",`, `"role":"Accountant"}`
	connection := serving.dial(t)
	_, err := fmt.Fprintf(connection, "POST /sync/user HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(firstPart)+len(rest), firstPart)
	require.NoError(t, err)
	time.Sleep(4 * budget)
	_, _ = fmt.Fprint(connection, rest) // Nobody may read that any more.
	status, body := answerOn(t, connection)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Equal(t, "invalid_json", body["code"])
	assert.Equal(t, "The request body did not arrive in time.", body["message"])
}

// The wiring of ON_EXISTING.
func TestServe_RepairsUsersOnlyWhereThatIsWanted(t *testing.T) {
	const employee = `{"username":"ines","email":"ines@bank.example","role":"Accountant"}`
	for _, test := range []struct {
		repair bool
		member string
	}{{false, "drift"}, {true, "repaired"}} {
		provider := memory.New(memory.Realm{Roles: []domain.RealmRole{"accountant"}})
		_, err := provider.AddUser(domain.User{Username: "ines", Email: "ines@bank.example", Enabled: true, Managed: true}, "")
		require.NoError(t, err)
		serving := start(t, provider, func(s *settings) { s.core.Repair = test.repair })
		status, body := answerOn(t, serving.send(t, http.MethodPost, "/sync/user", employee))
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, map[string]any{"role": "accountant"}, body[test.member], "%v", body)
	}
}

// The wiring of what new users get.
func TestServe_GivesNewUsersWhatIsConfigured(t *testing.T) {
	const employee = `{"username":"ines","email":"ines@bank.example","role":"Accountant"}`
	provider := memory.New(memory.Realm{Roles: []domain.RealmRole{"accountant"}})
	serving := start(t, provider, func(s *settings) {
		s.core.Delivery, s.core.RequiredActions, s.core.EmailVerified = app.DeliverByEmail, []domain.RequiredAction{"CONFIGURE_TOTP"}, true
	})
	status, body := answerOn(t, serving.send(t, http.MethodPost, "/sync/user", employee))
	assert.Equal(t, http.StatusCreated, status)
	assert.Equal(t, "ines@bank.example", body["email_sent_to"])
	assert.Equal(t, []any{"CONFIGURE_TOTP"}, body["required_actions"])
	assert.NotContains(t, body, "temporary_password")
	assert.True(t, provider.Users()[0].EmailVerified)
}

// failingCreation is a provider that leaves a user without its role.
type failingCreation struct{ ports.IdentityProvider }

func (failingCreation) CreateUser(context.Context, domain.NewUser) (domain.CreatedUser, error) {
	return domain.CreatedUser{}, &domain.Error{Kind: domain.Partial}
}

func TestServe_CountsUsersWhoWereLeftIncomplete(t *testing.T) {
	provider := memory.New(memory.Realm{Roles: []domain.RealmRole{"accountant"}})
	serving := start(t, failingCreation{provider}, func(*settings) {})
	status, body := answerOn(t, serving.send(t, http.MethodPost, "/sync/user", `{"username":"ines","email":"ines@bank.example","role":"Accountant"}`))
	assert.Equal(t, http.StatusBadGateway, status)
	assert.Equal(t, "partial", body["code"])

	client := &http.Client{Transport: &http.Transport{}, Timeout: longest}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://" + serving.address + "/metrics")
	require.NoError(t, err)
	metrics, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Contains(t, strings.Split(string(metrics), "\n"), "usersync_partial_users_total 1")
}
