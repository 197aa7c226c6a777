package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The web app shows what it reads here without a check.

func TestGetStatus_ShowsTheWholeUser(t *testing.T) {
	provider := newRealm(t)
	for _, given := range []string{"anna", "ANNA"} {
		answer := newAPI(t, provider).send(http.MethodGet, "/users/"+given+"/keycloak-status", "")
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		assert.Equal(t, members{"status": "success", "keycloak_user": members{
			"id":              string(userNamed(t, provider, "anna").ID),
			"username":        "anna",
			"email":           "anna@bank.example",
			"firstName":       "Anna",
			"lastName":        "Moyo",
			"enabled":         true,
			"emailVerified":   true,
			"requiredActions": []any{"VERIFY_EMAIL"},
			"roles":           []any{"teller"},
			"groups":          []any{"tellers"},
		}}, answer.object())
	}
}

// The web app calls methods of these lists and texts; null would end it.
func TestGetStatus_ShowsAbsentListsAndTextsAsEmpty(t *testing.T) {
	provider := newRealm(t)
	answer := newAPI(t, provider).send(http.MethodGet, "/users/nomail/keycloak-status", "")
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	assert.Equal(t, members{
		"id":              string(userNamed(t, provider, "nomail").ID),
		"username":        "nomail",
		"email":           "",
		"firstName":       "",
		"lastName":        "",
		"enabled":         true,
		"emailVerified":   false,
		"requiredActions": []any{},
		"roles":           []any{},
		"groups":          []any{},
	}, answer.object()["keycloak_user"])
}

// Here alone the word in "status" is another one.
func TestGetStatus_SaysNotFoundInItsOwnWords(t *testing.T) {
	answer := newAPI(t, newRealm(t)).send(http.MethodGet, "/users/Nobody/keycloak-status", "")
	answer.failed(http.StatusNotFound, "user_not_found", "User Nobody not found in Keycloak")
	assert.Equal(t, "not_found", answer.object()["status"])
}
