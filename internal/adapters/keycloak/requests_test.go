package keycloak_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
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
	mark  int64
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
		call func(*testing.T, *keycloak.Provider, domain.UserID) error
		want map[string]any
	}{
		"disable": {func(t *testing.T, p *keycloak.Provider, id domain.UserID) error {
			return p.SetEnabled(t.Context(), id, false)
		}, map[string]any{"enabled": false}},
		"enable": {func(t *testing.T, p *keycloak.Provider, id domain.UserID) error {
			return p.SetEnabled(t.Context(), id, true)
		}, map[string]any{"enabled": true}},
		"actions": {func(t *testing.T, p *keycloak.Provider, id domain.UserID) error {
			return p.SetRequiredActions(t.Context(), id, []domain.RequiredAction{domain.VerifyEmail, "CONFIGURE_TOTP"})
		}, map[string]any{"requiredActions": []any{"VERIFY_EMAIL", "CONFIGURE_TOTP"}}},
		"no actions": {func(t *testing.T, p *keycloak.Provider, id domain.UserID) error {
			return p.SetRequiredActions(t.Context(), id, nil)
		}, map[string]any{"requiredActions": []any{}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			id := domain.UserID(s.plant(stubUser{Username: "berta", Enabled: name != "disable"})) // as after the update
			update := s.watch("PUT users/{id}", http.StatusNoContent)
			require.NoError(t, c.call(t, s.provider(t), id))
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
	user.Attributes = domain.Attributes{domain.OfficeID: "7", domain.EmployeeID: "E-1", domain.MobileNumber: ""}
	user.RequiredActions = []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, "TERMS_AND_CONDITIONS"}
	_, err := s.provider(t).CreateUser(t.Context(), user)
	require.ErrorIs(t, err, domain.BadAnswer)
	assert.Equal(t, map[string]any{"office_id": []any{"7"}, "employee_id": []any{"E-1"}}, assertMarked(t, creation))
	delete(creation.body, "attributes")
	assert.Equal(t, map[string]any{
		"username": "anna", "email": "anna@bank.example", "emailVerified": true, "enabled": true, "firstName": "Anna", "lastName": "Müller",
		"groups":          []any{"/tellers"},
		"requiredActions": []any{"UPDATE_PASSWORD", "VERIFY_EMAIL"},
		"credentials":     []any{map[string]any{"type": "password", "value": "Temp0rary-Passw0rd", "temporary": true}},
	}, creation.body)

	// Names that are not known are not sent: an empty one breaks the rules of a realm. An
	// empty password would be stored.
	bare := s.watch("POST users", http.StatusInternalServerError)
	user = newcomer(t, "anna")
	user.Assignment.Group, user.Password = "", domain.Secret{}
	_, err = s.provider(t).CreateUser(t.Context(), user)
	require.ErrorIs(t, err, domain.BadAnswer)
	for _, member := range []string{"firstName", "lastName", "groups", "realmRoles", "credentials"} {
		assert.NotContains(t, bare.body, member)
	}
	assert.Empty(t, assertMarked(t, bare))
	assert.NotEqual(t, creation.mark, bare.mark, "each creation has a mark of its own")
}

// assertMarked checks that the creation says who made it, takes note of its mark, and
// returns the other attributes.
func assertMarked(t *testing.T, creation *sent) (others map[string]any) {
	t.Helper()
	attributes, ok := creation.body["attributes"].(map[string]any)
	require.True(t, ok)
	assert.Equal(t, []any{"user-sync-service"}, attributes["managed_by"])
	created, ok := creation.body["createdTimestamp"].(float64)
	require.True(t, ok)
	creation.mark = int64(created)
	age := time.Since(time.UnixMilli(creation.mark))
	assert.Positive(t, age, "it lies in the past")
	assert.Less(t, age, 10*time.Second)
	delete(creation.body, "createdTimestamp")
	delete(attributes, "managed_by")
	return attributes
}

// Without attributes an update carries what differs. With them it carries all that would
// be wiped otherwise, and never what is of no concern: the account of a locked user reads
// as disabled in some versions.
func TestRequests_ChangesCarryWhatWouldBeWiped(t *testing.T) {
	attributes := func(changes map[string]any) map[string]any {
		all := map[string]any{
			"managed_by": []any{"user-sync-service"}, "office_id": []any{"7"}, "employee_id": []any{"E-1"},
			"languages": []any{"de", "fr"}, "floor": []any{"3"},
		}
		maps.Copy(all, changes)
		return all
	}
	without := attributes(nil)
	delete(without, "office_id")
	for name, c := range map[string]struct {
		user   stubUser
		change domain.UserChange
		want   map[string]any
	}{
		"the address": {employee(), domain.UserChange{Email: emailOf(t, "BB@bank.example")}, map[string]any{"email": "BB@bank.example"}},
		"names": {employee(), domain.UserChange{Email: emailOf(t, "berta@bank.example"), FirstName: new("Bea"), LastName: new("")},
			map[string]any{"firstName": "Bea", "lastName": ""}},
		"an attribute": {employee(), domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "8"}}, map[string]any{
			"attributes": attributes(map[string]any{"office_id": []any{"8"}}), "username": "berta", "email": "berta@bank.example", "firstName": "Berta", "lastName": "Blum",
		}},
		"an attribute less": {employee(), domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: ""}}, map[string]any{
			"attributes": without, "username": "berta", "email": "berta@bank.example", "firstName": "Berta", "lastName": "Blum",
		}},
		"everything": {employee(), domain.UserChange{Email: emailOf(t, "bb@bank.example"), FirstName: new(""), LastName: new("Baum"), Attributes: domain.Attributes{domain.OfficeName: "North"}}, map[string]any{
			"attributes": attributes(map[string]any{"office_name": []any{"North"}}), "username": "berta", "email": "bb@bank.example", "firstName": "", "lastName": "Baum",
		}},
		"of a user with nothing": {stubUser{Username: "nobody"}, domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "8"}},
			map[string]any{"attributes": map[string]any{"office_id": []any{"8"}}, "username": "nobody"}},
		"the last attribute": {stubUser{Username: "nobody", Attributes: map[string][]string{"office_id": {"8"}}}, domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: ""}},
			map[string]any{"attributes": map[string]any{}, "username": "nobody"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			id := s.plant(c.user)
			update := s.watch(putUserRoute, http.StatusNoContent)
			_, err := s.provider(t).UpdateUser(t.Context(), domain.UserID(id), c.change)
			require.NoError(t, err)
			delete(update.body, "id")
			assert.Equal(t, c.want, update.body)
		})
	}
}

// Keycloak wants both the id and the name of a role.
func TestRequests_AssignmentNamesTheRoleTwice(t *testing.T) {
	s := newStub(t)
	assignment := s.watch(assignRoute, http.StatusNoContent)
	_, err := create(t, s.provider(t), "anna")
	require.NoError(t, err)
	assert.Equal(t, []any{map[string]any{"id": "role-1", "name": "teller"}}, assignment.list)

	id := domain.UserID(s.plant(present()))
	taking := s.watch(takeRoleRoute, http.StatusNoContent)
	require.NoError(t, s.provider(t).Unassign(t.Context(), id, domain.Assignment{Role: "teller"}))
	assert.Equal(t, []any{map[string]any{"id": "role-1", "name": "teller"}}, taking.list)
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

// The link of the mail works for the lifespan asked for, and leads to the actions, in
// their order.
func TestRequests_MailLeadsToTheActions(t *testing.T) {
	s := newStub(t)
	mail := s.watch("PUT users/{id}/execute-actions-email", http.StatusNoContent)
	require.NoError(t, s.provider(t).SendActionsMail(t.Context(), "4711", []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail}, 12*time.Hour))
	assert.Equal(t, []any{"UPDATE_PASSWORD", "VERIFY_EMAIL"}, mail.list)
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
		p := s.provider(t, func(config *keycloak.Config) { config.ClientID, config.ClientSecret = text, secretOf(text) })
		require.NoError(t, p.Check(t.Context()), text)
		assert.Equal(t, text, id)
		assert.Equal(t, text, secret)
	}
}
