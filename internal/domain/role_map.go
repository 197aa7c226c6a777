package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
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
// be harmless; an empty one means that such roles are refused.
func NewRoleMap(rules []RoleRule, fallback Assignment) RoleMap {
	return RoleMap{rules: slices.Clone(rules), fallback: fallback}
}

// Assign returns the assignment of a Fineract role. It ignores blanks around the role and,
// if no rule matches exactly, letter case. It returns UnknownRole for a role that is refused.
func (m RoleMap) Assign(fineractRole string) (Assignment, error) {
	name := strings.TrimSpace(fineractRole)
	i := slices.IndexFunc(m.rules, func(rule RoleRule) bool { return rule.FineractRole == name })
	if i < 0 {
		i = slices.IndexFunc(m.rules, func(rule RoleRule) bool { return strings.EqualFold(rule.FineractRole, name) })
	}
	switch {
	case i >= 0:
		return m.rules[i].Assignment, nil
	case m.fallback.IsEmpty():
		return Assignment{}, &Error{
			Kind:    UnknownRole,
			Message: fmt.Sprintf("The role '%s' cannot be used here. Please choose another one.", name),
			Err:     errors.New("the role map refuses Fineract roles that it does not name"),
		}
	default:
		return m.fallback, nil
	}
}

// Assignments returns every assignment that the map can give, the fallback last.
func (m RoleMap) Assignments() []Assignment {
	var all []Assignment
	for _, rule := range m.rules {
		all = append(all, rule.Assignment)
	}
	if !m.fallback.IsEmpty() {
		all = append(all, m.fallback)
	}
	return all
}

// Fingerprint returns a short text that differs for maps that assign differently.
func (m RoleMap) Fingerprint() string {
	hash := sha256.New()
	for _, rule := range append(slices.Clone(m.rules), RoleRule{Assignment: m.fallback}) {
		fmt.Fprintf(hash, "%q %q %q %q\n", rule.FineractRole, rule.Assignment.Role, rule.Assignment.Group, rule.Assignment.Privileged)
	}
	return hex.EncodeToString(hash.Sum(nil)[:6])
}
