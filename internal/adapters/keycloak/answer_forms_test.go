package keycloak_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// readsAndWrites splits the operations by the method of their route.
func readsAndWrites() (reads, writes []operation) {
	for _, op := range operations() {
		if strings.HasPrefix(op.route, "GET ") {
			reads = append(reads, op)
		} else {
			writes = append(writes, op)
		}
	}
	return reads, writes
}

// readsOfACreation is CreateUser with the routes that it reads before it writes.
func readsOfACreation() (reads []operation) {
	for _, op := range operations() {
		if op.name != "CreateUser" {
			continue
		}
		for _, op.route = range []string{"GET realm", "GET roles/{role}", groupRoute, groupRealmRoute, groupClientRoute} {
			reads = append(reads, op)
		}
	}
	return reads
}

// A read that succeeds has something to say. gocloak takes these for an empty list, and
// that for "no such user" or "no rights".
func TestAnswerForms_ReadWithoutAnAnswer(t *testing.T) {
	reads, _ := readsAndWrites()
	for name, with := range map[string]http.HandlerFunc{
		"201":           saying(http.StatusCreated, "application/json", "[]"),
		"201, a page":   saying(http.StatusCreated, "text/html", "<h1>Welcome</h1>"),
		"204":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"203":           saying(http.StatusNonAuthoritativeInfo, "application/json", "[]"),
		"no media type": saying(http.StatusOK, "", "[]"),
		"blanks":        saying(http.StatusOK, "application/json", " \r\n\t"),
	} {
		for _, op := range reads {
			t.Run(name+" to "+op.name, func(t *testing.T) {
				s := newStub(t)
				id := s.plant(present())
				s.answers(op.route, always, with)
				err := op.run(t, s.provider(t), domain.UserID(id))
				require.ErrorIs(t, err, domain.BadAnswer)
			})
		}
	}
}

func TestAnswerForms_LoginWithoutAnAnswer(t *testing.T) {
	for name, with := range map[string]http.HandlerFunc{
		"201":          saying(http.StatusCreated, "application/json", `{"access_token":"x","expires_in":300}`),
		"204":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"empty token":  saying(http.StatusOK, "application/json", `{"access_token":"","expires_in":300}`),
		"not a string": saying(http.StatusOK, "application/json", `{"access_token":{},"expires_in":300}`),
		"a list":       saying(http.StatusOK, "application/json", `[]`),
		"nothing":      saying(http.StatusOK, "application/json", ``),
		"text":         saying(http.StatusOK, "text/plain", `{"access_token":"x","expires_in":300}`),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			s.answers("POST token", always, with)
			require.ErrorIs(t, s.provider(t).Check(t.Context()), domain.BadAnswer)
			assert.Equal(t, []string{"POST token"}, s.taken(), "nothing is asked without a token")
		})
	}
}

// The shapes are those of other answers, or of the right one with something missing.
func TestAnswerForms_ReadOfAnotherShape(t *testing.T) {
	for _, c := range []struct{ name, route, body string }{
		{"an object for users", "GET users", `{"id":"1","username":"present"}`},
		{"users with null", "GET users", `[{"id":"1","username":"present"},null]`},
		{"a user without an id", "GET users", `[{"username":"present"}]`},
		{"a user with an empty id", "GET users", `[{"id":"","username":"present"}]`},
		{"a user without a username", "GET users", `[{"id":"1"}]`},
		{"a user whose id is a number", "GET users", `[{"id":1,"username":"present"}]`},
		{"an object for roles", "GET users/{id}/role-mappings/realm", `{}`},
		{"roles with null", "GET users/{id}/role-mappings/realm", `[{"id":"1","name":"teller"},null]`},
		{"a role without a name", "GET users/{id}/role-mappings/realm", `[{"id":"1"}]`},
		{"an object for groups", "GET users/{id}/groups", `{}`},
		{"groups with null", "GET users/{id}/groups", `[null]`},
		{"a group without a path", "GET users/{id}/groups", `[{"id":"1","name":"tellers"}]`},
		{"a list for the realm", "GET realm", `[]`},
		{"a list for a role", "GET roles/{role}", `[]`},
		{"another role", "GET roles/{role}", `{"id":"1","name":"admin"}`},
		{"another role but for letter case", "GET roles/{role}", `{"id":"1","name":"Teller"}`},
		{"a role without an id", "GET roles/{role}", `{"name":"teller"}`},
		{"an empty role", "GET roles/{role}", `{}`},
		{"another group", "GET group-by-path/{path...}", `{"id":"1","name":"tellers","path":"/head-office/tellers"}`},
		{"a group without an id", groupRoute, `{"name":"tellers","path":"/tellers"}`},
		{"an empty group", "GET group-by-path/{path...}", `{}`},
		{"an object for a user's rights", userRealmRoute, `{}`},
		{"a right without a name", userRealmRoute, `[{"id":"1","composite":false}]`},
		{"an object for a user's administration", userClientRoute, `{}`},
		{"an administration right without a name", userClientRoute, `[{"id":"1","name":"","composite":false}]`},
		{"a list for own roles", ownRoute, `[]`},
		{"own roles in a client without an id", ownRoute, `{"clientMappings":{"realm-management":{"client":"realm-management"}}}`},
		{"own roles in a client that is a list", ownRoute, `{"clientMappings":{"realm-management":[]}}`},
		{"an object for parts", partsRoute, `{}`},
		{"a part without an id", partsRoute, `[{"name":"auditor","composite":false}]`},
		{"a part with an empty id", partsRoute, `[{"id":"","name":"auditor","composite":false}]`},
		{"a part without a name", partsRoute, `[{"id":"1","composite":false}]`},
		{"a part that may be composite or not", partsRoute, `[{"id":"1","name":"auditor"}]`},
		{"an object for a group's roles", groupRealmRoute, `{}`},
		{"a group's role without an id", groupRealmRoute, `[{"name":"auditor","composite":false}]`},
		{"a group's role that may be composite or not", groupRealmRoute, `[{"id":"1","name":"auditor"}]`},
		{"a group's administration right without a name", groupClientRoute, `[{"id":"1","composite":false}]`},
		{"an object for required actions", actionsRoute, `{}`},
		{"an action without a name", actionsRoute, `[{"enabled":true}]`},
		{"an action that may be switched on or off", actionsRoute, `[{"alias":"VERIFY_EMAIL","defaultAction":false}]`},
		{"actions with null", actionsRoute, `[{"alias":"VERIFY_EMAIL","enabled":true},null]`},
		{"a list for the profile", profileRoute, `[]`},
		{"a profile whose attributes are names", profileRoute, `{"attributes":["office_id"]}`},
		{"a list for a user", getUserRoute, `[]`},
		{"an empty user", getUserRoute, `{}`},
		{"another user", getUserRoute, `{"id":"user-9","username":"else"}`},
		{"a user whose attribute is a text", getUserRoute, `{"id":"user-1","username":"present","attributes":{"office_id":"7"}}`},
		{"a list for a lock", lockRoute, `[]`},
		{"an empty lock", lockRoute, `{}`},
		{"a lock without a time", lockRoute, `{"disabled":true}`},
		{"a lock that may be there or not", lockRoute, `{"failedLoginNotBefore":0}`},
		{"a lock until a text", lockRoute, `{"disabled":true,"failedLoginNotBefore":"tomorrow"}`},
		{"an object for credentials", credentialsRoute, `{}`},
		{"credentials with null", credentialsRoute, `[{"type":"password"},null]`},
		{"a credential of no kind", credentialsRoute, `[{"id":"1"}]`},
		{"a list for a group's own roles", groupRolesRoute, `[]`},
		{"a group's own role without an id", groupRolesRoute, `{"clientMappings":{"ledger":{"id":"client-3","mappings":[{"name":"read","composite":false}]}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStub(t)
			id := s.plant(present())
			p := s.provider(t)
			s.answers(c.route, always, saying(http.StatusOK, "application/json", c.body))
			asked := false
			for _, op := range append(operations(), readsOfACreation()...) {
				if op.route != c.route {
					continue
				}
				asked = true
				require.ErrorIs(t, op.run(t, p, domain.UserID(id)), domain.BadAnswer, op.name)
			}
			assert.True(t, asked, "no operation asks for %s", c.route)
			assert.Zero(t, s.count("POST users"))
		})
	}
}

// A write that succeeds is answered with 201 or 204; a 200 comes from somebody else,
// most often from a page.
func TestAnswerForms_WriteWithAReadsAnswer(t *testing.T) {
	_, writes := readsAndWrites()
	for _, op := range writes {
		s := newStub(t)
		id := s.plant(present())
		s.answers(op.route, always, saying(http.StatusOK, "application/json", `{"id":"1"}`))
		require.ErrorIs(t, op.run(t, s.provider(t), domain.UserID(id)), op.unclear(domain.BadAnswer), op.name)
		assert.Equal(t, 1, s.count(op.route), op.name)
	}
}

// The limit is on what is kept in memory, not on what comes over the wire.
func TestAnswerForms_TooMuchIsRefusedAlsoWhenPacked(t *testing.T) {
	s := newStub(t)
	s.plant(present())
	s.answers("GET users", 1, func(w http.ResponseWriter, r *http.Request) {
		if !assert.Equal(t, "gzip", r.Header.Get("Accept-Encoding")) {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		_, _ = io.WriteString(packed, "["+strings.Repeat(" ", 9<<20)+"]")
		_ = packed.Close()
	})
	_, err := s.provider(t).FindUser(t.Context(), username(t, "present"))
	require.ErrorIs(t, err, domain.BadAnswer)
	assert.Contains(t, err.Error(), "more than")
}

// What comes after the limit is not waited for.
func TestAnswerForms_TooMuchIsNotReadToItsEnd(t *testing.T) {
	s := newStub(t)
	s.plant(present())
	s.answers("GET users", 1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, strings.Repeat(" ", 9<<20))
		hang(w, r)
	})
	_, err := s.provider(t).FindUser(t.Context(), username(t, "present"))
	require.ErrorIs(t, err, domain.BadAnswer)
}

// A field that the realm's rules refuse is named whatever was to be done.
func TestAnswerForms_ViolationsAreNamedInOurWords(t *testing.T) {
	_, writes := readsAndWrites()
	for _, op := range writes {
		if op.route == introspectRoute || op.name == "CreateUser role" {
			continue // There is nothing to refuse: the one writes nothing, the other no field.
		}
		s := newStub(t)
		id := s.plant(present())
		s.answers(op.route, always, saying(http.StatusBadRequest, "application/json",
			`{"errors":[{"field":"employee_id","errorMessage":"ask 4711","params":["employee_id","^[0-9]+$"]},{"field":"email","errorMessage":"error-user-attribute-required","params":["email"]}]}`))
		err := op.run(t, s.provider(t), domain.UserID(id))
		require.ErrorIs(t, err, domain.InvalidField, op.name)
		assert.Equal(t, map[string]string{"employee_id": "is not allowed by the rules of the realm", "email": "is required"}, domain.AsError(err).Fields, op.name)
	}
}
