package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// protectedRoutes are the seven routes that callers need a right for, each as a request
// that an administrator would get done. The user {u} exists, and {u}.new does not.
func protectedRoutes() []contractCase {
	return []contractCase{
		{name: "create", method: http.MethodPost, path: syncPath, body: `{"username":"{u}.new","email":"{u}.new@bank.example","role":"Cashier"}`},
		{name: "reset", method: http.MethodPost, path: "/users/{u}/reset-password"},
		{name: "set status", method: http.MethodPut, path: "/users/{u}/status", body: `{"enabled":false}`},
		{name: "force", method: http.MethodPost, path: "/users/{u}/force-password-change"},
		{name: "update", method: http.MethodPut, path: "/users/{u}", body: `{"role":"Loan Officer","lastName":"Edited"}`},
		{name: "logout", method: http.MethodPost, path: "/users/{u}/logout"},
		{name: "read", method: http.MethodGet, path: "/users/{u}/keycloak-status"},
	}
}

// accessCases are about callers who are turned away.
func accessCases() []contractCase {
	nothingDone := func(t *testing.T, b backend, u string, answer reply) {
		t.Helper()
		absent(t, b, u+".new", answer)
		mailed(0, exists)(t, b, u, answer)
	}
	var cases []contractCase
	for _, prefix := range []string{"", "/api/user-sync"} {
		for _, route := range protectedRoutes() {
			route.before, route.path, route.effect = with(exists), prefix+route.path, nothingDone

			unknown := route
			unknown.name, unknown.caller = "access/without a token"+prefix+"/"+route.name, nobodyKnown
			unknown.status, unknown.header = http.StatusUnauthorized, []string{"WWW-Authenticate: Bearer"}
			unknown.reply = `{"status":"error","code":"unauthenticated","message":"<text>","request_id":"<text>"}`

			powerless := route
			powerless.name, powerless.caller = "access/without the role"+prefix+"/"+route.name, aTeller
			powerless.status = http.StatusForbidden
			powerless.reply = `{"status":"error","code":"forbidden","message":"<text>","request_id":"<text>"}`
			cases = append(cases, unknown, powerless)
		}
	}
	return append(cases, contractCase{
		name: "access/the caller is looked at before the body", caller: nobodyKnown, method: http.MethodPost, path: syncPath, body: `{"username":`,
		status: http.StatusUnauthorized, reply: `{"status":"error","code":"unauthenticated"}`, header: []string{"WWW-Authenticate: Bearer"},
	})
}

// protectedCases are about accounts that nobody may change here.
func protectedCases() []contractCase {
	const refusal = `{"status":"error","code":"protected_user","message":"<text>","request_id":"<text>"}`
	refused := func(name, method, path, body string) contractCase {
		return contractCase{name: "protected/" + name, method: method, path: path, body: body, status: http.StatusForbidden, reply: refusal}
	}
	cases := []contractCase{
		refused("create a service account", http.MethodPost, syncPath, `{"username":"service-account-{u}","email":"{u}@bank.example","role":"Cashier"}`),
		refused("create a service account with a role that the realm lacks", http.MethodPost, syncPath, `{"username":"service-account-{u}","email":"{u}@bank.example","role":"Viewer"}`),
		refused("disable the service's own account", http.MethodPut, "/users/service-account-user-sync-service/status", `{"enabled":false}`),
		refused("disable oneself", http.MethodPut, "/users/"+administratorName+"/status", `{"enabled":false}`),
		refused("disable oneself in other letter case", http.MethodPut, "/users/The.Boss/status", `{"enabled":false}`),
		refused("change one's own role", http.MethodPut, "/users/"+administratorName, `{"role":"Cashier"}`),
		refused("change an administrator's address, the own one", http.MethodPut, "/users/"+administratorName, `{"email":"{u}@home.example","lastName":"Edited"}`),
	}
	for i := range cases[:2] {
		cases[i].effect = func(t *testing.T, b backend, u string, answer reply) {
			t.Helper()
			absent(t, b, "service-account-"+u, answer)
		}
	}
	for i := range cases[2:] {
		cases[2+i].effect = inForce
	}
	for _, account := range []struct{ planted, asked string }{
		{"service-account-{u}", "service-account-{u}"},
		{"service-account-{u}", "Service-Account-{u}"},
		{protectedName, protectedName},
		{protectedName, "Root.Keeper"},
	} {
		planted := func(u string) string { return strings.ReplaceAll(account.planted, "{u}", u) }
		for _, c := range []contractCase{
			refused("sync "+account.asked, http.MethodPost, syncPath, `{"username":"`+account.asked+`","email":"`+account.planted+`@bank.example","role":"Cashier"}`),
			refused("reset "+account.asked, http.MethodPost, "/users/"+account.asked+"/reset-password", ""),
			refused("disable "+account.asked, http.MethodPut, "/users/"+account.asked+"/status", `{"enabled":false}`),
			refused("enable "+account.asked, http.MethodPut, "/users/"+account.asked+"/status", `{"enabled":true}`),
			refused("force "+account.asked, http.MethodPost, "/users/"+account.asked+"/force-password-change", ""),
			refused("update "+account.asked, http.MethodPut, "/users/"+account.asked, `{"lastName":"Edited"}`),
			refused("logout "+account.asked, http.MethodPost, "/users/"+account.asked+"/logout", ""),
		} {
			c.before = func(t *testing.T, b backend, u string) {
				if _, found := b.account(t, planted(u)); !found {
					b.addUser(t, teller(planted(u)))
				}
			}
			c.effect = func(t *testing.T, b backend, u string, answer reply) {
				t.Helper()
				mailed(0, exists)(t, b, planted(u), answer)
			}
			cases = append(cases, c)
		}
	}
	return append(cases,
		contractCase{
			name: "protected/reading is allowed", method: http.MethodGet, path: "/users/service-account-{u}/keycloak-status", status: http.StatusOK,
			before: with(func(user *domain.User) { user.Username = "service-account-" + user.Username }),
			reply:  `{"status":"success","keycloak_user":{"username":"service-account-{u}"}}`,
		},
		contractCase{
			name: "protected/enabling oneself harms nobody", method: http.MethodPut, path: "/users/" + administratorName + "/status", body: `{"enabled":true}`,
			status: http.StatusOK, reply: `{"status":"success","enabled":true}`, effect: inForce,
		},
		contractCase{
			name: "protected/reset oneself", method: http.MethodPost, path: "/users/" + administratorName + "/reset-password",
			status: http.StatusOK, reply: `{"status":"success","username":"` + administratorName + `"}`,
		},
		contractCase{
			name: "protected/force oneself", method: http.MethodPost, path: "/users/The.Boss/force-password-change",
			status: http.StatusOK, reply: `{"status":"success","message":"User The.Boss will be required to change password on next login"}`,
		},
	)
}

// inForce checks that the service and its administrator can go on.
func inForce(t *testing.T, b backend, _ string, _ reply) {
	t.Helper()
	boss, found := b.account(t, administratorName)
	require.True(t, found)
	assert.True(t, boss.Enabled)
	assert.Empty(t, boss.RequiredActions)
	assert.Zero(t, b.mails(boss.Email), "mails")
	if own, found := b.account(t, "service-account-user-sync-service"); found {
		assert.True(t, own.Enabled)
	}
}
