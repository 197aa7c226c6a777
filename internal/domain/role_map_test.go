package domain_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

// The whole default mapping, in full: a change of it is a change of rights.
func TestDefaultRoleMap(t *testing.T) {
	roles := domain.DefaultRoleMap()
	keys := []domain.RealmRole{"admin", "Super User", "Super user"}
	for fineract, want := range map[string]domain.Assignment{
		"Admin":                 {Role: "admin", Group: "head-office", Privileged: keys},
		"System Administrator":  {Role: "admin", Group: "head-office", Privileged: keys},
		"Super User":            {Role: "Super User", Group: "head-office", Privileged: keys},
		"Super user":            {Role: "Super User", Group: "head-office", Privileged: keys},
		"Loan Officer":          {Role: "loan-officer", Group: "loan-officers"},
		"Account Manager":       {Role: "account-manager", Group: "account-managers"},
		"Cashier":               {Role: "teller", Group: "tellers"},
		"Branch Manager":        {Role: "branch-manager", Group: "branch-managers"},
		"Accountant":            {Role: "accountant"},
		"Supervisor Accountant": {Role: "Supervisor Accountant"},
		"Manager":               {Role: "Manager"},
		"Viewer":                {Role: "Viewer"},
		"KYC Manager":           {Role: "KYC_MANAGER"},
		"Asset Manager":         {Role: "ASSET_MANAGER"},

		"  Cashier\t":        {Role: "teller", Group: "tellers"},
		"cASHIER":            {Role: "teller", Group: "tellers"},
		"SUPER USER":         {Role: "Super User", Group: "head-office", Privileged: keys},
		"admin":              {Role: "admin", Group: "head-office", Privileged: keys},
		"Administrator":      {Role: "staff"},
		"Admin Cashier":      {Role: "staff"},
		"Head of Tea":        {Role: "staff"},
		"":                   {Role: "staff"},
		"staff":              {Role: "staff"},
		"Account  Manager":   {Role: "staff"},
		"head-office":        {Role: "staff"},
		"Branch Manager\x00": {Role: "staff"},
	} {
		assert.Equal(t, want, roles.Assign(fineract), "%q", fineract)
	}
	assert.Len(t, roles.Assignments(), 15, "a rule that this table does not know")
}

// Whoever may hold a privileged role is an administrator, and nobody else is.
func TestDefaultRoleMap_OnlyAdministratorsMayHoldPrivilegedRoles(t *testing.T) {
	guard := domain.DefaultGuard()
	for _, assignment := range domain.DefaultRoleMap().Assignments() {
		withGroup := domain.Rights{Roles: []domain.RealmRole{assignment.Role, "admin", "Super User"}}
		err := guard.CheckGrant(assignment, withGroup)
		if assignment.Group == "head-office" {
			assert.NoError(t, err, "production's head-office carries both")
		} else {
			assert.ErrorIs(t, err, domain.PrivilegeEscalation, assignment.Role)
		}
		assert.NoError(t, guard.CheckGrant(assignment, domain.Rights{Roles: []domain.RealmRole{assignment.Role}}))
		assert.ErrorIs(t, guard.CheckGrant(assignment, domain.Rights{Roles: []domain.RealmRole{"realm-admin"}}), domain.PrivilegeEscalation, "nobody is mapped to that")
	}
}

// head-office makes administrators: the Python service put unknown roles into it.
func TestDefaultRoleMap_OnlyAdministratorsAreInHeadOffice(t *testing.T) {
	for _, assignment := range domain.DefaultRoleMap().Assignments() {
		if assignment.Group == "head-office" {
			assert.Contains(t, []domain.RealmRole{"admin", "Super User"}, assignment.Role)
		}
	}
}

func TestRoleMap_PrefersTheExactMatch(t *testing.T) {
	roles := domain.NewRoleMap([]domain.RoleRule{
		{FineractRole: "TELLER", Assignment: domain.Assignment{Role: "loud"}},
		{FineractRole: "Teller", Assignment: domain.Assignment{Role: "exact"}},
	}, domain.Assignment{Role: "other"})
	assert.Equal(t, domain.RealmRole("exact"), roles.Assign("Teller").Role)
	assert.Equal(t, domain.RealmRole("loud"), roles.Assign("teller").Role)
	assert.Equal(t, domain.RealmRole("other"), roles.Assign("Tellers").Role)
}

func TestAssignment_IsEmptyWithoutARoleAndAGroup(t *testing.T) {
	assert.True(t, domain.Assignment{}.IsEmpty())
	assert.True(t, domain.Assignment{Privileged: []domain.RealmRole{"admin"}}.IsEmpty(), "what may come with it is nothing by itself")
	assert.False(t, domain.Assignment{Role: "teller"}.IsEmpty())
	assert.False(t, domain.Assignment{Group: "tellers"}.IsEmpty())
}

func TestRoleMap_DoesNotFollowItsRules(t *testing.T) {
	rules := []domain.RoleRule{{FineractRole: "Teller", Assignment: domain.Assignment{Role: "teller"}}}
	roles := domain.NewRoleMap(rules, domain.Assignment{})
	rules[0].Assignment.Role = "admin"
	assert.Equal(t, domain.RealmRole("teller"), roles.Assign("Teller").Role)
}

func TestGroup_KnowsItsNameItsParentsAndWhatItIsWithin(t *testing.T) {
	for group, test := range map[domain.Group]struct {
		name           string
		parents        []domain.Group
		within, beside []domain.Group
	}{
		"":                 {"", nil, nil, []domain.Group{"tellers"}},
		"tellers":          {"tellers", nil, []domain.Group{"tellers"}, []domain.Group{"teller", "Tellers", "tellers/north", "north"}},
		"tellers/north":    {"north", []domain.Group{"tellers"}, []domain.Group{"tellers", "tellers/north"}, []domain.Group{"north", "tellers/nor", "tellers/north/it"}},
		"tellers/north/it": {"it", []domain.Group{"tellers/north", "tellers"}, []domain.Group{"tellers", "tellers/north", "tellers/north/it"}, []domain.Group{"it", "north", "north/it"}},
	} {
		assert.Equal(t, test.name, group.Name(), group)
		assert.Equal(t, test.parents, group.Parents(), group)
		for _, other := range test.within {
			assert.True(t, group.Within(other), "%s within %s", group, other)
		}
		for _, other := range test.beside {
			assert.False(t, group.Within(other), "%s within %s", group, other)
		}
	}
}
