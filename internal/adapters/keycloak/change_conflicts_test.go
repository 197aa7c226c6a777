package keycloak_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func TestUpdateUser_RefusesAnAddressThatIsTaken(t *testing.T) {
	s := newStub(t)
	s.plant(stubUser{Username: "other@bank.example", Email: "taken@bank.example"})
	id := s.plant(employee())
	p := s.provider(t)
	for _, address := range []string{"taken@bank.example", "TAKEN@bank.example", "other@bank.example"} {
		for _, attributes := range []domain.Attributes{nil, {domain.OfficeID: "8"}} {
			_, err := p.UpdateUser(t.Context(), domain.UserID(id), domain.UserChange{Email: emailOf(t, address), Attributes: attributes})
			require.ErrorIs(t, err, domain.EmailConflict, address)
		}
	}
	want := employee()
	want.ID = id
	assert.Equal(t, want, *s.users[id])
}

// Losers of a race get an answer that does not say against what; the second try tells.
func TestUpdateUser_FindsOutWhatItHasLostOn(t *testing.T) {
	for _, body := range []string{
		`{"errorMessage":"User exists with same username or email"}`,
		`{"error":"unknown_error"}`,
		`{"error":"conflict","error_description":"Duplicate resource error"}`,
	} {
		for name, c := range map[string]struct {
			meanwhile func(s *stub, id string)
			times     int
			kind      domain.Kind // empty: none
			puts      int
		}{
			"the address": {func(s *stub, _ string) {
				s.users["x"] = &stubUser{ID: "x", Username: "other", Email: "bb@bank.example"}
			}, 1, domain.EmailConflict, 2},
			"the user":  {func(s *stub, id string) { delete(s.users, id) }, 1, domain.NotFound, 2},
			"nothing":   {func(*stub, string) {}, 1, "", 2},
			"and again": {func(*stub, string) {}, 2, domain.Unavailable, 2},
		} {
			t.Run(body+" over "+name, func(t *testing.T) {
				s := newStub(t)
				id := s.plant(employee())
				s.answers(putUserRoute, c.times, func(w http.ResponseWriter, _ *http.Request) {
					s.change(func() { c.meanwhile(s, id) })
					answer(w, http.StatusConflict, body)
				})
				_, err := s.provider(t).UpdateUser(t.Context(), domain.UserID(id), domain.UserChange{Email: emailOf(t, "bb@bank.example")})
				if c.kind == "" {
					require.NoError(t, err)
				} else {
					assertOnlyKind(t, c.kind, err)
				}
				assert.Equal(t, c.puts, s.count(putUserRoute))
			})
		}
	}
}

// Keycloak would change the username with the address.
func TestUpdateUser_InARealmThatNamesUsersByAddress(t *testing.T) {
	s := newStub(t)
	s.byEmail = true
	user := employee()
	user.Username = user.Email
	id := domain.UserID(s.plant(user))
	p := s.provider(t)
	_, err := p.UpdateUser(t.Context(), id, domain.UserChange{Email: emailOf(t, "bb@bank.example"), FirstName: new("Bea")})
	require.ErrorIs(t, err, domain.InvalidField)
	assert.Contains(t, domain.AsError(err).Fields, "email")
	assert.Zero(t, s.count(putUserRoute))
	_, err = p.UpdateUser(t.Context(), id, domain.UserChange{Email: emailOf(t, "Berta@bank.example"), FirstName: new("Bea")})
	require.NoError(t, err)
	assert.Equal(t, "Bea", s.users[string(id)].FirstName)
}

// Of those who change the same user at the same time none loses its change, and no
// attribute has the values of two.
func TestUpdateUser_AtTheSameMomentLosesNothing(t *testing.T) {
	s, p, _ := warmed(t)
	id := s.plant(employee())
	for round := range 5 {
		var all sync.WaitGroup
		for _, name := range domain.AllAttributes() {
			all.Go(func() {
				_, err := p.UpdateUser(t.Context(), domain.UserID(id), domain.UserChange{Attributes: domain.Attributes{name: fmt.Sprint(round)}})
				assert.NoError(t, err)
			})
		}
		all.Wait()
		for _, name := range domain.AllAttributes() {
			require.Equal(t, []string{fmt.Sprint(round)}, s.users[id].Attributes[string(name)], name)
		}
	}
}

// An answer about somebody else must not be written back as this user's data.
func TestUpdateUser_BelievesNoAnswerAboutSomebodyElse(t *testing.T) {
	for _, body := range []string{`{}`, `{"id":"user-9","username":"else"}`, `{"username":"berta"}`, `{"id":"ID"}`, `[]`} {
		s := newStub(t)
		id := s.plant(employee())
		s.answers(getUserRoute, 1, saying(200, "application/json", body))
		_, err := s.provider(t).UpdateUser(t.Context(), domain.UserID(id), domain.UserChange{FirstName: new("Bea")})
		require.ErrorIs(t, err, domain.BadAnswer, body)
		assert.Zero(t, s.count(putUserRoute))
	}
}

// The reads are made at the same time.
func TestUpdateUser_ReadsSideBySide(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(employee()))
	p := s.provider(t)
	s.together(t, map[string]http.HandlerFunc{getUserRoute: s.get, "GET realm": s.realm, profileRoute: s.userProfile})
	_, err := p.UpdateUser(t.Context(), id, domain.UserChange{Email: emailOf(t, "bb@bank.example"), Attributes: domain.Attributes{domain.OfficeID: "8"}})
	require.NoError(t, err)
	s.taken()
	_, err = p.UpdateUser(t.Context(), id, domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "9"}})
	require.NoError(t, err)
	assert.Equal(t, []string{getUserRoute, putUserRoute, getUserRoute}, s.taken(), "the realm's part is kept")
}

// Two who switch one user at the same moment are both right.
func TestSetEnabled_IsTriedAgainAfterAConflict(t *testing.T) {
	for times, kind := range map[int]domain.Kind{1: "", always: domain.Unavailable} {
		s := newStub(t)
		id := domain.UserID(s.plant(employee()))
		p := s.provider(t)
		s.answers(putUserRoute, times, saying(409, "application/json", `{"error":"conflict","error_description":"Duplicate resource error"}`))
		err := p.SetEnabled(t.Context(), id, false)
		if kind == "" {
			require.NoError(t, err)
			assert.False(t, s.users[string(id)].Enabled)
		} else {
			assertOnlyKind(t, kind, err)
		}
		assert.Equal(t, 2, s.count(putUserRoute))
	}
}
