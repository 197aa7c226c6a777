package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// RealmRole is the exact name of a role at the identity provider.
type RealmRole string

// Group is the exact name of a top-level group, or the path of a nested one
// ("branches/north") without a leading slash. The empty Group is none.
type Group string

// Name returns the group's own name, without the path to it.
func (g Group) Name() string { return string(g[strings.LastIndexByte(string(g), '/')+1:]) }

// Parents returns the groups above it, the nearest first.
func (g Group) Parents() []Group {
	var parents []Group
	for i := len(g) - 1; i > 0; i-- {
		if g[i] == '/' {
			parents = append(parents, g[:i])
		}
	}
	return parents
}

// Within reports whether the group is the other one or below it.
func (g Group) Within(other Group) bool {
	return g == other || strings.HasPrefix(string(g), string(other)+"/")
}

// Assignment is what a Fineract role stands for at the identity provider.
type Assignment struct {
	Role  RealmRole
	Group Group // empty: no group
	// Privileged are the privileged roles that may come with the two, see [Guard].
	Privileged []RealmRole
}

// IsEmpty reports whether the assignment gives neither a role nor a group.
func (a Assignment) IsEmpty() bool { return a.Role == "" && a.Group == "" }

// RoleRule assigns a realm role and a group to one Fineract role.
type RoleRule struct {
	FineractRole string
	Assignment   Assignment
}

// RoleMap turns Fineract roles into assignments. It is immutable.
type RoleMap struct {
	rules    []RoleRule
	fallback Assignment
}

// NewRoleMap makes a map of rules. A role that no rule names gets the fallback, which must
// be harmless.
func NewRoleMap(rules []RoleRule, fallback Assignment) RoleMap {
	return RoleMap{rules: slices.Clone(rules), fallback: fallback}
}

// Assign returns the assignment of a Fineract role. It ignores blanks around the role and,
// if no rule matches exactly, letter case.
func (m RoleMap) Assign(fineractRole string) Assignment {
	name := strings.TrimSpace(fineractRole)
	i := slices.IndexFunc(m.rules, func(rule RoleRule) bool { return rule.FineractRole == name })
	if i < 0 {
		i = slices.IndexFunc(m.rules, func(rule RoleRule) bool { return strings.EqualFold(rule.FineractRole, name) })
	}
	if i < 0 {
		return m.fallback
	}
	return m.rules[i].Assignment
}

// Assignments returns every assignment that the map can give, the fallback last.
func (m RoleMap) Assignments() []Assignment {
	var all []Assignment
	for _, rule := range m.rules {
		all = append(all, rule.Assignment)
	}
	return append(all, m.fallback)
}

// Fingerprint returns a short text that differs for maps that assign differently.
func (m RoleMap) Fingerprint() string {
	hash := sha256.New()
	for _, rule := range append(slices.Clone(m.rules), RoleRule{Assignment: m.fallback}) {
		fmt.Fprintf(hash, "%q %q %q %q\n", rule.FineractRole, rule.Assignment.Role, rule.Assignment.Group, rule.Assignment.Privileged)
	}
	return hex.EncodeToString(hash.Sum(nil)[:6])
}

// DefaultRoleMap returns the mapping of the bank's present roles.
//
// Only administrators are in head-office: that group carries the realm role admin, and so
// makes its members administrators. An unknown role is plain staff.
func DefaultRoleMap() RoleMap {
	administration := []RealmRole{"admin", "Super User", "Super user"}
	return NewRoleMap([]RoleRule{
		{"Admin", Assignment{"admin", "head-office", administration}},
		{"System Administrator", Assignment{"admin", "head-office", administration}},
		{"Super User", Assignment{"Super User", "head-office", administration}},
		{"Super user", Assignment{"Super User", "head-office", administration}},
		{"Loan Officer", Assignment{Role: "loan-officer", Group: "loan-officers"}},
		{"Account Manager", Assignment{Role: "account-manager", Group: "account-managers"}},
		{"Cashier", Assignment{Role: "teller", Group: "tellers"}},
		{"Branch Manager", Assignment{Role: "branch-manager", Group: "branch-managers"}},
		{"Accountant", Assignment{Role: "accountant"}},
		{"Supervisor Accountant", Assignment{Role: "Supervisor Accountant"}},
		{"Manager", Assignment{Role: "Manager"}},
		{"Viewer", Assignment{Role: "Viewer"}},
		{"KYC Manager", Assignment{Role: "KYC_MANAGER"}},
		{"Asset Manager", Assignment{Role: "ASSET_MANAGER"}},
	}, Assignment{Role: "staff"})
}
