package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// everyAttribute are the members of a body that become attributes, beside the role.
const everyAttribute = `,"userId":42,"officeId":1,"officeName":"Head Office","employeeId":"EMP-042","mobileNumber":"+254 700 000000"`

// storedAttributes is what everyAttribute becomes for a cashier.
func storedAttributes() map[string]string {
	return map[string]string{
		"fineract_user_id": "42", "office_id": "1", "office_name": "Head Office", "employee_id": "EMP-042", "mobile_number": "+254 700 000000",
		"fineract_role": "Cashier",
	}
}

// attributesOf returns the user's attributes in Keycloak, each of which has one value,
// without the mark by which the program knows its users.
func attributesOf(t *testing.T, realm *keycloaktest.Realm, username string) map[string]string {
	t.Helper()
	user, found, err := realm.User(t.Context(), username)
	require.NoError(t, err)
	require.True(t, found)
	attributes := make(map[string]string)
	all, _ := user["attributes"].(map[string]any)
	for name, values := range all {
		if name == "managed_by" {
			continue
		}
		list := values.([]any)
		require.Len(t, list, 1, name)
		attributes[name] = list[0].(string)
	}
	return attributes
}

// Where the realm declares the attributes, the service keeps them.
func TestAttributes_OfADeclaringRealm(t *testing.T) {
	realm, _ := pagesRealm(t, "attributes")
	p := serveSetting(t, realm, realm.URL, passwordOnly())
	t.Run("reach the access token", func(t *testing.T) { testAttributesInTokens(t, realm, p) })
	t.Run("not known yet", func(t *testing.T) { testAttributesNotKnown(t, realm, p) })
	t.Run("refused by the profile", func(t *testing.T) { testAttributesRefused(t, realm, p) })
}

// What Fineract needs to know of a caller is in the access token, put there by
// administrators only.
func testAttributesInTokens(t *testing.T, realm *keycloaktest.Realm, p *program) {
	t.Helper()
	reply := hire(t, p, "newcomer", everyAttribute)
	assert.Empty(t, reply.Warnings)
	assert.Equal(t, storedAttributes(), attributesOf(t, realm, "newcomer"))

	visit, page := visitAs(t, realm, "newcomer", reply.Password)
	grant, err := visit.Finish(t.Context(), choosePassword(t, visit, page))
	require.NoError(t, err)
	token := claimsOf(t, grant.AccessToken)
	assert.Equal(t, "42", token["fineract_user_id"])
	assert.Equal(t, "1", token["office_id"])

	t.Run("users neither see nor change them", func(t *testing.T) {
		account, answer := ownAccount(t, realm, grant.AccessToken, nil)
		require.Equal(t, http.StatusOK, account, answer)
		assert.Contains(t, answer, "newcomer")
		assert.NotContains(t, answer, "office_id")
		for _, attempt := range []map[string]any{{"office_id": []string{"7"}}, {"fineract_user_id": []string{"1"}}, {}} {
			_, answer := ownAccount(t, realm, grant.AccessToken, map[string]any{
				"username": "newcomer", "email": addressOf("newcomer"), "firstName": "Nora", "lastName": "Promoted", "attributes": attempt,
			})
			assert.Equal(t, storedAttributes(), attributesOf(t, realm, "newcomer"), answer)
		}
	})
	t.Run("an edit is in the next token", func(t *testing.T) {
		answer := p.send(t, http.MethodPut, "/users/newcomer", `{"officeId":2,"officeName":"Branch"}`)
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		token := claimsOf(t, assertSignsIn(t, realm, "newcomer", chosenPassword).AccessToken)
		assert.Equal(t, "42", token["fineract_user_id"])
		assert.Equal(t, "2", token["office_id"])
	})
}

// ownAccount reads users' own accounts by their tokens, or changes them.
func ownAccount(t *testing.T, realm *keycloaktest.Realm, token string, change map[string]any) (status int, answer string) {
	t.Helper()
	method, body := http.MethodGet, []byte(nil)
	if change != nil {
		var err error
		method = http.MethodPost
		body, err = json.Marshal(change)
		require.NoError(t, err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, realm.URL+"/realms/"+realm.Name+"/account", bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(content)
}

// What the web app does not know it does not send, or sends as 0: none of it is stored.
func testAttributesNotKnown(t *testing.T, realm *keycloaktest.Realm, p *program) {
	t.Helper()
	for name, c := range map[string]struct {
		members string
		stored  map[string]string
	}{
		"nothing": {``, map[string]string{"fineract_role": "Cashier"}},
		"zero":    {`,"userId":0,"officeId":3`, map[string]string{"fineract_role": "Cashier", "office_id": "3"}},
		"null":    {`,"userId":null,"officeId":null,"officeName":null,"employeeId":null,"mobileNumber":null`, map[string]string{"fineract_role": "Cashier"}},
		"empty":   {`,"officeName":"","employeeId":"","mobileNumber":""`, map[string]string{"fineract_role": "Cashier"}},
	} {
		t.Run(name, func(t *testing.T) {
			reply := hire(t, p, "with."+name, c.members)
			assert.Empty(t, reply.Warnings)
			assert.Equal(t, c.stored, attributesOf(t, realm, "with."+name))
		})
	}
}

// A value that the realm's user profile refuses is called by the name it came under.
func testAttributesRefused(t *testing.T, realm *keycloaktest.Realm, p *program) {
	t.Helper()
	hire(t, p, "present", everyAttribute)
	before := attributesOf(t, realm, "present")
	for member, value := range map[string]string{
		"mobileNumber": `"call me"`, "employeeId": `"E 7!"`, "officeId": `-1`, "officeName": `"` + strings.Repeat("x", 300) + `"`,
	} {
		t.Run(member, func(t *testing.T) {
			refused := func(answer reply) {
				t.Helper()
				assert.Equal(t, http.StatusBadRequest, answer.status, answer.body)
				assertMembers(t, `{"status":"error","code":"invalid_field","message":"<text>","fields":{"`+member+`":"<text>"}}`, answer.body)
			}
			refused(p.send(t, http.MethodPost, syncPath, `{"username":"refused","email":"refused@bank.example","role":"Cashier","`+member+`":`+value+`}`))
			_, found := realmAccount(t, realm, "refused")
			assert.False(t, found)
			refused(p.send(t, http.MethodPut, "/users/present", `{"firstName":"Changed","`+member+`":`+value+`}`))
			assert.Equal(t, before, attributesOf(t, realm, "present"))
			user, _ := realmAccount(t, realm, "present")
			assert.Equal(t, "Nora", user.FirstName)
		})
	}
}

// Keycloak drops what the realm's user profile does not declare, and says nothing. The
// reply says exactly what it has dropped.
func TestAttributes_WarnsOfWhatTheRealmDrops(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "drops", CheapHash: true})
	var plain, half map[string]any
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/users/profile", nil, &plain))
	half = maps.Clone(plain)
	half["attributes"] = slices.Clone(plain["attributes"].([]any))
	for _, name := range []string{"fineract_user_id", "office_id"} {
		half["attributes"] = append(half["attributes"].([]any), map[string]any{
			"name": name, "permissions": map[string]any{"view": []string{"admin"}, "edit": []string{"admin"}},
		})
	}
	policy := func(profile map[string]any, policy string) map[string]any {
		profile = maps.Clone(profile)
		profile["unmanagedAttributePolicy"] = policy
		return profile
	}
	names := slices.Sorted(maps.Keys(storedAttributes()))
	others := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "fineract_user_id" || name == "office_id" })
	for _, c := range []struct {
		name    string
		profile map[string]any
		dropped []string
	}{
		{"none declared", plain, names},
		{"half of them", half, others},
		{"any, by administrators", policy(plain, "ADMIN_EDIT"), nil},
		{"any, by everybody", policy(plain, "ENABLED"), nil},
		{"half, and any by administrators", policy(half, "ADMIN_EDIT"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, realm.Call(t.Context(), http.MethodPut, "/users/profile", c.profile, nil))
			p := serveRealm(t, realm, realm.URL) // One that has not read the profile yet.
			username := dotted(c.name)
			reply := hire(t, p, username, everyAttribute)

			stored := storedAttributes()
			for _, name := range c.dropped {
				delete(stored, name)
			}
			assert.Equal(t, stored, attributesOf(t, realm, username))
			if c.dropped == nil {
				assert.Empty(t, reply.Warnings)
			} else {
				assert.Equal(t, []string{"attributes not stored: " + strings.Join(c.dropped, ", ")}, reply.Warnings)
			}
		})
	}
	t.Run("edits too", func(t *testing.T) {
		require.NoError(t, realm.Call(t.Context(), http.MethodPut, "/users/profile", half, nil))
		p := serveRealm(t, realm, realm.URL)
		answer := p.send(t, http.MethodPut, "/users/half.of.them", `{"officeId":2,"officeName":"Branch","employeeId":"E1"}`)
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		assertMembers(t, `{"warnings":["attributes not stored: employee_id, office_name"]}`, answer.body)
		assert.Equal(t, map[string]string{"fineract_user_id": "42", "office_id": "2"}, attributesOf(t, realm, "half.of.them"))
	})
}
