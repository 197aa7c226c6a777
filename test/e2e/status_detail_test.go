package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

const (
	readCredentials = "GET users/{id}/credentials"
	readLock        = "GET attack-detection/brute-force/users/{id}"
)

// keycloakUser returns the user of a status reply.
func keycloakUser(t *testing.T, p *program, path string) map[string]any {
	t.Helper()
	answer := p.send(t, http.MethodGet, path, "")
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	var reply struct {
		User map[string]any `json:"keycloak_user"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer.body), &reply))
	return reply.User
}

func fullStatus(t *testing.T, p *program, username string) map[string]any {
	t.Helper()
	return keycloakUser(t, p, "/users/"+username+"/keycloak-status?detail=full")
}

// oneTimePassword is an authenticator app of a user, in a user's representation.
func oneTimePassword(label string) map[string]any {
	return map[string]any{
		"type": "otp", "userLabel": label, "secretData": `{"value":"JBSWY3DPEHPK3PXP"}`,
		"credentialData": `{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}`,
	}
}

// lockByGuessing tries wrong passwords until the user is locked. Two within a second are enough.
func lockByGuessing(t *testing.T, realm *keycloaktest.Realm, username string) (lock struct {
	Disabled             bool
	FailedLoginNotBefore int64 // seconds
}) {
	t.Helper()
	path := "/attack-detection/brute-force/users/" + userID(t, realm, username)
	for range 10 {
		_, err := realm.Login(t.Context(), username, "wrong")
		require.NoError(t, err)
		require.NoError(t, realm.Call(t.Context(), http.MethodGet, path, nil, &lock))
		if lock.Disabled {
			return lock
		}
	}
	t.Fatal("the user does not get locked")
	return lock
}

// The realm locks out who guesses passwords.
func TestStatusInDetail(t *testing.T) {
	realm, _ := pagesRealm(t, "detail", func(rep map[string]any) { rep["bruteForceProtected"] = true })
	g := newGateway(t, realm.URL)
	p := serveRealm(t, realm, g.URL)
	t.Run("everything", func(t *testing.T) { testDetails(t, realm, p) })
	t.Run("credentials by kind", func(t *testing.T) { testCredentialKinds(t, realm, p) })
	t.Run("calls", func(t *testing.T) { testDetailCalls(t, realm, p, g) })
	t.Run("how long a lock lasts", func(t *testing.T) { testLocks(t, realm, p) })
}

// The richer status tells all that Keycloak knows of the account. The plain one stays as
// the web app knows it.
func testDetails(t *testing.T, realm *keycloaktest.Realm, p *program) {
	t.Helper()
	hire(t, p, "newcomer", everyAttribute)
	// Now the role contains another one, and so does one that the group carries.
	makeComposite(t, realm, "teller", realmRole(t, realm, "Viewer"))
	makeComposite(t, realm, "counter", realmRole(t, realm, "staff"))
	carry(t, realm, "groups/"+groupID(t, realm, "tellers"), "counter")
	id := userID(t, realm, "newcomer")

	const plain = "/users/newcomer/keycloak-status"
	before := keycloakUser(t, p, plain)
	assert.Equal(t, []string{"email", "emailVerified", "enabled", "firstName", "groups", "id", "lastName", "requiredActions", "roles", "username"},
		slices.Sorted(maps.Keys(before)))
	full := fullStatus(t, p, "newcomer")
	for member, value := range before {
		assert.Equal(t, value, full[member], member)
	}
	user, _, err := realm.User(t.Context(), "newcomer")
	require.NoError(t, err)
	created, err := time.Parse(time.RFC3339, fmt.Sprint(full["createdAt"]))
	require.NoError(t, err)
	assert.Equal(t, int64(user["createdTimestamp"].(float64))/1000, created.Unix())
	assert.Equal(t, false, full["locked"])
	assert.Contains(t, full, "lockedUntil")
	assert.Nil(t, full["lockedUntil"])
	assert.Equal(t, true, full["hasPassword"])
	assert.Equal(t, []any{}, full["secondFactors"])
	stored, err := json.Marshal(storedAttributes())
	require.NoError(t, err)
	told, err := json.Marshal(full["attributes"])
	require.NoError(t, err)
	assert.JSONEq(t, string(stored), string(told))
	effective, err := realm.EffectiveRealmRoles(t.Context(), id)
	require.NoError(t, err)
	assert.Subset(t, effective, []string{"teller", "Viewer", "counter", "staff"})
	assert.ElementsMatch(t, effective, full["effectiveRoles"])

	lock := lockByGuessing(t, realm, "newcomer")
	full = fullStatus(t, p, "newcomer")
	assert.Equal(t, true, full["locked"])
	until, err := time.Parse(time.RFC3339, fmt.Sprint(full["lockedUntil"]))
	require.NoError(t, err)
	assert.Equal(t, lock.FailedLoginNotBefore, until.Unix())
	assert.Equal(t, true, full["enabled"], "a lock is not a dismissal")
	assert.Equal(t, before, keycloakUser(t, p, plain))

	require.Equal(t, http.StatusOK, p.send(t, http.MethodPut, "/users/newcomer/status", `{"enabled":true}`).status)
	full = fullStatus(t, p, "newcomer")
	assert.Equal(t, []any{false, nil}, []any{full["locked"], full["lockedUntil"]})
	answer := p.send(t, http.MethodGet, "/users/nobody/keycloak-status?detail=full", "")
	assert.Equal(t, http.StatusNotFound, answer.status)
	assertMembers(t, `{"status":"not_found","message":"User nobody not found in Keycloak"}`, answer.body)
}

// What users sign in with is told by kind, each once, and the password by itself.
func testCredentialKinds(t *testing.T, realm *keycloaktest.Realm, p *program) {
	t.Helper()
	password := map[string]any{"type": "password", "value": chosenPassword}
	for name, c := range map[string]struct {
		credentials   []any
		hasPassword   bool
		secondFactors []any
	}{
		"none":      {nil, false, []any{}},
		"password":  {[]any{password}, true, []any{}},
		"two.apps":  {[]any{password, oneTimePassword("phone"), oneTimePassword("tablet")}, true, []any{"otp"}},
		"otp.alone": {[]any{oneTimePassword("phone")}, false, []any{"otp"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := realm.CreateUser(t.Context(), map[string]any{"username": name, "enabled": true, "credentials": c.credentials})
			require.NoError(t, err)
			full := fullStatus(t, p, name)
			assert.Equal(t, c.hasPassword, full["hasPassword"])
			assert.Equal(t, c.secondFactors, full["secondFactors"])
			assert.Equal(t, map[string]any{}, full["attributes"])
		})
	}
}

// A lock that has run out is none, though Keycloak still remembers the failures; and one
// for good has no end.
func testLocks(t *testing.T, realm *keycloaktest.Realm, p *program) {
	t.Helper()
	require.NoError(t, realm.UpdateRealm(t.Context(), map[string]any{"minimumQuickLoginWaitSeconds": 1}))
	addRealmUser(t, realm, teller("clumsy"))
	lockByGuessing(t, realm, "clumsy")
	eventually(t, func() bool { return fullStatus(t, p, "clumsy")["locked"] == false }, 30*time.Second, 50*time.Millisecond)
	assert.Nil(t, fullStatus(t, p, "clumsy")["lockedUntil"])

	require.NoError(t, realm.UpdateRealm(t.Context(), map[string]any{"permanentLockout": true, "maxTemporaryLockouts": 0, "failureFactor": 2, "quickLoginCheckMilliSeconds": 0}))
	addRealmUser(t, realm, teller("forgetful"))
	lockByGuessing(t, realm, "forgetful")
	full := fullStatus(t, p, "forgetful")
	assert.Equal(t, []any{true, nil}, []any{full["locked"], full["lockedUntil"]})
}

// Whoever does not ask for details does not pay for them, and those that cannot be read
// are not passed off as absent.
func testDetailCalls(t *testing.T, realm *keycloaktest.Realm, p *program, g *gateway) {
	t.Helper()
	addRealmUser(t, realm, teller("present"))
	g.taken()
	for _, c := range []counted{
		{"plain", http.MethodGet, "/users/present/keycloak-status", "", 200, []string{findUser, readGroups, readDirectRoles}},
		{"full", http.MethodGet, "/users/present/keycloak-status?detail=full", "", 200, []string{findUser, readGroups, readDirectRoles, readEffectiveRoles, readCredentials, readLock}},
		{"full, nobody", http.MethodGet, "/users/nobody/keycloak-status?detail=full", "", 404, []string{findUser}},
	} {
		c.check(t, p, g)
	}
	for _, call := range []string{"/credentials", "/role-mappings/realm/composite", "/users/" + userID(t, realm, "present")} {
		t.Run("fails"+call, func(t *testing.T) {
			g.breakWith(only(call, status(http.StatusForbidden, "application/json", `{"error":"HTTP 403 Forbidden"}`), proxyTo(t, realm.URL)))
			defer g.breakWith(nil)
			answer := p.send(t, http.MethodGet, "/users/present/keycloak-status?detail=full", "")
			assert.Equal(t, http.StatusInternalServerError, answer.status, answer.body)
		})
	}
}
