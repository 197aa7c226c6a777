package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// chosenPassword is what users of these tests choose for themselves.
const chosenPassword = "My-0wn-Passw0rd"

// pagesRealm makes a realm at whose pages users sign in, which keeps the service's
// attributes for administrators only. The mails go to the sink.
func pagesRealm(t *testing.T, name string, change ...func(rep map[string]any)) (*keycloaktest.Realm, *keycloaktest.Sink) {
	t.Helper()
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: name, CheapHash: true, SMTPPort: sink.Port(), Mutate: func(rep map[string]any) {
		letLogInAgain(rep)
		keycloaktest.AddWebClient(rep)
		for _, c := range change {
			c(rep)
		}
	}})
	keepAttributes(t, realm)
	return realm, sink
}

// serveSetting is serveRealm with variables of the environment, "NAME=value".
func serveSetting(t *testing.T, realm *keycloaktest.Realm, keycloakURL string, variables map[string]string) *program {
	t.Helper()
	environment := environmentFor(realm, keycloakURL)
	for name, value := range variables {
		environment[name] = value
	}
	return serveWith(t, realm, environment)
}

// passwordOnly leaves out the required actions that take more than a browser without
// scripts.
func passwordOnly() map[string]string {
	return map[string]string{"REQUIRED_ACTIONS": "UPDATE_PASSWORD"}
}

// hire has the program create a cashier. Further members of the body are in JSON.
func hire(t *testing.T, p *program, username, members string) created201 {
	t.Helper()
	body := fmt.Sprintf(`{"username":%q,"email":%q,"role":"Cashier","firstName":"Nora","lastName":"New"%s}`, username, addressOf(username), members)
	answer := p.send(t, http.MethodPost, syncPath, body)
	require.Equal(t, http.StatusCreated, answer.status, answer.body)
	reply := created201{Body: answer.body}
	require.NoError(t, json.Unmarshal([]byte(answer.body), &reply))
	return reply
}

// created201 is the reply to a creation. What it lacks is empty.
type created201 struct {
	Body      string   `json:"-"`
	UserID    string   `json:"keycloak_user_id"`
	Password  string   `json:"temporary_password"`
	EmailSent string   `json:"email_sent_to"`
	Actions   []string `json:"required_actions"`
	Warnings  []string `json:"warnings"`
}

// addressOf is the e-mail address of a user of these tests.
func addressOf(username string) string {
	return strings.ReplaceAll(username, "@", ".") + ".mail@bank.example"
}

// visitAs fills in the sign-in page of a realm, with a browser of its own.
func visitAs(t *testing.T, realm *keycloaktest.Realm, username, password string) (*keycloaktest.Visit, keycloaktest.Page) {
	t.Helper()
	visit := realm.NewVisit()
	page, err := visit.SignIn(t.Context(), username, password)
	require.NoError(t, err)
	return visit, page
}

// assertSignsIn checks that nothing stands between the user and a token.
func assertSignsIn(t *testing.T, realm *keycloaktest.Realm, username, password string) keycloaktest.Grant {
	t.Helper()
	visit, page := visitAs(t, realm, username, password)
	grant, err := visit.Finish(t.Context(), page)
	assert.NoError(t, err)
	return grant
}

// assertRefused checks that the password is not the user's.
func assertRefused(t *testing.T, realm *keycloaktest.Realm, username, password string) {
	t.Helper()
	_, page := visitAs(t, realm, username, password)
	assert.True(t, page.Has("password"), "%v", page)
	assert.Contains(t, page.Text, "Invalid username or password")
}

// choosePassword goes through the page on which a new password must be chosen.
func choosePassword(t *testing.T, visit *keycloaktest.Visit, page keycloaktest.Page) keycloaktest.Page {
	t.Helper()
	require.True(t, page.AsksForNewPassword(), "%v", page)
	page, err := visit.ChoosePassword(t.Context(), page, chosenPassword)
	require.NoError(t, err)
	return page
}

// The first day of an employee: the temporary password opens nothing but the page on
// which another one must be chosen; then the employee is in, and stays in.
func TestFirstSignIn_WithTheTemporaryPassword(t *testing.T) {
	realm, sink := pagesRealm(t, "firstday")
	p := serveSetting(t, realm, realm.URL, passwordOnly())
	for _, username := range []string{"newcomer", "Mixed.Case", "with@sign.example"} {
		t.Run(username, func(t *testing.T) {
			reply := hire(t, p, username, "")
			assertTemporaryPassword(t, reply.Password)
			assert.NotContains(t, reply.Body, "email_sent_to")
			assertRefused(t, realm, username, reply.Password+"x")

			visit, page := visitAs(t, realm, username, reply.Password)
			_, err := visit.Finish(t.Context(), page)
			assert.Error(t, err, "signed in without having changed the password")
			page = choosePassword(t, visit, page)
			grant, err := visit.Finish(t.Context(), page)
			require.NoError(t, err)
			assert.Equal(t, reply.UserID, claimsOf(t, grant.AccessToken)["sub"])
			access, _ := claimsOf(t, grant.AccessToken)["realm_access"].(map[string]any)
			assert.Contains(t, access["roles"], "teller")

			assertSignsIn(t, realm, username, chosenPassword)
			assertRefused(t, realm, username, reply.Password)
			user, _ := realmAccount(t, realm, username)
			assert.Empty(t, user.RequiredActions)
		})
	}
	t.Run("with the default actions", func(t *testing.T) {
		// The password is changed, the address counts as verified, and what remains is the
		// second factor.
		reply := hire(t, serveRealm(t, realm, realm.URL), "by.default", "")
		assert.ElementsMatch(t, []string{"UPDATE_PASSWORD", "VERIFY_EMAIL", "webauthn-register"}, reply.Actions)
		visit, page := visitAs(t, realm, "by.default", reply.Password)
		page = choosePassword(t, visit, page)
		assert.True(t, page.Has("attestationObject"), "%v", page)
		user, _ := realmAccount(t, realm, "by.default")
		assert.NotContains(t, user.RequiredActions, "UPDATE_PASSWORD")
		assert.Contains(t, user.RequiredActions, "webauthn-register")
	})
	assert.Empty(t, sink.Mails())
}
