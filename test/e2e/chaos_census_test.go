//go:build chaos

package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"user-sync-service/test/keycloaktest"
)

// census is who is in a realm, read from Keycloak as a whole.
type census struct {
	realm *keycloaktest.Realm
	ids   map[string]string // by username, in lower case
	// roles and groups are the ids of those who hold them.
	roles, groups map[string]map[string]bool
	// brings are the roles that come with the groups.
	brings map[string][]string
}

func readCensus(t *testing.T, realm *keycloaktest.Realm) census {
	t.Helper()
	c := census{realm: realm, ids: make(map[string]string), brings: make(map[string][]string),
		roles: make(map[string]map[string]bool), groups: make(map[string]map[string]bool)}
	type entry struct {
		ID, Name, Username string
		RealmRoles         []string
	}
	list := func(path string) (entries []entry) {
		require.NoError(t, realm.Call(t.Context(), http.MethodGet, path, nil, &entries))
		return entries
	}
	// In pages: Keycloak needs minutes for a list of ten thousand.
	all := func(path string) (entries []entry) {
		const size = 500
		for {
			page := list(fmt.Sprintf("%sfirst=%d&max=%d", path, len(entries), size))
			entries = append(entries, page...)
			if len(page) < size {
				return entries
			}
		}
	}
	set := func(entries []entry) map[string]bool {
		ids := make(map[string]bool)
		for _, user := range entries {
			require.False(t, ids[user.ID], "the pages of a list overlap")
			ids[user.ID] = true
		}
		return ids
	}
	for _, user := range all("/users?briefRepresentation=true&") {
		name := strings.ToLower(user.Username)
		require.Empty(t, c.ids[name], "two users with one name: %s", name)
		c.ids[name] = user.ID
	}
	for _, role := range list("/roles?briefRepresentation=true") {
		c.roles[role.Name] = set(all("/roles/" + url.PathEscape(role.Name) + "/users?"))
	}
	for _, group := range list("/groups?briefRepresentation=false") {
		c.brings[group.Name] = group.RealmRoles
		c.groups[group.Name] = set(all("/groups/" + group.ID + "/members?briefRepresentation=true&"))
	}
	return c
}

// lacks returns what the user lacks of what the creation asked for, and whether there is
// such a user.
func (c census) lacks(asked create) (role, group string, found bool) {
	id, found := c.ids[strings.ToLower(asked.username)]
	if !found {
		return "", "", false
	}
	if !c.roles[asked.realmRole][id] {
		role = asked.realmRole
	}
	if asked.group != "" && !c.groups[asked.group][id] {
		group = asked.group
	}
	return role, group, true
}

// holds reports whether the user has the role, directly or by way of a group.
func (c census) holds(username, role string) bool {
	id := c.ids[strings.ToLower(username)]
	for group, members := range c.groups {
		if members[id] && slices.Contains(c.brings[group], role) {
			return true
		}
	}
	return c.roles[role][id]
}

// checkAnswer compares what the program has said of a creation with what is in the realm.
//   - Created: the user is there, with its role and its group.
//   - Exists: the user is there, and lacks what the answer calls drift.
//   - Partial: it is not known.
//   - Any other error: nobody is there, or the user is whole.
func (c census) checkAnswer(t *testing.T, asked create, answer createAnswer) {
	t.Helper()
	role, group, found := c.lacks(asked)
	switch answer.code {
	case "created":
		assert.True(t, found && role == "" && group == "", "%s was created, but: found %t, lacks %q %q", asked.username, found, role, group)
	case "exists":
		assert.True(t, found, "%s exists, but is not there", asked.username)
		if c.holds(asked.username, asked.realmRole) {
			role = "" // By way of a group.
		}
		assert.Equal(t, struct{ Role, Group string }{role, group}, answer.drift, asked.username)
	case "partial":
	default:
		if asked.veteran {
			return // See checkVeterans.
		}
		assert.True(t, !found || role == "" && group == "", "%s is left without %q %q after %d %s", asked.username, role, group, answer.status, answer.body)
	}
}

// checkPasswords tries the password of each answer that has one: it is the first one of
// an account that is ready but for what the employee has to do.
func checkPasswords(t *testing.T, realm *keycloaktest.Realm, asked []create, answers []createAnswer) (tried int) {
	t.Helper()
	var all errgroup.Group
	all.SetLimit(8)
	for i, answer := range answers {
		if answer.code != "created" {
			continue
		}
		tried++
		all.Go(func() error {
			grant, err := realm.Login(t.Context(), asked[i].username, answer.password)
			assert.Equal(t, "Account is not fully set up", grant.Description, asked[i].username)
			return err
		})
	}
	require.NoError(t, all.Wait())
	return tried
}
