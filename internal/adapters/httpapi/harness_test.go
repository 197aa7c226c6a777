package httpapi_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"user-sync-service/internal/adapters/httpapi"
	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/adapters/rolemap"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// The metrics are another package's; here they are a text that stands for them.
const metricsText = "# TYPE http_requests_total counter\n"

const jsonType = "application/json"

// documentInSource is read once: that takes longer than most tests.
var documentInSource = sync.OnceValues(func() (*document, error) {
	data, err := os.ReadFile("openapi.json")
	if err != nil {
		return nil, err
	}
	return loadDocument(context.Background(), data)
})

// api is the handler under test and what it tells others.
type api struct {
	t        *testing.T
	config   httpapi.Config
	handler  http.Handler
	document *document
	log      *lines
	audit    *auditLog

	healthErr error
	draining  bool

	mu       sync.Mutex
	observed []observation
	attempts int // requests so far that must each leave an event
}

// observation is one call of Observe.
type observation struct {
	method, endpoint string
	status           int
}

// settings are what a test may want otherwise.
type settings struct {
	app            app.Config
	requestTimeout time.Duration
	crossOrigin    *http.CrossOriginProtection
	traces         trace.TracerProvider
	managed        bool
	docs           bool
}

// newAPI serves the provider. It checks no callers and limits nothing, unless change
// says otherwise. Whatever the test is about, at its end there must be one audit event
// for each request to a protected route, and no other.
func newAPI(t *testing.T, provider ports.IdentityProvider, change ...func(*settings)) *api {
	t.Helper()
	promised, err := documentInSource()
	require.NoError(t, err)
	a := &api{t: t, document: promised, log: &lines{}, audit: &auditLog{}}
	log := slog.New(slog.NewJSONHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	with := settings{
		app: app.Config{
			Provider:        provider,
			Roles:           rolemap.Default(),
			Guard:           domain.DefaultGuard(),
			Access:          app.Access{Mode: app.Off},
			Audit:           a.audit,
			RequiredActions: []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor},
			EmailVerified:   true,
			Random:          rand.Reader,
			Log:             log,
			Observer:        uncounted{},
		},
		requestTimeout: time.Minute, // far more than any request here takes
		crossOrigin:    http.NewCrossOriginProtection(),
		traces:         noop.NewTracerProvider(),
	}
	for _, change := range change {
		change(&with)
	}
	a.config = httpapi.Config{
		Service:        app.New(with.app),
		RequestTimeout: with.requestTimeout,
		CrossOrigin:    with.crossOrigin,
		Health:         func() error { return a.healthErr },
		Ready:          func() bool { return !a.draining },
		Realm:          "bank",
		Log:            log,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			_, _ = w.Write([]byte(metricsText)) // A recorder never fails.
		}),
		Traces:             with.traces,
		SeparateManagement: with.managed,
		Docs:               with.docs,
		Observe: func(method, endpoint string, status int, _ time.Duration) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.observed = append(a.observed, observation{method, endpoint, status})
		},
	}
	a.handler = httpapi.New(a.config)
	t.Cleanup(func() { assert.Len(t, a.audit.all(), a.attempts, "one event for each attempt") })
	return a
}

// newRealm is a provider with the roles and groups of the default role map, and with
// the users anna (nothing special), dora (disabled), nomail (no e-mail address) and
// forced (must change the password already).
func newRealm(t *testing.T) *memory.Provider {
	t.Helper()
	realm := memory.Realm{Policy: domain.PasswordPolicy{MinLength: 12, MinUpper: 1, MinLower: 1, MinDigits: 2, MinSpecial: 1}}
	for _, assignment := range rolemap.Default().Assignments() {
		realm.Roles = append(realm.Roles, assignment.Role)
		if assignment.Group != "" {
			realm.Groups = append(realm.Groups, assignment.Group)
		}
	}
	provider := memory.New(realm)
	add := func(user domain.User, in ...domain.Assignment) {
		_, err := provider.AddUser(user, "", in...)
		require.NoError(t, err)
	}
	add(domain.User{Username: "anna", Email: "anna@bank.example", FirstName: "Anna", LastName: "Moyo", Enabled: true, EmailVerified: true,
		RequiredActions: []domain.RequiredAction{domain.VerifyEmail}}, domain.Assignment{Role: "teller", Group: "tellers"})
	add(domain.User{Username: "dora", Email: "dora@bank.example", EmailVerified: true})
	add(domain.User{Username: "nomail", Enabled: true})
	add(domain.User{Username: "forced", Email: "forced@bank.example", Enabled: true,
		RequiredActions: []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail}})
	return provider
}

// userNamed returns the user as the realm has it now.
func userNamed(t *testing.T, provider *memory.Provider, username string) domain.User {
	t.Helper()
	for _, user := range provider.Users() {
		if user.Username == username {
			return user
		}
	}
	require.FailNow(t, "the realm has no such user", username)
	return domain.User{}
}

// reply is an answer of the handler.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// send sends a request with a JSON body, or with none at all when body is empty.
func (a *api) send(method, target, body string) reply {
	a.t.Helper()
	request := httptest.NewRequestWithContext(a.t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		request.Header.Set("Content-Type", jsonType)
	}
	return a.do(request)
}

// do sends a request. Whatever the test is about, the answer must be one that the
// OpenAPI document promises.
func (a *api) do(request *http.Request) reply {
	a.t.Helper()
	recorder := httptest.NewRecorder()
	a.ServeHTTP(recorder, request)
	answer := reply{t: a.t, status: recorder.Code, header: recorder.Result().Header, body: recorder.Body.String()}
	assert.NoError(a.t, a.document.check(request, answer.status, answer.header, []byte(answer.body)))
	return answer
}

// ServeHTTP serves a request and counts those that must leave an audit event.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.document.isProtected(r) {
		a.mu.Lock()
		a.attempts++
		a.mu.Unlock()
	}
	a.handler.ServeHTTP(w, r)
}

// object returns the body, which must be one JSON object.
func (r reply) object() map[string]any {
	r.t.Helper()
	assert.Equal(r.t, jsonType, r.header.Get("Content-Type"))
	var object map[string]any
	require.NoError(r.t, json.Unmarshal([]byte(r.body), &object), r.body)
	return object
}

// failed asserts that the answer is an error with this status, code and message. What
// it was an answer to may be said as for assert.Equal.
func (r reply) failed(status int, code, message string, about ...any) {
	r.t.Helper()
	object := r.object()
	assert.Equal(r.t, status, r.status, about...)
	assert.Equal(r.t, code, object["code"], about...)
	assert.Equal(r.t, message, object["message"], about...)
	assert.Equal(r.t, r.header.Get("X-Request-Id"), object["request_id"], about...)
}

// readAll reads the body of a response to its end.
func readAll(t *testing.T, response *http.Response) []byte {
	t.Helper()
	defer func() { assert.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return body
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// parse returns the lines, each of which must be a JSON object.
func (l *lines) parse(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(l.String()) {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &object), line)
		all = append(all, object)
	}
	return all
}
