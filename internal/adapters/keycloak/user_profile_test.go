package keycloak

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The profile is Keycloak's own, and says in many ways whether an attribute is kept.
func TestUserProfile_SaysWhatIsKept(t *testing.T) {
	office := func(permissions string) string {
		return `{"attributes":[{"name":"username"},{"name":"office_id"` + permissions + `}]}`
	}
	for text, keeps := range map[string]bool{
		`{"attributes":[],"unmanagedAttributePolicy":"ENABLED"}`:    true,
		`{"attributes":[],"unmanagedAttributePolicy":"ADMIN_EDIT"}`: true,
		`{"attributes":[],"unmanagedAttributePolicy":"ADMIN_VIEW"}`: false, // 26.7 drops them
		`{"attributes":[],"unmanagedAttributePolicy":"DISABLED"}`:   false,
		`{"attributes":[],"unmanagedAttributePolicy":"enabled"}`:    false,
		`{"attributes":[]}`: false,
		`{}`:                false,
		`{"attributes":null,"unmanagedAttributePolicy":null}`:        false,
		office(`,"permissions":{"view":["admin"],"edit":["admin"]}`): true,
		office(`,"permissions":{"view":[],"edit":["user","admin"]}`): true,
		office(`,"permissions":{"view":["admin"],"edit":[]}`):        false,
		office(`,"permissions":{"view":["user"],"edit":["user"]}`):   false,
		office(``): false,
		`{"attributes":[{"name":"managed_by","permissions":{"view":["admin"],"edit":["admin"]}}]}`: false,
		// What is declared does not depend on what holds for the rest.
		`{"attributes":[{"name":"office_id","permissions":{"view":["admin"],"edit":["user"]}}],"unmanagedAttributePolicy":"ENABLED"}`:                                   false,
		`{"attributes":[{"name":"office_id","permissions":{"edit":["admin"]},"annotations":{},"multivalued":false}],"groups":[],"unmanagedAttributePolicy":"DISABLED"}`: true,
	} {
		profile := new(userProfile)
		require.NoError(t, json.Unmarshal([]byte(text), profile), text)
		assert.Equal(t, keeps, profile.keeps("office_id"), text)
	}
}

// What users can write themselves is no proof, by whatever way they can.
func TestUserProfile_SaysWhatOnlyAdministratorsWrite(t *testing.T) {
	mark := func(edit, selector, policy string) string {
		return `{"attributes":[{"name":"managed_by","permissions":{"view":["admin"],"edit":` + edit + `}` + selector + `}],"unmanagedAttributePolicy":"` + policy + `"}`
	}
	const selector = `,"selector":{"scopes":["phone"]}`
	for text, guards := range map[string]bool{
		`{"attributes":[],"unmanagedAttributePolicy":"ENABLED"}`:    false,
		`{"attributes":[],"unmanagedAttributePolicy":"ADMIN_EDIT"}`: true,
		`{"attributes":[],"unmanagedAttributePolicy":"ADMIN_VIEW"}`: false,
		`{"attributes":[],"unmanagedAttributePolicy":"admin_edit"}`: false,
		`{"attributes":[]}`:                              false,
		mark(`["admin"]`, ``, ``):                        true,
		mark(`["admin"]`, ``, `ENABLED`):                 true, // Declared, it is refused to users.
		mark(`["admin","user"]`, ``, ``):                 false,
		mark(`["user"]`, ``, `ADMIN_EDIT`):               false,
		mark(`["admin","another"]`, ``, ``):              false,
		mark(`[]`, ``, `ADMIN_EDIT`):                     false,
		mark(`null`, ``, `ADMIN_EDIT`):                   false,
		mark(`["admin"]`, selector, ``):                  true,
		mark(`["admin"]`, selector, `ADMIN_EDIT`):        true,
		mark(`["admin"]`, selector, `ENABLED`):           false, // Seen: the account console writes it.
		mark(`["admin"]`, `,"selector":null`, `ENABLED`): true,
	} {
		profile := new(userProfile)
		require.NoError(t, json.Unmarshal([]byte(text), profile), text)
		assert.Equal(t, guards, profile.guards("managed_by"), text)
	}
}
