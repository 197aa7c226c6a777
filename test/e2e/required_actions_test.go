package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// The realm is shared: what the tests switch off in it they do one after the other.
func TestRequiredActions(t *testing.T) {
	realm, sink := pagesRealm(t, "actions")
	t.Run("address not verified", func(t *testing.T) { testAddressNotVerified(t, realm, sink) })
	t.Run("what the realm can do", func(t *testing.T) { testActionsOfTheRealm(t, realm, sink) })
	t.Run("without UPDATE_PASSWORD", func(t *testing.T) { testWithoutUpdatePassword(t, realm, sink) })
}

// Where the bank does not vouch for the address, the user proves it at the first
// sign-in by a link.
func testAddressNotVerified(t *testing.T, realm *keycloaktest.Realm, sink *keycloaktest.Sink) {
	t.Helper()
	settings := map[string]string{"REQUIRED_ACTIONS": "UPDATE_PASSWORD, VERIFY_EMAIL", "EMAIL_VERIFIED": "false"}
	p := serveSetting(t, realm, realm.URL, settings)
	reply := hire(t, p, "unverified", "")
	user, _ := realmAccount(t, realm, "unverified")
	assert.False(t, user.EmailVerified)

	visit, page := visitAs(t, realm, "unverified", reply.Password)
	asked := []string{}
	for range 2 { // Keycloak's versions ask in different orders.
		if page.AsksForNewPassword() {
			asked = append(asked, "password")
			page = choosePassword(t, visit, page)
			continue
		}
		asked = append(asked, "address")
		assert.Contains(t, page.Text, "verify your email address")
		mails := sink.MailsTo(addressOf("unverified"))
		require.Len(t, mails, 1)
		var err error
		page, err = visit.Open(t.Context(), mails[0].Link())
		require.NoError(t, err)
	}
	assert.ElementsMatch(t, []string{"password", "address"}, asked)
	_, err := visit.Finish(t.Context(), page)
	require.NoError(t, err)
	user, _ = realmAccount(t, realm, "unverified")
	assert.True(t, user.EmailVerified)
}

// Keycloak forgets actions that it does not know and keeps those that are switched off,
// which it can then never let the user finish. Users get what the realm can do, the
// reply says what that is, and they get in.
func testActionsOfTheRealm(t *testing.T, realm *keycloaktest.Realm, sink *keycloaktest.Sink) {
	t.Helper()
	switchActionOff(t, realm, "webauthn-register")
	for _, c := range []struct {
		name    string
		asked   string // REQUIRED_ACTIONS; empty: the default
		actions []string
		warned  []string // each is named in a warning
	}{
		{"switched off", "", []string{"UPDATE_PASSWORD", "VERIFY_EMAIL"}, []string{"webauthn-register"}},
		{"unknown", "UPDATE_PASSWORD,dance-a-tango", []string{"UPDATE_PASSWORD"}, []string{"dance-a-tango"}},
		{"both", "UPDATE_PASSWORD,webauthn-register,dance-a-tango,verify_email", []string{"UPDATE_PASSWORD"}, []string{"webauthn-register", "dance-a-tango", "verify_email"}},
		{"without the password", "VERIFY_EMAIL", []string{"UPDATE_PASSWORD", "VERIFY_EMAIL"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings := map[string]string{"TEMPORARY_PASSWORD_DELIVERY": "both"}
			if c.asked != "" {
				settings["REQUIRED_ACTIONS"] = c.asked
			}
			p := serveSetting(t, realm, realm.URL, settings)
			username := dotted(c.name)
			reply := hire(t, p, username, "")
			user, _ := realmAccount(t, realm, username)
			assert.ElementsMatch(t, c.actions, user.RequiredActions)
			assert.ElementsMatch(t, user.RequiredActions, reply.Actions, "the reply says what is there")
			assert.Equal(t, len(c.warned) == 0, len(reply.Warnings) == 0, reply.Warnings)
			for _, action := range c.warned {
				assert.Contains(t, strings.Join(reply.Warnings, "\n"), action)
			}
			assert.Equal(t, addressOf(username), reply.EmailSent, "the mail asks for what the realm cannot do")

			visit, page := visitAs(t, realm, username, reply.Password)
			_, err := visit.Finish(t.Context(), choosePassword(t, visit, page))
			assert.NoError(t, err)
			visit, page = openMail(t, realm, sink, username)
			choosePassword(t, visit, page)
			grant, err := realm.Login(t.Context(), username, chosenPassword)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, grant.Status, grant.Description)
		})
	}
}

// A realm that has switched off the change of passwords: Keycloak still demands it of
// who has a temporary one and lets the user pass, but a link leads to no password then,
// which is not passed over in silence. The reply says what is there.
func testWithoutUpdatePassword(t *testing.T, realm *keycloaktest.Realm, sink *keycloaktest.Sink) {
	t.Helper()
	switchActionOff(t, realm, "UPDATE_PASSWORD")
	for _, delivery := range []string{"response", "email"} {
		t.Run(delivery, func(t *testing.T) {
			p := serveSetting(t, realm, realm.URL, delivering(delivery))
			reply := hire(t, p, "by."+delivery, "")
			user, _ := realmAccount(t, realm, "by."+delivery)
			assert.ElementsMatch(t, user.RequiredActions, reply.Actions)
			require.Len(t, reply.Warnings, 1)
			assert.Contains(t, reply.Warnings[0], "'UPDATE_PASSWORD' is not available")
			if delivery == "response" {
				assertSignsIn(t, realm, "by."+delivery, reply.Password)
			} else {
				_, page := openMail(t, realm, sink, "by."+delivery)
				assert.False(t, page.AsksForNewPassword(), "the warning is right")
			}
		})
	}
	forced := func(t *testing.T, p *program) {
		t.Helper()
		for _, username := range []string{"by.response", "by.email"} { // Only of the first it is required.
			before, _ := realmAccount(t, realm, username)
			answer := p.send(t, http.MethodPost, "/users/"+username+"/force-password-change", "")
			assert.Equal(t, http.StatusConflict, answer.status, answer.body)
			assertMembers(t, `{"status":"error","code":"action_unavailable","message":"Users of this realm cannot be made to change their passwords."}`, answer.body)
			after, _ := realmAccount(t, realm, username)
			assert.Equal(t, before, after)
		}
	}
	t.Run("force", func(t *testing.T) { forced(t, serveRealm(t, realm, realm.URL)) })
	t.Run("reset", func(t *testing.T) {
		answer := serveRealm(t, realm, realm.URL).send(t, http.MethodPost, "/users/by.response/reset-password", "")
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		assert.Contains(t, answer.body, "'UPDATE_PASSWORD' is not available")
		_, page := openMail(t, realm, sink, "by.response")
		assert.False(t, page.AsksForNewPassword(), "the warning is right")
	})
	t.Run("not registered", func(t *testing.T) {
		require.NoError(t, realm.Call(t.Context(), http.MethodDelete, "/authentication/required-actions/UPDATE_PASSWORD", nil, nil))
		forced(t, serveRealm(t, realm, realm.URL))
	})
}
