package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The web app shows the first fault only, so the order of the checks is part of the
// contract: username, email, role.

// employeeWith is a body that is right but for the given members; a nil member is null
// and the value absent leaves it out.
func employeeWith(t *testing.T, changed map[string]any) string {
	t.Helper()
	members := map[string]any{"username": "tariq", "email": "tariq@bank.example", "role": "Cashier"}
	for name, value := range changed {
		if value == absent {
			delete(members, name)
		} else {
			members[name] = value
		}
	}
	body, err := json.Marshal(members)
	require.NoError(t, err)
	return string(body)
}

const absent = "(absent)"

type members = map[string]any

// refused sends a body that must be refused with this code and message, and returns
// the answer's member "fields".
func refused(t *testing.T, changed members, code, message string) any {
	t.Helper()
	provider := newRealm(t)
	answer := newAPI(t, provider).send(http.MethodPost, "/sync/user", employeeWith(t, changed))
	answer.failed(http.StatusBadRequest, code, message, "%v", changed)
	untouched(t, provider)
	return answer.object()["fields"]
}

func TestSyncUser_LooksAtMissingMembersInTheOrderOfTheContract(t *testing.T) {
	for _, nothing := range []any{absent, nil} {
		refused(t, members{"username": nothing, "email": nothing, "role": nothing}, "missing_field", "Missing required field: username")
		refused(t, members{"email": nothing, "role": nothing}, "missing_field", "Missing required field: email")
		refused(t, members{"role": nothing}, "missing_field", "Role is required")
	}
}

func TestSyncUser_LooksAtWrongMembersInTheOrderOfTheContract(t *testing.T) {
	wrong := members{"username": 1, "email": 1, "role": 1, "firstName": 1, "lastName": 1}
	for _, member := range []string{"username", "email", "role", "firstName", "lastName"} {
		fields := refused(t, wrong, "invalid_field", "The field '"+member+"' must be a string.")
		assert.Equal(t, members{member: "must be a string"}, fields)
		delete(wrong, member)
	}
	assert.Equal(t, http.StatusCreated, newAPI(t, newRealm(t)).send(http.MethodPost, "/sync/user", employeeWith(t, wrong)).status)
}

// A missing member goes before a malformed one, as in the Python service; of two
// malformed ones the first is named.
func TestSyncUser_LooksForMissingMembersBeforeMalformedOnes(t *testing.T) {
	refused(t, members{"username": "", "email": absent}, "missing_field", "Missing required field: email")
	refused(t, members{"username": "a b", "email": "nobody", "role": absent}, "invalid_field", "The field 'username' must not contain blanks or control characters.")
	refused(t, members{"email": "nobody", "role": absent}, "invalid_field", "The field 'email' must be an e-mail address.")
	refused(t, members{"role": " ", "firstName": 1}, "missing_field", "Role is required")
}

func TestSyncUser_RefusesEveryMemberThatIsNoString(t *testing.T) {
	for _, member := range []string{"username", "email", "role", "firstName", "lastName"} {
		for _, value := range []any{0, 1.5, true, false, []string{"tariq"}, []string{}, map[string]any{}, map[string]any{"text": "tariq"}} {
			fields := refused(t, members{member: value}, "invalid_field", "The field '"+member+"' must be a string.")
			assert.Equal(t, members{member: "must be a string"}, fields)
		}
	}
}

func TestSyncUser_RefusesMalformedUsernames(t *testing.T) {
	const blanks = "must not contain blanks or control characters"
	for username, problem := range map[string]string{
		"":                       "must not be empty",
		" ":                      blanks,
		"ta riq":                 blanks,
		" tariq":                 blanks,
		"tariq\n":                blanks,
		"tar\u00a0iq":            blanks,
		"tar\x00iq":              blanks,
		strings.Repeat("ü", 256): "must be at most 255 characters long",
	} {
		fields := refused(t, members{"username": username}, "invalid_field", "The field 'username' "+problem+".")
		assert.Equal(t, members{"username": problem}, fields, "%q", username)
	}
}

func TestSyncUser_RefusesMalformedAddresses(t *testing.T) {
	for _, email := range []string{
		"tariq", "tariq@", "@bank.example", "tariq@bank.example ", "Tariq <tariq@bank.example>", "<tariq@bank.example>",
		"tariq@bank.example, anna@bank.example", "tariq@bank.example\nBcc: all@bank.example", "ta riq@bank.example",
		strings.Repeat("t", 256-len("@bank.example")) + "@bank.example",
	} {
		fields := refused(t, members{"email": email}, "invalid_field", "The field 'email' must be an e-mail address.")
		assert.Equal(t, members{"email": "must be an e-mail address"}, fields, "%q", email)
	}
	assert.Equal(t, members{"email": "must not be empty"}, refused(t, members{"email": ""}, "invalid_field", "The field 'email' must not be empty."))
}

func TestSyncUser_RefusesAnEmptyRole(t *testing.T) {
	for _, role := range []string{"", " ", "\t\n"} {
		refused(t, members{"role": role}, "missing_field", "Role is required")
	}
}

// encoding/json alone would take "Username" for username.
func TestSyncUser_TakesNamesOfMembersExactly(t *testing.T) {
	refused(t, members{"username": absent, "Username": "tariq", "USERNAME": "tariq", "userName": "tariq"}, "missing_field", "Missing required field: username")
	refused(t, members{"email": absent, "Email": "tariq@bank.example"}, "missing_field", "Missing required field: email")
	refused(t, members{"role": absent, "Role": "Cashier", " role": "Cashier"}, "missing_field", "Role is required")

	provider := newRealm(t)
	answer := newAPI(t, provider).send(http.MethodPost, "/sync/user",
		employeeWith(t, members{"USERNAME": "other", "Email": 1, "ROLE": "Admin", "firstname": "Other", "first_name": "Other"}))
	require.Equal(t, http.StatusCreated, answer.status, answer.body)
	assert.Empty(t, userNamed(t, provider, "tariq").FirstName)
}

func TestSyncUser_IgnoresMembersItDoesNotKnow(t *testing.T) {
	for name, unknown := range map[string]members{
		"of any type":            {"userid": nil, "office": []int{1}, "office_name": members{"name": "x"}, "x": true},
		"that would be tempting": {"enabled": false, "realmRoles": []string{"admin"}, "groups": []string{"head-office"}, "attributes": members{}, "password": "x"},
	} {
		provider := newRealm(t)
		a := newAPI(t, provider)
		answer := a.send(http.MethodPost, "/sync/user", employeeWith(t, unknown))
		require.Equal(t, http.StatusCreated, answer.status, "%s: %s", name, answer.body)
		assert.True(t, userNamed(t, provider, "tariq").Enabled)
		status := a.send(http.MethodGet, "/users/tariq/keycloak-status", "").object()["keycloak_user"].(members)
		assert.Equal(t, []any{"teller"}, status["roles"], name)
		assert.Equal(t, []any{"tellers"}, status["groups"], name)
	}
}

func TestSyncUser_TakesAbsentNamesAndNullForEmpty(t *testing.T) {
	for _, nothing := range []any{absent, nil, ""} {
		provider := newRealm(t)
		answer := newAPI(t, provider).send(http.MethodPost, "/sync/user", employeeWith(t, members{"firstName": nothing, "lastName": nothing}))
		require.Equal(t, http.StatusCreated, answer.status, answer.body)
		user := userNamed(t, provider, "tariq")
		assert.Empty(t, user.FirstName+user.LastName)
	}
}
