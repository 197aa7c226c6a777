package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

// belongs checks that the user has this role and these groups, and no other.
func belongs(role string, groups ...string) func(*testing.T, backend, string, reply) {
	return func(t *testing.T, b backend, u string, _ reply) {
		t.Helper()
		got, found := b.account(t, u)
		assert.True(t, found)
		assert.Equal(t, []string{role}, got.Roles)
		assert.ElementsMatch(t, groups, got.Groups)
	}
}

func updateCases() []contractCase {
	const path = "/users/{u}"
	const success = `{"status":"success","message":"User {u} updated successfully","username":"{u}","keycloak_user_id":"<id>"}`
	edited := func(name, body string, change func(*domain.User)) contractCase {
		return contractCase{
			name: "update/" + name, before: with(mustVerifyEmail), method: http.MethodPut, path: path, body: body, status: http.StatusOK, reply: success,
			effect: becomes(mustVerifyEmail, change),
		}
	}
	moved := func(name, role, reply string, effect func(*testing.T, backend, string, reply)) contractCase {
		return contractCase{
			name: "update/" + name, before: with(exists), method: http.MethodPut, path: "/api/user-sync" + path, body: `{"role":"` + role + `"}`,
			status: http.StatusOK, reply: reply, effect: effect,
		}
	}
	wrong := func(name, body, reply string) contractCase {
		return contractCase{
			name: "update/" + name, before: with(exists), method: http.MethodPut, path: path, body: body, status: http.StatusBadRequest, reply: reply,
			effect: unchanged(exists),
		}
	}
	const nothing = `{"status":"error","code":"missing_field","message":"<text>","request_id":"<text>"}`
	invalid := func(field string) string {
		return `{"status":"error","code":"invalid_field","message":"<text>","fields":{"` + field + `":"<text>"}}`
	}
	return []contractCase{
		edited("last name", `{"lastName":"Edited","username":"{U}","unknown":1}`, func(user *domain.User) { user.LastName = "Edited" }),
		edited("e-mail address", `{"email":"new.{u}@bank.example","firstName":null}`, func(user *domain.User) { user.Email = "new." + user.Email }),
		edited("a name taken away", `{"firstName":""}`, func(user *domain.User) { user.FirstName = "" }),
		edited("what is so already", `{"email":"{U}@BANK.example","lastName":"Teller","role":"Cashier"}`, exists),
		moved("another role", "Loan Officer", `{"status":"success","assigned":{"role":"loan-officer","group":"loan-officers"},"removed":{"roles":["teller"],"groups":["tellers"]}}`,
			belongs("loan-officer", "loan-officers")),
		moved("a role without a group", "Accountant", `{"status":"success","assigned":{"role":"accountant"},"removed":{"roles":["teller"],"groups":["tellers"]}}`,
			belongs("accountant")),
		moved("a role whose group the realm lacks", "Branch Manager", `{"status":"success","assigned":{"role":"branch-manager"},"removed":{"roles":["teller"],"groups":["tellers"]}}`,
			belongs("branch-manager")),
		wrong("a role that the realm lacks", `{"role":"Viewer","lastName":"Edited"}`, `{"status":"error","code":"unknown_role","message":"The role 'Viewer' does not exist in the system."}`),
		wrong("nothing", `{}`, nothing),
		wrong("only null", `{"email":null,"userId":0}`, nothing),
		wrong("an empty role", `{"role":" "}`, `{"status":"error","code":"missing_field","message":"Role is required"}`),
		wrong("another username", `{"username":"{u}x","lastName":"Edited"}`, invalid("username")),
		wrong("an empty e-mail address", `{"email":""}`, invalid("email")),
		wrong("an office id in words", `{"officeId":"second"}`, invalid("officeId")),
		wrong("a name that the realm refuses", `{"firstName":"<b>"}`, invalid("firstName")),
		wrong("not JSON", `lastName`, `{"status":"error","code":"invalid_json","message":"<text>"}`),
		{
			name: "update/another user's e-mail address", method: http.MethodPut, path: path, body: `{"email":"{U}.other@bank.example","lastName":"Edited"}`,
			before: func(t *testing.T, b backend, u string) {
				with(exists)(t, b, u)
				b.addUser(t, teller(u+".other"))
			},
			status: http.StatusConflict, reply: `{"status":"error","code":"email_conflict","message":"<text>"}`, effect: unchanged(exists),
		},
		{
			name: "update/nobody", method: http.MethodPut, path: path, body: `{"lastName":"Edited"}`, status: http.StatusNotFound,
			reply: `{"status":"error","code":"user_not_found","message":"User {u} not found"}`,
		},
	}
}

func logoutCases() []contractCase {
	const path = "/users/{u}/logout"
	return []contractCase{
		{
			name: "logout/ends sessions and changes nothing", before: with(mustVerifyEmail), method: http.MethodPost, path: path, contentType: "none", status: http.StatusOK,
			reply:  `{"status":"success","message":"All sessions of user {u} were ended","username":"{u}","sessions_revoked":true}`,
			effect: unchanged(mustVerifyEmail),
		},
		{
			name: "logout/disabled", before: with(disabled), method: http.MethodPost, path: path, status: http.StatusOK,
			reply: `{"status":"success","sessions_revoked":true}`, effect: unchanged(disabled),
		},
		{
			name: "logout/nobody", method: http.MethodPost, path: path, status: http.StatusNotFound,
			reply: `{"status":"error","code":"user_not_found","message":"User {u} not found"}`,
		},
	}
}
