package keycloak_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// carriedOut lets the stub do what was asked and then spoils the answer.
func (s *stub) carriedOut(do http.HandlerFunc, spoil func(http.ResponseWriter) http.ResponseWriter) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		do(spoil(w), r)
	}
}

// withLocation gives an answer another Location.
type withLocation struct {
	http.ResponseWriter
	location string
}

func (w withLocation) WriteHeader(status int) {
	w.Header().Set("Location", w.location)
	w.ResponseWriter.WriteHeader(status)
}

// gocloak takes what stands behind the last slash for the id, whatever it is.
func TestCreateUser_FindsTheUserBehindAnotherLocation(t *testing.T) {
	for _, location := range []string{
		"", "/", "/admin/realms/bank/users", "/admin/realms/bank/users/", "http://keycloak.example/admin/realms/bank/users/",
		"/login", "/login?next=/users/4711", "/admin/realms/bank/users/4711?from=gateway", "users", "%zz",
	} {
		t.Run(location, func(t *testing.T) {
			s := newStub(t)
			p := s.provider(t)
			s.answers("POST users", 1, s.carriedOut(s.create, func(w http.ResponseWriter) http.ResponseWriter {
				return withLocation{w, location}
			}))
			created, err := create(t, p, "anna")
			require.NoError(t, err)
			found, err := p.FindUser(t.Context(), username(t, "anna"))
			require.NoError(t, err)
			assert.Equal(t, found.ID, created.ID)
			held, err := p.Memberships(t.Context(), created.ID)
			require.NoError(t, err)
			assert.Equal(t, []domain.RealmRole{"teller"}, held.Roles)
		})
	}
}

// Keycloak may have made the user before the connection broke; a second POST could only
// read as a conflict with the first.
func TestCreateUser_IsPostedOnceWhateverHappens(t *testing.T) {
	t.Parallel()
	reset := func(http.ResponseWriter) http.ResponseWriter { panic(http.ErrAbortHandler) }
	for name, c := range map[string]struct {
		with func(s *stub) http.HandlerFunc
		kind domain.Kind
	}{
		"reset, not made": {func(*stub) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		}, domain.Partial},
		"reset, made": {func(s *stub) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				s.carriedOut(s.create, func(w http.ResponseWriter) http.ResponseWriter { return w })(unanswered{w}, r)
				reset(w)
			}
		}, ""},
		"cut off":  {func(*stub) http.HandlerFunc { return cutOff }, domain.Partial},
		"redirect": {func(*stub) http.HandlerFunc { return redirect(http.StatusTemporaryRedirect) }, domain.BadAnswer},
		"502":      {func(*stub) http.HandlerFunc { return saying(http.StatusBadGateway, "text/html", "") }, domain.Partial},
		"503":      {func(*stub) http.HandlerFunc { return saying(http.StatusServiceUnavailable, "text/html", "") }, domain.Unavailable},
		"504":      {func(*stub) http.HandlerFunc { return saying(http.StatusGatewayTimeout, "text/html", "") }, domain.Partial},
		"500":      {func(*stub) http.HandlerFunc { return saying(500, "application/json", `{"error":"unknown_error"}`) }, domain.BadAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			p := s.provider(t)
			// On a connection that was used before, net/http repeats what it may.
			require.NoError(t, p.Check(t.Context()))
			s.answers("POST users", always, c.with(s))
			_, err := create(t, p, "anna")
			if c.kind == "" {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, c.kind)
			}
			assert.Equal(t, 1, s.count("POST users"))
			assert.Zero(t, s.count("DELETE users/{id}"), "nothing is deleted on a guess")
		})
	}
}

// unanswered swallows an answer.
type unanswered struct{ w http.ResponseWriter }

func (u unanswered) Header() http.Header       { return http.Header{} }
func (unanswered) WriteHeader(int)             {}
func (unanswered) Write(b []byte) (int, error) { return len(b), nil }

// The 500 says nothing about the group while Keycloak does not say that it has gone.
func TestCreateUser_IsNotRepeatedWhileTheGroupIsUnclear(t *testing.T) {
	for name, with := range map[string]http.HandlerFunc{
		"failed": saying(500, "application/json", `{"error":"unknown_error"}`),
		"away":   saying(http.StatusServiceUnavailable, "text/html", ""),
		"a page": saying(http.StatusNotFound, "text/html", "<h1>Not Found</h1>"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			p := s.provider(t)
			_, err := create(t, p, "anna")
			require.NoError(t, err)
			s.taken()
			s.answers("POST users", always, saying(500, "application/json", `{"error":"unknown_error"}`))
			s.answers("GET group-by-path/{path...}", always, with)
			_, err = create(t, p, "berta")
			require.ErrorIs(t, err, domain.BadAnswer)
			assert.Equal(t, 1, s.count("POST users"))
		})
	}
}

// A group that goes is left out at once and from then on; one that comes back is used
// after the cache has expired at the latest.
func TestCreateUser_LearnsThatAGroupHasGone(t *testing.T) {
	s, c := newStub(t), newClock()
	p := s.provider(t, c.set)
	_, err := create(t, p, "anna")
	require.NoError(t, err)
	s.change(func() { delete(s.groups, "tellers") })
	s.taken()
	_, err = create(t, p, "berta")
	require.NoError(t, err)
	assert.Equal(t, []string{"POST users", "GET group-by-path/{path...}", "POST users", assignRoute}, s.taken())
	created, err := create(t, p, "carla")
	require.NoError(t, err)
	assert.Equal(t, domain.Group("tellers"), created.MissingGroup)
	assert.Equal(t, []string{"GET group-by-path/{path...}", "POST users", assignRoute}, s.taken())
	s.change(func() { s.groups["tellers"] = true })
	created, err = create(t, p, "dora")
	require.NoError(t, err)
	assert.Empty(t, created.MissingGroup)
}

// An unknown role is asked for every time: administrators create it and try again.
func TestCreateUser_LearnsThatARoleHasCome(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	s.change(func() { delete(s.roles, "teller") })
	_, err := create(t, p, "anna")
	require.ErrorIs(t, err, domain.UnknownRole)
	s.change(func() { s.roles["teller"] = "role-9" })
	_, err = create(t, p, "anna")
	require.NoError(t, err)
}

func TestCreateUser_ReadsThePolicyAnewAfterARefusal(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	_, err := p.PasswordPolicy(t.Context())
	require.NoError(t, err)
	s.change(func() { s.policy, s.hasPolicy = "length(40)", 40 })
	_, err = create(t, p, "anna")
	require.ErrorIs(t, err, domain.PasswordRefused)
	policy, err := p.PasswordPolicy(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 40, policy.MinLength)
	assert.Equal(t, 2, s.count("GET realm"))
}

// What is left is named when the deletion fails, whatever is the matter with it.
func TestCreateUser_IsPartialWhenTheUserStays(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]http.HandlerFunc{
		"refused":   saying(http.StatusForbidden, "application/json", `{"error":"HTTP 403 Forbidden"}`),
		"failed":    saying(500, "application/json", `{"error":"unknown_error"}`),
		"closed":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a page":    saying(http.StatusOK, "text/html", "<h1>Welcome</h1>"),
		"a 404":     saying(http.StatusNotFound, "text/html", "<h1>Not Found</h1>"),
		"redirect":  redirect(http.StatusFound),
		"no answer": hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			p := s.provider(t, keycloak.WithUndoFor(300*time.Millisecond))
			s.answers(assignRoute, always, saying(http.StatusForbidden, "application/json", `{"error":"HTTP 403 Forbidden"}`))
			s.answers("DELETE users/{id}", always, with)
			_, err := create(t, p, "anna")
			require.ErrorIs(t, err, domain.Partial)
			assertOnlyKind(t, domain.Partial, err)
			left := s.onlyID(t)
			assert.Contains(t, domain.AsError(err).Message, left)
			assert.Contains(t, err.Error(), left, "the log names the user too")
			assert.NotContains(t, domain.AsError(err).Message, "anna")
			assert.Equal(t, 1, s.count("POST users"))
		})
	}
}

// A token that expires between the two calls must not leave a user behind.
func TestCreateUser_IsUndoneWithANewTokenIfNeedBe(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	s.answers(assignRoute, always, func(w http.ResponseWriter, _ *http.Request) {
		s.revoke()
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	_, err := create(t, p, "anna")
	require.ErrorIs(t, err, domain.Unavailable)
	assert.Empty(t, s.usernames())
	assert.Equal(t, 2, s.count("POST token"))
}

// Somebody may delete the user between the two calls: then nothing is left to undo, and
// "no such user" would be a strange answer to a creation.
func TestCreateUser_WhenTheUserHasGoneInBetween(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	s.answers(assignRoute, 1, func(w http.ResponseWriter, r *http.Request) {
		s.change(func() { delete(s.users, r.PathValue("id")) })
		answer(w, http.StatusNotFound, `{"error":"User not found"}`)
	})
	_, err := create(t, p, "anna")
	assertOnlyKind(t, domain.BadAnswer, err)
	assert.Contains(t, domain.AsError(err).Message, "no user was created")
}

// The deletion has its own time, also when the caller leaves while it is under way.
func TestCreateUser_IsUndoneWhenTheCallerLeavesDuringTheDeletion(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	ctx, leave := context.WithCancel(t.Context())
	s.answers(assignRoute, 1, saying(500, "application/json", `{"error":"unknown_error"}`))
	s.answers("DELETE users/{id}", 1, func(w http.ResponseWriter, r *http.Request) {
		leave()
		s.carriedOut(s.remove, func(w http.ResponseWriter) http.ResponseWriter { return w })(w, r)
	})
	_, err := p.CreateUser(ctx, newcomer(t, "anna"))
	assertOnlyKind(t, domain.BadAnswer, err)
	assert.Empty(t, s.usernames())
}

// The use case asks for some kinds by name, so that an error must be of one kind only:
// a user who was left must not be reported as an unknown role.
func TestCreateUser_IsPartialAlsoWhenTheRoleHasGone(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	p := s.provider(t, keycloak.WithUndoFor(300*time.Millisecond))
	_, err := create(t, p, "anna")
	require.NoError(t, err)
	s.change(func() { delete(s.roles, "teller") })
	s.answers("DELETE users/{id}", always, saying(http.StatusServiceUnavailable, "text/html", ""))
	_, err = create(t, p, "berta")
	assertOnlyKind(t, domain.Partial, err)
}

// Keycloak's word that there is a user is not enough: the user must be found.
func TestCreateUser_WithoutALocationAndAUserIsPartial(t *testing.T) {
	s := newStub(t)
	s.answers("POST users", 1, saying(http.StatusCreated, "application/json", ""))
	_, err := create(t, s.provider(t), "anna")
	assertOnlyKind(t, domain.Partial, err)
}

// onlyID returns the id of the one user that the stub has.
func (s *stub) onlyID(t *testing.T) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(t, s.users, 1)
	for id := range s.users {
		return id
	}
	return ""
}

func assertOnlyKind(t *testing.T, want domain.Kind, err error) {
	t.Helper()
	for _, kind := range []domain.Kind{
		domain.InvalidField, domain.UnknownRole, domain.NoEmail, domain.NotFound, domain.UsernameConflict, domain.EmailConflict, domain.UserDisabled, domain.PasswordRefused,
		domain.UnsatisfiablePolicy, domain.EmailDeliveryFailed, domain.Partial, domain.BadAnswer, domain.Unavailable, domain.Overloaded, domain.Timeout, domain.Internal,
	} {
		assert.Equal(t, kind == want, errors.Is(err, kind), "is the error of the kind %s? %v", kind, err)
	}
}
