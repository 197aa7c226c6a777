package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// Whoever is there first under the name of a future employee must not become the
// employee: the sync that follows would give that account the role.

// ourMark is what only this service writes, where the realm sees to it.
func ourMark() map[string]any { return map[string]any{"managed_by": []string{"user-sync-service"}} }

// register makes an account as anybody can, with fields that the page does not ask for.
func register(t *testing.T, realm *keycloaktest.Realm, username, email string, forged map[string]string) {
	t.Helper()
	visit := realm.NewVisit()
	page, err := visit.Registration(t.Context())
	require.NoError(t, err)
	values := map[string]string{
		"username": username, "email": email, "firstName": "A", "lastName": "Stranger",
		"password": keycloaktest.ActorPassword, "password-confirm": keycloaktest.ActorPassword,
	}
	for name, value := range forged {
		page, values[name] = page.With(name), value
	}
	page, err = visit.Submit(t.Context(), page, values)
	require.NoError(t, err)
	_, found := realmAccount(t, realm, username)
	require.True(t, found, page)
}

// editOwn changes an account as its owner does in the account console.
func editOwn(t *testing.T, realm *keycloaktest.Realm, username string, change map[string]any) {
	t.Helper()
	grant, err := realm.Login(t.Context(), username, keycloaktest.ActorPassword)
	require.NoError(t, err)
	require.NotEmpty(t, grant.AccessToken, grant.Description)
	path, authorization := realm.URL+"/realms/"+realm.Name+"/account/", "Authorization: Bearer "+grant.AccessToken
	account := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(send(t, http.MethodGet, path, "", authorization, "Accept: application/json").body), &account))
	maps.Copy(account, change)
	var body bytes.Buffer
	require.NoError(t, json.NewEncoder(&body).Encode(account))
	answer := send(t, http.MethodPost, path, body.String(), authorization, "Accept: application/json")
	require.Equal(t, http.StatusNoContent, answer.status, answer.body)
}

// markOf is what an account carries as mark.
func markOf(t *testing.T, realm *keycloaktest.Realm, username string) any {
	t.Helper()
	user, found, err := realm.User(t.Context(), username)
	require.NoError(t, err)
	require.True(t, found)
	attributes, _ := user["attributes"].(map[string]any)
	return attributes["managed_by"]
}

// openRealm is a realm in which anybody can register, without an address too, and whose
// user profile says so much of the mark.
func openRealm(t *testing.T, name string, profile func(map[string]any)) *keycloaktest.Realm {
	t.Helper()
	realm, _ := pagesRealm(t, name, func(rep map[string]any) { rep["registrationAllowed"] = true })
	require.NoError(t, realm.ChangeProfile(t.Context(), func(present map[string]any) {
		for _, attribute := range present["attributes"].([]any) {
			if attribute := attribute.(map[string]any); attribute["name"] == "email" {
				delete(attribute, "required")
			}
		}
		profile(present)
	}))
	return realm
}

// declareMark changes how the profile declares the mark; nil: it does not.
func declareMark(profile, members map[string]any) {
	var kept []any
	for _, attribute := range profile["attributes"].([]any) {
		if declared := attribute.(map[string]any); declared["name"] == "managed_by" {
			if members == nil {
				continue
			}
			maps.Copy(declared, members)
		}
		kept = append(kept, attribute)
	}
	profile["attributes"] = kept
}

func TestIdentity_StrangersStayStrangers(t *testing.T) {
	const another, none, unproved = "This username is another person's.", "The account has no e-mail address.", "The account's e-mail address is not verified."
	everybody := map[string]any{"view": []string{"admin", "user"}, "edit": []string{"admin", "user"}}
	for name, c := range map[string]struct {
		profile func(map[string]any)
		forged  bool // the stranger can write the mark, registering
		edited  bool // and later
	}{
		"declared for administrators": {func(map[string]any) {}, false, false},
		"ENABLED": {func(p map[string]any) {
			p["unmanagedAttributePolicy"] = "ENABLED"
			declareMark(p, nil)
		}, true, true},
		"declared for users": {func(p map[string]any) { declareMark(p, map[string]any{"permissions": everybody}) }, true, true},
		"declared for some requests, ENABLED": {func(p map[string]any) {
			p["unmanagedAttributePolicy"] = "ENABLED"
			declareMark(p, map[string]any{"selector": map[string]any{"scopes": []string{"phone"}}})
		}, true, keycloakServer(t).AtLeast(26, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			realm := openRealm(t, "strangers", c.profile)
			p := serveRealm(t, realm, realm.URL)
			forgery := map[string]string{
				"managed_by": "user-sync-service", "user.attributes.managed_by": "user-sync-service", "emailVerified": "true",
				"fineract_user_id": "42", "user.attributes.fineract_user_id": "42",
			}
			for username, stranger := range map[string]struct {
				make    func(username, email string)
				problem string
			}{
				"registered":             {func(username, email string) { register(t, realm, username, email, nil) }, unproved},
				"addressless":            {func(username, _ string) { register(t, realm, username, "", nil) }, none},
				"forger":                 {func(username, email string) { register(t, realm, username, email, forgery) }, unproved},
				"forger-without-address": {func(username, _ string) { register(t, realm, username, "", forgery) }, none},
				"forger-with-another":    {func(username, email string) { register(t, realm, username, "other."+email, forgery) }, another},
				"editor": {func(username, email string) {
					makeStranger(t, realm, username, "old."+email)
					editOwn(t, realm, username, map[string]any{"email": email, "emailVerified": true})
				}, unproved},
				"forging-editor": {func(username, email string) {
					makeStranger(t, realm, username, "old."+email)
					change := map[string]any{"email": email}
					if c.edited { // Else the console says so.
						change["attributes"] = ourMark()
					}
					editOwn(t, realm, username, change)
				}, unproved},
			} {
				email := username + "@bank.example"
				stranger.make(username, email)
				forged := c.forged && strings.HasPrefix(username, "forger") || c.edited && username == "forging-editor"
				require.Equal(t, forged, markOf(t, realm, username) != nil, username)
				before := readWhole(t, realm, username)
				// By a role alone, and by a group that carries another.
				for _, role := range []string{"Accountant", "Admin"} {
					answer := p.send(t, http.MethodPost, syncPath, `{"username":"`+username+`","email":"`+email+`","role":"`+role+`","userId":42}`)
					assert.Equal(t, http.StatusConflict, answer.status, "%s: %s", username, answer.body)
					assertMembers(t, `{"code":"username_conflict","message":"`+stranger.problem+` Please tell your system administrator."}`, answer.body)
				}
				assert.Equal(t, before, readWhole(t, realm, username), username)
			}
		})
	}
}

// makeStranger makes an account whose address is verified.
func makeStranger(t *testing.T, realm *keycloaktest.Realm, username, email string) {
	t.Helper()
	_, err := realm.CreateUser(t.Context(), map[string]any{
		"username": username, "email": email, "enabled": true, "emailVerified": true, "firstName": "A", "lastName": "Stranger",
		"credentials": []any{map[string]any{"type": "password", "value": keycloaktest.ActorPassword}},
	})
	require.NoError(t, err)
}

// The service's own users are known by the mark, whatever the address counts for.
func TestIdentity_EmployeesStayEmployees(t *testing.T) {
	realm := openRealm(t, "employees", func(map[string]any) {})
	p := serveSetting(t, realm, realm.URL, map[string]string{"EMAIL_VERIFIED": "false"})
	sync := func(email, userID string) reply {
		return p.send(t, http.MethodPost, syncPath, `{"username":"nora","email":"`+email+`@bank.example","role":"Cashier","userId":`+userID+`}`)
	}
	require.Equal(t, http.StatusCreated, sync("nora", "42").status)
	assert.Equal(t, http.StatusOK, sync("nora", "42").status)
	assert.Equal(t, http.StatusOK, sync("NORA", "0").status)
	assert.Equal(t, http.StatusOK, sync("nora.married", "42").status)
	assert.Equal(t, http.StatusConflict, sync("nora.married", "0").status)
	assert.Equal(t, http.StatusConflict, sync("nora.namesake", "43").status)
	require.NoError(t, realm.UpdateUser(t.Context(), userID(t, realm, "nora"), map[string]any{"email": ""}))
	assert.Equal(t, http.StatusOK, sync("nora", "0").status)
}

// What an employee lacks is added unless somebody protects the employee, by whatever way;
// what comes by another way is not lacking.
func TestIdentity_DriftOfEmployees(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "drift", CheapHash: true})
	keepAttributes(t, realm)
	require.NoError(t, realm.CreateRole(t.Context(), "realm-admin"))
	for kind, role := range map[string]string{"chief": "teller", "keeper": "realm-admin"} {
		makeComposite(t, realm, kind, realmRole(t, realm, role))
		require.NoError(t, realm.CreateGroup(t.Context(), kind+"s", role))
		makeSubgroup(t, realm, kind+"s", "north")
	}
	p := serveRealm(t, realm, realm.URL)
	const both, group = `{"role":"teller","group":"tellers"}`, `{"group":"tellers"}`
	for username, c := range map[string]struct {
		roles, groups []string
		answer        string
	}{
		"plain":            {nil, nil, `{"repaired":` + both + `}`},
		"by-direct":        {[]string{"teller"}, nil, `{"repaired":` + group + `}`},
		"by-composite":     {[]string{"chief"}, nil, `{"repaired":` + group + `}`},
		"by-group":         {nil, []string{"chiefs"}, `{"repaired":` + group + `}`},
		"by-parent":        {nil, []string{"chiefs/north"}, `{"repaired":` + group + `}`},
		"direct-keeper":    {[]string{"realm-admin"}, nil, `{"drift":` + both + `}`},
		"composite-keeper": {[]string{"keeper"}, nil, `{"drift":` + both + `}`},
		"group-keeper":     {nil, []string{"keepers"}, `{"drift":` + both + `}`},
		"parent-keeper":    {nil, []string{"keepers/north"}, `{"drift":` + both + `}`},
	} {
		id, err := realm.CreateUser(t.Context(), map[string]any{"username": username, "email": username + "@bank.example", "enabled": true, "attributes": ourMark()})
		require.NoError(t, err)
		carry(t, realm, "users/"+id, c.roles...)
		for _, group := range c.groups {
			require.NoError(t, realm.Call(t.Context(), http.MethodPut, "/users/"+id+"/groups/"+groupID(t, realm, group), nil, nil))
		}
		before := readWhole(t, realm, username)
		answer := p.send(t, http.MethodPost, syncPath, creation(username, "Cashier"))
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		assertMembers(t, c.answer, answer.body)
		if c.answer == `{"drift":`+both+`}` {
			assertMembers(t, `{"warnings":["Nothing was added: the user is protected."]}`, answer.body)
			assert.Equal(t, before, readWhole(t, realm, username), username)
		} else {
			assert.Contains(t, effectiveRoles(t, realm, id), "teller", username)
		}
	}
}
