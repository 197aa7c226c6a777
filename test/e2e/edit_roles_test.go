package e2e

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// A user who gets another post has its role and group, and no longer those of the old
// one. What the bank has given besides stays.
func testMoves(t *testing.T, realm *keycloaktest.Realm, p *program) {
	t.Helper()
	id := userID(t, realm, "rich")
	carry(t, realm, "users/"+id, "loan-officer", "staff", "teller") // Left over from posts long ago.
	before := portray(t, realm, "rich")
	require.Contains(t, before.RealmRoles, "auditor")
	require.Subset(t, before.Groups, []string{"/auditors", "/region/tellers", "/tellers/north"})
	for _, post := range []struct{ fineract, role, group string }{
		{"Branch Manager", "branch-manager", "branch-managers"},
		{" branch manager ", "branch-manager", "branch-managers"},
		{"Loan Officer", "loan-officer", "loan-officers"},
		{"Accountant", "accountant", ""},
		{"Admin", "admin", "head-office"},
		{"Super User", "Super User", "head-office"},
		{"Cashier", "teller", "tellers"},
		{"Astronaut", "staff", ""},
		{"Cashier", "teller", "tellers"},
	} {
		t.Run(post.fineract, func(t *testing.T) {
			answer := p.send(t, http.MethodPut, "/users/rich", `{"role":"`+post.fineract+`"}`)
			require.Equal(t, http.StatusOK, answer.status, answer.body)
			assert.NotContains(t, answer.body, "warnings")
			before.move(post.role, post.group)
			stored, _ := portray(t, realm, "rich").User["attributes"].(map[string]any)
			assert.Equal(t, strings.TrimSpace(post.fineract), strings.TrimSpace(firstOf(stored["fineract_role"])))
			before.set("fineract_role", firstOf(stored["fineract_role"]))
			assertPortrait(t, realm, before)
		})
	}
}

// firstOf returns the first value of an attribute, or "".
func firstOf(values any) string {
	list, _ := values.([]any)
	if len(list) == 0 {
		return ""
	}
	text, _ := list[0].(string)
	return text
}

// A group that the realm lacks is left out with a warning, and the old one is gone all
// the same.
func testMoveWithoutTheGroup(t *testing.T, realm *keycloaktest.Realm, p *program) {
	t.Helper()
	hire(t, p, "mover", "")
	expected := portray(t, realm, "mover")
	require.NoError(t, realm.DeleteGroup(t.Context(), "branch-managers"))
	defer func() { require.NoError(t, realm.CreateGroup(t.Context(), "branch-managers", "branch-manager")) }()
	answer := p.send(t, http.MethodPut, "/users/mover", `{"role":"Branch Manager"}`)
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	assertMembers(t, `{"warnings":["The group 'branch-managers' does not exist and was left out."]}`, answer.body)
	expected.move("branch-manager", "")
	expected.set("fineract_role", "Branch Manager")
	assertPortrait(t, realm, expected)
}

// Whoever moves is never without a role on the way: the new one comes first. What broke
// off in between is finished by asking again.
func testInterruptedMove(t *testing.T, realm *keycloaktest.Realm) {
	t.Helper()
	g := newGateway(t, realm.URL)
	p := serveRealm(t, realm, g.URL)
	hire(t, p, "interrupted", "")
	expected := portray(t, realm, "interrupted")
	keycloak := proxyTo(t, realm.URL)
	var refusals atomic.Int32
	g.breakWith(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			refusals.Add(1)
			status(http.StatusServiceUnavailable, "text/plain", "")(w, r)
			return
		}
		keycloak(w, r)
	})
	answer := p.send(t, http.MethodPut, "/users/interrupted", `{"role":"Branch Manager"}`)
	assert.Equal(t, http.StatusServiceUnavailable, answer.status, answer.body)
	assert.NotZero(t, refusals.Load())
	half := portray(t, realm, "interrupted")
	assert.Subset(t, half.RealmRoles, []string{"branch-manager", "teller"})
	assert.Equal(t, []string{"/branch-managers", "/tellers"}, half.Groups)

	g.breakWith(nil)
	answer = p.send(t, http.MethodPut, "/users/interrupted", `{"role":"Branch Manager"}`)
	assert.Equal(t, http.StatusOK, answer.status, answer.body)
	expected.move("branch-manager", "branch-managers")
	expected.set("fineract_role", "Branch Manager")
	assertPortrait(t, realm, expected)
}

// Nobody promotes themselves by an edit or gives what the realm hides in a role or a group,
// and the rest of a refused edit is not done either.
func TestEdit_Guards(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "edit-guards", CheapHash: true})
	addRealmUser(t, realm, teller("harmless"))
	carry(t, realm, "groups/"+groupID(t, realm, "loan-officers"), "admin") // a trap
	makeComposite(t, realm, "accountant", administrationRole(t, realm, "manage-users"))
	p := serveRealm(t, realm, realm.URL)
	boss := claimsOf(t, p.token)["preferred_username"].(string)
	ledger := ledgerOf(t, realm)
	writes := len(ledger.writes(t))
	escalation := verdict{http.StatusForbidden, "privilege_escalation"}
	edit := func(want verdict, username, body string) {
		t.Helper()
		a := attempt{"update_user", http.MethodPut, "/users/" + username, body, http.StatusOK}
		assertVerdict(t, want, a, a.sendWith(t, p, bearer(p.token)))
	}
	edit(escalation, "harmless", `{"firstName":"Changed","role":"Loan Officer"}`)
	edit(escalation, "harmless", `{"firstName":"Changed","role":"Accountant"}`)
	edit(protectedUser, strings.ToUpper(boss), `{"firstName":"Changed","role":"Super User"}`)
	ledger.unchanged(t, writes)
	edit(granted, "harmless", `{"role":"Branch Manager"}`)
}
