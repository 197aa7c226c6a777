package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The administrator must know where the mail went, or why none did.

func TestResetPassword_MailsTheUserAndSaysWhere(t *testing.T) {
	for _, given := range []string{"anna", "Anna"} {
		provider := newRealm(t)
		before := provider.Users()

		answer := newAPI(t, provider).send(http.MethodPost, "/users/"+given+"/reset-password", "")

		require.Equal(t, http.StatusOK, answer.status, answer.body)
		assert.Equal(t, members{
			"status":   "success",
			"message":  "Password reset email sent to anna@bank.example",
			"username": given,
			"email":    "anna@bank.example",
		}, answer.object())
		assert.Equal(t, []string{"anna@bank.example"}, provider.Mails())
		assert.Equal(t, before, provider.Users(), "the old password works until the link is used")
	}
}

func TestResetPassword_SaysWhyNoMailWentOut(t *testing.T) {
	provider := newRealm(t)
	a := newAPI(t, provider)
	a.send(http.MethodPost, "/users/nobody/reset-password", "").failed(http.StatusNotFound, "user_not_found", "User nobody not found")
	a.send(http.MethodPost, "/users/nomail/reset-password", "").failed(http.StatusBadRequest, "no_email", "User has no email address configured")
	a.send(http.MethodPost, "/users/dora/reset-password", "").
		failed(http.StatusConflict, "user_disabled", "The user is disabled. Please enable the user first.")
	provider.FailMails(true)
	a.send(http.MethodPost, "/users/anna/reset-password", "").
		failed(http.StatusBadGateway, "email_delivery_failed", "The mail could not be sent. Please check the realm's SMTP settings.")
	assert.Empty(t, provider.Mails())
}
