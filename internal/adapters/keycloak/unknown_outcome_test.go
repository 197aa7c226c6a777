package keycloak_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// markless is the profile of a realm that keeps no attributes.
const markless = `{"attributes":[{"name":"username","permissions":{"view":["admin","user"],"edit":["admin","user"]}}]}`

const notKnown = "It is not known whether the user was created. Please sync the user again."

// anna is the user that these tests create, as somebody else would have made her.
func anna(marks map[string][]string) stubUser {
	return stubUser{Username: "anna", Email: "anna@bank.example", Enabled: true, Attributes: marks}
}

// lost is a creation whose answer was lost after something has happened at Keycloak.
func lost(happens func(s *stub, r *http.Request)) func(*stub) http.HandlerFunc {
	return func(s *stub) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			happens(s, r)
			panic(http.ErrAbortHandler)
		}
	}
}

// carriedOutAtOnce is the creation carried out by the time that its answer is lost.
func carriedOutAtOnce(s *stub, r *http.Request) { s.asUsual(s.create)(unanswered{}, r) }

func nothing(*stub, *http.Request) {}

// plants is somebody else who makes the user at the very moment.
func plants(user stubUser) func(*stub, *http.Request) {
	return func(s *stub, _ *http.Request) { s.plant(user) }
}

// forgetful is a realm that keeps no attributes.
func forgetful(s *stub) {
	s.forgets, s.profile = true, markless
}

// The mark of a creation is its time, which every realm keeps.
func TestUnknownOutcome_IsDecidedByTheMark(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		realm func(*stub)
		with  func(*stub) http.HandlerFunc
		kind  domain.Kind // empty: the user is created
		users int         // how many there are in the end
	}{
		"created":                    {nil, lost(carriedOutAtOnce), "", 1},
		"created late":               {nil, lost(carriedOutLate), "", 1},
		"created, half an answer":    {nil, createdAndCutOff, "", 1},
		"created, 502":               {nil, createdAnd(http.StatusBadGateway), "", 1},
		"created, 504":               {nil, createdAnd(http.StatusGatewayTimeout), "", 1},
		"created, a page":            {nil, createdAnd(http.StatusOK), "", 1},
		"created, nothing kept":      {forgetful, lost(carriedOutAtOnce), "", 1},
		"another creation's":         {nil, lost(plants(anna(map[string][]string{"managed_by": {"user-sync-service"}}))), domain.UsernameConflict, 1},
		"made by hand":               {nil, lost(plants(anna(nil))), domain.UsernameConflict, 1},
		"made by hand, nothing kept": {forgetful, lost(plants(anna(nil))), domain.UsernameConflict, 1},
		"another person":             {forgetful, lost(plants(stubUser{Username: "anna", Email: "anna@else.example"})), domain.UsernameConflict, 1},
		"nobody":                     {nil, lost(nothing), domain.Partial, 0},
		"nobody, nothing kept":       {forgetful, lost(nothing), domain.Partial, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, _ := warmed(t, keycloak.WithLookFor(waitFor(name == "created late")))
			s.change(func() {
				s.users = map[string]*stubUser{}
				if c.realm != nil {
					c.realm(s)
				}
			})
			s.answers("POST users", always, c.with(s))
			created, err := create(t, p, "anna")
			assert.Equal(t, 1, s.count("POST users"))
			assert.Zero(t, s.count("DELETE users/{id}"), "nobody is deleted")
			require.Len(t, s.usernames(), c.users)
			if c.kind == "" {
				require.NoError(t, err)
				assert.EqualValues(t, s.onlyID(t), created.ID)
				assert.Equal(t, []string{"teller"}, s.users[string(created.ID)].roles)
				return
			}
			assertOnlyKind(t, c.kind, err)
			assert.NotContains(t, err.Error(), "anna")
			if c.kind == domain.Partial {
				assert.Equal(t, notKnown, domain.AsError(err).Message)
			}
			for _, user := range s.users {
				assert.Empty(t, user.roles, "nobody's user is changed")
			}
		})
	}
}

// waitFor is how long a user is looked for.
func waitFor(late bool) time.Duration {
	if late {
		return 5 * time.Second
	}
	return 100 * time.Millisecond
}

// carriedOutLate is a Keycloak that goes on with the creation though nobody waits.
func carriedOutLate(s *stub, r *http.Request) {
	later := r.WithContext(context.WithoutCancel(r.Context()))
	time.AfterFunc(300*time.Millisecond, func() { s.asUsual(s.create)(unanswered{}, later) })
}

// createdAnd is a gateway that gives an answer of its own.
func createdAnd(status int) func(*stub) http.HandlerFunc {
	return func(s *stub) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			carriedOutAtOnce(s, r)
			saying(status, "text/html", "<h1>Gateway</h1>")(w, r)
		}
	}
}

func createdAndCutOff(s *stub) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		carriedOutAtOnce(s, r)
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusCreated)
		panic(http.ErrAbortHandler)
	}
}

// An answer that refuses the creation leaves no question open.
func TestUnknownOutcome_IsNoneAfterARefusal(t *testing.T) {
	for status, kind := range map[int]domain.Kind{
		http.StatusTooManyRequests: domain.Unavailable, http.StatusForbidden: domain.Internal,
		http.StatusNotFound: domain.BadAnswer, http.StatusFound: domain.BadAnswer, http.StatusInternalServerError: domain.BadAnswer,
	} {
		s, p, _ := warmed(t)
		s.answers("POST users", always, saying(status, "text/html", ""))
		_, err := create(t, p, "anna")
		assertOnlyKind(t, kind, err)
		assert.Equal(t, 1, s.count("POST users"), status)
		assert.Zero(t, s.count("GET users"), status)
	}
}

// A gateway may answer 503 though it has passed the creation on.
func TestUnknownOutcome_AfterA503(t *testing.T) {
	t.Parallel()
	away := saying(http.StatusServiceUnavailable, "text/html", "")
	passedOn := func(s *stub) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			carriedOutAtOnce(s, r)
			away(w, r)
		}
	}
	for name, c := range map[string]struct {
		with   func(*stub) http.HandlerFunc
		lookUp http.HandlerFunc
		kind   domain.Kind // empty: none
		users  []string
	}{
		"passed on":          {passedOn, nil, "", []string{"anna"}},
		"not passed on":      {func(*stub) http.HandlerFunc { return away }, nil, domain.Unavailable, nil},
		"nobody can tell":    {passedOn, away, domain.Partial, []string{"anna"}},
		"nor that it is not": {func(*stub) http.HandlerFunc { return away }, away, domain.Partial, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, _ := warmed(t, keycloak.WithUndoFor(300*time.Millisecond))
			s.change(func() { s.users = map[string]*stubUser{} })
			s.answers("POST users", 1, c.with(s))
			if c.lookUp != nil {
				s.answers("GET users", always, c.lookUp)
			}
			_, err := create(t, p, "anna")
			if c.kind == "" {
				require.NoError(t, err)
			} else {
				assertOnlyKind(t, c.kind, err)
			}
			assert.ElementsMatch(t, c.users, s.usernames())
			assert.Equal(t, 1, s.count("POST users"))
		})
	}
}

// Keycloak may not be well yet when the user is looked for.
func TestUnknownOutcome_IsLookedForUntilKeycloakAnswers(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]http.HandlerFunc{
		"503": saying(503, "", ""), "reset": reset, "500": saying(500, "application/json", `{"error":"unknown_error"}`), "a page": saying(200, "text/html", ""),
		"no patience": askingToWait(503, "60"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, _ := warmed(t, unpooled)
			s.answers("POST users", 1, lost(carriedOutAtOnce)(s))
			s.answers("GET users", 7, with)
			_, err := create(t, p, "anna")
			require.NoError(t, err)
			assert.ElementsMatch(t, []string{"present", "anna"}, s.usernames())
		})
	}
}

func TestUnknownOutcome_ThatCannotBeFoundOutIsPartial(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		route string
		with  http.HandlerFunc
	}{
		"away":    {"GET users", saying(503, "", "")},
		"hangs":   {"GET users", hang},
		"refused": {"GET users", saying(403, "application/json", hiddenAnswer)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, _ := warmed(t, keycloak.WithUndoFor(300*time.Millisecond))
			s.answers("POST users", 1, lost(carriedOutAtOnce)(s))
			s.answers(c.route, always, c.with)
			_, err := create(t, p, "anna")
			assertOnlyKind(t, domain.Partial, err)
			assert.Equal(t, notKnown, domain.AsError(err).Message)
			assert.ElementsMatch(t, []string{"present", "anna"}, s.usernames())
		})
	}
}

// A caller who leaves while Keycloak creates the user leaves nobody half done.
func TestUnknownOutcome_WhenTheCallerLeaves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with  func(*stub) http.HandlerFunc
		kind  domain.Kind
		users []string
	}{
		"answered":     {func(s *stub) http.HandlerFunc { return s.asUsual(s.create) }, domain.Unavailable, nil},
		"created":      {lost(carriedOutAtOnce), domain.Unavailable, nil},
		"created late": {lost(carriedOutLate), domain.Unavailable, nil},
		"refused":      {func(*stub) http.HandlerFunc { return saying(503, "", "") }, domain.Unavailable, nil},
		"nobody":       {lost(nothing), domain.Partial, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, _ := warmed(t, keycloak.WithLookFor(waitFor(name == "created late")))
			s.change(func() { s.users = map[string]*stubUser{} })
			ctx, leave := context.WithCancel(t.Context())
			with := c.with(s)
			s.answers("POST users", 1, func(w http.ResponseWriter, r *http.Request) {
				leave()
				with(w, r)
			})
			_, err := p.CreateUser(ctx, newcomer(t, "anna"))
			assertOnlyKind(t, c.kind, err)
			assert.ElementsMatch(t, c.users, s.usernames())
			assert.Equal(t, 1, s.count("POST users"))
		})
	}
}

// A caller who has left before gets nobody created at all.
func TestUnknownOutcome_IsNoneWhenTheCallerHasLeft(t *testing.T) {
	s, p, _ := warmed(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, err := p.CreateUser(ctx, newcomer(t, "anna"))
	assertOnlyKind(t, domain.Unavailable, err)
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = p.CreateUser(short, newcomer(t, "anna"))
	assertOnlyKind(t, domain.Timeout, err)
	assert.Contains(t, err.Error(), "no time left")
	assert.Empty(t, s.taken())
}

// Users are known by their mark, and only by the whole of it.
func TestFindUser_KnowsWhomThisProgramCreated(t *testing.T) {
	for _, c := range []struct {
		marks   map[string][]string
		managed bool
	}{
		{map[string][]string{"managed_by": {"user-sync-service"}}, true},
		{map[string][]string{"managed_by": {"user-sync-service"}, "office_id": {"9"}}, true},
		{map[string][]string{"managed_by": {"user-sync-service", "user-sync-service"}}, true},
		{map[string][]string{"managed_by": {"user-sync-service", "another"}}, false},
		{map[string][]string{"managed_by": {"User-Sync-Service"}}, false},
		{map[string][]string{"managed_by": {""}}, false},
		{map[string][]string{"managed_by": {}}, false},
		{map[string][]string{}, false},
		{nil, false},
	} {
		s := newStub(t)
		s.plant(anna(c.marks))
		found, err := s.provider(t).FindUser(t.Context(), username(t, "anna"))
		require.NoError(t, err)
		assert.Equal(t, c.managed, found.Managed, c.marks)
	}
}

// Who carries the mark is found also while its worth is not known: whoever only reads does
// not need it. Nobody else costs the look.
func TestFindUser_FindsTheUserWhoseMarkCannotBeJudged(t *testing.T) {
	s := newStub(t)
	s.plant(anna(map[string][]string{"managed_by": {"user-sync-service"}}))
	s.plant(stubUser{Username: "berta"})
	s.answers(profileRoute, always, saying(http.StatusForbidden, "application/json", `{"error":"HTTP 403 Forbidden"}`))
	p := s.provider(t)
	found, err := p.FindUser(t.Context(), username(t, "anna"))
	require.NoError(t, err)
	assert.Equal(t, "anna", found.Username)
	assert.False(t, found.Managed)
	require.ErrorIs(t, found.ManagedErr, domain.Internal)

	s.taken()
	found, err = p.FindUser(t.Context(), username(t, "berta"))
	require.NoError(t, err)
	require.NoError(t, found.ManagedErr)
	assert.Equal(t, []string{"GET users"}, s.taken())
}

func TestCreateUser_MarksTheUserWhereTheRealmKeepsIt(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		s := newStub(t)
		s.forgets = forgets
		p := s.provider(t)
		_, err := create(t, p, "anna")
		require.NoError(t, err)
		found, err := p.FindUser(t.Context(), username(t, "anna"))
		require.NoError(t, err)
		assert.Equal(t, !forgets, found.Managed)
	}
}
