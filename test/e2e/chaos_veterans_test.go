//go:build chaos

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// veteranCount is how many users are in the realm before anything is created.
const veteranCount = 50

func veteranName(i int) string { return fmt.Sprintf("veteran%02d", i%veteranCount) }

// plantVeterans puts users in various states into the realm and returns all that
// Keycloak says of them.
func plantVeterans(t *testing.T, realm *keycloaktest.Realm) []wholeUser {
	t.Helper()
	var whole []wholeUser
	for i := range veteranCount {
		name := veteranName(i)
		representation := map[string]any{"username": name, "email": name + "@bank.example", "enabled": true, "emailVerified": true,
			"firstName": "Vera", "lastName": "Veteran", "groups": []string{"/tellers"},
			"credentials": []any{map[string]any{"type": "password", "value": keycloaktest.ActorPassword}}}
		role := "teller"
		switch i % 5 {
		case 1:
			representation["enabled"], representation["groups"], role = false, []string{}, "Viewer"
		case 2:
			delete(representation, "email")
			delete(representation, "firstName")
			representation["requiredActions"] = []string{"UPDATE_PASSWORD", "CONFIGURE_TOTP"}
		case 3:
			representation["groups"], role = []string{"/head-office"}, "admin"
			representation["attributes"] = map[string]any{"managed_by": []string{"another-service"}, "office_id": []string{"9"}}
		case 4:
			delete(representation, "credentials")
			representation["groups"], role = []string{}, ""
		}
		id, err := realm.CreateUser(t.Context(), representation)
		require.NoError(t, err)
		if role != "" {
			require.NoError(t, realm.GrantRealmRole(t.Context(), id, role))
		}
		whole = append(whole, readWhole(t, realm, name))
	}
	return whole
}

// checkVeterans checks that nothing of the veterans has changed.
func checkVeterans(t *testing.T, realm *keycloaktest.Realm, before []wholeUser) {
	t.Helper()
	for i, veteran := range before {
		assert.Equal(t, veteran, readWhole(t, realm, veteranName(i)))
	}
}

// veteranVariants are the creations that a veteran stands in the way of.
var veteranVariants = []func(name string) create{
	newCreate,
	func(name string) create { // the same name in other letters
		c := newCreate(name)
		c.username = strings.ToUpper(name)
		return c
	},
	func(name string) create { // another person with the name
		c := newCreate(name)
		c.email = "someone-else@bank.example"
		return c
	},
	func(name string) create { // another person with the address
		c := newCreate(name)
		c.username = "double-of-" + name
		return c
	},
}

// veteranCreate is the i-th creation that a veteran stands in the way of.
func veteranCreate(i int) create {
	variant := veteranVariants[(i+i/veteranCount)%len(veteranVariants)]
	if i%5 == 2 { // without an address
		variant = newCreate
	}
	c := variant(veteranName(i))
	c.veteran = true
	return c
}
