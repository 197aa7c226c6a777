package keycloak_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// sent is what a request carried.
type sent struct {
	body  map[string]any
	list  []any
	query url.Values
	mark  string
}

// watch keeps the next request for a route and answers it with a status.
func (s *stub) watch(route string, status int) *sent {
	kept := &sent{}
	s.answers(route, 1, func(w http.ResponseWriter, r *http.Request) {
		kept.query = r.URL.Query()
		body, _ := io.ReadAll(r.Body)
		if json.Unmarshal(body, &kept.body) != nil {
			_ = json.Unmarshal(body, &kept.list)
		}
		w.WriteHeader(status)
	})
	return kept
}

// Keycloak leaves alone what is not sent. An empty list of actions must be sent, an
// empty set of attributes must not: it would wipe them all, with names and address.
func TestRequests_UpdatesCarryOneMember(t *testing.T) {
	for name, c := range map[string]struct {
		call func(*testing.T, *keycloak.Provider) error
		want map[string]any
	}{
		"disable": {func(t *testing.T, p *keycloak.Provider) error { return p.SetEnabled(t.Context(), "4711", false) }, map[string]any{"enabled": false}},
		"enable":  {func(t *testing.T, p *keycloak.Provider) error { return p.SetEnabled(t.Context(), "4711", true) }, map[string]any{"enabled": true}},
		"actions": {func(t *testing.T, p *keycloak.Provider) error {
			return p.SetRequiredActions(t.Context(), "4711", []domain.RequiredAction{domain.VerifyEmail, "CONFIGURE_TOTP"})
		}, map[string]any{"requiredActions": []any{"VERIFY_EMAIL", "CONFIGURE_TOTP"}}},
		"no actions": {func(t *testing.T, p *keycloak.Provider) error { return p.SetRequiredActions(t.Context(), "4711", nil) }, map[string]any{"requiredActions": []any{}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			update := s.watch("PUT users/{id}", http.StatusNoContent)
			require.NoError(t, c.call(t, s.provider(t)))
			delete(update.body, "id")
			assert.Equal(t, c.want, update.body)
		})
	}
}

func TestRequests_CreationCarriesEverythingButTheRole(t *testing.T) {
	s := newStub(t)
	creation := s.watch("POST users", http.StatusInternalServerError)
	user := newcomer(t, "anna")
	user.FirstName, user.LastName, user.EmailVerified = "Anna", "Müller", true
	_, err := s.provider(t).CreateUser(t.Context(), user)
	require.ErrorIs(t, err, domain.BadAnswer)
	assertMarked(t, creation)
	delete(creation.body, "attributes")
	assert.Equal(t, map[string]any{
		"username": "anna", "email": "anna@bank.example", "emailVerified": true, "enabled": true, "firstName": "Anna", "lastName": "Müller",
		"groups":          []any{"/tellers"},
		"requiredActions": []any{"UPDATE_PASSWORD"},
		"credentials":     []any{map[string]any{"type": "password", "value": "Temp0rary-Passw0rd", "temporary": true}},
	}, creation.body)

	// Names that are not known are not sent: an empty one breaks the rules of a realm.
	bare := s.watch("POST users", http.StatusInternalServerError)
	user = newcomer(t, "anna")
	user.Assignment.Group = ""
	_, err = s.provider(t).CreateUser(t.Context(), user)
	require.ErrorIs(t, err, domain.BadAnswer)
	for _, member := range []string{"firstName", "lastName", "groups", "realmRoles"} {
		assert.NotContains(t, bare.body, member)
	}
	assertMarked(t, bare)
	assert.NotEqual(t, creation.mark, bare.mark, "each creation has a mark of its own")
}

// assertMarked checks that the creation says who made it, and takes note of its mark.
func assertMarked(t *testing.T, creation *sent) {
	t.Helper()
	attributes, ok := creation.body["attributes"].(map[string]any)
	require.True(t, ok)
	assert.Len(t, attributes, 2)
	assert.Equal(t, []any{"user-sync-service"}, attributes["managed_by"])
	marks, ok := attributes["managed_by_creation"].([]any)
	require.True(t, ok)
	require.Len(t, marks, 1)
	creation.mark = marks[0].(string)
	assert.GreaterOrEqual(t, len(creation.mark), 20)
}

// Keycloak wants both the id and the name of a role.
func TestRequests_AssignmentNamesTheRoleTwice(t *testing.T) {
	s := newStub(t)
	assignment := s.watch(assignRoute, http.StatusNoContent)
	_, err := create(t, s.provider(t), "anna")
	require.NoError(t, err)
	assert.Equal(t, []any{map[string]any{"id": "role-1", "name": "teller"}}, assignment.list)
}

// Without "exact" a look-up is a search by parts with wildcards.
func TestRequests_LookUpsAreExact(t *testing.T) {
	s := newStub(t)
	lookUp := s.watch("GET users", http.StatusInternalServerError)
	_, err := s.provider(t).FindUser(t.Context(), username(t, "an_n%a*&exact=false"))
	require.ErrorIs(t, err, domain.BadAnswer)
	assert.Equal(t, url.Values{"username": {"an_n%a*&exact=false"}, "exact": {"true"}}, lookUp.query)

	// The service account was looked up before.
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	s.answers("POST users", 1, saying(409, "application/json", `{"error":"unknown_error"}`))
	byName := s.watch("GET users", http.StatusInternalServerError)
	_, err = create(t, p, "anna")
	require.ErrorIs(t, err, domain.BadAnswer)
	assert.Equal(t, url.Values{"username": {"anna"}, "exact": {"true"}}, byName.query)

	s.answers("POST users", 1, saying(409, "application/json", `{"error":"unknown_error"}`))
	s.answers("GET users", 1, saying(200, "application/json", `[]`))
	byAddress := s.watch("GET users", http.StatusInternalServerError)
	_, err = create(t, p, "anna")
	require.ErrorIs(t, err, domain.BadAnswer)
	assert.Equal(t, url.Values{"email": {"anna@bank.example"}, "exact": {"true"}}, byAddress.query)
}

// The link of the mail works for the lifespan asked for, and leads to the password only.
func TestRequests_MailAsksForANewPassword(t *testing.T) {
	s := newStub(t)
	mail := s.watch("PUT users/{id}/execute-actions-email", http.StatusNoContent)
	require.NoError(t, s.provider(t).SendPasswordReset(t.Context(), "4711", 12*time.Hour))
	assert.Equal(t, []any{"UPDATE_PASSWORD"}, mail.list)
	assert.Equal(t, url.Values{"lifespan": {"43200"}}, mail.query)
}

// RFC 6749, section 2.3.1: id and secret are form-encoded before they go into the Basic
// header, and Keycloak decodes them. gocloak does not.
func TestRequests_LoginEncodesIDAndSecret(t *testing.T) {
	for _, text := range []string{"plain", "100%", "a+b", "a%41b", "a b", "a&b", "a=b", "a:b", "schlüssel", "a%b+c d&e=", "ÿ€\"'\\/", strings.Repeat("x%", 200)} {
		s := newStub(t)
		var id, secret string
		s.answers("POST token", 1, func(w http.ResponseWriter, r *http.Request) {
			encoded, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Basic ")
			plain, err := base64.StdEncoding.DecodeString(encoded)
			assert.NoError(t, err)
			before, after, _ := strings.Cut(string(plain), ":")
			id, _ = url.QueryUnescape(before)
			secret, _ = url.QueryUnescape(after)
			s.change(func() { s.tokens["token-x"] = true })
			answer(w, http.StatusOK, `{"access_token":"token-x","expires_in":300}`)
		})
		p := s.provider(t, func(config *keycloak.Config) { config.ClientID, config.ClientSecret = text, domain.NewSecret(text) })
		require.NoError(t, p.Check(t.Context()), text)
		assert.Equal(t, text, id)
		assert.Equal(t, text, secret)
	}
}
