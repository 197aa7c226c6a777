package e2e

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// newDirectory starts a directory with a user of each name, which ends with the test.
func newDirectory(t *testing.T, usernames ...string) *keycloaktest.Directory {
	t.Helper()
	directory, err := keycloaktest.StartDirectory(t.Context(), usernames...)
	if errors.Is(err, keycloaktest.ErrUnavailable) && !keycloaktest.Required() {
		t.Skip("needs a directory: ", err)
	}
	require.NoError(t, err)
	t.Cleanup(directory.Stop)
	return directory
}

// What cannot be written to a user of a directory is refused and changes nothing; a disable
// ends the sessions all the same. What can be written is.
func TestDirectory_UsersAreChangedAsFarAsTheModeAllows(t *testing.T) {
	const (
		refused = `{"code":"read_only_user","message":"This account is managed in a directory and cannot be changed here."}`
		stillOn = `{"code":"read_only_user","message":"The account is managed in a directory and still on; its sessions were ended."}`
	)
	done := func(message string) string { return `{"status":"success","message":"` + message + `"}` }
	modes := []struct {
		username, editMode                        string
		imported                                  bool
		disable, force, name, address, attr, role string
	}{
		{"readonly", "READ_ONLY", true, "", refused, refused, refused, refused, `{"warnings":["attributes not stored: fineract_role"]}`},
		{"writable", "WRITABLE", true, "", "", "", "", "", ""},
		{"unsynced", "UNSYNCED", true, "", "", "", "", "", ""},
		{"readonly.outside", "READ_ONLY", false, stillOn, refused, refused, refused, refused, refused},
		{"writable.outside", "WRITABLE", false, stillOn, refused, "", "", refused, refused},
	}
	const odd = "o/d%64; x" // Without import, ids contain the username.
	usernames := []string{odd}
	for _, m := range modes {
		usernames = append(usernames, m.username)
	}
	directory := newDirectory(t, usernames...)
	for _, m := range modes {
		realm, sink := pagesRealm(t, "directory")
		require.NoError(t, realm.Federate(t.Context(), directory, m.editMode, m.imported), m.username)
		p := serveRealm(t, realm, realm.URL)
		path, email := "/users/"+m.username, m.username+"@bank.example"
		portrayed := func() wholeUser {
			t.Helper()
			whole := readWhole(t, realm, m.username)
			delete(whole.Representation, "notBefore")        // The end of sessions moves it.
			delete(whole.Representation, "createdTimestamp") // Of users who are not imported it is always now.
			return whole
		}
		change := func(method, path, body, want string) {
			t.Helper()
			status := http.StatusOK
			var before wholeUser
			if strings.Contains(want, "read_only_user") {
				status, before = http.StatusConflict, portrayed()
			}
			answer := p.send(t, method, path, body)
			assert.Equal(t, status, answer.status, "%s: %s %s %s: %s", m.username, method, path, body, answer.body)
			if status == http.StatusConflict {
				assert.Equal(t, before, portrayed(), "%s: %s", m.username, body)
			}
			if want != "" {
				assertMembers(t, want, answer.body)
			}
		}
		login := func() keycloaktest.Grant {
			t.Helper()
			grant, err := realm.Login(t.Context(), m.username, keycloaktest.DirectoryPassword)
			require.NoError(t, err)
			return grant
		}
		session := login()
		require.Equal(t, http.StatusOK, session.Status, m.username)

		change(http.MethodPost, syncPath, `{"username":"`+m.username+`","email":"`+email+`","role":"Cashier"}`, `{"status":"exists"}`)
		change(http.MethodGet, path+"/keycloak-status?detail=full", "", `{"status":"success"}`)
		change(http.MethodPut, path+"/status", `{"enabled":false}`, m.disable)
		again, err := realm.Refresh(t.Context(), session.RefreshToken)
		require.NoError(t, err)
		assert.NotEqual(t, http.StatusOK, again.Status, "the session has not ended")
		assert.Equal(t, m.disable == "", login().Status != http.StatusOK, "%s: whether the account is off", m.username)
		change(http.MethodPut, path+"/status", `{"enabled":true}`, "")
		require.Equal(t, http.StatusOK, login().Status, m.username)
		change(http.MethodPost, path+"/reset-password", "", done("Password reset email sent to "+email))
		assert.Len(t, sink.MailsTo(email), 1)
		change(http.MethodPut, path, `{"lastName":"Edited"}`, m.name)
		change(http.MethodPut, path, `{"email":"new.`+email+`"}`, m.address)
		change(http.MethodPut, path, `{"officeId":7}`, m.attr)
		change(http.MethodPut, path, `{"role":"Cashier"}`, m.role)
		change(http.MethodPost, path+"/force-password-change", "", m.force)
		change(http.MethodPost, path+"/logout", "", "")
		change(http.MethodPut, "/users/"+url.PathEscape(odd)+"/status", `{"enabled":false}`, m.disable)
		change(http.MethodPost, "/users/"+url.PathEscape(odd)+"/logout", "", "")
		assert.NotContains(t, p.log(), m.username, "a username in the log")
	}
}

// Whoever cannot be seen because the directory is away is not missing, and not made anew.
func TestDirectory_ThatIsAwayIsNoMissingUser(t *testing.T) {
	directory := newDirectory(t, "imported", "outside")
	programs := map[string]*program{}
	for _, username := range []string{"imported", "outside"} {
		realm := newRealm(t, keycloaktest.RealmOptions{Name: "away"})
		require.NoError(t, realm.Federate(t.Context(), directory, "WRITABLE", username == "imported"))
		programs[username] = serveRealm(t, realm, realm.URL)
		answer := programs[username].send(t, http.MethodGet, "/users/"+username+"/keycloak-status", "")
		require.Equal(t, http.StatusOK, answer.status, answer.body)
	}
	directory.Stop()
	for username, p := range programs {
		for _, request := range []struct{ method, path, body string }{
			{http.MethodGet, "/users/" + username + "/keycloak-status", ""},
			{http.MethodPut, "/users/" + username + "/status", `{"enabled":false}`},
			{http.MethodPut, "/users/" + username, `{"role":"Loan Officer"}`},
			{http.MethodPost, syncPath, creation("not.seen", "Cashier")},
		} {
			answer := p.send(t, request.method, request.path, request.body)
			assert.Equal(t, http.StatusServiceUnavailable, answer.status, "%s: %s %s: %s", username, request.method, request.path, answer.body)
			assertMembers(t, `{"code":"provider_unavailable","message":"The directory of this account cannot be reached. Please try again later."}`, answer.body)
		}
	}
}
