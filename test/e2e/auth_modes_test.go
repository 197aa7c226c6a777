package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// modesRealm has an administrator, one who was disabled a moment ago, and a cashier.
func modesRealm(t *testing.T) (realm *keycloaktest.Realm, admin, dismissed, cashier string) {
	t.Helper()
	realm = newRealm(t, keycloaktest.RealmOptions{Name: "modes", CheapHash: true, SMTPPort: newSink(t).Port()})
	for username, role := range map[string]string{"dismissed": "admin", "cashier": "teller"} {
		grant, err := realm.NewActor(t.Context(), username, role)
		require.NoError(t, err)
		if username == "dismissed" {
			dismissed = grant.AccessToken
			dismiss(t, realm, username)
		} else {
			cashier = grant.AccessToken
		}
	}
	addRealmUser(t, realm, teller("target"))
	return realm, administrator(t, realm), dismissed, cashier
}

// For the roll-out: everybody gets through, and it can be read off who would not have.
func TestAuth_ReportLetsThroughAndTells(t *testing.T) {
	realm, admin, dismissed, cashier := modesRealm(t)
	environment := environmentFor(realm, realm.URL)
	environment["AUTH_MODE"] = "report"
	p := startProgram(t, nil, environment)

	counted := make(map[string]int)
	for i, c := range []struct {
		name        string
		header      []string
		read, write string // why the caller would have been refused
		actor       string
	}{
		{"nobody", nil, "unauthenticated", "unauthenticated", ""},
		{"garbage", []string{bearer("garbage")}, "unauthenticated", "unauthenticated", ""},
		{"cashier", []string{bearer(cashier)}, "forbidden", "forbidden", "cashier"},
		{"dismissed", []string{bearer(dismissed)}, "", "unauthenticated", "dismissed"},
		{"admin from another site", []string{bearer(admin), "Sec-Fetch-Site: cross-site"}, "", "forbidden", "boss"},
		{"admin", []string{bearer(admin)}, "", "", "boss"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for j, a := range attempts() {
				id := fmt.Sprintf("report-%d-%d", i, j)
				answer := a.on("target", fmt.Sprintf("new%d", i)).sendWith(t, p, append(c.header, "X-Request-Id: "+id)...)
				assertVerdict(t, granted, a, answer)
				reason := c.read
				if a.writes() {
					reason = c.write
				}
				event := auditEventOf(t, p, id)
				assert.Equal(t, "allowed", event.Outcome)
				assert.Empty(t, event.Reason)
				assert.Equal(t, reason, event.NotEnforced, a.action)
				assert.True(t, strings.HasPrefix(event.Actor.Username, c.actor) && (event.Actor.Username == "") == (c.actor == ""), event.Actor.Username)
				if reason != "" {
					counted[reason]++
					assert.Contains(t, logLine(p, "a caller who would be refused was let through", id), `"reason":"`+reason+`"`)
				} else {
					assert.Empty(t, logLine(p, "a caller who would be refused was let through", id))
				}
			}
		})
	}
	for reason, count := range counted {
		assert.Equal(t, fmt.Sprint(count), metric(t, p, `usersync_refusals_total{enforced="false",reason="`+reason+`"}`))
		assert.Equal(t, "0", metric(t, p, `usersync_refusals_total{enforced="true",reason="`+reason+`"}`))
	}
	t.Run("what is not about the caller is refused all the same", func(t *testing.T) {
		a := attempts()[2].on("service-account-"+realm.ClientID, "")
		assertVerdict(t, protectedUser, a, a.sendWith(t, p))
	})
}

// Also while nobody can be known, because Keycloak does not tell its keys.
func TestAuth_ReportLetsThroughWithoutKeys(t *testing.T) {
	realm, admin, _, _ := modesRealm(t)
	g := newGateway(t, realm.URL)
	breakEach(t, g, realm, status(503, "text/html", ""), certsPath)
	environment := environmentFor(realm, g.URL)
	environment["AUTH_MODE"] = "report"
	p := startProgram(t, nil, environment)
	for i, a := range []attempt{attempts()[2], attempts()[4]} {
		id := fmt.Sprintf("blind-%d", i)
		assertVerdict(t, granted, a, a.on("target", "").sendWith(t, p, bearer(admin), "X-Request-Id: "+id))
		assert.Equal(t, "provider_unavailable", auditEventOf(t, p, id).NotEnforced)
	}
}

// logLine returns the line of the log with this message that belongs to the request, "" for
// none. It waits until the request's own line is there, which comes after the answer.
func logLine(p *program, message, requestID string) string {
	line := func(message string) string {
		for line := range strings.Lines(p.log()) {
			if strings.Contains(line, `"msg":"`+message+`"`) && strings.Contains(line, `"request_id":"`+requestID+`"`) {
				return line
			}
		}
		return ""
	}
	for end := time.Now().Add(10 * time.Second); line("request") == "" && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	return line(message)
}

// Off means that nobody looks, also at what would have been refused, and that the log
// says so.
func TestAuth_OffLetsAnybodyInAndWarns(t *testing.T) {
	realm, _, _, cashier := modesRealm(t)
	environment := environmentFor(realm, realm.URL)
	environment["AUTH_MODE"] = "off"
	p := startProgram(t, nil, environment)
	for i, header := range [][]string{nil, {bearer("garbage")}, {bearer(cashier)}, {"Sec-Fetch-Site: cross-site"}} {
		for _, a := range attempts() {
			id := fmt.Sprintf("off-%d-%s", i, a.action)
			assertVerdict(t, granted, a, a.on("target", fmt.Sprintf("new%d", i)).sendWith(t, p, append(header, "X-Request-Id: "+id)...))
			event := auditEventOf(t, p, id)
			assert.Equal(t, "allowed", event.Outcome)
			assert.Empty(t, event.NotEnforced)
			assert.Empty(t, event.Actor.Username, "nobody has looked who that was")
		}
	}
	assert.Regexp(t, `"level":"WARN","msg":"callers are not checked.*AUTH_MODE=off`, p.log())
	assert.NotContains(t, send(t, http.MethodGet, p.URL+"/metrics", "").body, "usersync_refusals_total{")
}

// Without introspection the signature is all that counts, until the token expires.
func TestAuth_WithoutIntrospectionSignaturesAreEnough(t *testing.T) {
	realm, _, dismissed, cashier := modesRealm(t)
	environment := environmentFor(realm, realm.URL)
	environment["AUTH_INTROSPECTION"] = "off"
	g := newGateway(t, realm.URL)
	environment["KEYCLOAK_URL"] = g.URL
	p := startProgram(t, nil, environment)
	for _, a := range attempts() {
		assertVerdict(t, granted, a, a.on("target", "new").sendWith(t, p, bearer(dismissed)))
		assertVerdict(t, forbidden, a, a.on("target", "new2").sendWith(t, p, bearer(cashier)))
	}
	for _, call := range g.requestCalls() {
		assert.NotContains(t, call, "introspect")
	}
}

// While nobody can say whether the administrator is still one, nothing is written;
// reading goes on.
func TestAuth_WritesWaitForIntrospection(t *testing.T) {
	t.Parallel() // It mostly waits for the circuit.
	realm, admin, _, _ := modesRealm(t)
	g := newGateway(t, realm.URL)
	keycloak := proxyTo(t, realm.URL)
	environment := environmentFor(realm, g.URL)
	environment["KEYCLOAK_TIMEOUT"] = "2s"
	p := startProgram(t, nil, environment)
	p.token = admin
	ledger := ledgerOf(t, realm)
	read := attempts()[4].on("target", "")
	eventually(t, func() bool { return read.sendWith(t, p, bearer(admin)).status == http.StatusOK }, 30*time.Second, 50*time.Millisecond)

	for _, c := range []struct {
		name  string
		fault http.HandlerFunc
		want  verdict
	}{
		{"503", status(503, "text/html", "<h1>down</h1>"), unavailable},
		{"connection closed", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, unavailable},
		{"no answer", hang, verdict{504, "provider_timeout"}},
		{"500", status(500, "application/json", `{"error":"unknown_error"}`), verdict{502, "bad_gateway"}},
		{"a page", status(200, "text/html", "<h1>Welcome</h1>"), verdict{502, "bad_gateway"}},
		{"an empty object", status(200, "application/json", `{}`), verdict{502, "bad_gateway"}},
		{"active in words", status(200, "application/json", `{"active":"true"}`), verdict{502, "bad_gateway"}},
		{"active is null", status(200, "application/json", `{"active":null}`), verdict{502, "bad_gateway"}},
		{"our own credentials are refused", status(401, "application/json", `{"error":"invalid_client"}`), verdict{500, "internal"}},
		{"not active", status(200, "application/json", `{"active":false}`), unauthenticated},
	} {
		t.Run(c.name, func(t *testing.T) {
			awaitCircuit(t, p)
			g.breakWith(only("/token/introspect", c.fault, keycloak))
			defer g.breakWith(nil)
			before := len(ledger.writes(t))
			for _, a := range writeAttempts() {
				a = a.on("target", "newcomer")
				assertVerdict(t, c.want, a, a.sendWith(t, p, bearer(admin)))
			}
			ledger.unchanged(t, before)
			g.breakWith(nil)
			awaitCircuit(t, p)
		})
	}
	for _, a := range writeAttempts() {
		assertVerdict(t, granted, a, a.on("target", "newcomer").sendWith(t, p, bearer(admin)))
	}
}
