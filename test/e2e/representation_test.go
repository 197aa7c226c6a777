package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// wholeUser is everything that Keycloak tells of a user.
type wholeUser struct {
	Representation map[string]any
	Credentials    []map[string]any
	Roles, Groups  []string
}

func readWhole(t *testing.T, realm *keycloaktest.Realm, username string) wholeUser {
	t.Helper()
	var whole wholeUser
	var found bool
	var err error
	whole.Representation, found, err = realm.User(t.Context(), username)
	require.NoError(t, err)
	require.True(t, found)
	id := whole.Representation["id"].(string)
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/users/"+id+"/credentials", nil, &whole.Credentials))
	whole.Roles, err = realm.EffectiveRealmRoles(t.Context(), id)
	require.NoError(t, err)
	whole.Groups, err = realm.Groups(t.Context(), id)
	require.NoError(t, err)
	return whole
}

// Nothing but the intended member of the user changes, attributes included: a partial
// update of Keycloak can wipe what is not sent.
func TestUpdates_LeaveTheRestOfTheUserAlone(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "whole"})
	var profile map[string]any
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/users/profile", nil, &profile))
	profile["unmanagedAttributePolicy"] = "ENABLED"
	require.NoError(t, realm.Call(t.Context(), http.MethodPut, "/users/profile", profile, nil))
	p := serveRealm(t, realm, realm.URL)
	_, err := realm.CreateUser(t.Context(), map[string]any{
		"username": "rich", "email": "rich@bank.example", "firstName": "Rita", "lastName": "Rich", "enabled": true, "emailVerified": false,
		"attributes":      map[string]any{"office_id": []string{"9"}, "languages": []string{"de", "fr"}},
		"requiredActions": []string{"VERIFY_EMAIL", "CONFIGURE_TOTP"},
		"groups":          []string{"/tellers", "/head-office"},
		"credentials":     []any{map[string]any{"type": "password", "value": "Perm4nent-Passw0rd", "temporary": false}},
	})
	require.NoError(t, err)

	before := readWhole(t, realm, "rich")
	require.NotEmpty(t, before.Representation["attributes"], "the realm stores attributes")
	for _, c := range []struct {
		method, path, body string
		member             string
		becomes            any
	}{
		{http.MethodPut, "/users/rich/status", `{"enabled":false}`, "enabled", false},
		{http.MethodPut, "/users/rich/status", `{"enabled":true}`, "enabled", true},
		{http.MethodPost, "/users/rich/force-password-change", "", "requiredActions", []any{"VERIFY_EMAIL", "CONFIGURE_TOTP", "UPDATE_PASSWORD"}},
		{http.MethodPost, "/users/rich/force-password-change", "", "requiredActions", []any{"VERIFY_EMAIL", "CONFIGURE_TOTP", "UPDATE_PASSWORD"}},
	} {
		t.Run(fmt.Sprint(c.path, c.body), func(t *testing.T) {
			answer := p.send(t, c.method, c.path, c.body)
			require.Equal(t, http.StatusOK, answer.status, answer.body)
			after := readWhole(t, realm, "rich")
			if list, ok := c.becomes.([]any); ok {
				assert.ElementsMatch(t, list, after.Representation[c.member])
			} else {
				assert.Equal(t, c.becomes, after.Representation[c.member])
			}
			// Disabling ends sessions by moving the time before which tokens are refused.
			for _, member := range []string{c.member, "notBefore"} {
				after.Representation[member] = before.Representation[member]
			}
			assert.Equal(t, before, after)
			before = readWhole(t, realm, "rich")
		})
	}
}

// An employee who was dismissed is out at once, and for good: without the end of the
// sessions Keycloak revives old refresh tokens when the user is enabled again.
func TestDisable_EndsSessions(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "sessions"})
	p := serveRealm(t, realm, realm.URL)
	const password = "Perm4nent-Passw0rd"
	user := teller("leaver")
	id := addRealmUser(t, realm, user)
	require.NoError(t, realm.SetPassword(t.Context(), id, password, false))
	grant, err := realm.Login(t.Context(), "leaver", password)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, grant.Status)

	refused := func() {
		t.Helper()
		refresh, err := realm.Refresh(t.Context(), grant.RefreshToken)
		require.NoError(t, err)
		assert.Equal(t, http.StatusBadRequest, refresh.Status)
	}
	require.Equal(t, http.StatusOK, p.send(t, http.MethodPut, "/users/leaver/status", `{"enabled":false}`).status)
	refused()
	sessions, err := realm.Sessions(t.Context(), id)
	require.NoError(t, err)
	assert.Zero(t, sessions)
	require.Equal(t, http.StatusOK, p.send(t, http.MethodPut, "/users/leaver/status", `{"enabled":true}`).status)
	refused()
	again, err := realm.Login(t.Context(), "leaver", password)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, again.Status)
}

// Enabling a user who locked himself out with wrong passwords lets him in again, though
// the account reads as enabled all the time.
func TestEnable_LiftsALock(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "lock"})
	p := serveRealm(t, realm, realm.URL)
	const password = "Perm4nent-Passw0rd"
	id := addRealmUser(t, realm, teller("clumsy"))
	require.NoError(t, realm.SetPassword(t.Context(), id, password, false))
	for range 4 { // Two within a second are enough.
		_, err := realm.Login(t.Context(), "clumsy", "wrong")
		require.NoError(t, err)
	}
	locked, err := realm.Login(t.Context(), "clumsy", password)
	require.NoError(t, err)
	require.NotEqual(t, http.StatusOK, locked.Status, "the user is locked")

	require.Equal(t, http.StatusOK, p.send(t, http.MethodPut, "/users/clumsy/status", `{"enabled":true}`).status)
	free, err := realm.Login(t.Context(), "clumsy", password)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, free.Status, free.Description)
}
