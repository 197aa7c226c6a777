package e2e

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// A lost laptop: every session ends at once, wherever it was begun and however long it
// was to last, and the user signs in again with the same password.
func TestLogout_EndsEverySession(t *testing.T) {
	realm, _ := pagesRealm(t, "logout")
	p := serveRealm(t, realm, realm.URL)
	id := addRealmUser(t, realm, teller("worker"))
	require.NoError(t, realm.SetPassword(t.Context(), id, chosenPassword, false))
	addRealmUser(t, realm, teller("away.now"))
	require.NoError(t, realm.UpdateUser(t.Context(), userID(t, realm, "away.now"), map[string]any{"enabled": false}))

	offline := grantOf(t, realm, url.Values{"grant_type": {"password"}, "client_id": {keycloaktest.LoginClientID}, "scope": {"openid offline_access"},
		"username": {"worker"}, "password": {chosenPassword}}).Refresh
	issued := time.Now().Unix()
	direct, err := realm.Login(t.Context(), "worker", chosenPassword)
	require.NoError(t, err)
	page := assertSignsIn(t, realm, "worker", chosenPassword)
	refresh := func(client, token string) int {
		t.Helper()
		return postForm(t, realm, url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "refresh_token": {token}})
	}
	before := portray(t, realm, "worker")
	require.GreaterOrEqual(t, before.SessionsCount, 2, "before 26.4 it is 3")
	// Keycloak counts whole seconds: an offline token of the same second would outlive it.
	eventually(t, func() bool { return time.Now().Unix() > issued+1 }, 5*time.Second, 10*time.Millisecond)

	for range 2 { // The second time there is nothing to end, which is no error.
		answer := p.send(t, http.MethodPost, "/users/worker/logout", "")
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		assertMembers(t, `{"status":"success","message":"<text>","username":"worker"}`, answer.body)
	}
	assert.Equal(t, http.StatusBadRequest, refresh(keycloaktest.LoginClientID, direct.RefreshToken))
	assert.Equal(t, http.StatusBadRequest, refresh(keycloaktest.WebClientID, page.RefreshToken))
	assert.Equal(t, http.StatusBadRequest, refresh(keycloaktest.LoginClientID, offline))
	after := portray(t, realm, "worker")
	assert.Zero(t, after.SessionsCount)
	before.SessionsCount, before.User["notBefore"] = 0, after.User["notBefore"]
	assert.Equal(t, before, after)
	assertSignsIn(t, realm, "worker", chosenPassword)

	for username, status := range map[string]int{"away.now": http.StatusOK, "nobody": http.StatusNotFound} {
		answer := p.send(t, http.MethodPost, "/api/user-sync/users/"+username+"/logout", "")
		assert.Equal(t, status, answer.status, answer.body)
	}
}

// Whoever is moved keeps no session, and no token, that still has what was taken away.
func TestLogout_FollowsAMoveThatTakesSomethingAway(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "demoted", CheapHash: true, Mutate: letLogInAgain})
	p := serveRealm(t, realm, realm.URL)
	for _, c := range []struct {
		username, role, group, body string
		ends                        bool
	}{
		{"by.role", "admin", "", `{"role":"Accountant"}`, true},
		{"by.group", "accountant", "head-office", `{"role":"Accountant"}`, true},
		{"by.both", "teller", "tellers", `{"role":"Loan Officer","lastName":"Edited"}`, true},
		{"nothing.lost", "teller", "", `{"role":"Cashier"}`, false},
		{"not.moved", "teller", "tellers", `{"role":"Cashier","lastName":"Edited"}`, false},
	} {
		rep := actor(c.username)
		if c.group != "" {
			rep["groups"] = []string{"/" + c.group}
		}
		id, err := realm.CreateUser(t.Context(), rep)
		require.NoError(t, err)
		carry(t, realm, "users/"+id, c.role)
		grant, err := realm.Login(t.Context(), c.username, keycloaktest.ActorPassword)
		require.NoError(t, err)
		answer := send(t, http.MethodPut, p.URL+"/users/"+c.username, c.body, bearer(p.token), "Content-Type: application/json", "X-Request-Id: "+c.username)
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		again, err := realm.Refresh(t.Context(), grant.RefreshToken)
		require.NoError(t, err)
		assert.Equal(t, c.ends, again.Status != http.StatusOK, "%s: %d", c.username, again.Status)
		assert.Equal(t, c.ends, auditEventOf(t, p, c.username).After["sessions_revoked"] == true, c.username)
	}
}

// postForm sends a form to the realm's token endpoint.
func postForm(t *testing.T, realm *keycloaktest.Realm, form url.Values) (status int) {
	t.Helper()
	response, err := http.PostForm(realm.URL+"/realms/"+realm.Name+"/protocol/openid-connect/token", form)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode
}
