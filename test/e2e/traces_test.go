package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"user-sync-service/test/keycloaktest"
)

// tracing is the configuration for traces that arrive soon.
func tracing(realm *keycloaktest.Realm, keycloakURL, collectorURL string, further map[string]string) map[string]string {
	environment := environmentFor(realm, keycloakURL)
	environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collectorURL
	environment["OTEL_BSP_SCHEDULE_DELAY"] = "50" // milliseconds
	maps.Copy(environment, further)
	return environment
}

// callerTrace is a trace that a caller has begun.
type callerTrace struct{ id, span string }

func newCallerTrace() callerTrace {
	random := make([]byte, 24)
	_, _ = rand.Read(random) // It never fails.
	return callerTrace{hex.EncodeToString(random[:16]), hex.EncodeToString(random[16:])}
}

// header is the header line that tells of the trace, and whether the caller records it.
func (c callerTrace) header(sampled bool) string {
	flags := map[bool]string{true: "01", false: "00"}[sampled]
	return "Traceparent: 00-" + c.id + "-" + c.span + "-" + flags
}

// A creation is one trace from the caller to Keycloak: the collector, the log, the audit
// log and Keycloak all know it by the same id, and nobody's name is in it.
func TestTraces_OfOneCreate(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "traces"})
	for _, c := range []struct {
		protocol string
		start    func(*testing.T) *collector
	}{{"grpc", newGRPCCollector}, {"http/protobuf", newHTTPCollector}} {
		t.Run(c.protocol, func(t *testing.T) {
			collector, g := c.start(t), newGateway(t, realm.URL)
			p := serveWith(t, realm, tracing(realm, g.URL, collector.URL, map[string]string{
				"OTEL_EXPORTER_OTLP_PROTOCOL": c.protocol, "OTEL_SERVICE_NAME": "bank-user-sync", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test,service.name=not-this",
			}))
			g.taken()
			username := "zenobia-" + strings.ToLower(rand.Text()[:8])
			caller := newCallerTrace()
			answer := send(t, http.MethodPost, p.URL+syncPath, `{"username":"`+username+`","email":"`+username+`@hidden.example","role":"Cashier","firstName":"Philippa","lastName":"Verborgen"}`,
				bearer(p.token), caller.header(true))
			require.Equal(t, http.StatusCreated, answer.status, answer.body)

			spans := collector.await(t, caller.id)
			request := checkRequestSpan(t, spans, caller)
			assert.Equal(t, map[string]string{
				"http.request.method": "POST", "http.route": "/sync/user", "http.response.status_code": "int_value:201",
				"usersync.request_id": answer.header.Get("X-Request-Id"),
			}, withoutBlanks(request.attributes))
			ids := make(map[string]bool)
			for _, s := range spans {
				ids[s.id] = true
				assert.Equal(t, "bank-user-sync", s.resource["service.name"])
				assert.Equal(t, "test", s.resource["deployment.environment.name"])
				assert.NotEmpty(t, s.resource["service.version"])
			}
			checkCreateCalls(t, spans, request)

			told := 0
			for _, call := range g.taken() {
				if parts := strings.Split(call.Traceparent, "-"); len(parts) == 4 && parts[1] == caller.id {
					assert.True(t, ids[parts[2]], "Keycloak was told of a span that the collector does not know")
					told++
				}
			}
			assert.Equal(t, len(spans)-1, told, "each call has told Keycloak")
			assert.Equal(t, caller.id, lineAbout(t, p.log(), answer)["trace_id"])
			assert.Equal(t, caller.id, lineAbout(t, p.auditText(t), answer)["trace_id"])

			checkPrivacy(t, p, realm, collector, username, answer.member(t, "keycloak_user_id"))
		})
	}
}

// checkRequestSpan returns the span of the request, which goes on with the caller's.
func checkRequestSpan(t *testing.T, spans []span, caller callerTrace) span {
	t.Helper()
	var request span
	for _, s := range spans {
		if s.kind == tracepb.Span_SPAN_KIND_SERVER {
			assert.Empty(t, request.id, "one request is one span")
			request = s
		}
	}
	assert.Equal(t, "POST /sync/user", request.name)
	assert.Equal(t, caller.span, request.parentID)
	assert.False(t, request.failed)
	return request
}

// checkCreateCalls checks the spans of the calls that a creation takes, in the request's.
func checkCreateCalls(t *testing.T, spans []span, request span) {
	t.Helper()
	calls := make(map[string]int)
	for _, s := range spans {
		if s.id == request.id {
			continue
		}
		calls[s.name]++
		assert.Equal(t, request.id, s.parentID, s.name)
		assert.Equal(t, tracepb.Span_SPAN_KIND_CLIENT, s.kind, s.name)
		if s.name != "keycloak get_role_parts" { // Keycloak hides those of one role that everybody has.
			assert.False(t, s.failed, s.name)
		}
		assert.Equal(t, "keycloak "+s.attributes["usersync.operation"], s.name)
	}
	for _, name := range []string{"introspect_token", "create_user", "assign_role"} {
		assert.Equal(t, 1, calls["keycloak "+name], "%s: %v", name, calls)
	}
}

func withoutBlanks(attributes map[string]string) map[string]string {
	for name, value := range attributes {
		attributes[name] = strings.ReplaceAll(value, " ", "")
	}
	return attributes
}

// lineAbout returns the one JSON line about the request that was answered so.
func lineAbout(t *testing.T, text string, answer reply) map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(text) {
		var object map[string]any
		if json.Unmarshal([]byte(line), &object) == nil && object["request_id"] == answer.header.Get("X-Request-Id") {
			found = append(found, object)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

// checkPrivacy asks for all sorts of things about a user and checks that the collector
// has heard of no person, and of no address that leads to one.
func checkPrivacy(t *testing.T, p *program, realm *keycloaktest.Realm, c *collector, username, id string) {
	t.Helper()
	for _, a := range []attempt{
		{method: http.MethodPost, path: syncPath, body: `{"username":"` + username + `","email":"` + username + `@other.example","role":"Cashier"}`},
		{method: http.MethodPost, path: syncPath, body: `{"username":"` + username + `<>","email":"` + username + `","role":"Cashier"}`},
		{method: http.MethodPost, path: "/users/" + username + "/reset-password"},
		{method: http.MethodPut, path: "/users/" + username + "/status", body: `{"enabled":false}`},
		{method: http.MethodPost, path: "/users/" + username + "/force-password-change"},
		{method: http.MethodGet, path: "/users/" + username + "/keycloak-status?token=" + username},
		{method: http.MethodGet, path: "/users/" + username + "nobody/keycloak-status"},
		{method: http.MethodGet, path: "/" + username},
	} {
		caller := newCallerTrace()
		a.sendWith(t, p, bearer(p.token), caller.header(true))
		c.await(t, caller.id)
	}
	told := c.text()
	for _, name := range []string{"PUT /users/{username}/status", "keycloak end_sessions", "keycloak get_keys"} {
		require.True(t, strings.Contains(told, name), "the collector was not told of %s", name)
	}
	for _, private := range []string{
		username, id, "zenobia", "hidden.example", "other.example", "philippa", "verborgen", "boss-", "http://", "/admin", "/realms", realm.Name, p.token, realm.ClientSecret,
	} {
		assert.False(t, strings.Contains(strings.ToLower(told), strings.ToLower(private)), "the collector was told %q", private)
	}
}

// Who decides what is recorded are OpenTelemetry's variables: here the caller does.
func TestTraces_AreSampledAsConfigured(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "sampled"})
	collector := newGRPCCollector(t)
	p := serveWith(t, realm, tracing(realm, realm.URL, collector.URL, map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_always_off"}))
	read := attempts()[4].on("nobody", "")
	unsampled, sampled := newCallerTrace(), newCallerTrace()
	without := read.sendWith(t, p, bearer(p.token))
	read.sendWith(t, p, bearer(p.token), unsampled.header(false))
	read.sendWith(t, p, bearer(p.token), sampled.header(true))

	spans := collector.await(t, sampled.id) // It was sent last.
	require.Len(t, spans, 2)
	assert.Equal(t, "GET /users/{username}/keycloak-status", spans[0].name)
	assert.Equal(t, "keycloak find_user", spans[1].name)
	assert.Equal(t, "user-sync-service", spans[0].resource["service.name"], "what it is called unless told otherwise")
	p.signal(t, syscall.SIGTERM)
	require.Zero(t, p.exitCode(t)) // Nothing more will come.
	assert.Empty(t, collector.of(unsampled.id))
	assert.Equal(t, 2, collector.count(), "neither requests without a caller's trace nor checks in the background are recorded")
	assert.NotEmpty(t, lineAbout(t, p.log(), without)["trace_id"], "the log names it all the same")
}

// The last spans are sent at the end, not lost.
func TestTraces_AreSentBeforeTheEnd(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "last"})
	collector := newGRPCCollector(t)
	p := serveWith(t, realm, tracing(realm, realm.URL, collector.URL, map[string]string{"OTEL_BSP_SCHEDULE_DELAY": "60000"}))
	caller := newCallerTrace()
	attempts()[4].on("nobody", "").sendWith(t, p, bearer(p.token), caller.header(true))
	assert.Empty(t, collector.of(caller.id))
	p.signal(t, syscall.SIGTERM)
	require.Zero(t, p.exitCode(t))
	assert.Len(t, collector.of(caller.id), 2)
}

// A collector that is not there costs nothing: no line in the log, no time at the end, and
// no request.
func TestTraces_WithoutACollector(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "untraced"})
	// run returns how long the program takes to end after some requests.
	run := func(t *testing.T, further map[string]string) time.Duration {
		t.Helper()
		further["LOG_LEVEL"], further["AUTH_CLIENTS"] = "info", keycloaktest.LoginClientID
		p := serveWith(t, realm, tracing(realm, realm.URL, "", further))
		for i := range 50 {
			answer := p.send(t, http.MethodGet, fmt.Sprintf("/users/nobody%d/keycloak-status", i), "")
			assert.Equal(t, http.StatusNotFound, answer.status, answer.body)
		}
		time.Sleep(300 * time.Millisecond) // Some spans are sent, in vain, by then.
		begin := time.Now()
		p.signal(t, syscall.SIGTERM)
		require.Zero(t, p.exitCode(t))
		took := time.Since(begin)
		for line := range strings.Lines(p.log()) {
			var object struct{ Level, Msg string }
			require.NoError(t, json.Unmarshal([]byte(line), &object), "a line beside the log: %s", line)
			assert.Contains(t, []string{"serving", "the identity provider is usable", "request", "draining", "stopped"}, object.Msg)
			assert.Equal(t, "INFO", object.Level, line)
		}
		return took
	}
	off := run(t, map[string]string{})
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		took := run(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol})
		t.Logf("%s: ends in %s without a collector, in %s without traces", protocol, took, off)
		assert.Less(t, took, off+900*time.Millisecond, "the end waits for the collector")
	}
}
