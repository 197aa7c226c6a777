package keycloak_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
