package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
	"user-sync-service/test/keycloaktest"
)

// keepAttributes makes the realm keep what the program gives its users: the attributes,
// but for some, and the mark by which it knows them.
func keepAttributes(t *testing.T, realm *keycloaktest.Realm, except ...domain.Attribute) {
	t.Helper()
	names := []string{"managed_by"}
	for _, attribute := range domain.AllAttributes() {
		if !slices.Contains(except, attribute) {
			names = append(names, string(attribute))
		}
	}
	require.NoError(t, realm.DeclareAttributes(t.Context(), names...))
}

// switchActionOff makes the realm know a required action and not use it.
func switchActionOff(t *testing.T, realm *keycloaktest.Realm, alias domain.RequiredAction) {
	t.Helper()
	var action map[string]any
	path := "/authentication/required-actions/" + string(alias)
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, path, nil, &action))
	action["enabled"] = false
	require.NoError(t, realm.Call(t.Context(), http.MethodPut, path, action, nil))
}

// declare changes what the realm's user profile says of an attribute; nil takes it out.
func declare(t *testing.T, realm *keycloaktest.Realm, name string, change func(declared map[string]any)) {
	t.Helper()
	require.NoError(t, realm.ChangeProfile(t.Context(), func(profile map[string]any) {
		profile["attributes"] = slices.DeleteFunc(profile["attributes"].([]any), func(attribute any) bool {
			declared := attribute.(map[string]any)
			if declared["name"] == name && change != nil {
				change(declared)
			}
			return declared["name"] == name && change == nil
		})
	}))
}

// asked makes the realm require an attribute of its users, whose own it is.
func asked(declared map[string]any) {
	declared["required"] = map[string]any{"roles": []string{"user"}}
	declared["permissions"] = map[string]any{"view": []string{"admin", "user"}, "edit": []string{"admin", "user"}}
}

// Realms leave fields out, or keep them from administrators, and Keycloak says nothing of
// it. The reply names them, and the audit log does not say that they were stored.
func TestUserProfile_WarnsOfFieldsThatTheRealmDoesNotKeep(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"not declared": nil,
		"not the administrators'": func(declared map[string]any) {
			declared["permissions"] = map[string]any{"view": []string{"admin", "user"}, "edit": []string{"user"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			realm := newRealm(t, keycloaktest.RealmOptions{Name: "fields", CheapHash: true})
			keepAttributes(t, realm)
			p := serveRealm(t, realm, realm.URL) // It reads the profile with the first creation.
			declare(t, realm, "lastName", change)
			reply := hire(t, p, "nora", "")
			require.NotEmpty(t, reply.Warnings)
			assert.Equal(t, "attributes not stored: lastName", reply.Warnings[0])
			edited := p.send(t, http.MethodPut, "/users/nora", `{"lastName":"Other"}`)
			assert.Equal(t, http.StatusOK, edited.status, edited.body)
			assertMembers(t, `{"warnings":["attributes not stored: lastName"]}`, edited.body)
			account, _ := realmAccount(t, realm, "nora")
			assert.Equal(t, "Nora", account.FirstName)
			assert.Empty(t, account.LastName)
			assert.NotContains(t, p.auditText(t), "last_name")
		})
	}
	t.Run("the address", func(t *testing.T) {
		realm := newRealm(t, keycloaktest.RealmOptions{Name: "fields", CheapHash: true})
		keepAttributes(t, realm)
		p := serveRealm(t, realm, realm.URL)
		declare(t, realm, "email", func(declared map[string]any) {
			declared["permissions"] = map[string]any{"view": []string{"admin", "user"}, "edit": []string{"user"}}
		})
		reply := hire(t, p, "nora", "")
		assert.Equal(t, []string{"attributes not stored: email", "The user will be asked for: email"}, reply.Warnings)
		edited := p.send(t, http.MethodPut, "/users/nora", `{"email":"other@bank.example","firstName":"Other"}`)
		assert.Equal(t, http.StatusOK, edited.status, edited.body)
		assertMembers(t, `{"warnings":["attributes not stored: email"]}`, edited.body)
		account, _ := realmAccount(t, realm, "nora")
		assert.Equal(t, "Other", account.FirstName)
		assert.Empty(t, account.Email)
	})
}

// What the realm requires of users and was not sent, the first sign-in asks for, and only
// where the realm has that switched on.
func TestUserProfile_WarnsOfWhatTheSignInAsksFor(t *testing.T) {
	realm, _ := pagesRealm(t, "asked")
	p := serveSetting(t, realm, realm.URL, passwordOnly())
	declare(t, realm, "mobile_number", asked)
	declare(t, realm, "employee_id", asked)
	assert.Equal(t, []string{"The user will be asked for: mobile_number"}, hire(t, p, "numbered", `,"employeeId":"E1"`).Warnings)
	answer := p.send(t, http.MethodPost, syncPath, `{"username":"bare","email":"bare@bank.example","role":"Cashier","firstName":"Nora"}`)
	require.Equal(t, http.StatusCreated, answer.status, answer.body)
	assertMembers(t, `{"warnings":["The user will be asked for: employee_id, lastName, mobile_number"]}`, answer.body)
	visit, page := visitAs(t, realm, "bare", answer.member(t, "temporary_password"))
	if page.AsksForNewPassword() { // Keycloak's versions ask in different orders.
		page = choosePassword(t, visit, page)
	}
	assert.True(t, page.Has("lastName"), "%v", page)

	switchActionOff(t, realm, "VERIFY_PROFILE") // Also for the administrator of another program.
	p = serveSetting(t, realm, realm.URL, passwordOnly())
	reply := hire(t, p, "unasked", "")
	assert.Empty(t, reply.Warnings)
	visit, page = visitAs(t, realm, "unasked", reply.Password)
	_, err := visit.Finish(t.Context(), choosePassword(t, visit, page))
	assert.NoError(t, err)
}

// Keycloak changes nothing of a user whose stored data break a rule that came later, not
// even whether the account is on. The sessions end all the same, and an edit of the field
// that the reply names mends the account.
func TestUserProfile_NamesWhatToMendBeforeADisable(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "broken", CheapHash: true, Mutate: letLogInAgain})
	keepAttributes(t, realm)
	var sound map[string]any
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/users/profile", nil, &sound))
	p := serveRealm(t, realm, realm.URL)
	pattern := func(expression string) func(map[string]any) {
		return func(declared map[string]any) {
			declared["validations"] = map[string]any{"pattern": map[string]any{"pattern": expression, "error-message": "x"}}
		}
	}
	for _, c := range []struct {
		attribute, member, mended string
		rule                      func(declared map[string]any)
	}{
		{"lastName", "lastName", "New", func(declared map[string]any) {
			declared["validations"] = map[string]any{"length": map[string]any{"max": 3}}
		}},
		{"email", "email", "mended@bank.test", pattern(".*@bank[.]test")},
		{"mobile_number", "mobileNumber", "112", pattern("^[0-9]{3}$")},
		{"employee_id", "employeeId", "E1", func(declared map[string]any) { declared["required"] = map[string]any{"roles": []string{"admin"}} }},
	} {
		t.Run(c.attribute, func(t *testing.T) {
			require.NoError(t, realm.Call(t.Context(), http.MethodPut, "/users/profile", sound, nil))
			username := "broken." + strings.ToLower(strings.ReplaceAll(c.attribute, "_", "."))
			id, err := realm.CreateUser(t.Context(), map[string]any{
				"username": username, "email": username + "@old.example", "firstName": "Nora", "lastName": "Ancient", "enabled": true,
				"attributes": map[string]any{"mobile_number": []string{"+49 1234"}},
			})
			require.NoError(t, err)
			require.NoError(t, realm.SetPassword(t.Context(), id, chosenPassword, false))
			session, err := realm.Login(t.Context(), username, chosenPassword)
			require.NoError(t, err)
			require.NotEmpty(t, session.RefreshToken, session)
			declare(t, realm, c.attribute, c.rule)

			refused := func(method, route, body, message string) {
				t.Helper()
				answer := p.send(t, method, "/users/"+username+route, body)
				assert.Equal(t, http.StatusBadRequest, answer.status, answer.body)
				assertMembers(t, `{"code":"invalid_field","fields":{"`+c.member+`":"<text>"}}`, answer.body)
				assert.Contains(t, answer.member(t, "message"), message)
				assert.Contains(t, answer.member(t, "message"), c.member)
				assert.LessOrEqual(t, len(answer.member(t, "message")), 90)
			}
			refused(http.MethodPut, "/status", `{"enabled":false}`, "still on")
			account, _ := realmAccount(t, realm, username)
			assert.True(t, account.Enabled)
			refreshed, err := realm.Refresh(t.Context(), session.RefreshToken)
			require.NoError(t, err)
			assert.NotEqual(t, http.StatusOK, refreshed.Status, "the session goes on")
			refused(http.MethodPost, "/force-password-change", "", "must be edited first")
			refused(http.MethodPut, "", `{"role":"Accountant"}`, "The field")

			change, err := json.Marshal(map[string]string{c.member: c.mended})
			require.NoError(t, err)
			for _, step := range []struct{ route, body string }{{"", string(change)}, {"/status", `{"enabled":false}`}} {
				answer := p.send(t, http.MethodPut, "/users/"+username+step.route, step.body)
				assert.Equal(t, http.StatusOK, answer.status, answer.body)
			}
			mended, _ := realmAccount(t, realm, username)
			assert.False(t, mended.Enabled)
			assert.Equal(t, "Nora", mended.FirstName, "nothing is lost")
		})
	}
}
