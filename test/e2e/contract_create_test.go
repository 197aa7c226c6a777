package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

const syncPath = "/sync/user"

// created checks that the user exists as a 201 promises: whole, and with the password
// that was answered.
func created(role string, groups ...string) func(*testing.T, backend, string, reply) {
	return func(t *testing.T, b backend, u string, answer reply) {
		t.Helper()
		got, found := b.account(t, u)
		require.True(t, found)
		assert.Equal(t, account{
			ID: answer.member(t, "keycloak_user_id"), Username: u, Email: u + "@bank.example", FirstName: "Maria", LastName: "Muster",
			Enabled: true, EmailVerified: true,
			RequiredActions: []string{"UPDATE_PASSWORD", "VERIFY_EMAIL", "webauthn-register"},
			Roles:           []string{role}, Groups: append([]string{}, groups...),
		}, got)
		assert.Equal(t, notFullySetUp, b.signIn(t, u, answer.member(t, "temporary_password")), "the temporary password is right")
		assert.Equal(t, wrongPassword, b.signIn(t, u, "another-Passw0rd!"), "another password is wrong")
	}
}

func createCases() []contractCase {
	const success = `{"status":"success","message":"User {u} synced to Keycloak successfully","keycloak_user_id":"<id>",
		"temporary_password":"<password>","required_actions":["UPDATE_PASSWORD","VERIFY_EMAIL","webauthn-register"]}`
	body := func(role string) string {
		return `{"username":"{u}","email":"{u}@bank.example","role":"` + role + `","firstName":"Maria","lastName":"Muster"}`
	}
	const existsReply = `{"status":"exists","message":"User {u} already exists in Keycloak","keycloak_user_id":"<id>"}`
	cases := []contractCase{
		{
			name:   "create/the web app's whole body",
			method: http.MethodPost, path: "/api/user-sync" + syncPath,
			body: `{"username":"{u}","email":"{u}@bank.example","role":"Cashier","firstName":"Maria","lastName":"Muster","userId":0,
				"officeId":1,"officeName":"Head Office","employeeId":"E7","mobileNumber":null,"unknown":{"a":[1]}}`,
			status: http.StatusCreated, reply: success, header: []string{"Cache-Control: no-store"}, effect: created("teller", "tellers"),
		},
		{
			name:   "create/without names",
			method: http.MethodPost, path: syncPath, body: `{"username":"{u}","email":"{u}@bank.example","role":"Accountant"}`,
			status: http.StatusCreated, reply: success,
			effect: func(t *testing.T, b backend, u string, _ reply) {
				got, _ := b.account(t, u)
				assert.Empty(t, got.FirstName+got.LastName)
				assert.Equal(t, []string{"accountant"}, got.Roles)
			},
		},
		{
			name:   "create/a group that the realm lacks is left out with a warning",
			method: http.MethodPost, path: syncPath, body: body("Branch Manager"), status: http.StatusCreated,
			reply:  `{"status":"success","warnings":["The group 'branch-managers' does not exist and was left out."]}`,
			effect: created("branch-manager"),
		},
		{
			name:   "create/exists with the same e-mail address",
			before: with(exists), method: http.MethodPost, path: syncPath, body: body("Admin"),
			status: http.StatusOK, reply: strings.Replace(existsReply, "Keycloak\"", "Keycloak, but lacks the role admin\"", 1), effect: unchanged(exists),
		},
		{
			name:   "create/exists with the same name and address in other letter case",
			before: with(exists), method: http.MethodPost, path: syncPath,
			body: `{"username":"{U}","email":"{U}@BANK.example","role":"Cashier"}`, status: http.StatusOK,
			reply:  `{"status":"exists","message":"User {U} already exists in Keycloak","keycloak_user_id":"<id>"}`,
			effect: unchanged(exists),
		},
		{
			name:   "create/exists, and the realm lacks the role",
			before: with(exists), method: http.MethodPost, path: syncPath, body: body("Viewer"),
			status: http.StatusOK, reply: `{"status":"exists","drift":{"role":"Viewer"},"warnings":["The role 'Viewer' does not exist in the system."]}`, effect: unchanged(exists),
		},
		{
			name:   "create/exists while disabled",
			before: with(disabled), method: http.MethodPost, path: syncPath, body: body("Cashier"),
			status: http.StatusOK, reply: strings.TrimSuffix(existsReply, "}") + `,"warnings":["The account is switched off."]}`, effect: unchanged(disabled),
		},
	}
	for role, want := range map[string]domain.Assignment{
		"Admin": {Role: "admin", Group: "head-office"}, "System Administrator": {Role: "admin", Group: "head-office"},
		"Super User": {Role: "Super User", Group: "head-office"}, "Super user": {Role: "Super User", Group: "head-office"},
		"Loan Officer": {Role: "loan-officer", Group: "loan-officers"}, "Account Manager": {Role: "account-manager", Group: "account-managers"},
		"Supervisor Accountant": {Role: "Supervisor Accountant"}, "Manager": {Role: "Manager"}, "KYC Manager": {Role: "KYC_MANAGER"},
		"Asset Manager": {Role: "ASSET_MANAGER"}, "Head of Tea": {Role: "staff"}, "  cashier ": {Role: "teller", Group: "tellers"},
	} {
		var groups []string
		if want.Group != "" {
			groups = []string{string(want.Group)}
		}
		cases = append(cases, contractCase{
			name: "create/role " + role, method: http.MethodPost, path: syncPath, body: body(role),
			status: http.StatusCreated, reply: success, effect: created(string(want.Role), groups...),
		})
	}
	return cases
}

func createRefusedCases() []contractCase {
	refused := func(name, body string, status int, reply string) contractCase {
		return contractCase{name: "create refused/" + name, method: http.MethodPost, path: syncPath, body: body, status: status, reply: reply, effect: absent}
	}
	invalid := func(field string) string {
		return `{"status":"error","code":"invalid_field","message":"<text>","fields":{"` + field + `":"<text>"}}`
	}
	typed := refused("not application/json", `{}`, http.StatusUnsupportedMediaType, `{"status":"error","code":"unsupported_media_type","message":"<text>","request_id":"<text>"}`)
	typed.contentType = "text/plain"
	untyped := typed
	untyped.name, untyped.contentType = "create refused/no content type", "none"

	emailTaken := refused("the e-mail address belongs to another user", `{"username":"{u}x","email":"{u}@BANK.example","role":"Cashier"}`,
		http.StatusConflict, `{"status":"error","code":"email_conflict","message":"<text>"}`)
	emailTaken.before = with(exists)
	emailTaken.effect = func(t *testing.T, b backend, u string, answer reply) {
		absent(t, b, u+"x", answer)
		unchanged(exists)(t, b, u, answer)
	}
	nameTaken := refused("the username is another person's", `{"username":"{u}","email":"{u}.other@bank.example","role":"Cashier"}`,
		http.StatusConflict, `{"status":"error","code":"username_conflict","message":"<text>"}`)
	nameTaken.before, nameTaken.effect = with(exists), unchanged(exists)
	without := refused("the account has no e-mail address", `{"username":"{u}","email":"{u}@bank.example","role":"Cashier"}`,
		http.StatusConflict, `{"status":"error","code":"username_conflict","message":"The account has no e-mail address. Please tell your system administrator."}`)
	without.before, without.effect = with(withoutEmail), unchanged(withoutEmail)
	unproved := refused("the account's e-mail address is not verified", `{"username":"{u}","email":"{u}@bank.example","role":"Cashier"}`,
		http.StatusConflict, `{"status":"error","code":"username_conflict","message":"The account's e-mail address is not verified. Please tell your system administrator."}`)
	unproved.before, unproved.effect = with(unverified), unchanged(unverified)
	addressAsName := refused("the username is another person's e-mail address", `{"username":"{u}@bank.example","email":"{u}.other@bank.example","role":"Cashier"}`,
		http.StatusConflict, `{"status":"error","code":"username_conflict","message":"<text>"}`)
	addressAsName.before, addressAsName.effect = with(exists), unchanged(exists)

	return []contractCase{
		refused("username missing", `{"email":"{u}@bank.example","role":"Cashier"}`, 400, `{"status":"error","message":"Missing required field: username"}`),
		refused("everything missing", `{}`, 400, `{"status":"error","message":"Missing required field: username"}`),
		refused("email missing", `{"username":"{u}","role":"Cashier"}`, 400, `{"status":"error","message":"Missing required field: email"}`),
		refused("role missing", `{"username":"{u}","email":"{u}@bank.example"}`, 400, `{"status":"error","message":"Role is required"}`),
		refused("role empty", `{"username":"{u}","email":"{u}@bank.example","role":""}`, 400, `{"status":"error","message":"Role is required"}`),
		refused("role not in the realm", `{"username":"{u}","email":"{u}@bank.example","role":"Viewer"}`, 400,
			`{"status":"error","message":"The role 'Viewer' does not exist in the system."}`),
		refused("username empty", `{"username":"","email":"{u}@bank.example","role":"Cashier"}`, 400, invalid("username")),
		refused("username with a blank", `{"username":"{u} x","email":"{u}@bank.example","role":"Cashier"}`, 400, invalid("username")),
		refused("username of two characters", `{"username":"ab","email":"{u}@bank.example","role":"Cashier"}`, 400, invalid("username")),
		refused("username with a character that the realm refuses", `{"username":"{u}'neil","email":"{u}@bank.example","role":"Cashier"}`, 400, invalid("username")),
		refused("username of 300 characters", `{"username":"`+strings.Repeat("x", 300)+`","email":"{u}@bank.example","role":"Cashier"}`, 400, invalid("username")),
		refused("username a number", `{"username":7,"email":"{u}@bank.example","role":"Cashier"}`, 400, invalid("username")),
		refused("email malformed", `{"username":"{u}","email":"nobody","role":"Cashier"}`, 400, invalid("email")),
		refused("email empty", `{"username":"{u}","email":"","role":"Cashier"}`, 400, invalid("email")),
		refused("email a list", `{"username":"{u}","email":["{u}@bank.example"],"role":"Cashier"}`, 400, invalid("email")),
		refused("role an object", `{"username":"{u}","email":"{u}@bank.example","role":{}}`, 400, invalid("role")),
		refused("first name with a character that the realm refuses", `{"username":"{u}","email":"{u}@bank.example","role":"Cashier","firstName":"<b>"}`, 400, invalid("firstName")),
		refused("office id a fraction", `{"username":"{u}","email":"{u}@bank.example","role":"Cashier","officeId":1.5}`, 400, invalid("officeId")),
		refused("user id below zero", `{"username":"{u}","email":"{u}@bank.example","role":"Cashier","userId":-1}`, 400, invalid("userId")),
		refused("employee id a list", `{"username":"{u}","email":"{u}@bank.example","role":"Cashier","employeeId":["E7"]}`, 400, invalid("employeeId")),
		refused("not JSON", `{"username":`, 400, `{"status":"error","code":"invalid_json","message":"<text>"}`),
		refused("no object", `[]`, 400, `{"status":"error","code":"invalid_json","message":"<text>"}`),
		refused("empty", ``, 400, `{"status":"error","code":"invalid_json","message":"<text>"}`),
		refused("too large", `{"username":"`+strings.Repeat("x", 1<<20)+`"}`, 413, `{"status":"error","code":"body_too_large","message":"<text>"}`),
		typed, untyped, emailTaken, nameTaken, without, unproved, addressAsName,
	}
}
