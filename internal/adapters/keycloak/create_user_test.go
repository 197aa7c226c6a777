package keycloak_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

const assignRoute = "POST users/{id}/role-mappings/realm"

func create(t *testing.T, p *keycloak.Provider, name string) (domain.CreatedUser, error) {
	t.Helper()
	return p.CreateUser(t.Context(), newcomer(t, name))
}

func TestCreateUser_TakesTwoCallsWhenWarm(t *testing.T) {
	s, c := newStub(t), newClock()
	p := s.provider(t, c.set)
	writes := []string{"POST users", assignRoute}
	rights := []string{"GET roles/{role}", groupRoute, groupRealmRoute, groupClientRoute}
	settings := []string{"GET realm", actionsRoute, profileRoute}
	all := slices.Concat([]string{"POST token", "GET users", ownRoute}, settings, rights, writes)
	_, err := create(t, p, "anna")
	require.NoError(t, err)
	assert.ElementsMatch(t, all, s.taken(), "cold")
	_, err = create(t, p, "berta")
	require.NoError(t, err)
	assert.Equal(t, writes, s.taken(), "warm")

	// What is kept expires, the rights first.
	c.pass(30 * time.Second)
	_, err = create(t, p, "carla")
	require.NoError(t, err)
	assert.ElementsMatch(t, slices.Concat(rights, writes), s.taken(), "the rights have expired")
	c.pass(30 * time.Second)
	_, err = create(t, p, "carlo")
	require.NoError(t, err)
	assert.ElementsMatch(t, slices.Concat(settings, rights, writes), s.taken(), "the settings have expired too")
	c.pass(6 * time.Minute)
	_, err = create(t, p, "dora")
	require.NoError(t, err)
	assert.ElementsMatch(t, all, s.taken(), "everything has expired")
}

// Whoever asks for the rights first, as the use case does, has read what a creation needs
// to know of role and group.
func TestCreateUser_UsesWhatRightsOfHasRead(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	user := newcomer(t, "anna")
	_, err := p.RightsOf(t.Context(), user.Assignment)
	require.NoError(t, err)
	s.taken()
	_, err = p.CreateUser(t.Context(), user)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{actionsRoute, profileRoute, "POST users", assignRoute}, s.taken())
}

// A background check keeps the realm's settings and the administration client, so no
// creation waits for them. The rest is read when it is wanted.
func TestCreateUser_CheckKeepsTheSettings(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	s.taken()
	_, err := create(t, p, "anna")
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{actionsRoute, profileRoute, "GET roles/{role}", groupRoute, groupRealmRoute, groupClientRoute, "POST users", assignRoute}, s.taken())
}

func TestCreateUser_ReadsARoleAnewThatHasAnotherID(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	_, err := create(t, p, "anna")
	require.NoError(t, err)
	s.change(func() { s.roles["teller"] = "role-new" })
	s.taken()
	created, err := create(t, p, "berta")
	require.NoError(t, err)
	assert.Equal(t, []string{"POST users", assignRoute, "GET roles/{role}", assignRoute}, s.taken())
	found, err := p.Memberships(t.Context(), created.ID)
	require.NoError(t, err)
	assert.Equal(t, []domain.RealmRole{"teller"}, found.Roles)
}

func TestCreateUser_LeavesNobodyWhenTheRoleHasGone(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	_, err := create(t, p, "anna")
	require.NoError(t, err)
	s.change(func() { delete(s.roles, "teller") })
	_, err = create(t, p, "berta")
	require.ErrorIs(t, err, domain.UnknownRole)
	assert.Equal(t, []string{"anna"}, s.usernames())
}

func TestCreateUser_GoesOnWithoutAGroupThatHasGone(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	_, err := create(t, p, "anna")
	require.NoError(t, err)
	s.change(func() { delete(s.groups, "tellers") })
	created, err := create(t, p, "berta")
	require.NoError(t, err)
	assert.Equal(t, domain.Group("tellers"), created.MissingGroup)
	assert.Len(t, s.usernames(), 2)
}

// Whatever keeps the role from being given, the user is not left without it.
func TestCreateUser_IsUndoneWhenTheRoleCannotBeGiven(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with http.HandlerFunc
		kind domain.Kind
	}{
		"refused":   {saying(403, "application/json", `{"error":"HTTP 403 Forbidden"}`), domain.Internal},
		"failed":    {saying(500, "application/json", `{"error":"unknown_error"}`), domain.BadAnswer},
		"away":      {saying(503, "text/html", ""), domain.Unavailable},
		"no answer": {hang, domain.Timeout},
		"a page":    {saying(200, "text/html", "<h1>Welcome</h1>"), domain.BadAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.answers(assignRoute, always, c.with)
			_, err := create(t, s.provider(t, impatientFor(c.kind)), "anna")
			require.ErrorIs(t, err, c.kind)
			assert.Contains(t, domain.AsError(err).Message, "no user was created")
			assert.Empty(t, s.usernames())
			assert.Equal(t, 1, s.count("POST users"))
		})
	}
}

func TestCreateUser_IsUndoneAlsoWhenTheCallerHasGone(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	ctx, leave := context.WithCancel(t.Context())
	s.answers(assignRoute, 1, func(w http.ResponseWriter, r *http.Request) { leave(); hang(w, r) })
	_, err := p.CreateUser(ctx, newcomer(t, "anna"))
	require.ErrorIs(t, err, domain.Unavailable)
	assert.Empty(t, s.usernames())
}

// A caller who leaves during the creation itself must not leave a user of whom nobody
// knows.
func TestCreateUser_CallerLeavesDuringTheCreation(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	ctx, leave := context.WithCancel(t.Context())
	s.answers("POST users", 1, func(w http.ResponseWriter, r *http.Request) {
		leave()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.create(w, r)
	})
	_, err := p.CreateUser(ctx, newcomer(t, "anna"))
	require.ErrorIs(t, err, domain.Unavailable)
	assert.Empty(t, s.usernames())
}

func TestCreateUser_SaysWhoIsLeftWhenItCannotBeUndone(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.answers(assignRoute, always, saying(503, "text/html", ""))
	s.answers("DELETE users/{id}", always, saying(503, "text/html", ""))
	_, err := create(t, s.provider(t, keycloak.WithUndoFor(300*time.Millisecond)), "anna")
	require.ErrorIs(t, err, domain.Partial)
	assert.Contains(t, domain.AsError(err).Message, "user-2")
	// The web app's toast takes 90 characters, and a real id is a UUID.
	assert.LessOrEqual(t, len(domain.AsError(err).Message)-len("user-2")+len("00000000-0000-0000-0000-000000000000"), 90)
	assert.Equal(t, []string{"anna"}, s.usernames())
}

// The Location that names the new user is lost now and then by a gateway.
func TestCreateUser_FindsTheUserWithoutALocation(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	s.answers("POST users", 1, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.create(noLocation{w}, r)
	})
	created, err := create(t, p, "anna")
	require.NoError(t, err)
	found, err := p.FindUser(t.Context(), username(t, "anna"))
	require.NoError(t, err)
	assert.Equal(t, found.ID, created.ID)

	s.answers("POST users", 1, saying(201, "application/json", ""))
	_, err = create(t, p, "nobody")
	require.ErrorIs(t, err, domain.Partial, "201 without a user")
}

type noLocation struct{ http.ResponseWriter }

func (w noLocation) WriteHeader(status int) {
	w.Header().Del("Location")
	w.ResponseWriter.WriteHeader(status)
}

// Keycloak would create the user under the e-mail address, where nobody finds it.
func TestCreateUser_InARealmThatNamesUsersByAddress(t *testing.T) {
	s := newStub(t)
	s.byEmail = true
	p := s.provider(t)
	_, err := create(t, p, "anna")
	require.ErrorIs(t, err, domain.InvalidField)
	assert.Contains(t, domain.AsError(err).Fields, "username")
	assert.Zero(t, s.count("POST users"))

	user := newcomer(t, "anna")
	user.Username = domain.NewUsername{Username: username(t, "Anna@bank.example")}
	_, err = p.CreateUser(t.Context(), user)
	require.NoError(t, err)
}
