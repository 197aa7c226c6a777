package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// A token says what was true when it was made. The realm says what is: an administrator
// who was demoted a moment ago makes no other one.
func TestActor_MayDoWhatTheRealmSaysNow(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "now", CheapHash: true, SMTPPort: newSink(t).Port()})
	addRealmUser(t, realm, teller("target"))
	require.NoError(t, realm.CreateGroup(t.Context(), "bosses", "admin"))
	makeSubgroup(t, realm, "bosses", "deputies")
	makeComposite(t, realm, "chief", realmRole(t, realm, "admin"))
	p := serveRealm(t, realm, realm.URL)
	ledger := ledgerOf(t, realm)
	call := func(method, path string, body any) {
		t.Helper()
		require.NoError(t, realm.Call(t.Context(), method, path, body, nil))
	}
	for name, c := range map[string]struct{ give, take func(id string) }{
		"role": {func(id string) { carry(t, realm, "users/"+id, "admin") }, func(id string) {
			call(http.MethodDelete, "/users/"+id+"/role-mappings/realm", []any{realmRole(t, realm, "admin")})
		}},
		"group": {func(id string) {
			call(http.MethodPut, "/users/"+id+"/groups/"+groupID(t, realm, "bosses/deputies"), nil)
		}, func(id string) {
			call(http.MethodDelete, "/users/"+id+"/groups/"+groupID(t, realm, "bosses/deputies"), nil)
		}},
		"composite": {func(id string) { carry(t, realm, "users/"+id, "chief") }, func(string) {
			call(http.MethodDelete, "/roles/chief/composites", []any{realmRole(t, realm, "admin")})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			boss := "former." + name
			_, err := realm.NewActor(t.Context(), boss, "staff")
			require.NoError(t, err)
			c.give(userID(t, realm, boss))
			grant, err := realm.Login(t.Context(), boss, keycloaktest.ActorPassword)
			require.NoError(t, err)
			first := writeAttempts()[2].on("target", "")
			assertVerdict(t, granted, first, first.sendWith(t, p, bearer(grant.AccessToken)))
			c.take(userID(t, realm, boss))
			require.Contains(t, claimsOf(t, grant.AccessToken)["realm_access"].(map[string]any)["roles"], "admin", "the old token says otherwise")
			writes := len(ledger.writes(t))
			admin := attempt{"sync_user", http.MethodPost, "/sync/user", `{"username":"accomplice","email":"a@bank.example","role":"Admin"}`, http.StatusCreated}
			for _, a := range append(writeAttempts(), admin) {
				id := "now-" + name + "-" + a.action
				assertVerdict(t, forbidden, a, a.on("target", "somebody").sendWith(t, p, bearer(grant.AccessToken), "X-Request-Id: "+id))
			}
			ledger.unchanged(t, writes)
			assert.Contains(t, logLine(p, "request", "now-"+name+"-update_user"), "has lost the role")
		})
	}
}

// Where the realm's mappers leave roles out of introspection nobody may change anything,
// and the log says what to look at.
func TestActor_WhoseRolesIntrospectionDoesNotTell(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "untold", CheapHash: true, Mutate: func(rep map[string]any) {
		client := publicClient("untold", nil, map[string]any{
			"name": "roles", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-realm-role-mapper",
			"config": map[string]string{"claim.name": "realm_access.roles", "multivalued": "true", "jsonType.label": "String", "access.token.claim": "true", "introspection.token.claim": "false"},
		})
		client["defaultClientScopes"], client["fullScopeAllowed"] = []string{"basic", "profile"}, true
		rep["clients"] = append(rep["clients"].([]any), client)
		rep["users"] = append(rep["users"].([]any), actor("boss", "admin"))
	}})
	addRealmUser(t, realm, teller("target"))
	p := serveRealm(t, realm, realm.URL)
	a := writeAttempts()[2].on("target", "")
	boss := logIn(t, realm, "untold", "boss").Access
	require.Contains(t, claimsOf(t, boss)["realm_access"].(map[string]any)["roles"], "admin")
	assertVerdict(t, forbidden, a, a.sendWith(t, p, bearer(boss), "X-Request-Id: untold"))
	assert.Contains(t, logLine(p, "request", "untold"), "role mapper")
}

// Whoever may write makes nobody what they are not themselves.
func TestActor_GivesNothingPrivilegedWithoutHoldingIt(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "giving", CheapHash: true})
	keepAttributes(t, realm)
	environment := environmentFor(realm, realm.URL)
	environment["AUTH_WRITE_ROLES"], environment["ON_EXISTING"] = "admin,teller", "repair"
	p := serveWith(t, realm, environment)
	cashier, err := realm.NewActor(t.Context(), "some.cashier", "teller")
	require.NoError(t, err)
	hire(t, p, "worker", "")
	ledger := ledgerOf(t, realm)
	writes := len(ledger.writes(t))
	post := func(token, body string) reply {
		t.Helper()
		return send(t, http.MethodPost, p.URL+"/sync/user", body, bearer(token), "Content-Type: application/json")
	}
	for _, c := range []struct{ fineract, role string }{{"Admin", "admin"}, {"system administrator", "admin"}, {"Super User", "Super User"}} {
		refusal := `{"status":"error","code":"forbidden","message":"Only an administrator may give the role '` + c.role + `'."}`
		answer := post(cashier.AccessToken, `{"username":"accomplice","email":"accomplice@bank.example","role":"`+c.fineract+`"}`)
		assert.Equal(t, http.StatusForbidden, answer.status, answer.body)
		assertMembers(t, refusal, answer.body)

		answer = send(t, http.MethodPut, p.URL+"/users/worker", `{"role":"`+c.fineract+`","lastName":"Edited"}`, bearer(cashier.AccessToken), "Content-Type: application/json")
		assert.Equal(t, http.StatusForbidden, answer.status, answer.body)
		assertMembers(t, refusal, answer.body)

		answer = post(cashier.AccessToken, `{"username":"worker","email":"`+addressOf("worker")+`","role":"`+c.fineract+`"}`)
		assert.Equal(t, http.StatusOK, answer.status, answer.body)
		assertMembers(t, `{"status":"exists","drift":{"role":"`+c.role+`","group":"head-office"},"warnings":["Only an administrator may give the role '`+c.role+`'."]}`, answer.body)
	}
	ledger.unchanged(t, writes)

	answer := post(cashier.AccessToken, `{"username":"colleague","email":"colleague@bank.example","role":"Cashier"}`)
	assert.Equal(t, http.StatusCreated, answer.status, answer.body)
	answer = post(p.token, `{"username":"worker","email":"`+addressOf("worker")+`","role":"Admin"}`)
	assertMembers(t, `{"status":"exists","repaired":{"role":"admin","group":"head-office"}}`, answer.body)
}

// Whoever changes an administrator's address and follows the link of a reset is that
// administrator. All that stops a rogue one stays possible.
func TestActor_ChangesNoAddressOfAnAdministrator(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "addresses", CheapHash: true, SMTPPort: newSink(t).Port(), Mutate: func(rep map[string]any) {
		roles := rep["roles"].(map[string]any)
		roles["realm"] = append(roles["realm"].([]any), map[string]any{"name": "ADMIN"})
	}})
	makeComposite(t, realm, "chief", realmRole(t, realm, "Super User"))
	makeComposite(t, realm, "chief-of-chiefs", realmRole(t, realm, "chief"))
	require.NoError(t, realm.CreateGroup(t.Context(), "bosses", "chief"))
	makeSubgroup(t, realm, "bosses", "deputies")
	p := serveRealm(t, realm, realm.URL)
	boss := claimsOf(t, p.token)["preferred_username"].(string)
	holders := []string{boss}
	for name, holds := range map[string][]string{
		"direct": {"admin"}, "capitals": {"ADMIN"}, "composite": {"chief"}, "deep": {"chief-of-chiefs"}, "group": {"/head-office"}, "parent": {"/bosses/deputies"},
	} {
		id := addRealmUser(t, realm, teller(name))
		if path, isGroup := strings.CutPrefix(holds[0], "/"); isGroup {
			require.NoError(t, realm.Call(t.Context(), http.MethodPut, "/users/"+id+"/groups/"+groupID(t, realm, path), nil, nil))
		} else {
			carry(t, realm, "users/"+id, holds...)
		}
		holders = append(holders, name)
	}
	refusesAddress := func(t *testing.T, name string) {
		t.Helper()
		before := portray(t, realm, name)
		for _, body := range []string{`{"email":"mine@home.example"}`, `{"email":"mine@home.example","firstName":"Edited","officeId":7}`} {
			answer := p.send(t, http.MethodPut, "/users/"+strings.ToUpper(name), body)
			assert.Equal(t, http.StatusForbidden, answer.status, answer.body)
			assertMembers(t, `{"code":"protected_user","message":"An administrator's e-mail address cannot be changed here."}`, answer.body)
		}
		assertPortrait(t, realm, before)
	}
	for _, name := range holders {
		t.Run(name, func(t *testing.T) {
			refusesAddress(t, name)
			address := portray(t, realm, name).User["email"].(string)
			stays := attempt{"update_user", http.MethodPut, "/users/{u}", `{"email":"` + strings.ToUpper(address) + `","lastName":"Edited"}`, http.StatusOK}
			for _, a := range append([]attempt{stays}, changes()...) {
				if name == boss && slices.Contains([]string{"set_status", "end_sessions"}, a.action) {
					continue
				}
				a.path = strings.ReplaceAll(a.path, "{u}", name)
				assertVerdict(t, granted, a, a.on(name, "").sendWith(t, p, bearer(p.token)))
			}
		})
	}
	addRealmUser(t, realm, teller("plain"))
	answer := p.send(t, http.MethodPut, "/users/plain", `{"email":"new@bank.example"}`)
	assert.Equal(t, http.StatusOK, answer.status, answer.body)
	t.Run("default role", func(t *testing.T) {
		makeComposite(t, realm, "default-roles-"+realm.Name, realmRole(t, realm, "admin"))
		refusesAddress(t, "plain")
	})
}

// Where the bank does not vouch for addresses, a new one has to be proven.
func TestActor_MakesNewAddressesUnverified(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "unverified", CheapHash: true})
	addRealmUser(t, realm, teller("worker"))
	environment := environmentFor(realm, realm.URL)
	environment["EMAIL_VERIFIED"] = "false"
	p := serveWith(t, realm, environment)
	for _, c := range []struct {
		body     string
		verified bool
	}{{`{"email":"WORKER@bank.example","lastName":"Edited"}`, true}, {`{"email":"new@bank.example","officeId":7}`, false}} {
		answer := p.send(t, http.MethodPut, "/users/worker", c.body)
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		account, _ := realmAccount(t, realm, "worker")
		assert.Equal(t, c.verified, account.EmailVerified, c.body)
	}
}
