package porttest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func setRequiredActionsClauses() []Clause {
	return []Clause{
		{
			Name:  "SetRequiredActions/ReplacesTheList",
			Why:   "The program reads the list, changes it and writes it whole.",
			Check: setRequiredActionsReplacesTheList,
		},
		{
			Name:  "SetRequiredActions/ClearsWithAnEmptyList",
			Why:   "An empty list that is left out of a message changes nothing, in silence.",
			Check: setRequiredActionsClearsWithAnEmptyList,
		},
		{
			Name:  "SetRequiredActions/KeepsUnknownActions",
			Why:   "Realms have actions this program does not know; forcing a password change must not drop them.",
			Check: setRequiredActionsKeepsUnknownActions,
		},
		{
			Name:  "SetRequiredActions/LeavesTheRestAlone",
			Why:   "A provider that writes the whole user back drops what somebody else has just set.",
			Check: setRequiredActionsLeavesTheRestAlone,
		},
		{
			Name:  "SetRequiredActions/ReturnsNotFoundForAnUnknownUser",
			Why:   "A change that nobody will be asked for must not be reported as made.",
			Check: setRequiredActionsReturnsNotFound,
		},
		{
			Name:  "SetRequiredActions/NamesARefusedFieldOfTheUser",
			Why:   "The change is impossible before the field is corrected, and only the field's name tells so.",
			Check: setRequiredActionsNamesARefusedField,
		},
	}
}

func (s Subject) setRequiredActions(t T, id domain.UserID, actions ...domain.RequiredAction) {
	t.Helper()
	err := s.Provider.SetRequiredActions(t.Context(), id, actions)
	require.NoError(t, err, "SetRequiredActions fails for a user who exists")
}

func setRequiredActionsReplacesTheList(t T, s Subject) {
	user := plainUser(uniqueName())
	user.RequiredActions = []domain.RequiredAction{domain.VerifyEmail, domain.RegisterSecondFactor}
	id := s.add(t, user)
	s.setRequiredActions(t, id, domain.UpdatePassword, domain.RegisterSecondFactor)
	assert.ElementsMatch(t, []domain.RequiredAction{domain.UpdatePassword, domain.RegisterSecondFactor}, s.find(t, user.Username).RequiredActions)
}

func setRequiredActionsClearsWithAnEmptyList(t T, s Subject) {
	for _, none := range [][]domain.RequiredAction{nil, {}} {
		user := s.busyUser(uniqueName())
		id := s.add(t, user)
		s.setRequiredActions(t, id, none...)
		assert.Empty(t, s.find(t, user.Username).RequiredActions)
	}
}

func setRequiredActionsKeepsUnknownActions(t T, s Subject) {
	name := uniqueName()
	id := s.add(t, plainUser(name))
	s.setRequiredActions(t, id, secondFactor, domain.UpdatePassword)
	assert.ElementsMatch(t, []domain.RequiredAction{secondFactor, domain.UpdatePassword}, s.find(t, name).RequiredActions)
}

func setRequiredActionsLeavesTheRestAlone(t T, s Subject) {
	disabled := s.busyUser(uniqueName())
	disabled.Enabled = false
	bare := domain.User{Username: uniqueName(), Enabled: true}
	for _, user := range []domain.User{s.busyUser(uniqueName()), disabled, bare} {
		id := s.add(t, user)
		want := s.state(t, user.Username)
		want.User.RequiredActions = []domain.RequiredAction{domain.UpdatePassword}

		s.setRequiredActions(t, id, domain.UpdatePassword)
		assert.Equal(t, want, s.state(t, user.Username))
	}
}

func setRequiredActionsReturnsNotFound(t T, s Subject) {
	id := s.deletedUser(t)
	assertNotFound(t, s.Provider.SetRequiredActions(t.Context(), id, []domain.RequiredAction{domain.UpdatePassword}))
}

func setRequiredActionsNamesARefusedField(t T, s Subject) {
	id := s.add(t, s.misfit(t))
	assertNamesField(t, s.Provider.SetRequiredActions(t.Context(), id, []domain.RequiredAction{domain.UpdatePassword}))
}
