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
	"user-sync-service/internal/adapters/rolemap"
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
	require.Len(t, golden, len(rolemap.Default().Assignments()), "a row for each rule and one for the fallback")
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
			answer := p.send(t, http.MethodPost, syncPath, fmt.Sprintf(`{"username":%q,"email":"%s@bank.example","firstName":"Gol","lastName":"Den","role":%q}`, username, username, g.fineractRole))
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

// Whatever the realm gives to everybody it also gives to whom this service creates. The
// same rights protect the users who have them already.
func TestGuard_RefusesPrivilegesOfTheDefaults(t *testing.T) {
	head := func(rep map[string]any, group map[string]any) {
		group["name"], group["subGroups"] = "head", []any{map[string]any{"name": "a/b"}, map[string]any{"name": "board"}}
		rep["groups"] = append(rep["groups"].([]any), group)
		rep["defaultGroups"] = []string{"/tellers", "/head/board"}
	}
	inDefaultRole := func(t *testing.T, realm *keycloaktest.Realm, parts ...map[string]any) {
		makeComposite(t, realm, "default-roles-"+realm.Name, parts...)
	}
	for _, c := range []struct {
		kind, named string
		mutate      func(rep map[string]any)
		then        func(t *testing.T, realm *keycloaktest.Realm)
	}{
		{"the default role", "admin", nil, func(t *testing.T, realm *keycloaktest.Realm) { inDefaultRole(t, realm, realmRole(t, realm, "admin")) }},
		{"a right in it", "view-events", nil, func(t *testing.T, realm *keycloaktest.Realm) {
			inDefaultRole(t, realm, administrationRole(t, realm, "view-events"))
		}},
		{"a right in a composite in it, renamed", "manage-users", nil, func(t *testing.T, realm *keycloaktest.Realm) {
			makeComposite(t, realm, "inner", administrationRole(t, realm, "manage-users"))
			makeComposite(t, realm, "outer", realmRole(t, realm, "inner"))
			inDefaultRole(t, realm, realmRole(t, realm, "outer"))
			role := realmRole(t, realm, "default-roles-"+realm.Name)
			role["name"] = "everybody"
			require.NoError(t, realm.Call(t.Context(), http.MethodPut, "/roles-by-id/"+role["id"].(string), role, nil))
		}},
		{"a default group's parent", "admin", func(rep map[string]any) { head(rep, map[string]any{"realmRoles": []string{"admin"}}) }, nil},
		{"a default group with a slash", "view-events", func(rep map[string]any) {
			head(rep, map[string]any{"clientRoles": map[string]any{"realm-management": []string{"view-events"}}})
		}, func(t *testing.T, realm *keycloaktest.Realm) {
			var below []struct{ ID, Name string }
			require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/groups/"+groupID(t, realm, "head")+"/children", nil, &below))
			for _, group := range below {
				call := map[string]string{"a/b": http.MethodPut, "board": http.MethodDelete}[group.Name]
				require.NoError(t, realm.Call(t.Context(), call, "/default-groups/"+group.ID, nil, nil))
			}
		}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			realm := newRealm(t, keycloaktest.RealmOptions{Name: "defaults", CheapHash: true, Mutate: func(rep map[string]any) {
				if c.mutate != nil {
					c.mutate(rep)
				}
			}})
			if c.then != nil {
				c.then(t, realm)
			}
			addRealmUser(t, realm, teller("present"))
			environment := environmentFor(realm, realm.URL)
			environment["PROTECTED_ROLES"] = "realm-admin,admin"
			p := serveWith(t, realm, environment)
			before := len(ledgerOf(t, realm).writes(t))
			create, enable := writeAttempts()[0].on("", "newcomer"), writeAttempts()[2].on("present", "")
			answer := create.sendWith(t, p, bearer(p.token))
			assertVerdict(t, verdict{http.StatusForbidden, "privilege_escalation"}, create, answer)
			assert.Equal(t, "Nothing was changed: the realm gives the role '"+c.named+"' to every new user.", answer.member(t, "message"))
			assertVerdict(t, protectedUser, enable, enable.sendWith(t, p, bearer(p.token)))
			ledgerOf(t, realm).unchanged(t, before)
			create.body = strings.Replace(create.body, "Cashier", "Admin", 1)
			answer = create.sendWith(t, p, bearer(p.token))
			assert.Equal(t, c.named == "admin", answer.status == http.StatusCreated, "an administrator, who may have it: %s", answer.body)
		})
	}
}

// What everybody has, nobody lacks.
func TestGuard_DefaultsAreNoDrift(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "undrifted", CheapHash: true})
	add := func(name string) {
		_, err := realm.CreateUser(t.Context(), map[string]any{"username": name, "email": name + "@bank.example", "emailVerified": true, "enabled": true})
		require.NoError(t, err)
	}
	add("early")
	makeComposite(t, realm, "counter", realmRole(t, realm, "teller"))
	makeComposite(t, realm, "default-roles-"+realm.Name, realmRole(t, realm, "counter"))
	require.NoError(t, realm.Call(t.Context(), http.MethodPut, "/default-groups/"+groupID(t, realm, "tellers"), nil, nil))
	add("late")
	p := serveRealm(t, realm, realm.URL)
	for name, drift := range map[string]string{"early": `"drift":{"group":"tellers"}`, "late": ""} {
		answer := p.send(t, http.MethodPost, syncPath, fmt.Sprintf(`{"username":%q,"email":"%s@bank.example","role":"Cashier"}`, name, name))
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		assert.Equal(t, drift != "", strings.Contains(answer.body, "drift"), answer.body)
		assert.Contains(t, answer.body, drift)
	}
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
		eventually(t, func() bool { return create(fineractRole).status == http.StatusForbidden }, 40*time.Second, 250*time.Millisecond, fineractRole)
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
