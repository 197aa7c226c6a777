package keycloak_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// logInto sends the log of a provider to a buffer.
func logInto(lines *bytes.Buffer) func(*keycloak.Config) {
	return func(config *keycloak.Config) { config.Log = slog.New(slog.NewJSONHandler(lines, nil)) }
}

// assertWarnedOnce checks that the log is one warning, which says what helps.
func assertWarnedOnce(t *testing.T, lines *bytes.Buffer) {
	t.Helper()
	var line struct{ Level, Msg, Help string }
	require.Equal(t, 1, bytes.Count(lines.Bytes(), []byte("\n")), "lines in the log:\n%s", lines)
	require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
	assert.Equal(t, "WARN", line.Level)
	assert.Contains(t, line.Msg, "administrators of the realm cannot be recognised")
	for _, help := range []string{"view-clients", "PROTECTED_USERS", "PROTECTED_GROUPS"} {
		assert.Contains(t, line.Help, help)
	}
}

// An administrator of the realm, by name.
func administrator() stubUser {
	return stubUser{Username: "present", Enabled: true, roles: []string{"teller", "realm-management:realm-admin"}}
}

// The first write must not pay for what no write changes.
func TestCheck_FindsTheAdministrationClient(t *testing.T) {
	s, c := newStub(t), newClock()
	p := s.provider(t, c.set)
	check := func() []string {
		t.Helper()
		require.NoError(t, p.Check(t.Context()))
		return s.taken()
	}
	assert.Equal(t, []string{"POST token", "GET realm", "GET users", ownRoute}, check())
	assert.Equal(t, []string{"GET realm"}, check(), "what is kept is not read again")
	c.pass(5*time.Minute - time.Second)
	assert.Equal(t, []string{"POST token", "GET realm", "GET users"}, check(), "the service account's rights may be others")
	c.pass(time.Second)
	assert.Equal(t, []string{"GET realm", "GET users", ownRoute}, check(), "it has expired")
}

func TestCheck_FailsWhenOwnRightsCannotBeRead(t *testing.T) {
	for _, route := range []string{"GET users", ownRoute} {
		s := newStub(t)
		s.answers(route, 1, saying(403, "application/json", hiddenAnswer))
		p := s.provider(t)
		require.ErrorIs(t, p.Check(t.Context()), domain.Internal, route)
		require.NoError(t, p.Check(t.Context()), "a failure is not kept")
	}
}

// The runbook says that a missing role shows. What is granted counts at the next check, on
// Keycloaks that go by the token too.
func TestCheck_NamesTheRightThatIsMissing(t *testing.T) {
	const unmanaged = `[{"id":"service-account","username":"service-account-user-sync-service","access":{"manage":false}}]`
	for _, c := range []struct {
		route   string
		with    http.HandlerFunc
		missing string
	}{
		{"GET realm", saying(403, "application/json", hiddenAnswer), "manage-users and view-realm"},
		{"GET realm", saying(200, "application/json", `{"realm":"bank"}`), "view-realm"},
		{"GET users", saying(403, "application/json", hiddenAnswer), "manage-users"},
		{"GET users", saying(200, "application/json", unmanaged), "manage-users"}, // It has view-users.
	} {
		s := newStub(t)
		s.answers(c.route, 1, c.with)
		p := s.provider(t)
		err := p.Check(t.Context())
		assertOnlyKind(t, domain.Internal, err)
		fault, _ := errors.AsType[domain.SetupFault](err)
		assert.Equal(t, domain.SetupFault("the service account lacks "+c.missing), fault)
		s.taken()
		require.NoError(t, p.Check(t.Context()), c.missing)
		assert.Contains(t, s.taken(), "POST token")
	}
}

// The service account goes missing, by its own user's 404, while it is looked at.
func TestCheck_NeverSaysThatAUserIsNotFound(t *testing.T) {
	s := newStub(t)
	s.answers(ownRoute, 1, saying(404, "application/json", `{"error":"User not found"}`))
	assertOnlyKind(t, domain.BadAnswer, s.provider(t).Check(t.Context()))
}

// A realm that does not show who administers it says so with every answer, and its owner
// is told once.
func TestBlindRealm_IsKnownAndToldOnce(t *testing.T) {
	for name, blinded := range map[string]func(*stub){
		"Keycloak 26.7":           func(s *stub) { s.rights.blind = true },
		"no service account":      func(s *stub) { s.account = nil },
		"other rights only":       func(s *stub) { s.account.roles = []string{"teller", "ledger:read"} },
		"rights through a group":  func(s *stub) { s.account.roles, s.account.groups = nil, []string{"head"} },
		"another service account": func(s *stub) { s.account.Username += "-2" },
	} {
		t.Run(name, func(t *testing.T) {
			s, c := newStub(t), newClock()
			blinded(s)
			id := domain.UserID(s.plant(administrator()))
			var lines bytes.Buffer
			p := s.provider(t, c.set, logInto(&lines))
			for range 3 {
				require.NoError(t, p.Check(t.Context()))
				held, err := p.Privileges(t.Context(), id, []domain.RealmRole{"teller"})
				require.NoError(t, err)
				assert.Equal(t, domain.Privileges{Roles: []domain.RealmRole{"teller"}, Hidden: true}, held, "what can be told is told")
				c.pass(time.Hour)
			}
			assertWarnedOnce(t, &lines)
			assert.Zero(t, s.count(userClientRoute))
		})
	}
}

// Without a log nobody is warned, and nothing breaks.
func TestBlindRealm_WithoutALog(t *testing.T) {
	s := newStub(t)
	s.rights.blind = true
	require.NoError(t, s.provider(t).Check(t.Context()))
}

func TestSeeingRealm_IsNoCauseForWarning(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(administrator()))
	var lines bytes.Buffer
	p := s.provider(t, logInto(&lines))
	require.NoError(t, p.Check(t.Context()))
	held, err := p.Privileges(t.Context(), id, nil)
	require.NoError(t, err)
	assert.Equal(t, domain.Privileges{Roles: []domain.RealmRole{"realm-admin"}}, held)
	assert.Empty(t, lines.String())
}

// The one call without a role to ask for is what tells whether there is such a user.
func TestBlindRealm_KnowsWhoDoesNotExist(t *testing.T) {
	s := newStub(t)
	s.rights.blind = true
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	s.taken()
	_, err := p.Privileges(t.Context(), "nobody", nil)
	assertOnlyKind(t, domain.NotFound, err)
	assert.Equal(t, []string{userRealmRoute}, s.taken())
}

// With names of its own a blind realm protects these alone, so one that shows the rights
// again is soon known.
func TestBlindRealm_ThatSeesAgainIsKnownSoon(t *testing.T) {
	s, c := newStub(t), newClock()
	s.rights.blind = true
	id := domain.UserID(s.plant(administrator()))
	p := s.provider(t, c.set)
	held, err := p.Privileges(t.Context(), id, nil)
	require.NoError(t, err)
	assert.Equal(t, domain.Privileges{Hidden: true}, held)
	s.change(func() { s.rights.blind = false })
	c.pass(30 * time.Second)
	held, err = p.Privileges(t.Context(), id, nil)
	require.NoError(t, err)
	assert.Equal(t, domain.Privileges{Roles: []domain.RealmRole{"realm-admin"}}, held)
}

// An update of Keycloak, or a right that is taken away, hides the rights between two
// looks at the own roles.
func TestAdministration_ThatIsHiddenLaterMakesTheRealmBlind(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(administrator()))
	var lines bytes.Buffer
	p := s.provider(t, logInto(&lines))
	require.NoError(t, p.Check(t.Context()))
	s.change(func() { s.rights.blind = true })
	s.taken()
	held, err := p.Privileges(t.Context(), id, nil)
	require.NoError(t, err)
	assert.Equal(t, domain.Privileges{Hidden: true}, held)
	assert.Equal(t, []string{userClientRoute, "GET users", ownRoute, userRealmRoute}, s.taken())
	assertWarnedOnce(t, &lines)

	_, err = p.Privileges(t.Context(), id, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{userRealmRoute}, s.taken(), "known by then")

	rights, err := p.RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "tellers"})
	require.NoError(t, err)
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"teller"}}, rights)
}

// A realm that was made anew has another client of that name.
func TestAdministration_OfAnotherClientIsFoundAgain(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(administrator()))
	s.carry("tellers", "realm-management:manage-users")
	p := s.provider(t)
	replace := func(client string) {
		require.NoError(t, p.Check(t.Context()))
		s.change(func() { s.rights.clients["realm-management"] = client })
		s.taken()
	}
	replace("client-8")
	held, err := p.Privileges(t.Context(), id, nil)
	require.NoError(t, err)
	assert.Equal(t, []domain.RealmRole{"realm-admin"}, held.Roles)
	assert.Equal(t, []string{userClientRoute, "GET users", ownRoute, userClientRoute}, s.taken())

	replace("client-9")
	rights, err := p.RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "tellers"})
	require.NoError(t, err)
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"teller"}, Administration: []domain.RealmRole{"manage-users"}}, rights)
}

// Own roles that name the client, and refusals in it, contradict each other: the user is
// served as in a blind realm, and its owner is told.
func TestAdministration_ThatIsNamedButRefused(t *testing.T) {
	s := newStub(t)
	s.carry("head", "auditor", "ledger:read", "realm-management:manage-users")
	id := domain.UserID(s.plant(administrator()))
	s.answers(userClientRoute, always, saying(403, "application/json", hiddenAnswer))
	s.answers(groupClientRoute, always, saying(403, "application/json", hiddenAnswer))
	var lines bytes.Buffer
	p := s.provider(t, logInto(&lines))
	held, err := p.Privileges(t.Context(), id, []domain.RealmRole{"teller"})
	require.NoError(t, err)
	assert.Equal(t, domain.Privileges{Roles: []domain.RealmRole{"teller"}, Hidden: true}, held)
	assertWarnedOnce(t, &lines)

	rights, err := p.RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "head"})
	require.NoError(t, err)
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"auditor", "read", "teller"}, Administration: []domain.RealmRole{"manage-users"}, Unseen: []domain.RealmRole{"read"}}, rights)
}

// A client that is gone each time, after it was named, is no answer.
func TestAdministration_ThatKeepsGoingIsABadAnswer(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(administrator()))
	s.answers(userClientRoute, always, func(w http.ResponseWriter, _ *http.Request) {
		s.change(func() { s.rights.clients["realm-management"] += "0" })
		answer(w, http.StatusNotFound, otherClientAnswer)
	})
	_, err := s.provider(t).Privileges(t.Context(), id, nil)
	assertOnlyKind(t, domain.BadAnswer, err)
	assert.Equal(t, 2, s.count(userClientRoute))
}

// A gateway's 403 says nothing about the realm. Taken for Keycloak's, it would leave
// administrators without protection.
func TestAdministration_RefusedByAGatewayIsNotBlindness(t *testing.T) {
	for _, with := range []http.HandlerFunc{
		saying(403, "text/html", "<h1>blocked</h1>"), saying(403, "application/json", `{"error":"blocked"}`), saying(403, "application/json", `{}`),
	} {
		s := newStub(t)
		id := domain.UserID(s.plant(administrator()))
		s.answers(userClientRoute, always, with)
		s.answers(groupClientRoute, always, with)
		var lines bytes.Buffer
		p := s.provider(t, logInto(&lines))
		_, err := p.Privileges(t.Context(), id, nil)
		assertOnlyKind(t, domain.Internal, err)
		_, err = p.RightsOf(t.Context(), domain.Assignment{Role: "teller", Group: "tellers"})
		assertOnlyKind(t, domain.Internal, err)
		assert.Empty(t, lines.String())
	}
}

// In the realm master the rights live in another client.
func TestAdministration_OfTheRealmMaster(t *testing.T) {
	s := newStub(t)
	s.name = "master"
	s.account.roles = []string{"master-realm:manage-users", "master-realm:view-realm"}
	s.contain("admin", "master-realm:manage-realm", "realm-management:manage-realm")
	id := domain.UserID(s.plant(stubUser{Username: "present", roles: []string{"admin"}}))
	var lines bytes.Buffer
	p := s.provider(t, logInto(&lines), func(config *keycloak.Config) { config.Realm = "master" })
	held, err := p.Privileges(t.Context(), id, nil)
	require.NoError(t, err)
	assert.Equal(t, []domain.RealmRole{"manage-realm"}, held.Roles)
	rights, err := p.RightsOf(t.Context(), domain.Assignment{Role: "admin"})
	require.NoError(t, err)
	assert.Equal(t, domain.Rights{Roles: []domain.RealmRole{"admin", "manage-realm"}, Administration: []domain.RealmRole{"manage-realm"}}, rights)
	assert.Empty(t, lines.String())
}

// A server that answers with more than was asked for is not believed.
func TestAdministration_OfNoOtherAccount(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(administrator()))
	other := s.plant(stubUser{Username: "service-account-other"})
	s.answers("GET users", 1, saying(200, "application/json",
		`[{"id":"`+other+`","username":"service-account-other"},{"id":"service-account","username":"Service-Account-`+stubClient+`"}]`))
	held, err := s.provider(t).Privileges(t.Context(), id, nil)
	require.NoError(t, err)
	assert.Equal(t, []domain.RealmRole{"realm-admin"}, held.Roles)
}

// Keycloak puts usernames into lower case itself, in Java's way.
func TestAdministration_OfAClientWithCapitals(t *testing.T) {
	s := newStub(t)
	s.answers("POST token", 1, func(w http.ResponseWriter, _ *http.Request) {
		s.change(func() { s.tokens["token-x"] = true })
		answer(w, http.StatusOK, `{"access_token":"token-x","expires_in":300}`)
	})
	lookUp := s.watch("GET users", http.StatusInternalServerError)
	p := s.provider(t, func(config *keycloak.Config) { config.ClientID = "User-Sync" })
	require.ErrorIs(t, p.Check(t.Context()), domain.BadAnswer)
	assert.Equal(t, "service-account-User-Sync", lookUp.query.Get("username"))
	assert.Equal(t, "true", lookUp.query.Get("exact"))
}
