package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// What the service says that it did is what Keycloak says that the service did, to whom
// and when, and there is nothing else.
func TestAudit_EveryWriteIsOneOfKeycloaks(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "audit", CheapHash: true, SMTPPort: newSink(t).Port()})
	p := serveRealm(t, realm, realm.URL)
	addRealmUser(t, realm, teller("target"))
	ledger := ledgerOf(t, realm)
	off := writeAttempts()[2]
	off.body = `{"enabled":false}`

	writes := 0
	for _, c := range []struct {
		name    string
		attempt attempt
		kinds   []string // what Keycloak has noted of it
		before  map[string]any
		after   map[string]any
	}{
		{
			"create", writeAttempts()[0], []string{"CREATE users/{id}", "CREATE users/{id}/role-mappings/realm"}, nil,
			map[string]any{
				"email": "newcomer@bank.example", "first_name": "", "last_name": "", "enabled": true, "email_verified": true,
				"required_actions": []any{"UPDATE_PASSWORD", "VERIFY_EMAIL", "webauthn-register"}, "realm_role": "teller", "group": "tellers",
			},
		},
		{"create once more", succeedingWith(writeAttempts()[0], http.StatusOK), nil, nil, nil},
		{"reset", writeAttempts()[1], []string{"ACTION users/{id}/execute-actions-email"}, nil, map[string]any{"mail_sent_to": "target@bank.example"}},
		{"disable", off, []string{"UPDATE users/{id}", "ACTION users/{id}/logout"}, map[string]any{"enabled": true}, map[string]any{"enabled": false}},
		{"enable", writeAttempts()[2], []string{"UPDATE users/{id}"}, map[string]any{"enabled": false}, map[string]any{"enabled": true}},
		{
			"force", writeAttempts()[3], []string{"UPDATE users/{id}"},
			map[string]any{"required_actions": []any{}}, map[string]any{"required_actions": []any{"UPDATE_PASSWORD"}},
		},
		{"force once more", writeAttempts()[3], nil, nil, nil},
		{"read", attempts()[4], nil, nil, nil},
		{"edit", writeAttempts()[4], []string{"UPDATE users/{id}"}, map[string]any{"last_name": "Teller"}, map[string]any{"last_name": "Edited"}},
		{"edit once more", writeAttempts()[4], nil, nil, nil},
		{"log out", writeAttempts()[5], []string{"ACTION users/{id}/logout"}, nil, map[string]any{"sessions_revoked": true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.attempt.on("target", "newcomer")
			id := "write-" + strings.ReplaceAll(c.name, " ", "-")
			answer := a.sendWith(t, p, bearer(p.token), "X-Request-Id: "+id,
				"X-Forwarded-For: 192.0.2.7, 192.0.2.8", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			assertVerdict(t, granted, a, answer)

			event := auditEventOf(t, p, id)
			assert.Equal(t, "audit", event.Type)
			assert.Equal(t, a.action, event.Action)
			assert.Equal(t, "allowed", event.Outcome)
			assert.Empty(t, event.Reason)
			assert.Equal(t, claimsOf(t, p.token)["preferred_username"], event.Actor.Username)
			assert.Equal(t, claimsOf(t, p.token)["sub"], event.Actor.Subject)
			assert.Contains(t, event.Actor.Roles, "admin")
			assert.Equal(t, "127.0.0.1", event.ClientAddress)
			assert.Equal(t, "192.0.2.7, 192.0.2.8", event.ForwardedFor)
			assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", event.TraceID)
			target := "target"
			if a.action == "sync_user" {
				target = "newcomer"
				require.NotNil(t, event.Mapping)
				assert.Equal(t, "Cashier teller tellers", event.Mapping.FineractRole+" "+event.Mapping.RealmRole+" "+event.Mapping.Group)
			}
			assert.Equal(t, auditUser{target, userID(t, realm, target)}, event.Target)
			assert.Equal(t, withoutEmpty(c.before), withoutEmpty(event.Before))
			assert.Equal(t, c.after, event.After)

			noted := ledger.writes(t)[writes:]
			writes += len(noted)
			var kinds []string
			for _, w := range noted {
				kinds = append(kinds, w.kind())
				assert.Equal(t, event.Target.ID, w.target())
				assert.WithinDuration(t, event.Time, w.at(), 2*time.Second)
				assert.False(t, w.at().Before(event.Time.Truncate(time.Millisecond)), "the attempt began before Keycloak wrote")
			}
			assert.Equal(t, c.kinds, kinds)
		})
	}
}

// succeedingWith is the attempt with another success.
func succeedingWith(a attempt, success int) attempt {
	a.success = success
	return a
}

// withoutEmpty takes lists without elements for none.
func withoutEmpty(fields map[string]any) map[string]any {
	kept := make(map[string]any)
	for name, value := range fields {
		if list, ok := value.([]any); value != nil && (!ok || len(list) > 0) {
			kept[name] = value
		}
	}
	return kept
}

// Attempts that come to nothing in Keycloak are on record too, as what they are.
func TestAudit_FailuresAreOnRecord(t *testing.T) {
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "failures", CheapHash: true, SMTPPort: sink.Port()})
	g := newGateway(t, realm.URL)
	keycloak := proxyTo(t, realm.URL)
	environment := environmentFor(realm, g.URL)
	environment["KEYCLOAK_TIMEOUT"] = "1s"
	p := serveWith(t, realm, environment)
	addRealmUser(t, realm, teller("target"))
	_, err := realm.CreateUser(t.Context(), map[string]any{"username": "mailless", "enabled": true})
	require.NoError(t, err)
	create, reset, setStatus, force, read := attempts()[0], attempts()[1], attempts()[2], attempts()[3], attempts()[4]
	withBody := func(a attempt, body string) attempt { a.body = body; return a }
	unavailable := status(503, "text/plain", "")

	for i, c := range []struct {
		name    string
		attempt attempt
		fault   http.HandlerFunc
		want    verdict
		outcome string
	}{
		{"unknown user", setStatus.on("nobody", ""), nil, verdict{404, "user_not_found"}, "refused"},
		{"unknown user, read", read.on("nobody", ""), nil, verdict{404, "user_not_found"}, "refused"},
		{"no body", withBody(create, `{}`), nil, verdict{400, "missing_field"}, "refused"},
		{"no JSON", withBody(create, `{`), nil, verdict{400, "invalid_json"}, "refused"},
		{"bad username", withBody(create, `{"username":"a\u0000b","email":"a@bank.example","role":"Cashier"}`), nil, verdict{400, "invalid_field"}, "refused"},
		{"taken address", withBody(create, `{"username":"other","email":"target@bank.example","role":"Cashier"}`), nil, verdict{409, "email_conflict"}, "refused"},
		{"another's name", withBody(create, `{"username":"target","email":"other@bank.example","role":"Cashier"}`), nil, verdict{409, "username_conflict"}, "refused"},
		{"no address", reset.on("mailless", ""), nil, verdict{400, "no_email"}, "refused"},
		{"not a truth value", withBody(setStatus.on("target", ""), `{"enabled":"yes"}`), nil, verdict{400, "invalid_field"}, "refused"},
		{"switching fails", setStatus.on("target", ""), only("/users/"+userID(t, realm, "target"), unavailable, keycloak), verdict{503, "provider_unavailable"}, "failed"},
		{"forcing hangs", force.on("target", ""), only("/users/"+userID(t, realm, "target"), hang, keycloak), verdict{504, "provider_timeout"}, "failed"},
		{"mailing fails", reset.on("target", ""), only("/execute-actions-email", status(500, "application/json", `{"errorMessage":"Failed to send execute actions email"}`), keycloak), verdict{502, "email_delivery_failed"}, "failed"},
		{"the role is not given", create.on("", "half"), only("/role-mappings/realm", unavailable, keycloak), verdict{503, "provider_unavailable"}, "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.breakWith(c.fault)
			defer g.breakWith(nil)
			id := fmt.Sprintf("failure-%d", i)
			answer := c.attempt.sendWith(t, p, bearer(p.token), "X-Request-Id: "+id)
			assertVerdict(t, c.want, c.attempt, answer)
			event := auditEventOf(t, p, id)
			assert.Equal(t, c.outcome+" "+c.want.code, event.Outcome+" "+event.Reason)
			assert.Equal(t, c.attempt.action, event.Action)
			assert.NotEmpty(t, event.Actor.Username)
		})
	}
}

// Whatever is sent or answered, no password, token or secret gets into the audit log.
func TestAudit_HoldsNoSecret(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "discreet", CheapHash: true, SMTPPort: newSink(t).Port()})
	g := newGateway(t, realm.URL)
	p := serveRealm(t, realm, g.URL)
	addRealmUser(t, realm, teller("target"))
	grant, err := realm.NewActor(t.Context(), "cashier", "teller")
	require.NoError(t, err)
	secrets := []string{realm.ClientSecret, url.QueryEscape(realm.ClientSecret), keycloaktest.ActorPassword, "S3cret-in-a-member", "hidden-cookie", "hidden-query"}

	for _, token := range []string{p.token, grant.AccessToken, grant.RefreshToken, "invented-token"} {
		for _, a := range attempts() {
			a = a.on("target", "newcomer")
			if a.action == "sync_user" {
				a.body = strings.Replace(a.body, "{", `{"password":"S3cret-in-a-member","temporary_password":"S3cret-in-a-member",`, 1)
			}
			a.path += "?token=hidden-query"
			answer := a.sendWith(t, p, bearer(token), "Cookie: session=hidden-cookie", "X-Forwarded-Access-Token: "+grant.RefreshToken)
			secrets = append(secrets, answer.member(t, "temporary_password"))
		}
		secrets = append(secrets, token)
		secrets = append(secrets, strings.Split(token, ".")...)
	}
	for _, c := range g.taken() {
		_, credentials, _ := strings.Cut(c.Authorization, " ")
		secrets = append(secrets, credentials)
		var user struct {
			Credentials []struct{ Value string }
		}
		if json.Unmarshal([]byte(c.Body), &user) == nil {
			for _, credential := range user.Credentials {
				secrets = append(secrets, credential.Value)
			}
		}
	}
	log, found := p.auditText(t), 0
	require.Contains(t, log, `"newcomer"`)
	for _, secret := range secrets {
		if secret != "" {
			found++
			assert.False(t, strings.Contains(log, secret), "the audit log holds %q", secret)
		}
	}
	assert.Greater(t, found, 20)
}

// A name is data, whatever it looks like: it neither ends a line nor begins one.
func TestAudit_NamesCannotForgeLines(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "names", CheapHash: true})
	p := serveRealm(t, realm, realm.URL)
	for i, name := range []string{"a%0A%7B%22type%22:%22audit%22%7D", "a%0D%0Ab", "%E2%80%A8x", "a%22,%22outcome%22:%22allowed", "%1b[2Jx", "%ff%fe", strings.Repeat("x", 3000),
		"bo%E2%80%8Bss", "a%F3%A0%81%81b", "a%EE%80%80b", "a%E3%85%A4b"} {
		id := fmt.Sprintf("name-%d", i)
		a := writeAttempts()[2].on(name, "")
		answer := a.sendWith(t, p, bearer(p.token), "X-Request-Id: "+id,
			"X-Forwarded-For: "+strings.Repeat("192.0.2.7, ", 30)+"192.0.2.8", "X-Forwarded-For: 203.0.113.9")
		assert.Equal(t, http.StatusNotFound, answer.status, answer.body)
		event := auditEventOf(t, p, id)
		assert.True(t, strings.HasSuffix(event.ForwardedFor, "192.0.2.8, 203.0.113.9"), "gateways add to the end: %s", event.ForwardedFor)
		assert.Equal(t, "refused user_not_found", event.Outcome+" "+event.Reason)
		assert.NotEmpty(t, event.Target.Username)
		assert.LessOrEqual(t, len(event.Target.Username), 1100)
	}
	for _, r := range strings.ReplaceAll(p.auditText(t), "\n", "") {
		assert.True(t, unicode.IsPrint(r) && r != '\u3164', "%U cannot be seen", r)
	}
}
