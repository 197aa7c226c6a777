package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// Somebody has lost a telephone: what is signed in there must be out at once.

func TestEndSessions_EndsThemAndChangesNothingElse(t *testing.T) {
	for _, given := range []string{"ines", "INES"} {
		provider := newRealm(t)
		_, err := provider.AddUser(domain.User{Username: "ines", Enabled: true}, "Long&Secret11")
		require.NoError(t, err)
		session, err := provider.SignIn("ines", "Long&Secret11")
		require.NoError(t, err)
		before := provider.Users()

		answer := newAPI(t, provider).send(http.MethodPost, "/users/"+given+"/logout", "")

		require.Equal(t, http.StatusOK, answer.status, answer.body)
		assert.Equal(t, members{
			"status": "success", "message": "All sessions of user " + given + " were ended", "username": given, "sessions_revoked": true,
		}, answer.object())
		assert.False(t, provider.SessionActive(session))
		assert.Equal(t, before, provider.Users())
	}
}

func TestEndSessions_SaysWhenThereIsNoSuchUser(t *testing.T) {
	newAPI(t, newRealm(t)).send(http.MethodPost, "/users/Nobody/logout", "").failed(http.StatusNotFound, "user_not_found", "User Nobody not found")
}
