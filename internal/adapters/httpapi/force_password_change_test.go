package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// A required action that gets lost here, a second factor for one, is a hole.

func TestForcePasswordChange_AddsTheActionAndKeepsTheOthers(t *testing.T) {
	provider := newRealm(t)
	before := userNamed(t, provider, "anna")

	answer := newAPI(t, provider).send(http.MethodPost, "/users/Anna/force-password-change", "")

	require.Equal(t, http.StatusOK, answer.status, answer.body)
	assert.Equal(t, members{
		"status":   "success",
		"message":  "User Anna will be required to change password on next login",
		"username": "Anna",
	}, answer.object())
	after := userNamed(t, provider, "anna")
	assert.ElementsMatch(t, []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail}, after.RequiredActions)
	after.RequiredActions = before.RequiredActions
	assert.Equal(t, before, after, "nothing else changes")
}

func TestForcePasswordChange_WritesNothingWhenItIsRequiredAlready(t *testing.T) {
	// A write would fail.
	provider := failing{newRealm(t), map[string]error{"SetRequiredActions": domain.Internal}}

	answer := newAPI(t, provider).send(http.MethodPost, "/users/forced/force-password-change", "")

	require.Equal(t, http.StatusOK, answer.status, answer.body)
	assert.Equal(t, members{
		"status":   "success",
		"message":  "User forced already has password change required",
		"username": "forced",
	}, answer.object())
}

func TestForcePasswordChange_SaysWhenThereIsNoSuchUser(t *testing.T) {
	newAPI(t, newRealm(t)).send(http.MethodPost, "/users/nobody/force-password-change", "").
		failed(http.StatusNotFound, "user_not_found", "User nobody not found")
}
