package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// Disabling must keep a user out at once, and nothing else about the user may change.

func TestSetStatus_SwitchesTheAccountAndSaysSo(t *testing.T) {
	for _, test := range []struct {
		target, name string
		enabled      bool
		want         members
	}{
		{"anna", "anna", false, members{"message": "User anna disabled successfully", "sessions_revoked": true}},
		{"ANNA", "anna", false, members{"message": "User ANNA disabled successfully", "sessions_revoked": true}},
		{"dora", "dora", false, members{"message": "User dora disabled successfully", "sessions_revoked": true}},
		{"dora", "dora", true, members{"message": "User dora enabled successfully"}},
		{"anna", "anna", true, members{"message": "User anna enabled successfully"}},
	} {
		provider := newRealm(t)
		body := `{"enabled":false}`
		if test.enabled {
			body = `{"enabled":true}`
		}
		before := userNamed(t, provider, test.name)

		answer := newAPI(t, provider).send(http.MethodPut, "/users/"+test.target+"/status", body)

		require.Equal(t, http.StatusOK, answer.status, answer.body)
		test.want["status"], test.want["username"], test.want["enabled"] = "success", test.target, test.enabled
		assert.Equal(t, test.want, answer.object())
		before.Enabled = test.enabled
		assert.Equal(t, before, userNamed(t, provider, test.name), "nothing else changes")
	}
}

// signedIn adds a user to the realm who has a session.
func signedIn(t *testing.T, provider *memory.Provider) memory.Session {
	t.Helper()
	_, err := provider.AddUser(domain.User{Username: "sara", Email: "sara@bank.example", Enabled: true}, "Long&Secret11")
	require.NoError(t, err)
	session, err := provider.SignIn("sara", "Long&Secret11")
	require.NoError(t, err)
	return session
}

func TestSetStatus_EndsTheSessionsOfADisabledUser(t *testing.T) {
	provider := newRealm(t)
	session := signedIn(t, provider)
	a := newAPI(t, provider)

	require.Equal(t, http.StatusOK, a.send(http.MethodPut, "/users/sara/status", `{"enabled":false}`).status)
	require.Equal(t, http.StatusOK, a.send(http.MethodPut, "/users/sara/status", `{"enabled":true}`).status)

	assert.False(t, provider.SessionActive(session))
}

func TestSetStatus_LiftsALockWhenItEnablesAgain(t *testing.T) {
	provider := newRealm(t)
	session := signedIn(t, provider)
	require.NoError(t, provider.Lock("sara"))

	require.Equal(t, http.StatusOK, newAPI(t, provider).send(http.MethodPut, "/users/sara/status", `{"enabled":true}`).status)

	_, err := provider.SignIn("sara", "Long&Secret11")
	require.NoError(t, err)
	assert.True(t, provider.SessionActive(session), "enabling ends no session")
}

func TestSetStatus_NeedsTheMemberEnabled(t *testing.T) {
	for _, body := range []string{`{}`, `{"Enabled":true}`, `{"ENABLED":true}`, `{"enable":true}`, `{" enabled":true}`, `{"user":{"enabled":true}}`} {
		provider := newRealm(t)
		newAPI(t, provider).send(http.MethodPut, "/users/anna/status", body).
			failed(http.StatusBadRequest, "missing_field", "Missing 'enabled' field in request body", body)
		untouched(t, provider)
	}
}

func TestSetStatus_TakesBooleansOnly(t *testing.T) {
	for _, value := range []string{"null", `"true"`, `"false"`, `""`, "0", "1", "1.0", "[]", "[true]", "{}", `{"enabled":true}`} {
		provider := newRealm(t)
		answer := newAPI(t, provider).send(http.MethodPut, "/users/anna/status", `{"enabled": `+value+` }`)
		answer.failed(http.StatusBadRequest, "invalid_field", "'enabled' must be a boolean value", value)
		assert.Equal(t, members{"enabled": "must be true or false"}, answer.object()["fields"])
		untouched(t, provider)
	}
}

func TestSetStatus_IgnoresMembersItDoesNotKnow(t *testing.T) {
	provider := newRealm(t)
	answer := newAPI(t, provider).send(http.MethodPut, "/users/anna/status", `{"Enabled":true,"username":"dora","enabled" : false ,"x":null}`)
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	assert.False(t, userNamed(t, provider, "anna").Enabled)
}

func TestSetStatus_LooksAtTheBodyBeforeTheUser(t *testing.T) {
	a := newAPI(t, newRealm(t))
	for _, name := range []string{"nobody", "", "%00", strings.Repeat("a", 300)} {
		target := "/users/" + name + "/status"
		a.send(http.MethodPut, target, `{}`).failed(http.StatusBadRequest, "missing_field", "Missing 'enabled' field in request body", name)
		a.send(http.MethodPut, target, `[]`).failed(http.StatusBadRequest, "invalid_json", "The request body must be a JSON object.", name)
	}
	a.send(http.MethodPut, "/users/nobody/status", `{"enabled":true}`).failed(http.StatusNotFound, "user_not_found", "User nobody not found")
}

// Keycloak checks the whole user at every change, also what it had let pass before.
func TestSetStatus_SaysWhichFieldTheRealmRefuses(t *testing.T) {
	provider := newRealm(t)
	_, err := provider.AddUser(domain.User{Username: "old", FirstName: "<old>", Enabled: true}, "")
	require.NoError(t, err)
	a := newAPI(t, provider)
	for message, answer := range map[string]reply{
		"The account is still on, its sessions ended: its firstName must be edited first.": a.send(http.MethodPut, "/users/old/status", `{"enabled":false}`),
		"Nothing was changed: the user's firstName must be edited first.":                  a.send(http.MethodPost, "/users/old/force-password-change", ""),
	} {
		answer.failed(http.StatusBadRequest, "invalid_field", message)
		assert.Contains(t, answer.object()["fields"], "firstName")
	}
	assert.True(t, userNamed(t, provider, "old").Enabled)
}
