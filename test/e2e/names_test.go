package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// namesRealm is a realm that takes whatever its database takes, as directories do, with users
// of these names, and the service before it.
func namesRealm(t *testing.T, names ...string) (*keycloaktest.Realm, *program) {
	t.Helper()
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "names", CheapHash: true, SMTPPort: sink.Port()})
	keepAttributes(t, realm)
	require.NoError(t, realm.ChangeProfile(t.Context(), func(profile map[string]any) {
		for _, attribute := range profile["attributes"].([]any) {
			attribute.(map[string]any)["validations"] = map[string]any{}
		}
	}))
	for i, name := range names {
		_, err := realm.CreateUser(t.Context(), map[string]any{"username": name, "email": fmt.Sprintf("n%d@bank.example", i), "enabled": true})
		require.NoError(t, err, "%+q", name)
	}
	return realm, serveRealm(t, realm, realm.URL)
}

// Whatever a user is called, the user is found and can be switched off, in any letter case
// that Keycloak takes for the same.
func TestNames_OfWhoeverExistsWorkOnEveryRoute(t *testing.T) {
	long := strings.Repeat("é", 255)
	asked := map[string]string{
		"first last": "First LAST", " lead": " lead", "trail\u00a0": "trail\u00a0", "bo\u200bss": "bo\u200bss", "a\nb\x7f": "a\nb\x7f",
		"i\u0307stanbul": "İstanbul", "stra\u00dfe": "STRA\u1e9eE", "σίσυφος": "ΣΊΣΥΦΟΣ", "kelvin": "\u212aelvin", "\u017fam": "\u017fam", long: strings.ToUpper(long),
		"a/b": "A/b", "a;b": "a;B", "a+b": "a+b", "a%2fb": "a%2Fb", "a?b#c&d=e": "a?b#c&d=e", `a\b"c`: `a\b"c`, "*": "*", "名前 😀": "名前 😀", "..": "..",
	}
	names := []string{"boss", "istanbul", "strasse", "sam"} // near the others, and never touched
	for name := range asked {
		names = append(names, name)
	}
	realm, p := namesRealm(t, names...)
	user := func(name string) map[string]any {
		user, found, err := realm.User(t.Context(), name)
		require.NoError(t, err)
		require.True(t, found, "%+q", name)
		return user
	}
	for name, spelling := range asked {
		path := "/users/" + strings.ReplaceAll(url.PathEscape(spelling), ".", "%2E") // ".." as it is would be a way.
		for _, call := range []struct{ method, path, body string }{
			{http.MethodGet, path + "/keycloak-status", ""},
			{http.MethodPost, path + "/reset-password", ""},
			{http.MethodPost, path + "/force-password-change", ""},
			{http.MethodPut, path, `{"lastName":"Edited","username":` + strconv.Quote(spelling) + `}`},
			{http.MethodPost, path + "/logout", ""},
			{http.MethodPut, path + "/status", `{"enabled":false}`},
		} {
			if call.method == http.MethodPut && strings.ContainsRune(spelling, '\x7f') {
				call.body = strings.ReplaceAll(call.body, `\x7f`, `\u007f`)
			}
			answer := p.send(t, call.method, call.path, call.body)
			assert.Equal(t, http.StatusOK, answer.status, "%s %+q: %s", call.method, call.path, answer.body)
		}
		assert.Equal(t, false, user(name)["enabled"], "%+q", name)
		assert.Equal(t, "Edited", user(name)["lastName"], "%+q", name)
	}
	for _, name := range names[:4] {
		assert.Equal(t, true, user(name)["enabled"], name)
	}
	for _, nobody := range []string{"firstlast", "lead", "trail", "a%00b", "a%01b", "%20", "e%CC%81"} {
		assert.Equal(t, http.StatusNotFound, p.send(t, http.MethodGet, "/users/"+nobody+"/keycloak-status", "").status, nobody)
	}
}

// Realms are switched to addresses as usernames when there are users already. These sign in
// by the name that they had and by the address; Keycloak shows and finds them by one of the
// two, and renames them with the first write.
func TestNames_OfUsersFromBeforeAddressesWereUsernames(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "by-address", CheapHash: true})
	ids := map[string]string{}
	for username, email := range map[string]string{
		"anna": "anna@bank.example", "berta": "b@bank.example", "old@bank.example": "new@bank.example", "boss": "chief@bank.example", "plain": "",
	} {
		id, err := realm.CreateUser(t.Context(), map[string]any{"username": username, "email": email, "emailVerified": true, "enabled": true})
		require.NoError(t, err)
		ids[username] = id
	}
	environment := environmentFor(realm, realm.URL)
	environment["PROTECTED_USERS"] = "boss"
	token := administrator(t, realm)
	require.NoError(t, realm.UpdateRealm(t.Context(), map[string]any{"registrationEmailAsUsername": true}))
	p := startProgram(t, nil, environment)
	p.token = token
	p.awaitKeys(t)

	for name, id := range map[string]string{
		"anna": "anna", "ANNA@bank.example": "anna", "Berta": "berta", "b@bank.example": "berta", "old@bank.example": "old@bank.example",
		"new@bank.example": "old@bank.example", "boss": "boss", "chief@bank.example": "boss", "plain": "plain",
	} {
		answer := p.send(t, http.MethodGet, "/users/"+name+"/keycloak-status", "")
		require.Equal(t, http.StatusOK, answer.status, "%s: %s", name, answer.body)
		assertMembers(t, `{"keycloak_user":{"id":"`+ids[id]+`"}}`, answer.body)
	}
	for _, nobody := range []string{"ann", "nna@bank.example", "anna@bank.exampl", "@"} {
		assert.Equal(t, http.StatusNotFound, p.send(t, http.MethodGet, "/users/"+nobody+"/keycloak-status", "").status, nobody)
	}
	for username, email := range map[string]string{"anna": "anna@bank.example", "b@bank.example": "b@bank.example"} {
		answer := p.send(t, http.MethodPost, syncPath, `{"username":"`+username+`","email":"`+email+`","role":"Cashier"}`)
		assert.Equal(t, http.StatusOK, answer.status, answer.body)
	}
	for name, want := range map[string]int{"anna": 200, "b@bank.example": 200, "new@bank.example": 200, "boss": 403, "chief@bank.example": 403} {
		assert.Equal(t, want, p.send(t, http.MethodPut, "/users/"+name+"/status", `{"enabled":false}`).status, name)
	}
	for username, enabled := range map[string]bool{"anna": false, "berta": false, "old@bank.example": false, "boss": true} {
		var user map[string]any
		require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/users/"+ids[username], nil, &user))
		assert.Equal(t, enabled, user["enabled"], username)
	}
	assert.Equal(t, http.StatusOK, p.send(t, http.MethodPut, "/users/anna@bank.example/status", `{"enabled":true}`).status, "by the name that Keycloak has given")
}

// Nobody new is called what reads like another's name, or what a database refuses; spelling
// is kept.
func TestNames_OfNewUsers(t *testing.T) {
	realm, p := namesRealm(t)
	before, err := realm.CountUsers(t.Context())
	require.NoError(t, err)
	const sound = `{"username":"boss","email":"boss@bank.example","role":"Cashier","firstName":"Ann","lastName":"Boss"}`
	for old, replacements := range map[string][]string{
		`"username":"boss"`:           {"\"username\":\"bo\u200bss\"", `"username":"bo\u00adss"`, `"username":"bo\u3164ss"`, `"username":"boss\ue000"`, `"username":"boss","username":"anna"`, `"username":"` + strings.Repeat("İ", 128) + `"`},
		`"email":"boss@bank.example"`: {`"email":"bo\u2060ss@bank.example"`, `"email":"boss@b\u0430nk.example"`, `"email":"boss@xn--bnk-6cd.example"`},
		`"firstName":"Ann"`:           {`"firstName":"` + strings.Repeat("x", 256) + `"`, `"firstName":"` + strings.Repeat("😀", 128) + `"`, `"firstName":"A\u0000"`, `"firstName":"A\nB"`, `"firstName":"\u202eAnn"`, `"firstName":"Ann\u200d"`},
		`"role":"Cashier"`:            {`"role":"Cash\u200bier"`, `"role":"Cashier","officeName":"` + strings.Repeat("x", 256) + `"`, `"role":"Cashier","employeeId":true`},
	} {
		for _, replacement := range replacements {
			answer := p.send(t, http.MethodPost, syncPath, strings.Replace(sound, old, replacement, 1))
			assert.Equal(t, http.StatusBadRequest, answer.status, "%+q: %s", replacement, answer.body)
		}
	}
	after, err := realm.CountUsers(t.Context())
	require.NoError(t, err)
	assert.Equal(t, before, after)

	spelt := strings.Replace(sound, `"Ann"`, `"علی\u200cرضا"`, 1)
	answer := p.send(t, http.MethodPost, syncPath, strings.Replace(spelt, "{", `{"employeeId":3,"mobileNumber":254700000001,"officeName":12345678901234567890123,`, 1))
	require.Equal(t, http.StatusCreated, answer.status, answer.body)
	user, found, err := realm.User(t.Context(), "boss")
	require.NoError(t, err)
	require.True(t, found)
	assert.Equal(t, "علی\u200cرضا", user["firstName"])
	attributes := attributesOf(t, realm, "boss")
	assert.Equal(t, []string{"3", "254700000001", "12345678901234567890123"}, []string{attributes["employee_id"], attributes["mobile_number"], attributes["office_name"]})
}
