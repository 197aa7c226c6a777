package keycloak_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

const deleteRoute = "DELETE users/{id}"

// roleRefused makes a creation fail after the user is there.
func (s *stub) roleRefused() (heal func()) {
	return s.spoil(assignRoute, saying(http.StatusForbidden, "application/json", hiddenAnswer))
}

// A removal goes on as long as there is time, whatever is in its way.
func TestUndo_GoesOnWhileThereIsTime(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]http.HandlerFunc{
		"503": saying(503, "", ""), "502": saying(502, "", ""), "429": saying(429, "", ""), "reset": reset, "no patience": askingToWait(503, "60"),
		"500": saying(500, "application/json", `{"error":"unknown_error"}`), "a page": saying(200, "text/html", "<h1>Back soon</h1>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, _ := warmed(t)
			s.roleRefused()
			s.answers(deleteRoute, 7, with)
			_, err := create(t, p, "anna")
			assertOnlyKind(t, domain.Internal, err)
			assert.Equal(t, []string{"present"}, s.usernames())
			assert.Equal(t, 8, s.count(deleteRoute))
		})
	}
}

// A removal whose answer was lost is repeated, and then there is nobody any more.
func TestUndo_ThatWasCarriedOutIsNotPartial(t *testing.T) {
	s, p, _ := warmed(t)
	s.roleRefused()
	s.answers(deleteRoute, 1, s.thenReset(s.remove))
	_, err := create(t, p, "anna")
	assertOnlyKind(t, domain.Internal, err)
	assert.Equal(t, []string{"present"}, s.usernames())
}

// What the removal would not have time for is not waited for.
func TestUndo_LeavesTimeForASecondTry(t *testing.T) {
	t.Parallel()
	s, p, _ := warmed(t)
	s.roleRefused()
	s.answers(deleteRoute, 1, hang)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := p.CreateUser(ctx, newcomer(t, "anna"))
	assertOnlyKind(t, domain.Internal, err)
	assert.Equal(t, []string{"present"}, s.usernames())
	assert.Equal(t, 2, s.count(deleteRoute))
}

// A refusal is no matter of time.
func TestUndo_ThatIsRefusedEndsAtOnce(t *testing.T) {
	s, p, _ := warmed(t)
	s.roleRefused()
	s.answers(deleteRoute, always, saying(http.StatusForbidden, "application/json", hiddenAnswer))
	began := time.Now()
	_, err := create(t, p, "anna")
	assertOnlyKind(t, domain.Partial, err)
	assert.Less(t, time.Since(began), 2*time.Second)
	assert.Equal(t, 1, s.count(deleteRoute))
}

// leftover makes a provider that has left "anna" without her role.
func leftover(t *testing.T) (*stub, *keycloak.Provider, string) {
	t.Helper()
	s, p, _ := warmed(t)
	s.change(func() { s.users = map[string]*stubUser{} })
	heal := s.roleRefused()
	s.answers(deleteRoute, 1, saying(http.StatusForbidden, "application/json", hiddenAnswer))
	_, err := create(t, p, "anna")
	require.ErrorIs(t, err, domain.Partial)
	heal()
	s.taken()
	return s, p, s.onlyID(t)
}

// The next creation of that name removes what was left, if nobody has made use of it.
func TestLeftover_IsRemovedByTheNextCreation(t *testing.T) {
	for name, change := range map[string]func(*stub, *stubUser){
		"untouched":             func(*stub, *stubUser) {},
		"with the default role": func(_ *stub, left *stubUser) { left.roles = []string{"default-roles-bank"} },
		"gone by itself":        func(s *stub, left *stubUser) { delete(s.users, left.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			s, p, left := leftover(t)
			s.change(func() { change(s, s.users[left]) })
			user := newcomer(t, "anna")
			user.Username = username(t, "ANNA")
			created, err := p.CreateUser(t.Context(), user)
			require.NoError(t, err)
			assert.NotEqual(t, left, string(created.ID))
			assert.Equal(t, string(created.ID), s.onlyID(t))
			s.taken()
			_, err = create(t, p, "anna")
			require.ErrorIs(t, err, domain.EmailConflict)
			assert.Equal(t, []string{"POST users"}, s.taken(), "it is forgotten")
		})
	}
}

// A user whom somebody has finished, or uses, is a user who existed before.
func TestLeftover_IsKeptWhenItIsInUse(t *testing.T) {
	for name, change := range map[string]func(*stub, *stubUser){
		"the role was given":     func(_ *stub, left *stubUser) { left.roles = []string{"default-roles-bank", "teller"} },
		"another role was given": func(_ *stub, left *stubUser) { left.roles = []string{"auditor"} },
		"it was disabled":        func(_ *stub, left *stubUser) { left.Enabled = false },
		"a password was chosen":  func(_ *stub, left *stubUser) { left.RequiredActions = []string{"VERIFY_EMAIL"} },
		"it was made anew": func(s *stub, left *stubUser) {
			delete(s.users, left.ID)
			left.ID = "user-of-somebody"
			s.users[left.ID] = left
		},
		"it has another name": func(s *stub, left *stubUser) {
			another := *left
			another.ID = "user-of-somebody"
			s.users[another.ID] = &another
			left.Username, left.Email = "berta", "berta@bank.example"
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, p, left := leftover(t)
			s.change(func() { change(s, s.users[left]) })
			before := s.usernames()
			_, err := create(t, p, "anna")
			require.ErrorIs(t, err, domain.EmailConflict)
			assert.ElementsMatch(t, before, s.usernames())
			assert.Zero(t, s.count(deleteRoute))
			s.taken()
			_, err = create(t, p, "anna")
			require.ErrorIs(t, err, domain.EmailConflict)
			assert.Equal(t, []string{"POST users"}, s.taken(), "it is forgotten")
		})
	}
}

// A leftover that cannot be removed now is not forgotten.
func TestLeftover_IsRememberedUntilItIsGone(t *testing.T) {
	for _, route := range []string{"GET users", "GET users/{id}/groups", deleteRoute} {
		s, p, left := leftover(t)
		heal := s.spoil(route, saying(http.StatusForbidden, "application/json", hiddenAnswer))
		_, err := create(t, p, "anna")
		require.ErrorIs(t, err, domain.Internal, route)
		assert.Zero(t, s.count("POST users"), route)
		heal()
		created, err := create(t, p, "anna")
		require.NoError(t, err, route)
		assert.NotEqual(t, left, string(created.ID), route)
	}
}

func TestLeftover_OfOneNameIsNoMatterForAnother(t *testing.T) {
	s, p, left := leftover(t)
	_, err := create(t, p, "berta")
	require.NoError(t, err)
	assert.Equal(t, []string{"POST users", assignRoute}, s.taken())
	assert.Contains(t, s.users, left)
}

// Of many who create that user at once, one succeeds.
func TestLeftover_IsRemovedOnceByMany(t *testing.T) {
	s, p, _ := leftover(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	created := 0
	for range 20 {
		all.Go(func() {
			if _, err := create(t, p, "anna"); err == nil {
				mu.Lock()
				defer mu.Unlock()
				created++
			} else {
				assert.ErrorIs(t, err, domain.EmailConflict)
			}
		})
	}
	all.Wait()
	assert.Equal(t, 1, created)
	assert.Equal(t, []string{"teller"}, s.users[s.onlyID(t)].roles)
}

// inTime is how late an answer may be.
const inTime = 600 * time.Millisecond

// Each answer comes within the caller's deadline and half a second, whatever hangs.
func TestDeadlines_AreKept(t *testing.T) {
	const deadline = time.Second
	for name, all := range map[string]bool{"its own call": false, "all calls": true} {
		t.Run(name, func(t *testing.T) {
			forEachAtOnce(t, func(op operation, s *stub, id domain.UserID) {
				route := op.route
				if all {
					route = ""
				}
				s.answers(route, always, hang)
				p := s.provider(t)
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				defer cancel()
				began := time.Now()
				err := op.call(ctx, t, p, id)
				assert.Less(t, time.Since(began), deadline+inTime, op.name)
				assert.Error(t, err, op.name)
			})
		})
	}
}

// A creation has the most that can hang.
func TestDeadlines_OfACreation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		routes []string
		// lost and hangs tell that the creation is carried out, and that its answer breaks
		// off or never comes.
		lost, hangs bool
		kind        domain.Kind // empty: none
		users       []string
	}{
		"the creation":                   {[]string{"POST users"}, false, false, domain.Partial, nil},
		"the creation and the look-up":   {[]string{"POST users", "GET users"}, false, false, domain.Partial, nil},
		"the answer to the creation":     {nil, false, true, "", []string{"anna"}},
		"that answer and the role":       {[]string{assignRoute}, false, true, domain.Timeout, nil},
		"the look-up":                    {[]string{"GET users"}, true, false, domain.Partial, []string{"anna"}},
		"the role":                       {[]string{assignRoute}, false, false, domain.Timeout, nil},
		"the role and the removal":       {[]string{assignRoute, deleteRoute}, false, false, domain.Partial, []string{"anna"}},
		"the role of a lost one":         {[]string{assignRoute}, true, false, domain.Timeout, nil},
		"role and removal of a lost one": {[]string{assignRoute, deleteRoute}, true, false, domain.Partial, []string{"anna"}},
		"everything after the creation":  {[]string{"GET users", assignRoute, deleteRoute}, true, false, domain.Partial, []string{"anna"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, _ := warmed(t)
			s.change(func() { s.users = map[string]*stubUser{} })
			switch {
			case c.hangs:
				s.answers("POST users", 1, func(w http.ResponseWriter, r *http.Request) {
					carriedOutAtOnce(s, r)
					hang(w, r)
				})
			case c.lost:
				s.answers("POST users", 1, lost(carriedOutAtOnce)(s))
			}
			for _, route := range c.routes {
				s.answers(route, always, hang)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			_, err := p.CreateUser(ctx, newcomer(t, "anna"))
			assert.Less(t, time.Since(began), time.Second+inTime)
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
