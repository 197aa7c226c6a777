package memory_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// tangledRealm has roles that contain each other and groups that carry the same twice.
func tangledRealm() memory.Realm {
	return memory.Realm{
		Roles:  []domain.RealmRole{"teller", "chief", "auditor", "watcher"},
		Groups: []domain.Group{"branches/north/vault", "tellers"},
		Contains: map[domain.RealmRole][]domain.RealmRole{
			"chief":      {"auditor", "teller"},
			"auditor":    {"chief", "auditor"},
			"watcher":    {"view-users"},
			"view-users": {"query-users"},
		},
		Carries: map[domain.Group][]domain.RealmRole{
			"branches":             {"watcher"},
			"branches/north":       {"teller", "keyholder"},
			"branches/north/vault": {"teller"},
			"branches/nor":         {"auditor"},
		},
		Administration: []domain.RealmRole{"view-users", "query-users"},
	}
}

func TestRightsOf_FollowsRolesAndGroupsToTheEnd(t *testing.T) {
	p := memory.New(tangledRealm())
	tests := map[string]struct {
		assignment domain.Assignment
		want       domain.Rights
	}{
		"roles that contain each other": {
			domain.Assignment{Role: "auditor"},
			domain.Rights{Roles: []domain.RealmRole{"auditor", "chief", "teller"}},
		},
		"administration within a role": {
			domain.Assignment{Role: "watcher"},
			domain.Rights{Roles: []domain.RealmRole{"watcher"}, Administration: []domain.RealmRole{"query-users", "view-users"}},
		},
		"groups within groups": {
			domain.Assignment{Role: "teller", Group: "branches/north/vault"},
			domain.Rights{Roles: []domain.RealmRole{"keyholder", "teller", "watcher"}, Administration: []domain.RealmRole{"query-users", "view-users"}},
		},
		"a parent that the realm does not list itself": {
			domain.Assignment{Role: "teller", Group: "branches/north"},
			domain.Rights{Roles: []domain.RealmRole{"teller"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rights, err := p.RightsOf(t.Context(), test.assignment)
			require.NoError(t, err)
			assert.Equal(t, test.want, rights)
		})
	}
}

// A role that is only contained, as those of an application are, cannot be assigned.
func TestRightsOf_KnowsNoRoleThatIsOnlyContained(t *testing.T) {
	_, err := memory.New(tangledRealm()).RightsOf(t.Context(), domain.Assignment{Role: "view-users"})
	require.ErrorIs(t, err, domain.UnknownRole)
}

func TestPrivileges_NamesEachOnceAndInOrder(t *testing.T) {
	p := memory.New(tangledRealm())
	id := add(t, p, anna(), "", domain.Assignment{Role: "watcher", Group: "branches/north/vault"}, domain.Assignment{Role: "auditor"})

	privileges, err := p.Privileges(t.Context(), id, []domain.RealmRole{"watcher", "teller", "query-users", "auditor", "teller"})
	require.NoError(t, err)
	assert.Equal(t, []domain.RealmRole{"auditor", "query-users", "teller", "view-users", "watcher"}, privileges.Roles)
}

func TestGroups_AreOrdered(t *testing.T) {
	p := newProvider()
	id := add(t, p, anna(), "", domain.Assignment{Group: "tellers"}, northTeller())
	groups, err := p.Groups(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, []domain.Group{"branches/north", "tellers"}, groups)
}

// Whoever has made a realm may change the lists that it was made of.
func TestNew_SharesNoListsWithItsCaller(t *testing.T) {
	realm := tangledRealm()
	p := memory.New(realm)
	assignment := domain.Assignment{Role: "chief", Group: "branches/north/vault"}
	before, err := p.RightsOf(t.Context(), assignment)
	require.NoError(t, err)

	realm.Contains["chief"][0], realm.Carries["branches/north"][0], realm.Administration[0] = "spoilt", "spoilt", "spoilt"
	delete(realm.Contains, "watcher")
	delete(realm.Carries, "branches")
	after, err := p.RightsOf(t.Context(), assignment)
	require.NoError(t, err)
	assert.Equal(t, before, after)

	realm = memory.Realm{
		Roles:             []domain.RealmRole{"teller"},
		LacksActions:      []domain.RequiredAction{"UPDATE_PROFILE"},
		LacksAttributes:   []domain.Attribute{domain.MobileNumber},
		AttributePatterns: map[domain.Attribute]*regexp.Regexp{},
	}
	p = memory.New(realm)
	realm.Roles[0], realm.LacksActions[0], realm.LacksAttributes[0] = "spoilt", "spoilt", "spoilt"
	realm.AttributePatterns[domain.OfficeID] = regexp.MustCompile("spoilt")
	user := newUser(t, "anna", "anna@example.com")
	user.RequiredActions = []domain.RequiredAction{"UPDATE_PROFILE"}
	user.Attributes = domain.Attributes{domain.MobileNumber: "1", domain.OfficeID: "9"}
	created, err := p.CreateUser(t.Context(), user)
	require.NoError(t, err)
	assert.Equal(t, []domain.RequiredAction{domain.UpdatePassword}, created.RequiredActions)
	assert.Equal(t, []domain.Attribute{domain.MobileNumber}, created.Unstored)
}
