package keycloak_test

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// Names reach Keycloak as they are; none of them leads to another resource.
func TestNames_OfRoles(t *testing.T) {
	for role, known := range map[domain.RealmRole]bool{
		"teller": true, "a/b": true, "100%": true,
		"": false, ".": false, "..": false, "../users": false, "a%2Fb": false, "teller/composites": false, "teller?x": false, "TELLER": false,
	} {
		s := newStub(t)
		user := newcomer(t, "anna")
		user.Assignment.Role = role
		_, err := s.provider(t).CreateUser(t.Context(), user)
		if known {
			require.NoError(t, err, "%q", role)
		} else {
			require.ErrorIs(t, err, domain.UnknownRole, "%q", role)
			assert.Empty(t, s.usernames(), "%q", role)
		}
	}
}

func TestNames_OfGroups(t *testing.T) {
	for group, known := range map[domain.Group]bool{
		"tellers": true, "branches": true, "branches/north": true,
		"north": false, "/tellers": false, "tellers/": false, "..": false, "../users": false, "branches//north": false, "branches%2Fnorth": false,
	} {
		s := newStub(t)
		user := newcomer(t, "anna")
		user.Assignment.Group = group
		created, err := s.provider(t).CreateUser(t.Context(), user)
		require.NoError(t, err, "%q", group)
		if known {
			assert.Empty(t, created.MissingGroup, "%q", group)
		} else {
			assert.Equal(t, group, created.MissingGroup, "%q", group)
		}
	}
}

func TestNames_OfUserIDs(t *testing.T) {
	s := newStub(t)
	s.plant(present())
	p := s.provider(t)
	for _, id := range []domain.UserID{"", ".", "..", "../roles/teller", "user-1/groups", "user-1?x", "%2e%2e"} {
		for _, op := range operations() {
			if op.ofUser {
				require.ErrorIs(t, op.run(t, p, id), domain.NotFound, "%s %q", op.name, id)
			}
		}
	}
	assert.Equal(t, []string{"present"}, s.usernames())
}

func TestNames_EmptyFindsNobody(t *testing.T) {
	s := newStub(t)
	s.plant(present())
	_, err := s.provider(t).FindUser(t.Context(), domain.Username{})
	require.ErrorIs(t, err, domain.NotFound)
	assert.NotContains(t, s.taken(), "GET users", "Keycloak would answer with everybody")
}

// A server that answers with more than was asked for is not believed.
func TestNames_AreComparedAgain(t *testing.T) {
	s := newStub(t)
	s.answers("GET users", always, saying(200, "application/json", `[{"id":"1","username":"annabel"},{"id":"2","username":"ANNA"}]`))
	p := s.provider(t)
	user, err := p.FindUser(t.Context(), username(t, "anna"))
	require.NoError(t, err)
	assert.Equal(t, domain.UserID("2"), user.ID)
	_, err = p.FindUser(t.Context(), username(t, "ann"))
	require.ErrorIs(t, err, domain.NotFound)
}

// Where addresses are usernames, and only there, a user is found by the address as well.
// Nobody is found by a name that leads to two.
func TestNames_WhereAddressesAreUsernames(t *testing.T) {
	const bert = "bert@bank.example"
	for name, c := range map[string]struct {
		byEmail bool
		planted []stubUser
		asked   string
		found   domain.UserID // empty: nobody
		hidden  bool          // the name that the user goes by as well
		calls   []string
	}{
		"by the earlier name":            {true, []stubUser{{Username: "bert", Email: bert}}, "Bert", "user-1", true, []string{"GET users"}},
		"by the address":                 {true, []stubUser{{Username: "bert", Email: bert}}, "Bert@bank.example", "user-1", true, []string{"GET users", "GET users"}},
		"by both":                        {true, []stubUser{{Username: bert, Email: bert}}, bert, "user-1", false, []string{"GET users"}},
		"by an address from before":      {true, []stubUser{{Username: bert, Email: "new@bank.example"}}, bert, "user-1", true, []string{"GET users", "GET users"}},
		"by a name without an address":   {true, []stubUser{{Username: "bert"}}, "bert", "user-1", false, []string{"GET users"}},
		"of one, the address of another": {true, []stubUser{{Username: bert, Email: "new@bank.example"}, {Username: "b2", Email: bert}}, bert, "", false, []string{"GET users", "GET users"}},
		"the address of two":             {true, []stubUser{{Username: "b1", Email: bert}, {Username: "b2", Email: bert}}, bert, "", false, []string{"GET users", "GET users"}},
		"of one, whose address two have": {true, []stubUser{{Username: bert, Email: bert}, {Username: "b2", Email: bert}}, bert, "user-1", false, []string{"GET users"}},
		"elsewhere: by the address":      {false, []stubUser{{Username: "bert", Email: bert}}, bert, "", false, []string{"GET users", "GET components"}}, // Which directories there are.
		"elsewhere: the name goes first": {false, []stubUser{{Username: bert, Email: "new@bank.example"}, {Username: "b2", Email: bert}}, bert, "user-1", false, []string{"GET users"}},
	} {
		s := newStub(t)
		s.byEmail = c.byEmail
		for _, user := range c.planted {
			s.plant(user)
		}
		p := s.provider(t)
		require.NoError(t, p.Check(t.Context()), name)
		s.taken()
		user, err := p.FindUser(t.Context(), username(t, c.asked))
		assert.Equal(t, c.calls, s.taken(), name)
		switch {
		case c.found != "":
			require.NoError(t, err, name)
			assert.Equal(t, c.found, user.ID, name)
			assert.Equal(t, c.hidden, user.NameHidden, name)
		case c.byEmail:
			require.ErrorIs(t, err, domain.BadAnswer, name)
		default:
			require.ErrorIs(t, err, domain.NotFound, name)
		}
	}
}

// A server that answers with more than was asked for is not believed there either.
func TestNames_AreNotTakenOnTrustOfTwo(t *testing.T) {
	s := newStub(t)
	s.byEmail = true
	p := s.provider(t)
	for _, body := range []string{
		`[{"id":"1","username":"a@bank.example","email":"a@bank.example"},{"id":"2","username":"b@bank.example","email":"b@bank.example"}]`,
		`[{"id":"1","username":"annabel","email":"a@bank.example"}]`,
	} {
		s.answers("GET users", 1, saying(200, "application/json", body))
		_, err := p.FindUser(t.Context(), username(t, "anna"))
		require.ErrorIs(t, err, domain.NotFound)
	}
}

func TestPasswordPolicy_IsReadFromKeycloaksNotation(t *testing.T) {
	for text, want := range map[string]domain.PasswordPolicy{
		"": {},
		"length(12) and upperCase(1) and lowerCase(1) and digits(2) and specialChars(1) and notUsername and passwordHistory(5)": {
			MinLength: 12, MinUpper: 1, MinLower: 1, MinDigits: 2, MinSpecial: 1, NotUsername: true,
		},
		"length and digits and maxLength and hashIterations(27500)":                     {MinLength: 8, MinDigits: 1, MaxLength: 64},
		"maxLength(20) and notEmail(undefined) and notContainsUsername(undefined)":      {MaxLength: 20, NotEmail: true, NotContainsUsername: true},
		"passwordBlacklist(list.txt) and forceExpiredPasswordChange(365) and digits(3)": {MinDigits: 3},
	} {
		s := newStub(t)
		s.policy = text
		policy, err := s.provider(t).PasswordPolicy(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, policy, text)
	}
}

// Without view-realm Keycloak answers 200 and leaves the policy out.
func TestPasswordPolicy_ThatMayNotBeReadIsNotNone(t *testing.T) {
	s := newStub(t)
	s.answers("GET realm", always, saying(200, "application/json", `{"realm":"bank","registrationEmailAsUsername":false,"bruteForceProtected":false}`))
	_, err := s.provider(t).PasswordPolicy(t.Context())
	require.ErrorIs(t, err, domain.Internal)
	assert.Contains(t, err.Error(), "view-realm")
}

// Connections are kept and used again: gocloak's own transport opens one per call
// under load.
func TestConnections_AreUsedAgain(t *testing.T) {
	const calls, concurrency = 2000, 32
	s := newStub(t)
	s.plant(present())
	var opened atomic.Int64
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.Method == http.MethodPost {
				_, _ = w.Write([]byte(`{"access_token":"x","expires_in":300}`))
				return
			}
			time.Sleep(time.Millisecond) // Otherwise few calls are under way at once.
			_, _ = w.Write([]byte(`[{"id":"1","username":"present"}]`))
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				opened.Add(1)
			}
		},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	p := s.provider(t, func(config *keycloak.Config) {
		config.URL = "http://" + listener.Addr().String()
		config.CallTimeout = time.Minute
	})
	name := username(t, "present")
	var next atomic.Int64
	var all sync.WaitGroup
	for range concurrency {
		all.Go(func() {
			for next.Add(1) <= calls {
				_, err := p.FindUser(t.Context(), name)
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	// A call that waits for a free connection starts to open one, and may be served by
	// another before that is there: so some more than the calls at once, but not one per call.
	assert.LessOrEqual(t, opened.Load(), int64(3*concurrency))
}
