package e2e

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// protectedRealm has an account of each kind that nobody may change here.
func protectedRealm(t *testing.T) *keycloaktest.Realm {
	t.Helper()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "protected", CheapHash: true, SMTPPort: newSink(t).Port()})
	makeSubgroup(t, realm, "branch-managers", "board")
	makeSubgroup(t, realm, "branch-managers/board", "chair")
	require.NoError(t, realm.CreateGroup(t.Context(), "keepers"))
	administer(t, realm, "groups/"+groupID(t, realm, "keepers"), "view-events")
	makeSubgroup(t, realm, "keepers", "night")
	makeComposite(t, realm, "operations", administrationRole(t, realm, "view-clients"))
	makeComposite(t, realm, "night-operations", realmRole(t, realm, "operations"))
	require.NoError(t, realm.CreateRole(t.Context(), "realm-admin"))
	makeComposite(t, realm, "boss-of-all", realmRole(t, realm, "realm-admin"))
	require.NoError(t, realm.CreateGroup(t.Context(), "owners", "realm-admin"))
	require.NoError(t, realm.CreateGroup(t.Context(), "heirs", "boss-of-all"))
	require.NoError(t, realm.CreateRole(t.Context(), "untouchable"))

	for username, groups := range map[string][]string{
		"ceo": nil, "direct": nil, "composite": nil, "deep": nil, "untouchable": nil, "harmless": {"/tellers"}, "neighbour": {"/branch-managers"},
		"board": {"/branch-managers/board"}, "chair": {"/branch-managers/board/chair"}, "keeper": {"/keepers"}, "nightkeeper": {"/keepers/night"},
		"owner": {"/owners"}, "heir": {"/heirs"},
	} {
		_, err := realm.CreateUser(t.Context(), map[string]any{"username": username, "email": username + "@bank.example", "enabled": true, "groups": groups})
		require.NoError(t, err)
	}
	administer(t, realm, "users/"+userID(t, realm, "direct"), "view-events")
	carry(t, realm, "users/"+userID(t, realm, "composite"), "operations")
	carry(t, realm, "users/"+userID(t, realm, "deep"), "night-operations")
	carry(t, realm, "users/"+userID(t, realm, "untouchable"), "untouchable")
	return realm
}

// Nobody changes an account that administers the realm or that the bank has named,
// however the name is written.
func TestGuard_ProtectedTargets(t *testing.T) {
	realm := protectedRealm(t)
	environment := environmentFor(realm, realm.URL)
	environment["PROTECTED_USERS"] = "CEO, somebody.else"
	environment["PROTECTED_GROUPS"] = "/branch-managers/board"
	environment["PROTECTED_ROLES"] = "realm-admin,untouchable"
	p := serveWith(t, realm, environment)
	ledger := ledgerOf(t, realm)

	t.Run("others can be changed", func(t *testing.T) {
		for _, name := range []string{"harmless", "neighbour"} {
			for _, a := range changes() {
				assertVerdict(t, granted, a, a.on(name, "").sendWith(t, p, bearer(p.token)))
			}
		}
	})
	before := len(ledger.writes(t))
	for kind, names := range map[string][]string{
		"service account": {
			"service-account-" + realm.ClientID, "Service-Account-" + realm.ClientID, "service%2daccount-" + realm.ClientID,
			"%53ERVICE-ACCOUNT-%55" + realm.ClientID[1:], "service-account-nobody", "service-account-",
		},
		"named":                           {"ceo", "CEO", "Ceo", "%63eo", "%43%45%4f", "somebody.else", "Somebody%2eElse"},
		"member of a group":               {"board", "BOARD", "%62oard"},
		"member of a subgroup":            {"chair", "Chair"},
		"right of administration":         {"direct", "DIRECT", "d%69rect"},
		"the same through a group":        {"keeper", "Keeper"},
		"the same through a parent group": {"nightkeeper"},
		"the same through a composite":    {"composite", "Composite"},
		"the same through two":            {"deep"},
		"protected role":                  {"untouchable", "%75ntouchable"},
		"realm-admin through a group":     {"owner", "Owner"},
		"the same, inside a composite":    {"heir"},
	} {
		t.Run(kind, func(t *testing.T) {
			for _, name := range names {
				for _, a := range changes() {
					a, id := a.on(name, ""), "protected-"+rand.Text()
					assertVerdict(t, protectedUser, a, a.sendWith(t, p, bearer(p.token), "X-Request-Id: "+id))
					event := auditEventOf(t, p, id)
					assert.Equal(t, "refused protected_user", event.Outcome+" "+event.Reason)
				}
			}
			ledger.unchanged(t, before)
		})
	}
	t.Run("create", func(t *testing.T) {
		for i, name := range []string{
			"service-account-" + realm.ClientID, "Service-Account-X", "service-account-new", "ceo", "CEO", "somebody.else", "Somebody.Else", `ce\u006f`,
		} {
			a := writeAttempts()[0]
			a.body = fmt.Sprintf(`{"username":"%s","email":"protected%d@bank.example","role":"Cashier"}`, name, i)
			assertVerdict(t, protectedUser, a, a.sendWith(t, p, bearer(p.token)))
		}
		ledger.unchanged(t, before)
	})
	t.Run("everybody can be read", func(t *testing.T) {
		for _, name := range []string{"service-account-" + realm.ClientID, "ceo", "board", "direct"} {
			a := attempts()[4].on(name, "")
			assertVerdict(t, granted, a, a.sendWith(t, p, bearer(p.token)))
		}
	})
}

// changes are the attempts at a user who is there, for switching off too.
func changes() []attempt {
	off := writeAttempts()[2]
	off.body = `{"enabled":false}`
	return append(writeAttempts()[1:], off)
}

// forbiddenToOneself are the changes that actors cannot make to themselves.
func forbiddenToOneself() []attempt {
	role, off := writeAttempts()[4], writeAttempts()[2]
	role.body, off.body = `{"role":"Cashier"}`, `{"enabled":false}`
	return []attempt{role, off}
}

// Without names in the configuration those who administer the realm are still safe, and
// with PROTECTED_ROLES for oneself the rights of administration count as ever.
func TestGuard_ProtectedByDefault(t *testing.T) {
	realm := protectedRealm(t)
	p := serveWith(t, realm, environmentFor(realm, realm.URL))
	for name, want := range map[string]verdict{
		"service-account-" + realm.ClientID: protectedUser, "direct": protectedUser, "keeper": protectedUser, "deep": protectedUser, "owner": protectedUser,
		"heir": protectedUser, "ceo": granted, "board": granted, "untouchable": granted,
	} {
		a := writeAttempts()[3].on(name, "")
		assertVerdict(t, want, a, a.sendWith(t, p, bearer(p.token)))
	}
}

// Administrators cannot lock themselves out, by whatever name their token calls them; to
// be enabled harms nobody.
func TestGuard_ActorsAreSafeFromThemselves(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "self", CheapHash: true, SMTPPort: newSink(t).Port(), Mutate: func(rep map[string]any) {
		letLogInAgain(rep)
		rep["clients"] = append(rep["clients"].([]any), publicClient(gatewayClient, nil, usernameAsSubject()))
		rep["users"] = append(rep["users"].([]any), actor("the.boss", "admin"), actor("deputy", "admin"))
	}})
	p := serveRealm(t, realm, realm.URL)
	ledger := ledgerOf(t, realm)
	require.Equal(t, "the.boss", claimsOf(t, logIn(t, realm, gatewayClient, "the.boss").Access)["sub"])

	for _, client := range []string{keycloaktest.LoginClientID, gatewayClient} {
		t.Run(client, func(t *testing.T) {
			boss := bearer(logIn(t, realm, client, "the.boss").Access)
			before := len(ledger.writes(t))
			for _, name := range []string{"the.boss", "THE.BOSS", "the%2eboss"} {
				for _, a := range forbiddenToOneself() {
					a = a.on(name, "")
					assertVerdict(t, protectedUser, a, a.sendWith(t, p, boss))
				}
			}
			ledger.unchanged(t, before)
			enable := writeAttempts()[2]
			assertVerdict(t, granted, enable, enable.on("deputy", "").sendWith(t, p, boss))
			for _, own := range writeAttempts()[1:] { // To reset and to force is how administrators get their first password.
				assertVerdict(t, granted, own, own.on("the.boss", "").sendWith(t, p, boss))
			}
			account, _ := realmAccount(t, realm, "the.boss")
			assert.Equal(t, []string{"UPDATE_PASSWORD"}, account.RequiredActions)
			require.NoError(t, realm.UpdateUser(t.Context(), account.ID, map[string]any{"requiredActions": []string{}}))
			assertVerdict(t, unauthenticated, enable, enable.on("the.boss", "").sendWith(t, p, boss))
		})
	}
	t.Run("others still can", func(t *testing.T) {
		deputy := bearer(logIn(t, realm, keycloaktest.LoginClientID, "deputy").Access)
		off := writeAttempts()[2].on("the.boss", "")
		off.body = `{"enabled":false}`
		assertVerdict(t, granted, off, off.sendWith(t, p, deputy))
		account, _ := realmAccount(t, realm, "the.boss")
		assert.False(t, account.Enabled)
	})
}

// A right that somebody gets, or a group that somebody joins, counts at once: who holds
// what is asked for at every write.
func TestGuard_NewProtectionCountsAtOnce(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "promoted", CheapHash: true})
	id := addRealmUser(t, realm, teller("target"))
	require.NoError(t, realm.CreateGroup(t.Context(), "keepers"))
	administer(t, realm, "groups/"+groupID(t, realm, "keepers"), "view-events")
	p := serveRealm(t, realm, realm.URL)
	enable := writeAttempts()[2].on("target", "")
	assertVerdict(t, granted, enable, enable.sendWith(t, p, bearer(p.token)))

	membership := "/users/" + id + "/groups/" + groupID(t, realm, "keepers")
	require.NoError(t, realm.Call(t.Context(), http.MethodPut, membership, nil, nil))
	assertVerdict(t, protectedUser, enable, enable.sendWith(t, p, bearer(p.token)))
	require.NoError(t, realm.Call(t.Context(), http.MethodDelete, membership, nil, nil))
	assertVerdict(t, granted, enable, enable.sendWith(t, p, bearer(p.token)))
}
