package e2e

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/auditlog"
	"user-sync-service/internal/adapters/telemetry"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/test/keycloaktest"
)

// goldenRow is what a Fineract role must come to.
type goldenRow struct {
	fineractRole  string
	roles, groups []string // sorted
}

// What a Fineract role makes of somebody in the end, as Keycloak computes it, in a realm
// whose groups carry roles as in production: only the three roles of administrators make
// administrators, and what nobody has heard of makes plain staff.
func TestGuard_EffectiveRolesOfEveryFineractRole(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "golden", CheapHash: true})
	keepAttributes(t, realm)
	p := serveRealm(t, realm, realm.URL)
	golden := []goldenRow{
		{"Admin", []string{"Super User", "admin"}, []string{"head-office"}},
		{"System Administrator", []string{"Super User", "admin"}, []string{"head-office"}},
		{"Super User", []string{"Super User", "admin"}, []string{"head-office"}},
		{"Super user", []string{"Super User", "admin"}, []string{"head-office"}},
		{"Loan Officer", []string{"loan-officer"}, []string{"loan-officers"}},
		{"Account Manager", []string{"account-manager"}, []string{"account-managers"}},
		{"Cashier", []string{"teller"}, []string{"tellers"}},
		{"Branch Manager", []string{"branch-manager"}, []string{"branch-managers"}},
		{"Accountant", []string{"accountant"}, nil},
		{"Supervisor Accountant", []string{"Supervisor Accountant"}, nil},
		{"Manager", []string{"Manager"}, nil},
		{"Viewer", []string{"Viewer"}, nil},
		{"KYC Manager", []string{"KYC_MANAGER"}, nil},
		{"Asset Manager", []string{"ASSET_MANAGER"}, nil},
		{"Astronaut", []string{"staff"}, nil}, // unknown
	}
	require.Len(t, golden, len(domain.DefaultRoleMap().Assignments()), "a row for each rule and one for the fallback")
	golden = append(golden,
		goldenRow{"  cashier ", []string{"teller"}, []string{"tellers"}},
		goldenRow{"SUPER USER", []string{"Super User", "admin"}, []string{"head-office"}},
		goldenRow{"Administrator", []string{"staff"}, nil},
		goldenRow{"head-office", []string{"staff"}, nil},
		goldenRow{"realm-admin", []string{"staff"}, nil},
	)
	for i, g := range golden {
		t.Run(g.fineractRole, func(t *testing.T) {
			username := fmt.Sprintf("golden%d", i)
			answer := p.send(t, http.MethodPost, syncPath, fmt.Sprintf(`{"username":%q,"email":"%s@bank.example","role":%q}`, username, username, g.fineractRole))
			require.Equal(t, http.StatusCreated, answer.status, answer.body)
			assert.NotContains(t, answer.body, "warnings")
			id := answer.member(t, "keycloak_user_id")
			assert.Equal(t, g.roles, effectiveRoles(t, realm, id))
			groups, err := realm.Groups(t.Context(), id)
			require.NoError(t, err)
			assert.ElementsMatch(t, g.groups, groups)
			var rights []any
			require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/users/"+id+"/role-mappings/clients/"+clientUUID(t, realm, "realm-management")+"/composite", nil, &rights))
			assert.Empty(t, rights, "rights to administer the realm")
		})
	}
}

// effectiveRoles returns the realm roles that a user has in the end, without those that
// every user of a realm has.
func effectiveRoles(t *testing.T, realm *keycloaktest.Realm, id string) []string {
	t.Helper()
	roles, err := realm.EffectiveRealmRoles(t.Context(), id)
	require.NoError(t, err)
	return slices.DeleteFunc(roles, func(role string) bool {
		return role == "default-roles-"+realm.Name || role == "offline_access" || role == "uma_authorization"
	})
}

// A realm in which a harmless role leads to a privileged one, by whatever way: nobody is
// created, and the role is named.
func TestGuard_RefusesHiddenPrivileges(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "traps", CheapHash: true})
	right := func(name string) map[string]any { return administrationRole(t, realm, name) }
	role := func(name string) map[string]any { return realmRole(t, realm, name) }
	in := func(group string) string { return "groups/" + groupID(t, realm, group) }

	// Groups.
	carry(t, realm, in("tellers"), "admin")
	makeComposite(t, realm, "lending", role("admin"))
	makeComposite(t, realm, "banking", role("lending"), role("teller"))
	carry(t, realm, in("loan-officers"), "banking")
	administer(t, realm, in("account-managers"), "manage-users")
	makeComposite(t, realm, "operations", right("realm-admin"))
	carry(t, realm, in("branch-managers"), "operations")
	administer(t, realm, in("head-office"), "view-users")
	// Roles.
	makeComposite(t, realm, "accountant", role("admin"))
	makeComposite(t, realm, "Supervisor Accountant", role("banking"))
	makeComposite(t, realm, "Manager", right("realm-admin"))
	makeComposite(t, realm, "Viewer", right("query-users"))
	require.NoError(t, realm.CreateRole(t.Context(), "realm-admin"))
	makeComposite(t, realm, "KYC_MANAGER", role("realm-admin"))
	require.NoError(t, realm.CreateRole(t.Context(), "ADMIN"))
	makeComposite(t, realm, "ASSET_MANAGER", role("ADMIN"))
	makeComposite(t, realm, "round-and-round", role("staff"))
	makeComposite(t, realm, "staff", role("round-and-round"), role("Super User"))

	p := serveRealm(t, realm, realm.URL)
	ledger := ledgerOf(t, realm)
	before := len(ledger.writes(t))
	for i, c := range []struct{ fineractRole, named string }{
		{"Cashier", "admin"},
		{"Loan Officer", "admin"},
		{"Account Manager", "manage-users"},
		{"Branch Manager", "realm-admin"},
		{"Admin", "query-groups"}, // The first, by the alphabet, of what view-users contains.
		{"Super User", "query-groups"},
		{"Accountant", "admin"},
		{"Supervisor Accountant", "admin"},
		{"Manager", "realm-admin"},
		{"Viewer", "query-users"},
		{"KYC Manager", "realm-admin"},
		{"Asset Manager", "ADMIN"},
		{"Astronaut", "Super User"},
	} {
		t.Run(c.fineractRole, func(t *testing.T) {
			a := writeAttempts()[0].on("", fmt.Sprintf("trapped%d", i))
			a.body = strings.Replace(a.body, "Cashier", c.fineractRole, 1)
			for range 2 { // Known afresh, and from the cache.
				id := "trap-" + rand.Text()
				answer := a.sendWith(t, p, bearer(p.token), "X-Request-Id: "+id)
				assertVerdict(t, verdict{http.StatusForbidden, "privilege_escalation"}, a, answer)
				assert.Contains(t, answer.member(t, "message"), "'"+c.named+"'")
				assert.LessOrEqual(t, len(answer.member(t, "message")), 90)
				event := auditEventOf(t, p, id)
				assert.Equal(t, "refused privilege_escalation", event.Outcome+" "+event.Reason)
				require.NotNil(t, event.Mapping)
				assert.Equal(t, c.fineractRole, event.Mapping.FineractRole)
			}
			_, found, err := realm.User(t.Context(), fmt.Sprintf("trapped%d", i))
			require.NoError(t, err)
			assert.False(t, found)
		})
	}
	ledger.unchanged(t, before)
}

// What a group carries is remembered for half a minute; a realm that goes wrong is found
// out then. This one waits beside the other tests that do.
func TestGuard_RefusesPrivilegesThatCameLater(t *testing.T) {
	t.Parallel()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "later", CheapHash: true})
	p := serveRealm(t, realm, realm.URL)
	created := 0
	create := func(fineractRole string) reply {
		created++
		a := writeAttempts()[0].on("", fmt.Sprintf("later%d", created))
		return send(t, a.method, p.URL+a.path, strings.Replace(a.body, "Cashier", fineractRole, 1), bearer(p.token))
	}
	for _, fineractRole := range []string{"Cashier", "Viewer"} {
		require.Equal(t, http.StatusCreated, create(fineractRole).status)
	}
	carry(t, realm, "groups/"+groupID(t, realm, "tellers"), "admin")
	makeComposite(t, realm, "Viewer", realmRole(t, realm, "admin"))
	for _, fineractRole := range []string{"Cashier", "Viewer"} {
		require.Eventually(t, func() bool { return create(fineractRole).status == http.StatusForbidden }, 40*time.Second, 250*time.Millisecond, fineractRole)
	}
}

// Roles that contain others are no reason to refuse by themselves where Keycloak shows
// all of them.
func TestGuard_HarmlessCompositesAreNoObstacle(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "harmless", CheapHash: true})
	makeComposite(t, realm, "counter", realmRole(t, realm, "staff"), realmRole(t, realm, "Viewer"))
	carry(t, realm, "groups/"+groupID(t, realm, "tellers"), "counter")
	p := serveRealm(t, realm, realm.URL)
	answer := p.send(t, http.MethodPost, syncPath, `{"username":"harmless","email":"harmless@bank.example","role":"Cashier"}`)
	require.Equal(t, http.StatusCreated, answer.status, answer.body)
	assert.Equal(t, []string{"Viewer", "counter", "staff", "teller"}, effectiveRoles(t, realm, answer.member(t, "keycloak_user_id")))
}

// A group inherits from its parents. The program's own role map has top-level groups
// only, so this is the same service in this process with a role map of its own.
func TestGuard_RefusesPrivilegesOfParentGroups(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "parents", CheapHash: true})
	makeSubgroup(t, realm, "head-office", "branches")
	makeSubgroup(t, realm, "head-office/branches", "tellers")
	makeSubgroup(t, realm, "tellers", "north")
	require.NoError(t, realm.CreateGroup(t.Context(), "owners"))
	administer(t, realm, "groups/"+groupID(t, realm, "owners"), "manage-realm")
	makeSubgroup(t, realm, "owners", "tellers")
	assign := func(group domain.Group) domain.Assignment { return domain.Assignment{Role: "teller", Group: group} }
	service := app.New(app.Config{
		Provider: newProvider(t, realm),
		Roles: domain.NewRoleMap([]domain.RoleRule{
			{FineractRole: "head office", Assignment: assign("head-office/branches/tellers")},
			{FineractRole: "owners", Assignment: assign("owners/tellers")},
			{FineractRole: "north", Assignment: assign("tellers/north")},
		}, assign("")),
		Guard:    domain.DefaultGuard(),
		Access:   app.Access{Mode: app.Off},
		Audit:    auditlog.New(io.Discard),
		Random:   rand.Reader,
		Log:      slog.New(slog.DiscardHandler),
		Observer: telemetry.NewMetrics(telemetry.Build{}),
	})
	sync := func(fineractRole string) (app.SyncUserResult, error) {
		name := strings.ReplaceAll(fineractRole, " ", "-")
		return service.SyncUser(t.Context(), service.Begin(domain.ActionSyncUser, app.Request{}), app.SyncUserInput{
			Username: mustNewUsername("u-" + name), Email: mustEmail(name + "@bank.example"), FineractRole: fineractRole,
		})
	}
	ledger := ledgerOf(t, realm)
	before := len(ledger.writes(t))
	for fineractRole, named := range map[string]string{"head office": "'Super User'", "owners": "'manage-realm'"} {
		_, err := sync(fineractRole)
		require.ErrorIs(t, err, domain.PrivilegeEscalation)
		assert.Contains(t, domain.AsError(err).Message, named)
	}
	ledger.unchanged(t, before)
	created, err := sync("north")
	require.NoError(t, err)
	assert.Equal(t, []string{"teller"}, effectiveRoles(t, realm, string(created.ID)))
}
