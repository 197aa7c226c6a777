package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// Where passwords go by mail, none may show in the answer; where they do not, the answer
// stays as the web app knows it.

func delivering(delivery app.Delivery) func(*settings) {
	return func(with *settings) { with.app.Delivery = delivery }
}

func TestDelivery_TheAnswerHasThePasswordOrSaysWhereTheMailWent(t *testing.T) {
	for delivery, want := range map[app.Delivery]struct{ password, mail bool }{
		app.DeliverInResponse: {true, false}, app.DeliverByEmail: {false, true}, app.DeliverBoth: {true, true},
	} {
		provider := newRealm(t)
		answer := newAPI(t, provider, delivering(delivery)).send(http.MethodPost, "/sync/user", employeeWith(t, members{"email": "Tariq@bank.example"}))
		require.Equal(t, http.StatusCreated, answer.status, answer.body)
		object := answer.object()
		expected := members{
			"status": "success", "message": "User tariq synced to Keycloak successfully", "keycloak_user_id": string(userNamed(t, provider, "tariq").ID),
			"required_actions": []any{"UPDATE_PASSWORD", "VERIFY_EMAIL", "webauthn-register"},
		}
		if want.password {
			expected["temporary_password"] = object["temporary_password"]
			_, err := provider.SignIn("tariq", object["temporary_password"].(string))
			require.ErrorIs(t, err, memory.NotSetUp)
		}
		if want.mail {
			expected["email_sent_to"] = "Tariq@bank.example"
			assert.Equal(t, []string{"tariq@bank.example"}, provider.Mails())
		} else {
			assert.Empty(t, provider.Mails())
		}
		assert.Equal(t, expected, object, delivery)
	}
}

// The web app looks at the list; null, or nothing, would end it.
func TestDelivery_RequiredActionsAreAListAlsoWhenThereAreNone(t *testing.T) {
	a := newAPI(t, newRealm(t), delivering(app.DeliverByEmail), func(with *settings) { with.app.RequiredActions = nil })
	answer := a.send(http.MethodPost, "/sync/user", employee)
	require.Equal(t, http.StatusCreated, answer.status, answer.body)
	assert.Equal(t, []any{}, answer.object()["required_actions"])
	assert.NotContains(t, a.send(http.MethodPost, "/sync/user", employee).body, "required_actions", "not in the answer for a user who exists")
}

func TestDelivery_AMailThatFailsIsAWarning(t *testing.T) {
	for kind, problem := range map[error]string{
		domain.EmailDeliveryFailed: "could not be sent",
		domain.Unavailable:         "may not have gone out",
		errForeign:                 "could not be sent",
	} {
		provider := newRealm(t)
		failures := failing{provider, map[string]error{"SendActionsMail": failureOf(kind)}}
		a := newAPI(t, failures, delivering(app.DeliverByEmail), func(with *settings) { with.app.ResetCooldown = budget })
		answer := a.send(http.MethodPost, "/sync/user", employee)
		require.Equal(t, http.StatusCreated, answer.status, answer.body)
		object := answer.object()
		assert.Equal(t, "User tariq synced to Keycloak successfully, but the mail "+problem, object["message"])
		assert.Equal(t, []any{`The mail to choose a password ` + problem + `. Please use "reset password".`}, object["warnings"])
		assert.NotContains(t, object, "email_sent_to")
		assert.NotContains(t, object, "temporary_password")

		// What the sentence tells one to do works at once.
		delete(failures.errs, "SendActionsMail")
		answer = a.send(http.MethodPost, "/users/tariq/reset-password", "")
		assert.Equal(t, http.StatusOK, answer.status, answer.body)
	}
}

// A user who exists is the answer, however late the mail makes it.
func TestDelivery_AMailThatHangsIsAWarningWithinTheRequestsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, hanging{newRealm(t), "SendActionsMail"}, delivering(app.DeliverBoth), within)
		answer := a.send(http.MethodPost, "/sync/user", employee)
		require.Equal(t, http.StatusCreated, answer.status, answer.body)
		assert.Equal(t, []any{`The mail to choose a password may not have gone out. Please use "reset password".`}, answer.object()["warnings"])
		assert.NotEmpty(t, answer.object()["temporary_password"])
		assert.Equal(t, "User tariq synced to Keycloak successfully", answer.object()["message"], "it is not the only way to a password")
	})
}

// A password that is not handed out must not show anywhere else either.
func TestDelivery_ThePasswordIsInTheAnswerAsItWasMade(t *testing.T) {
	for range 50 {
		provider := newRealm(t)
		a := newAPI(t, provider)
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/sync/user", strings.NewReader(employee))
		request.Header.Set("Content-Type", jsonType)
		answer := a.do(request)
		password := answer.object()["temporary_password"].(string)
		assert.Contains(t, answer.body, `"temporary_password":"`+password+`"`, "without escapes")
		assert.NotContains(t, a.log.String(), password)
	}
}
