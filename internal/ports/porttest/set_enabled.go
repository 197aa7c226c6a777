package porttest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func setEnabledClauses() []Clause {
	return []Clause{
		{
			Name:  "SetEnabled/SwitchesTheAccount",
			Why:   "It is what administrators disable people with, and they do so again when unsure.",
			Check: setEnabledSwitchesTheAccount,
		},
		{
			Name:  "SetEnabled/KeepsADisabledUserOut",
			Why:   "A person who has left the bank must not sign in any more.",
			Check: setEnabledKeepsADisabledUserOut,
		},
		{
			Name:  "SetEnabled/LeavesTheRestAlone",
			Why:   "A provider that writes the whole user back drops what somebody else has just set.",
			Check: setEnabledLeavesTheRestAlone,
		},
		{
			Name:  "SetEnabled/LiftsALock",
			Why:   "Administrators enable users who locked themselves out, although they read as enabled.",
			Check: setEnabledLiftsALock,
		},
		{
			Name:  "SetEnabled/ReturnsNotFoundForAnUnknownUser",
			Why:   "A user who was not disabled must not count as disabled.",
			Check: setEnabledReturnsNotFound,
		},
		{
			Name:  "SetEnabled/NamesARefusedFieldOfTheUser",
			Why:   "Nobody can switch such a user before the field is corrected, and only the field's name tells so.",
			Check: setEnabledNamesARefusedField,
		},
	}
}

func (s Subject) setEnabled(t T, id domain.UserID, enabled bool) {
	t.Helper()
	require.NoError(t, s.Provider.SetEnabled(t.Context(), id, enabled), "SetEnabled fails for a user who exists")
}

func setEnabledSwitchesTheAccount(t T, s Subject) {
	name := uniqueName()
	id := s.add(t, plainUser(name))
	for _, enabled := range []bool{false, false, true, true} {
		s.setEnabled(t, id, enabled)
		assert.Equal(t, enabled, s.find(t, name).Enabled)
	}
}

func setEnabledKeepsADisabledUserOut(t T, s Subject) {
	s.requireSignIn(t)
	name, password := uniqueName(), strongPassword()
	id := s.addWithPassword(t, plainUser(name), password)

	s.setEnabled(t, id, false)
	outcome, _ := s.SignIn(name, password)
	assert.Equal(t, Refused, outcome, "a disabled user cannot sign in")

	s.setEnabled(t, id, true)
	outcome, _ = s.SignIn(name, password)
	assert.Equal(t, SignedIn, outcome, "an enabled user can sign in")
}

func setEnabledLeavesTheRestAlone(t T, s Subject) {
	bare := domain.User{Username: uniqueName(), Enabled: true}
	for _, user := range []domain.User{s.busyUser(uniqueName()), bare} {
		id := s.add(t, user)
		before := s.state(t, user.Username)

		s.setEnabled(t, id, false)
		disabled := s.state(t, user.Username)
		disabled.User.Enabled = true
		assert.Equal(t, before, disabled, "disabling changes nothing else")

		s.setEnabled(t, id, true)
		assert.Equal(t, before, s.state(t, user.Username), "enabling changes nothing else")
	}
}

func setEnabledLiftsALock(t T, s Subject) {
	s.requireSignIn(t)
	s.requireLock(t)
	name, password := uniqueName(), strongPassword()
	id := s.addWithPassword(t, plainUser(name), password)
	require.NoError(t, s.Lock(name), "the hook Lock failed")
	outcome, _ := s.SignIn(name, password)
	require.Equal(t, Refused, outcome, "the hook Lock does not lock")

	s.setEnabled(t, id, true)
	outcome, _ = s.SignIn(name, password)
	assert.Equal(t, SignedIn, outcome, "the lock is lifted")
}

func setEnabledReturnsNotFound(t T, s Subject) {
	id := s.deletedUser(t)
	assertNotFound(t, s.Provider.SetEnabled(t.Context(), id, true))
	assertNotFound(t, s.Provider.SetEnabled(t.Context(), id, false))
}

func setEnabledNamesARefusedField(t T, s Subject) {
	id := s.add(t, s.misfit(t))
	assertNamesField(t, s.Provider.SetEnabled(t.Context(), id, false))
}

// misfit returns a user to be added whose data the realm's rules refuse.
func (s Subject) misfit(t T) domain.User {
	t.Helper()
	s.requireRefusedName(t)
	user := plainUser(uniqueName())
	user.FirstName = s.RefusedName
	return user
}
