package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// An administrator who changes very much in a minute is stopped, reads on, and stops
// nobody else.
func TestAuth_WritesPerActorAreLimited(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "rate", CheapHash: true, SMTPPort: newSink(t).Port()})
	addRealmUser(t, realm, teller("target"))
	environment := environmentFor(realm, realm.URL)
	environment["RATE_LIMIT_WRITES"] = "3"
	p := startProgram(t, nil, environment)
	admin, other := administrator(t, realm), administrator(t, realm)
	ledger := ledgerOf(t, realm)

	for _, a := range []attempt{writeAttempts()[0], writeAttempts()[2], writeAttempts()[3]} {
		assertVerdict(t, granted, a, a.on("target", "first").sendWith(t, p, bearer(admin)))
	}
	before := len(ledger.writes(t))
	for _, a := range writeAttempts() {
		a = a.on("target", "second")
		answer := a.sendWith(t, p, bearer(admin), "X-Request-Id: limited-"+a.action)
		assertVerdict(t, rateLimited, a, answer)
		seconds, err := strconv.Atoi(answer.header.Get("Retry-After"))
		require.NoError(t, err)
		assert.Positive(t, seconds)
		assert.LessOrEqual(t, seconds, 120) // Its window is a minute.
		event := auditEventOf(t, p, "limited-"+a.action)
		assert.Equal(t, "refused rate_limited", event.Outcome+" "+event.Reason)
	}
	ledger.unchanged(t, before)
	for range 5 {
		read := attempts()[4].on("target", "")
		assertVerdict(t, granted, read, read.sendWith(t, p, bearer(admin)))
	}
	again := writeAttempts()[3].on("target", "")
	assertVerdict(t, granted, again, again.sendWith(t, p, bearer(other)))
	assert.Equal(t, strconv.Itoa(len(writeAttempts())), metric(t, p, `usersync_refusals_total{enforced="true",reason="rate_limited"}`))
}

// A user and a mailbox get one reset mail in a while, whoever asks for it and however the
// name or the address is written. A mail that was not sent does not count.
func TestAuth_ResetMailsHaveACooldown(t *testing.T) {
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "cooldown", CheapHash: true, SMTPPort: sink.Port()})
	addRealmUser(t, realm, teller("target"))
	addRealmUser(t, realm, teller("another"))
	heir := teller("heir")
	heir.Email = "Another+heir@bank.example"
	addRealmUser(t, realm, heir)
	g := newGateway(t, realm.URL)
	environment := environmentFor(realm, g.URL)
	environment["RESET_COOLDOWN"] = "4s"
	p := startProgram(t, nil, environment)
	admin, other := bearer(administrator(t, realm)), bearer(administrator(t, realm))
	reset := func(username string) attempt { return writeAttempts()[1].on(username, "") }
	send := func(want verdict, username, token string) reply {
		t.Helper()
		a := reset(username)
		answer := a.sendWith(t, p, token)
		assertVerdict(t, want, a, answer)
		return answer
	}

	breakEach(t, g, realm, status(503, "text/html", ""), "/token/introspect")
	send(verdict{503, "provider_unavailable"}, "target", admin)
	g.breakWith(nil)
	sink.Reject(true)
	send(verdict{502, "email_delivery_failed"}, "target", admin)
	sink.Reject(false)
	send(granted, "target", admin)
	answer := send(rateLimited, "target", admin)
	assert.Contains(t, []string{"1", "2", "3", "4"}, answer.header.Get("Retry-After"))
	send(rateLimited, "target", other)
	send(rateLimited, "TARGET", admin)
	send(rateLimited, "t%61rget", admin)
	send(granted, "another", admin)
	send(rateLimited, "heir", admin)
	assert.Len(t, sink.MailsTo("target@bank.example"), 1)

	begin := time.Now()
	eventually(t, func() bool { return reset("target").sendWith(t, p, admin).status == http.StatusOK }, 10*time.Second, 50*time.Millisecond)
	assert.Greater(t, time.Since(begin), 500*time.Millisecond)
	assert.Len(t, sink.MailsTo("target@bank.example"), 2)
}

// A gateway turns the browser's cookies into a token, so a request that another site has
// made the browser send must not count, however good the token. Who is no browser does
// not say where the request comes from.
func TestAuth_RefusesWhatOtherSitesSend(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "sites", CheapHash: true, SMTPPort: newSink(t).Port()})
	addRealmUser(t, realm, teller("target"))
	environment := environmentFor(realm, realm.URL)
	environment["TRUSTED_ORIGINS"] = "https://admin.bank.example, https://admin.bank.example:8443"
	p := startProgram(t, nil, environment)
	admin := bearer(administrator(t, realm))
	ledger := ledgerOf(t, realm)
	own := strings.TrimPrefix(p.URL, "http://")

	for _, c := range []struct {
		name   string
		want   verdict
		header []string
	}{
		{"no browser", granted, nil},
		{"same origin", granted, []string{"Sec-Fetch-Site: same-origin"}},
		{"typed in by the user", granted, []string{"Sec-Fetch-Site: none"}},
		{"origin with our own host", granted, []string{"Origin: http://" + own}},
		{"trusted origin, another site", granted, []string{"Sec-Fetch-Site: cross-site", "Origin: https://admin.bank.example"}},
		{"trusted origin alone", granted, []string{"Origin: https://admin.bank.example:8443"}},
		{"another site", forbidden, []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}},
		{"another site without an origin", forbidden, []string{"Sec-Fetch-Site: cross-site"}},
		{"another host of our site", forbidden, []string{"Sec-Fetch-Site: same-site", "Origin: https://shop.bank.example"}},
		{"origin of another host", forbidden, []string{"Origin: https://evil.example"}},
		{"origin of a page without one", forbidden, []string{"Origin: null"}},
		{"trusted host, another scheme", forbidden, []string{"Origin: http://admin.bank.example"}},
		{"trusted host, another port", forbidden, []string{"Origin: https://admin.bank.example:9443"}},
		{"trusted host as a part", forbidden, []string{"Origin: https://admin.bank.example.evil.example"}},
		{"an origin that claims to be forwarded for us", forbidden, []string{"Origin: https://evil.example", "X-Forwarded-Host: evil.example"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(ledger.writes(t))
			for _, a := range writeAttempts() {
				a = a.on("target", "new"+strconv.Itoa(before))
				assertVerdict(t, c.want, a, a.sendWith(t, p, append(c.header, admin)...))
			}
			if c.want == forbidden {
				ledger.unchanged(t, before)
			}
			read := attempts()[4].on("target", "")
			assertVerdict(t, granted, read, read.sendWith(t, p, append(c.header, admin)...))
		})
	}
	for _, event := range auditEvents(t, p) {
		assert.NotEmpty(t, event.Actor.Username, "who was abused is on record")
	}
}
