package httpapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// What Fineract knows of an employee ends up in access tokens, so every digit counts.

// attributed are the two routes that take attributes, each with a body that has %s for
// further members, and the user that they are about.
var attributed = []struct {
	method, target, body, username string
	status                         int
}{
	{http.MethodPost, "/sync/user", `{"username":"tariq","email":"tariq@bank.example","role":"Cashier",%s}`, "tariq", http.StatusCreated},
	{http.MethodPut, "/users/anna", `{"lastName":"Edited",%s}`, "anna", http.StatusOK},
}

// attributesOf are the user's, but for the role.
func attributesOf(t *testing.T, provider *memory.Provider, username string) domain.Attributes {
	t.Helper()
	attributes := domain.Attributes{}
	maps.Copy(attributes, userNamed(t, provider, username).Attributes)
	delete(attributes, domain.FineractRoleName)
	return attributes
}

func TestAttributes_AreKeptAsSent(t *testing.T) {
	for sent, want := range map[string]domain.Attributes{
		// As the web app sends them.
		`"userId":42,"officeId":1,"officeName":"Head Office"`: {domain.FineractUserID: "42", domain.OfficeID: "1", domain.OfficeName: "Head Office"},
		`"userId":0,"officeId":1`:                             {domain.OfficeID: "1"},
		`"employeeId":"EMP042","mobileNumber":"+254 700 1"`:   {domain.EmployeeID: "EMP042", domain.MobileNumber: "+254 700 1"},
		// Numbers of all lengths, as numbers and as texts.
		`"userId":"42","officeId":"0"`:                                    {domain.FineractUserID: "42", domain.OfficeID: "0"},
		`"userId":9223372036854775807,"officeId":9007199254740993`:        {domain.FineractUserID: "9223372036854775807", domain.OfficeID: "9007199254740993"},
		`"userId":"9223372036854775807","officeId":"1000000000000000000"`: {domain.FineractUserID: "9223372036854775807", domain.OfficeID: "1000000000000000000"},
		`"userId":"007","officeId":"\u0034\u0032"`:                        {domain.FineractUserID: "7", domain.OfficeID: "42"},
		`"userId":"0","officeId":0`:                                       {domain.OfficeID: "0"},
		`"userId":"000"`:                                                  {},
		// Texts are not looked into.
		`"officeName":" Head\u00a0Office ","employeeId":"0042"`: {domain.OfficeName: " Head\u00a0Office ", domain.EmployeeID: "0042"},
		`"officeName":"` + strings.Repeat("ü", 255) + `"`:       {domain.OfficeName: strings.Repeat("ü", 255)},
		`"officeName":"<b>&\"é","employeeId":"#1/2"`:            {domain.OfficeName: `<b>&"é`, domain.EmployeeID: "#1/2"},
		// Numbers where texts are expected: their decimal text, of all their digits.
		`"employeeId":3,"mobileNumber":254700000001,"officeName":0`:                  {domain.EmployeeID: "3", domain.MobileNumber: "254700000001", domain.OfficeName: "0"},
		`"employeeId":12345678901234567890123,"mobileNumber":-7`:                     {domain.EmployeeID: "12345678901234567890123", domain.MobileNumber: "-7"},
		`"employeeId":1.50,"mobileNumber":-0,"officeName":-0.0`:                      {domain.EmployeeID: "1.50", domain.MobileNumber: "0", domain.OfficeName: "0.0"},
		`"employeeId":1e3,"mobileNumber":2.547E+11,"officeName":-1.25e-3`:            {domain.EmployeeID: "1000", domain.MobileNumber: "254700000000", domain.OfficeName: "-0.00125"},
		`"employeeId":0e9,"mobileNumber":-0E-5,"officeName":1.234567890123456789e18`: {domain.EmployeeID: "0", domain.MobileNumber: "0", domain.OfficeName: "1234567890123456789"},
		// Nothing.
		`"userId":null,"officeId":null,"officeName":null,"employeeId":null,"mobileNumber":null`: {},
		`"userId":"","officeId":" ","officeName":"","employeeId":" ","mobileNumber":"\t\n"`:     {},
		// Names of members are exact.
		`"userid":1,"office_id":2,"OfficeName":"x","fineract_user_id":3`: {},
	} {
		for _, route := range attributed {
			provider := newRealm(t)
			answer := newAPI(t, provider).send(route.method, route.target, fmt.Sprintf(route.body, sent))
			require.Equal(t, route.status, answer.status, "%s: %s", sent, answer.body)
			assert.Equal(t, want, attributesOf(t, provider, route.username), "%s in %s", sent, route.target)
		}
	}
}

func TestAttributes_ThatANewUserLacksAreNotOnRecord(t *testing.T) {
	a := newAPI(t, newRealm(t))
	a.send(http.MethodPost, "/sync/user", fmt.Sprintf(attributed[0].body, `"userId":0,"officeId":"","officeName":" ","employeeId":"E1"`))
	after := a.audit.only(t).After
	assert.Equal(t, "E1", after["employee_id"])
	for _, name := range []string{"fineract_user_id", "office_id", "office_name"} {
		assert.NotContains(t, after, name)
	}
}

func TestAttributes_OfTheWrongKindAreRefused(t *testing.T) {
	const number, text, broken = "must be a whole number, not below zero", "must be a string or a number", "contains a broken character"
	wrong := map[string]map[string][]string{
		"userId": {number: {
			"-1", "1.5", "1.0", "-0", "1e3", "1E3", "1e-3", "9223372036854775808", "18446744073709551616", "99999999999999999999999", "true", "false",
			"[]", "[1]", "{}", `{"id":1}`, `"-1"`, `"+1"`, `"1.0"`, `"1e3"`, `" 42"`, `"42 "`, `"4 2"`, `"0x10"`, `"1_000"`, `"٤٢"`, `"abc"`, `"9223372036854775808"`, `"4\ud8002"`,
		}},
		"officeName": {
			text:                                  {"true", "false", "[]", `["x"]`, "{}", `{"x":1}`},
			broken:                                {`"Head\ud800Office"`},
			"must be at most 255 characters long": {`"` + strings.Repeat("x", 256) + `"`, strings.Repeat("1", 256), "1e255", "1e-300", "1e999999999", "-1e99999999999999999999"},
			"must not contain control characters": {`"a\u0000"`, `"a\nb"`, `"\ttab"`, `"a\u007f"`, `"a\u0085"`},
			"must not contain invisible or unassigned characters": {`"bo\u200bss"`, `"\u202ea"`, `"a\u2028"`, `"\u200d"`},
		},
	}
	wrong["officeId"], wrong["employeeId"], wrong["mobileNumber"] = wrong["userId"], wrong["officeName"], wrong["officeName"]
	for member, problems := range wrong {
		for problem, values := range problems {
			for _, value := range values {
				for _, route := range attributed {
					provider := newRealm(t)
					answer := newAPI(t, provider).send(route.method, route.target, fmt.Sprintf(route.body, `"`+member+`":`+value))
					answer.failed(http.StatusBadRequest, "invalid_field", "The field '"+member+"' "+problem+".", "%s: %s", route.target, value)
					assert.Equal(t, members{member: problem}, answer.object()["fields"], value)
					untouched(t, provider)
				}
			}
		}
	}
}

// The role is an attribute too, and must be fit for one.
func TestAttributes_TheRoleIsKeptAsSent(t *testing.T) {
	for _, route := range attributed {
		role := func(text string) string {
			body := strings.Replace(route.body, `"role":"Cashier",`, "", 1)
			return fmt.Sprintf(body, `"role":"`+text+`"`)
		}
		for sent, kept := range map[string]string{
			"Loan Officer": "Loan Officer", "loan officer": "loan officer", " Loan Officer\\n": "Loan Officer", "Tea Maker": "Tea Maker", "Chef de Bureau é": "Chef de Bureau é",
		} {
			provider := newRealm(t)
			answer := newAPI(t, provider).send(route.method, route.target, role(sent))
			require.Equal(t, route.status, answer.status, "%s: %s", sent, answer.body)
			assert.Equal(t, kept, userNamed(t, provider, route.username).Attributes[domain.FineractRoleName])
		}
		for sent, problem := range map[string]string{
			strings.Repeat("x", 256): "must be at most 255 characters long", "Loan\\u0000Officer": "must not contain control characters", "Loan\\nOfficer": "must not contain control characters",
			"Ad\\u200bmin": "must not contain invisible or unassigned characters",
		} {
			provider := newRealm(t)
			newAPI(t, provider).send(route.method, route.target, role(sent)).failed(http.StatusBadRequest, "invalid_field", "The field 'role' "+problem+".")
			untouched(t, provider)
		}
	}
}

func TestAttributes_AreLookedAtInOrderAndLast(t *testing.T) {
	order := []string{"username", "email", "role", "firstName", "lastName", "userId", "officeId", "officeName", "employeeId", "mobileNumber"}
	for _, route := range attributed {
		wrong := members{}
		for _, member := range order {
			wrong[member] = true
		}
		for _, member := range order {
			answer := newAPI(t, newRealm(t)).send(route.method, route.target, employeeWith(t, wrong))
			assert.Contains(t, answer.object()["message"], "'"+member+"'", route.target)
			wrong[member] = map[string]any{"username": route.username, "email": "tariq@bank.example"}[member]
			if wrong[member] == nil {
				wrong[member] = "1"
			}
		}
	}
}

func TestAttributes_ThatTheRealmDoesNotKeepAreNamedInAWarning(t *testing.T) {
	for _, route := range attributed {
		provider := memory.New(memory.Realm{
			Roles: []domain.RealmRole{"teller"}, Groups: []domain.Group{"tellers"}, LacksAttributes: []domain.Attribute{domain.OfficeID, domain.EmployeeID},
		})
		_, err := provider.AddUser(domain.User{Username: "anna", Email: "anna@bank.example", Enabled: true}, "")
		require.NoError(t, err)
		answer := newAPI(t, provider).send(route.method, route.target, fmt.Sprintf(route.body, `"userId":42,"officeId":1,"employeeId":"E1"`))
		require.Equal(t, route.status, answer.status, answer.body)
		assert.Equal(t, []any{"attributes not stored: employee_id, office_id"}, answer.object()["warnings"], route.target)
		assert.Equal(t, domain.Attributes{domain.FineractUserID: "42"}, attributesOf(t, provider, route.username))
	}
}

// The web app knows its own names of members, not the realm's.
func TestAttributes_ThatTheRealmRefusesGoByTheirMembers(t *testing.T) {
	refusal := func(fields map[string]string) error { return &domain.Error{Kind: domain.InvalidField, Fields: fields} }
	for name, test := range map[string]struct {
		err     error
		message string
		fields  members
	}{
		"one": {refusal(map[string]string{"employee_id": "is not allowed"}),
			"The field 'employeeId' is not allowed.", members{"employeeId": "is not allowed"}},
		"all": {refusal(map[string]string{"fineract_user_id": "1", "office_id": "2", "office_name": "3", "employee_id": "4", "mobile_number": "5", "fineract_role": "6"}),
			"The field 'employeeId' 4.", members{"userId": "1", "officeId": "2", "officeName": "3", "employeeId": "4", "mobileNumber": "5", "role": "6"}},
		"and others": {refusal(map[string]string{"fineract_role": "x", "email": "y", "branch_id": "z"}),
			"The field 'branch_id' z.", members{"role": "x", "email": "y", "branch_id": "z"}},
	} {
		failures := map[string]error{"CreateUser": test.err, "UpdateUser": test.err}
		for _, route := range attributed {
			answer := newAPI(t, failing{newRealm(t), failures}).send(route.method, route.target, fmt.Sprintf(route.body, `"userId":42`))
			answer.failed(http.StatusBadRequest, "invalid_field", test.message, name)
			assert.Equal(t, test.fields, answer.object()["fields"], name)
		}
	}
	failures := map[string]error{"SetEnabled": refusal(map[string]string{"employee_id": "is not allowed", "fineract_role": "is not allowed"})}
	answer := newAPI(t, failing{newRealm(t), failures}).send(http.MethodPut, "/users/anna/status", `{"enabled":true}`)
	answer.failed(http.StatusBadRequest, "invalid_field", "Nothing was changed: the user's employeeId, role must be edited first.")
}
