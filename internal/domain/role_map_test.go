package domain_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func TestRoleMap_PrefersTheExactMatch(t *testing.T) {
	roles := domain.NewRoleMap([]domain.RoleRule{
		{FineractRole: "TELLER", Assignment: domain.Assignment{Role: "loud"}},
		{FineractRole: "Teller", Assignment: domain.Assignment{Role: "exact"}},
	}, domain.Assignment{Role: "other"})
	for fineract, want := range map[string]domain.RealmRole{"Teller": "exact", " teller ": "loud", "Tellers": "other"} {
		assignment, err := roles.Assign(fineract)
		require.NoError(t, err)
		assert.Equal(t, want, assignment.Role, fineract)
	}
}

// A bank may not want anybody to get in by a role that it has not thought of.
func TestRoleMap_RefusesOthersWithoutAFallback(t *testing.T) {
	rules := []domain.RoleRule{{FineractRole: "Teller", Assignment: domain.Assignment{Role: "teller"}}}
	roles := domain.NewRoleMap(rules, domain.Assignment{})
	_, err := roles.Assign(" Tellers")
	require.ErrorIs(t, err, domain.UnknownRole)
	assert.Equal(t, "The role 'Tellers' cannot be used here. Please choose another one.", domain.AsError(err).Message)
	assert.Equal(t, []domain.Assignment{{Role: "teller"}}, roles.Assignments(), "the fallback is no assignment")
	assert.NotEqual(t, domain.NewRoleMap(rules, domain.Assignment{Role: "staff"}).Fingerprint(), roles.Fingerprint())
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
	assignment, err := roles.Assign("Teller")
	require.NoError(t, err)
	assert.Equal(t, domain.RealmRole("teller"), assignment.Role)
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
