package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

// mailed checks that the user's address has got so many mails, and that nothing else
// of the user changed.
func mailed(count int, user func(*domain.User)) func(*testing.T, backend, string, reply) {
	return func(t *testing.T, b backend, u string, answer reply) {
		t.Helper()
		assert.Equal(t, count, b.mails(u+"@bank.example"), "mails")
		unchanged(user)(t, b, u, answer)
	}
}

func resetCases() []contractCase {
	const path = "/users/{u}/reset-password"
	return []contractCase{
		{
			name: "reset/sends one mail", before: with(exists), method: http.MethodPost, path: path, body: `{"ignored":`, contentType: "none", status: http.StatusOK,
			reply:  `{"status":"success","message":"Password reset email sent to {u}@bank.example","username":"{u}","email":"{u}@bank.example"}`,
			effect: mailed(1, exists),
		},
		{
			name: "reset/nobody", method: http.MethodPost, path: path, status: http.StatusNotFound,
			reply: `{"status":"error","message":"User {u} not found"}`,
		},
		{
			name: "reset/without e-mail address", before: with(withoutEmail), method: http.MethodPost, path: path, status: http.StatusBadRequest,
			reply: `{"status":"error","message":"User has no email address configured"}`, effect: unchanged(withoutEmail),
		},
		{
			name: "reset/disabled", before: with(disabled), method: http.MethodPost, path: path, status: http.StatusConflict,
			reply: `{"status":"error","code":"user_disabled","message":"<text>"}`, effect: mailed(0, disabled),
		},
		{
			name: "reset/mail cannot be sent",
			before: func(t *testing.T, b backend, u string) {
				with(exists)(t, b, u)
				b.failMails(true)
				t.Cleanup(func() { b.failMails(false) })
			},
			method: http.MethodPost, path: path, status: http.StatusBadGateway,
			reply: `{"status":"error","code":"email_delivery_failed","message":"<text>"}`, effect: mailed(0, exists),
		},
	}
}

func statusCases() []contractCase {
	const path = "/users/{u}/status"
	enable := func(user *domain.User) { user.Enabled = true }
	wrong := func(name, body, reply string) contractCase {
		return contractCase{
			name: "set status/" + name, before: with(exists), method: http.MethodPut, path: path, body: body,
			status: http.StatusBadRequest, reply: reply, effect: unchanged(exists),
		}
	}
	const missing = `{"status":"error","message":"Missing 'enabled' field in request body"}`
	const noBoolean = `{"status":"error","code":"invalid_field","message":"'enabled' must be a boolean value"}`
	return []contractCase{
		{
			name: "set status/disable", before: with(mustVerifyEmail), method: http.MethodPut, path: path, body: `{"enabled":false}`, status: http.StatusOK,
			reply:  `{"status":"success","message":"User {u} disabled successfully","username":"{u}","enabled":false,"sessions_revoked":true}`,
			effect: becomes(mustVerifyEmail, disabled),
		},
		{
			name: "set status/enable", before: with(disabled), method: http.MethodPut, path: "/api/user-sync" + path, body: `{"enabled":true}`, status: http.StatusOK,
			reply:  `{"status":"success","message":"User {u} enabled successfully","username":"{u}","enabled":true}`,
			effect: becomes(disabled, enable),
		},
		{
			name: "set status/in other letter case", before: with(inCapitals), method: http.MethodPut, path: path, body: `{"enabled":false}`, status: http.StatusOK,
			reply: `{"status":"success","message":"User {u} disabled successfully","username":"{u}"}`, effect: becomes(exists, disabled),
		},
		{
			name: "set status/nobody", method: http.MethodPut, path: path, body: `{"enabled":false}`, status: http.StatusNotFound,
			reply: `{"status":"error","message":"User {u} not found"}`,
		},
		{
			name: "set status/the body is looked at first", method: http.MethodPut, path: path, body: `{}`, status: http.StatusBadRequest, reply: missing,
		},
		wrong("missing", `{"Enabled":true}`, missing),
		wrong("null", `{"enabled":null}`, noBoolean),
		wrong("text", `{"enabled":"true"}`, noBoolean),
		wrong("number", `{"enabled":1}`, noBoolean),
		wrong("not JSON", `enabled`, `{"status":"error","code":"invalid_json","message":"<text>"}`),
	}
}

func forceCases() []contractCase {
	const path = "/users/{u}/force-password-change"
	bothActions := func(user *domain.User) {
		user.RequiredActions = []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail}
	}
	return []contractCase{
		{
			name: "force/keeps the other actions", before: with(mustVerifyEmail), method: http.MethodPost, path: path, contentType: "none", status: http.StatusOK,
			reply:  `{"status":"success","message":"User {u} will be required to change password on next login","username":"{u}"}`,
			effect: becomes(mustVerifyEmail, bothActions),
		},
		{
			name: "force/required already", before: with(mustChangePassword), method: http.MethodPost, path: path, status: http.StatusOK,
			reply: `{"status":"success","message":"User {u} already has password change required","username":"{u}"}`, effect: unchanged(mustChangePassword),
		},
		{
			name: "force/nobody", method: http.MethodPost, path: path, status: http.StatusNotFound,
			reply: `{"status":"error","message":"User {u} not found"}`,
		},
	}
}

func readCases() []contractCase {
	const path = "/users/{u}/keycloak-status"
	return []contractCase{
		{
			name: "read/whole", before: with(mustVerifyEmail), method: http.MethodGet, path: path, status: http.StatusOK,
			reply: `{"status":"success","keycloak_user":{"id":"<id>","username":"{u}","email":"{u}@bank.example","firstName":"Tariq",
				"lastName":"Teller","enabled":true,"emailVerified":true,"requiredActions":["VERIFY_EMAIL"],"groups":["tellers"]}}`,
		},
		{
			name: "read/without e-mail address and actions", before: with(withoutEmail), method: http.MethodGet, path: "/api/user-sync" + path, status: http.StatusOK,
			reply: `{"status":"success","keycloak_user":{"email":"","requiredActions":[]}}`,
		},
		{
			name: "read/nobody", method: http.MethodGet, path: path, status: http.StatusNotFound,
			reply: `{"status":"not_found","message":"User {u} not found in Keycloak"}`,
		},
		{
			name: "read/a part of a name is nobody", before: with(func(user *domain.User) { user.Username += "bel" }),
			method: http.MethodGet, path: path, status: http.StatusNotFound, reply: `{"status":"not_found"}`,
		},
		{
			name: "read/a pattern is nobody", before: with(exists), method: http.MethodGet, path: "/users/%25/keycloak-status",
			status: http.StatusNotFound, reply: `{"status":"not_found","message":"User % not found in Keycloak"}`,
		},
		{
			name: "read/an e-mail address is nobody", before: with(exists), method: http.MethodGet, path: "/users/{u}@bank.example/keycloak-status",
			status: http.StatusNotFound, reply: `{"status":"not_found","message":"User {u}@bank.example not found in Keycloak"}`,
		},
		{
			name: "read/capitals find the user", before: with(inCapitals), method: http.MethodGet, path: path,
			status: http.StatusOK, reply: `{"status":"success","keycloak_user":{"username":"{u}"}}`,
		},
		{
			name: "read/umlaut", before: with(func(user *domain.User) { user.Username += "müller" }), method: http.MethodGet,
			path: "/users/{u}m%C3%BCller/keycloak-status", status: http.StatusOK, reply: `{"keycloak_user":{"username":"{u}müller"}}`,
		},
		{
			name: "read/plus and at", before: with(func(user *domain.User) { user.Username += "+b@c.de" }), method: http.MethodGet,
			path: "/users/{u}+b@c.de/keycloak-status", status: http.StatusOK, reply: `{"keycloak_user":{"username":"{u}+b@c.de"}}`,
		},
		{
			name: "read/in full", before: with(mustVerifyEmail), method: http.MethodGet, path: path + "?detail=full", status: http.StatusOK,
			reply: `{"status":"success","keycloak_user":{"username":"{u}","requiredActions":["VERIFY_EMAIL"],"groups":["tellers"],
				"locked":false,"lockedUntil":null,"hasPassword":false,"secondFactors":[]}}`,
		},
		{
			name: "read/another detail", before: with(exists), method: http.MethodGet, path: path + "?detail=some", status: http.StatusBadRequest,
			reply: `{"status":"error","code":"invalid_field","fields":{"detail":"<text>"}}`,
		},
		nobody("%2e%2e", ".."),
		nobody("..", ".."),
		nobody("a%2Fb", "a/b"),
		nobody("a%252Fb", "a%2Fb"),
		nobody("anna.o%27neil", "anna.o'neil"),
		nobody("*", "*"),
		nobody("", ""),
		nobody("%20", " "),
		nobody("a%3Fb", "a?b"),
		nobody(strings.Repeat("x", 300), strings.Repeat("x", 300)),
	}
}

// nobody is a status read for a strange name, as it stands in the path and as the
// answer must echo it.
func nobody(inPath, echoed string) contractCase {
	return contractCase{
		name: "read/nobody is called " + inPath[:min(len(inPath), 20)], method: http.MethodGet, path: "/users/" + inPath + "/keycloak-status", status: http.StatusNotFound,
		reply: `{"status":"not_found","message":"User ` + echoed + ` not found in Keycloak"}`,
	}
}

// otherCases are about what anybody may ask for.
func otherCases() []contractCase {
	get := func(path string, status int, reply string) contractCase {
		return contractCase{name: "other" + path, caller: nobodyKnown, method: http.MethodGet, path: path, status: status, reply: reply}
	}
	const noRoute = `{"status":"error","code":"not_found","message":"<text>","request_id":"<text>"}`
	const wrongMethod = `{"status":"error","code":"method_not_allowed","message":"<text>","request_id":"<text>"}`
	method := func(method, path, allow string) contractCase {
		return contractCase{
			name: "other/" + method + path, caller: nobodyKnown, method: method, path: path, status: http.StatusMethodNotAllowed, reply: wrongMethod,
			header: []string{"Allow: " + allow},
		}
	}
	return []contractCase{
		get("/health", 200, `{"status":"healthy","service":"fineract-keycloak-sync","keycloak_connected":true,"realm":"<text>"}`),
		get("/api/user-sync/health", 200, `{"status":"healthy"}`),
		get("/livez", 200, `{"status":"ok"}`),
		get("/readyz", 200, `{"status":"ok"}`),
		get("/", 404, noRoute),
		get("/users", 404, noRoute),
		get("/users/anna/status/x", 404, noRoute),
		get("/api/user-syncx/health", 404, noRoute),
		get("/api/user-sync", 404, noRoute),
		get("/users/a/b/keycloak-status", 404, noRoute),
		method(http.MethodGet, "/sync/user", "POST"),
		method(http.MethodDelete, "/users/anna/status", "PUT"),
		method(http.MethodPost, "/api/user-sync/users/anna/keycloak-status", "GET"),
		method(http.MethodGet, "/users/anna", "PUT"),
		method(http.MethodGet, "/users/anna/logout", "POST"),
		method(http.MethodOptions, "/users/anna/reset-password", "POST"),
		method("BREW", "/livez", "GET"),
	}
}
