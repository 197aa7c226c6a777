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
		withGroup := domain.Rights{Roles: []string{string(assignment.Role), "admin", "Super User"}}
		err := guard.CheckGrant(assignment, withGroup)
		if assignment.Group == "head-office" {
			assert.NoError(t, err, "production's head-office carries both")
		} else {
			assert.ErrorIs(t, err, domain.PrivilegeEscalation, assignment.Role)
		}
		assert.NoError(t, guard.CheckGrant(assignment, domain.Rights{Roles: []string{string(assignment.Role)}}))
		assert.ErrorIs(t, guard.CheckGrant(assignment, domain.Rights{Roles: []string{"realm-admin"}}), domain.PrivilegeEscalation, "nobody is mapped to that")
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
