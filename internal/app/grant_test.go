package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/adapters/rolemap"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// What a role and a group bring along is decided in the realm, where nobody thinks of
// this service.

// newRealm is a realm with all roles and groups of the default role map, made by what
// change adds to it.
func newRealm(change func(*memory.Realm)) *memory.Provider {
	realm := memory.Realm{
		Contains: map[domain.RealmRole][]domain.RealmRole{}, Carries: map[domain.Group][]domain.RealmRole{},
		Administration: []domain.RealmRole{"manage-users", "view-users"},
	}
	for _, assignment := range rolemap.Default().Assignments() {
		realm.Roles = append(realm.Roles, assignment.Role)
		if assignment.Group != "" {
			realm.Groups = append(realm.Groups, assignment.Group)
		}
	}
	change(&realm)
	return memory.New(realm)
}

func TestSyncUser_CreatesNobodyWhomTheRealmWouldMakeMoreThanMapped(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*memory.Realm)
		role   string
		named  string
	}{
		"the group carries admin":      {func(r *memory.Realm) { r.Carries["tellers"] = []domain.RealmRole{"admin"} }, "Cashier", "admin"},
		"the role contains admin":      {func(r *memory.Realm) { r.Contains["teller"] = []domain.RealmRole{"admin"} }, "Cashier", "admin"},
		"the role contains Super User": {func(r *memory.Realm) { r.Contains["teller"] = []domain.RealmRole{"Super User"} }, "Cashier", "Super User"},
		"a role within a role": {func(r *memory.Realm) {
			r.Contains["teller"], r.Contains["x"] = []domain.RealmRole{"x"}, []domain.RealmRole{"realm-admin"}
		}, "Cashier", "realm-admin"},
		"a role of the group's role": {func(r *memory.Realm) {
			r.Carries["tellers"], r.Contains["x"] = []domain.RealmRole{"x"}, []domain.RealmRole{"ADMIN"}
		}, "Cashier", "ADMIN"},
		"a right to administer":      {func(r *memory.Realm) { r.Contains["teller"] = []domain.RealmRole{"manage-users"} }, "Cashier", "manage-users"},
		"even one that only looks":   {func(r *memory.Realm) { r.Carries["tellers"] = []domain.RealmRole{"view-users"} }, "Cashier", "view-users"},
		"staff":                      {func(r *memory.Realm) { r.Contains["staff"] = []domain.RealmRole{"admin"} }, "Head of Tea", "admin"},
		"more than an administrator": {func(r *memory.Realm) { r.Carries["head-office"] = []domain.RealmRole{"admin", "realm-admin"} }, "Admin", "realm-admin"},
		"an administrator with the key": {func(r *memory.Realm) {
			r.Carries["head-office"], r.Contains["admin"] = []domain.RealmRole{"admin"}, []domain.RealmRole{"manage-users"}
		}, "Super user", "manage-users"},
	} {
		provider := newRealm(test.change)
		b := newBench(provider)
		attempt := b.Begin(domain.ActionSyncUser, app.Request{})
		_, err := b.SyncUser(t.Context(), attempt, employee(t, "anna", "anna@bank.example", test.role))
		err = b.Finish(t.Context(), attempt, err)

		require.ErrorIs(t, err, domain.PrivilegeEscalation, name)
		assert.Contains(t, domain.AsError(err).Message, "'"+test.named+"'", name)
		assert.Empty(t, provider.Users(), name)
		event := b.audit.only(t)
		assert.Equal(t, domain.Refused, event.Outcome)
		assert.Equal(t, domain.PrivilegeEscalation, event.Reason)
		assert.Equal(t, test.role, event.FineractRole)
		mapped, err := rolemap.Default().Assign(test.role)
		require.NoError(t, err)
		assert.Equal(t, mapped, event.Assignment)
		assert.Nil(t, event.After)
		assert.Equal(t, map[refusal]int{{domain.PrivilegeEscalation, true}: 1}, b.observer.refused)
	}
}

// What every new user gets by itself makes more of a cashier than the mapping says, and
// of an administrator not.
func TestSyncUser_CreatesNobodyWhomTheRealmsDefaultsWouldMakeMore(t *testing.T) {
	for name, change := range map[string]func(*memory.Realm){
		"the role": func(r *memory.Realm) { r.Default.Role = "admin" },
		"a role within it": func(r *memory.Realm) {
			r.Default.Role = "everybody"
			r.Contains["everybody"] = []domain.RealmRole{"admin"}
		},
		"the group": func(r *memory.Realm) {
			r.Default.Group = "head-office"
			r.Carries["head-office"] = []domain.RealmRole{"admin"}
		},
		"the group's parent": func(r *memory.Realm) {
			r.Default.Group = "x/y"
			r.Groups = append(r.Groups, "x/y")
			r.Carries["x"] = []domain.RealmRole{"admin"}
		},
		"a right by the role": func(r *memory.Realm) {
			r.Default.Role = "staff"
			r.Contains["staff"] = []domain.RealmRole{"manage-users"}
		},
	} {
		provider := newRealm(change)
		_, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
		require.ErrorIs(t, err, domain.PrivilegeEscalation, name)
		assert.Contains(t, domain.AsError(err).Message, "the realm gives the role '", name)
		assert.Empty(t, provider.Users(), name)
		if _, err = syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Admin")); name != "a right by the role" {
			require.NoError(t, err, name)
		}
	}
}

// Neither a move nor a repair makes a new user, so what these get is not asked for.
func TestMove_IsNotJudgedByWhatNewUsersGet(t *testing.T) {
	provider := newRealm(func(r *memory.Realm) { r.Default.Role = "admin" })
	add(t, provider, domain.User{Username: "anna", Email: "anna@bank.example"})
	b := newBench(provider)
	_, err := b.UpdateUser(t.Context(), b.Begin(domain.ActionUpdateUser, app.Request{}), username(t, "anna"), app.UpdateUserInput{FineractRole: "Accountant"})
	require.NoError(t, err)
}

// Production's head-office carries both, and its administrators are to have them.
func TestSyncUser_CreatesAdministratorsWithWhatTheMappingNames(t *testing.T) {
	provider := newRealm(func(r *memory.Realm) {
		r.Carries["head-office"] = []domain.RealmRole{"admin", "Super User"}
		r.Carries["tellers"] = []domain.RealmRole{"cash-desk"}
	})
	for name, role := range map[string]string{"a.aa": "Admin", "b.bb": "System Administrator", "c.cc": "Super User", "d.dd": "Super user", "e.ee": "Cashier"} {
		_, err := syncUser(t, provider, employee(t, name, name+"@bank.example", role))
		require.NoError(t, err, role)
	}
	assert.Len(t, provider.Users(), 5)
}

// Carried by a group nobody is put into, the role harms nobody.
func TestSyncUser_LooksOnlyAtWhatTheMappingReaches(t *testing.T) {
	provider := newRealm(func(r *memory.Realm) {
		r.Carries["loan-officers"] = []domain.RealmRole{"admin"}
		r.Contains["Manager"] = []domain.RealmRole{"admin"}
	})
	_, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
	require.NoError(t, err)
	_, err = syncUser(t, provider, employee(t, "berta", "berta@bank.example", "Loan Officer"))
	require.ErrorIs(t, err, domain.PrivilegeEscalation)
	_, err = syncUser(t, provider, employee(t, "berta", "berta@bank.example", "Manager"))
	require.ErrorIs(t, err, domain.PrivilegeEscalation)
}

// What cannot be seen may hide anything.
func TestSyncUser_CreatesNobodyWithARoleWhosePartsAreHidden(t *testing.T) {
	provider := newMock(t)
	provider.EXPECT().FindUser(t.Context(), username(t, "anna")).Return(domain.User{}, &domain.Error{Kind: domain.NotFound})
	provider.EXPECT().RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "tellers"}).
		Return(domain.Rights{Roles: []domain.RealmRole{"teller", "bundle"}, Unseen: []domain.RealmRole{"bundle"}}, nil)
	_, err := syncUser(t, provider, employee(t, "anna", "anna@bank.example", "Cashier"))
	require.ErrorIs(t, err, domain.PrivilegeEscalation)
	assert.Contains(t, domain.AsError(err).Message, "'bundle'")
}
