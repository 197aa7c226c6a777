package porttest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func endSessionsClauses() []Clause {
	return []Clause{
		{
			Name:  "EndSessions/EndsEverySession",
			Why:   "A person who has left the bank may still have the app open, on more than one device.",
			Check: endSessionsEndsEverySession,
		},
		{
			Name:  "EndSessions/EndsTheSessionsOfADisabledUser",
			Why:   "Users are disabled first; sessions that only rest come back when the user is enabled again.",
			Check: endSessionsEndsTheSessionsOfADisabledUser,
		},
		{
			Name:  "EndSessions/SparesOtherUsers",
			Why:   "Disabling one person must not throw the whole bank out.",
			Check: endSessionsSparesOtherUsers,
		},
		{
			Name:  "EndSessions/LetsTheUserSignInAgain",
			Why:   "Only the account's switch keeps a user out, so that switching it on lets the user in.",
			Check: endSessionsLetsTheUserSignInAgain,
		},
		{
			Name:  "EndSessions/ReturnsNotFoundForAnUnknownUser",
			Why:   "Sessions that were not ended must not count as ended.",
			Check: endSessionsReturnsNotFound,
		},
	}
}

func (s Subject) endSessions(t T, id domain.UserID) {
	t.Helper()
	require.NoError(t, s.Provider.EndSessions(t.Context(), id), "EndSessions fails for a user who exists")
}

func endSessionsEndsEverySession(t T, s Subject) {
	s.requireSignIn(t)
	name, password := uniqueName(), strongPassword()
	id := s.addWithPassword(t, plainUser(name), password)
	first, second := s.openSession(t, name, password), s.openSession(t, name, password)

	s.endSessions(t, id)
	assert.False(t, first(), "the first session is over")
	assert.False(t, second(), "the second session is over")
	s.endSessions(t, id) // There is nothing to end any more.
}

func endSessionsEndsTheSessionsOfADisabledUser(t T, s Subject) {
	s.requireSignIn(t)
	name, password := uniqueName(), strongPassword()
	id := s.addWithPassword(t, plainUser(name), password)
	alive := s.openSession(t, name, password)

	s.setEnabled(t, id, false)
	s.endSessions(t, id)
	assert.False(t, alive(), "the session is over")
	s.setEnabled(t, id, true)
	assert.False(t, alive(), "the session stays over when the user is enabled again")
}

func endSessionsSparesOtherUsers(t T, s Subject) {
	s.requireSignIn(t)
	name, other, password := uniqueName(), uniqueName(), strongPassword()
	id := s.addWithPassword(t, plainUser(name), password)
	s.addWithPassword(t, plainUser(other), password)
	s.openSession(t, name, password)
	alive := s.openSession(t, other, password)

	s.endSessions(t, id)
	assert.True(t, alive(), "the session of another user goes on")
}

func endSessionsLetsTheUserSignInAgain(t T, s Subject) {
	s.requireSignIn(t)
	name, password := uniqueName(), strongPassword()
	id := s.addWithPassword(t, plainUser(name), password)
	s.openSession(t, name, password)

	s.endSessions(t, id)
	outcome, alive := s.SignIn(name, password)
	if assert.Equal(t, SignedIn, outcome, "the user can sign in again") {
		assert.True(t, alive(), "the new session is alive")
	}
}

func endSessionsReturnsNotFound(t T, s Subject) {
	assertNotFound(t, s.Provider.EndSessions(t.Context(), s.deletedUser(t)))
}
