package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// A gateway sends the token in one of three headers. The first that holds a token
// decides, whatever the others hold; no other header says anything about the caller.
func TestAuth_TokenHeaders(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "headers"})
	addRealmUser(t, realm, teller("target"))
	p := startProgram(t, nil, environmentFor(realm, realm.URL))
	admin := administrator(t, realm)
	grant, err := realm.NewActor(t.Context(), "cashier", "teller")
	require.NoError(t, err)
	cashier := grant.AccessToken
	const request, forwarded = "X-Auth-Request-Access-Token: ", "X-Forwarded-Access-Token: "

	for number, c := range []struct {
		name   string
		want   verdict
		header []string
	}{
		{"Authorization", granted, []string{bearer(admin)}},
		{"X-Auth-Request-Access-Token", granted, []string{request + admin}},
		{"X-Forwarded-Access-Token", granted, []string{forwarded + admin}},
		{"blanks around the token", granted, []string{"Authorization:   BEARER   " + admin + "  "}},
		{"empty bearer, then a token", granted, []string{"Authorization: Bearer ", request + admin}},
		{"two empty ones, then a token", granted, []string{"Authorization: Bearer ", request, forwarded + admin}},
		{"another scheme, then a token", granted, []string{"Authorization: Basic Ym9zczpib3Nz", request + admin}},
		{"the second is empty", granted, []string{request, forwarded + admin}},
		{"admin before cashier", granted, []string{bearer(admin), request + cashier, forwarded + cashier}},
		{"cashier before admin", forbidden, []string{bearer(cashier), request + admin, forwarded + admin}},
		{"cashier before admin in the other two", forbidden, []string{forwarded + admin, request + cashier}},
		{"garbage before admin", unauthenticated, []string{bearer("garbage"), request + admin}},
		{"garbage before admin in the other two", unauthenticated, []string{request + "garbage", forwarded + admin}},
		{"garbage before admin in one header", unauthenticated, []string{bearer("garbage"), bearer(admin)}},
		{"a scheme where there is none", unauthenticated, []string{request + "Bearer " + admin}},
		{"the headers of the proxy's user", unauthenticated, identityOf("boss")},
		{"the headers of another user", forbidden, append(identityOf("boss"), bearer(cashier))},
		{"a cookie", unauthenticated, []string{"Cookie: access_token=" + admin + "; _oauth2_proxy=" + admin}},
		{"a static-looking forwarded path", unauthenticated, []string{"X-Forwarded-Uri: /assets/x.js", "X-Original-URL: /health"}},
		{"another method in a header", unauthenticated, []string{"X-HTTP-Method-Override: GET", "X-Original-URI: /health"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, a := range []attempt{attempts()[2], attempts()[4]} {
				a = a.on("target", "")
				id := fmt.Sprintf("headers-%d-%d", number, i)
				assertVerdict(t, c.want, a, a.sendWith(t, p, append(c.header, "X-Request-Id: "+id)...))
				if c.want == unauthenticated {
					for _, event := range auditEventsOf(t, p, id) {
						assert.Equal(t, auditActor{Roles: []string{}}, event.Actor, "nobody knows who that was")
					}
				} else {
					event := auditEventOf(t, p, id)
					assert.NotEqual(t, "boss", event.Actor.Username)
					assert.NotEmpty(t, event.Actor.Username)
				}
			}
		})
	}
	t.Run("a token in the query", func(t *testing.T) {
		a := attempts()[4].on("target", "")
		a.path += "?access_token=" + admin
		assertVerdict(t, unauthenticated, a, a.sendWith(t, p))
	})
}

// identityOf are the headers by which gateways tell programs behind them who asks, and
// which any client can send.
func identityOf(username string) []string {
	var header []string
	for _, prefix := range []string{"X-Auth-Request-", "X-Forwarded-"} {
		for name, value := range map[string]string{
			"User": username, "Email": username + "@bank.example", "Preferred-Username": username, "Groups": "admin,role:admin", "Roles": "admin",
		} {
			header = append(header, prefix+name+": "+value)
		}
	}
	return append(header, "X-Remote-User: "+username, "Remote-User: "+username, "X-User-Roles: admin")
}

// What made the gateways let requests through without a session makes no difference
// here: paths match exactly, or there is no such route.
func TestAuth_NoWayAroundByPath(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "paths"})
	addRealmUser(t, realm, teller("target"))
	p := startProgram(t, nil, environmentFor(realm, realm.URL))
	ledger := ledgerOf(t, realm)
	before := len(ledger.writes(t))

	const read = "/users/target/keycloak-status"
	for path, want := range map[string]verdict{
		read + "?x.js":                        unauthenticated,
		"/api/user-sync" + read:               unauthenticated,
		"/users/t%61rget/keycloak-status":     unauthenticated,
		"/users/..%2ftarget/keycloak-status":  unauthenticated,
		read + "/":                            {http.StatusNotFound, "not_found"},
		read + "/x.js":                        {http.StatusNotFound, "not_found"},
		read + ";x.js":                        {http.StatusNotFound, "not_found"},
		read + "%3F.js":                       {http.StatusNotFound, "not_found"},
		"/" + read:                            {http.StatusNotFound, "not_found"},
		"/health/.." + read:                   {http.StatusNotFound, "not_found"},
		"/health/..%2f" + read[1:]:            {http.StatusNotFound, "not_found"},
		"/api/user-syncx" + read:              {http.StatusNotFound, "not_found"},
		"/api/user-sync/api/user-sync" + read: {http.StatusNotFound, "not_found"},
		"/Users/target/keycloak-status":       {http.StatusNotFound, "not_found"},
	} {
		a := attempt{method: http.MethodGet, path: path}
		assertVerdict(t, want, a, a.sendWith(t, p))
	}
	for _, method := range []string{http.MethodHead, http.MethodPost, http.MethodDelete, http.MethodOptions, http.MethodPatch} {
		answer := send(t, method, p.URL+read, "")
		assert.Equal(t, http.StatusMethodNotAllowed, answer.status, method)
	}
	ledger.unchanged(t, before)
}
