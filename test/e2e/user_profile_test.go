package e2e

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
	"user-sync-service/test/keycloaktest"
)

// keepAttributes makes the realm keep what the program gives its users: the attributes,
// but for some, and the mark by which it knows them.
func keepAttributes(t *testing.T, realm *keycloaktest.Realm, except ...domain.Attribute) {
	t.Helper()
	names := []string{"managed_by"}
	for _, attribute := range domain.AllAttributes() {
		if !slices.Contains(except, attribute) {
			names = append(names, string(attribute))
		}
	}
	require.NoError(t, realm.DeclareAttributes(t.Context(), names...))
}

// switchActionOff makes the realm know a required action and not use it.
func switchActionOff(t *testing.T, realm *keycloaktest.Realm, alias domain.RequiredAction) {
	t.Helper()
	var action map[string]any
	path := "/authentication/required-actions/" + string(alias)
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, path, nil, &action))
	action["enabled"] = false
	require.NoError(t, realm.Call(t.Context(), http.MethodPut, path, action, nil))
}
