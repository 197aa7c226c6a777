package keycloak_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

const (
	directoryUser = `{"id":"f:dir:anna","username":"anna","enabled":true}`
	importedUser  = `{"id":"7","username":"anna","enabled":false,"federationLink":"dir"}`
	ordinaryUser  = `{"id":"7","username":"anna","enabled":true}`
	noSuchUser    = `{"error":"User not found"}`
	unknownError  = `{"error":"unknown_error"}`
)

// inDirectory makes the stub a realm with a read-only directory.
func (s *stub) inDirectory() {
	s.answers("GET components", always, saying(200, "application/json", `[{"id":"dir","providerId":"ldap","config":{"enabled":["true"],"editMode":["READ_ONLY"]}},
		{"id":"other","providerId":"own","config":{}},{"id":"off","providerId":"ldap","config":{"enabled":["false"]}}]`))
}

// Keycloak refuses in many words, and says of a user's own field what it says of a whole user.
func TestDirectories_RefusedWritesAreOfReadOnlyUsers(t *testing.T) {
	for name, c := range map[string]struct {
		user, route string
		status      int
		says        string
		kind        domain.Kind
	}{
		"not imported":            {directoryUser, putUserRoute, 400, `{"errorMessage":"The user is read-only. Not possible to write 'enabled' when updating user 'anna'."}`, domain.ReadOnlyUser},
		"not imported, 24":        {directoryUser, putUserRoute, 400, `{"errorMessage":"Could not update user!"}`, domain.ReadOnlyUser},
		"another failure":         {ordinaryUser, putUserRoute, 400, `{"errorMessage":"Could not update user!"}`, domain.Internal},
		"a field":                 {importedUser, putUserRoute, 400, `{"field":"lastName","errorMessage":"error-user-attribute-read-only"}`, domain.ReadOnlyUser},
		"an ordinary user's":      {ordinaryUser, putUserRoute, 400, `{"field":"lastName","errorMessage":"error-user-attribute-read-only"}`, domain.InvalidField},
		"another field":           {importedUser, putUserRoute, 400, `{"errors":[{"field":"lastName","errorMessage":"error-user-attribute-read-only"},{"field":"email","errorMessage":"error-invalid-email"}]}`, domain.InvalidField},
		"role":                    {directoryUser, "POST users/{id}/role-mappings/realm", 400, `{"error":"invalid_request","error_description":"Could not add user role mappings!"}`, domain.ReadOnlyUser},
		"group":                   {directoryUser, "PUT users/{id}/groups/{group}", 500, unknownError, domain.ReadOnlyUser},
		"an ordinary user's role": {ordinaryUser, "POST users/{id}/role-mappings/realm", 400, `{"error":"invalid_request","error_description":"Could not add user role mappings!"}`, domain.Internal},
	} {
		s := newStub(t)
		s.inDirectory()
		s.answers(getUserRoute, always, saying(200, "application/json", c.user))
		s.answers(c.route, always, saying(c.status, "application/json", c.says))
		s.answers("POST users/{id}/role-mappings/realm", always, saying(204, "", ""))
		id := domain.UserID("7")
		if c.user == directoryUser {
			id = "f:dir:anna"
		}
		p := s.provider(t)
		err := p.SetEnabled(t.Context(), id, false)
		if c.route != putUserRoute {
			_, err = p.Assign(t.Context(), id, domain.Assignment{Role: "teller", Group: "tellers"})
		}
		require.ErrorIs(t, err, c.kind, name)
		assert.NotContains(t, err.Error(), "anna", "%s: a username in the log", name)
	}
}

// What Keycloak shows while a directory is away says nothing about its users.
func TestDirectories_ThatAreAwayHideTheirUsers(t *testing.T) {
	for name, c := range map[string]struct {
		found  string
		status int
		away   bool
		kind   domain.Kind // "": found
	}{
		"nobody is found":            {`[]`, 200, true, domain.Unavailable},
		"nobody is there":            {`[]`, 200, false, domain.NotFound},
		"no look-up, before 26.4":    {unknownError, 400, true, domain.Unavailable},
		"another failure":            {unknownError, 400, false, domain.Internal},
		"shown as off":               {`[` + importedUser + `]`, 200, true, domain.Unavailable},
		"off":                        {`[` + importedUser + `]`, 200, false, ""},
		"not one of the directory's": {`[` + ordinaryUser + `]`, 200, true, ""},
	} {
		s := newStub(t)
		s.inDirectory()
		s.answers("GET users", always, saying(c.status, "application/json", c.found))
		s.answers(getUserRoute, always, func(w http.ResponseWriter, r *http.Request) {
			assert.True(t, strings.HasSuffix(r.URL.Path, "/f:dir:-"), r.URL.Path)
			if c.away {
				answer(w, http.StatusInternalServerError, unknownError)
				return
			}
			answer(w, http.StatusNotFound, noSuchUser)
		})
		user, err := s.provider(t).FindUser(t.Context(), username(t, "anna"))
		if c.kind == "" {
			require.NoError(t, err, name)
			assert.Equal(t, strings.Contains(c.found, "federationLink"), user.PasswordElsewhere, name)
			continue
		}
		require.ErrorIs(t, err, c.kind, name)
		if c.away {
			assert.Equal(t, "The directory of this account cannot be reached. Please try again later.", domain.AsError(err).Message, name)
			assert.Equal(t, 1, s.count(getUserRoute), "%s: asked again", name)
		}
	}
}
