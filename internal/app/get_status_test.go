package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// detailedStatus asks for all that there is to know.
func detailedStatus(t *testing.T, provider ports.IdentityProvider, name string) (app.Status, error) {
	t.Helper()
	b := newBench(provider)
	return b.GetStatus(t.Context(), b.Begin(domain.ActionGetStatus, app.Request{}), username(t, name), true)
}

func TestGetStatus_TellsTheDetailsThatAreAskedFor(t *testing.T) {
	provider := newDriftRealm()
	id, err := provider.AddUser(veronica(), "Long&Secret11", domain.Assignment{Role: "chief", Group: "auditors"})
	require.NoError(t, err)
	require.NoError(t, provider.Lock("veronica"))
	want := veronica()
	want.ID = id

	status, err := detailedStatus(t, provider, "veronica")

	require.NoError(t, err)
	assert.Equal(t, app.Status{
		User:        want,
		Memberships: domain.Memberships{Roles: []domain.RealmRole{"chief"}, Groups: []domain.Group{"auditors"}},
		Details:     &domain.AccountDetails{Locked: true, EffectiveRoles: []domain.RealmRole{"chief", "teller"}, HasPassword: true},
	}, status)

	_, err = detailedStatus(t, provider, "nobody")
	require.ErrorIs(t, err, domain.NotFound)
}

// What cannot be read must not read as absent.
func TestGetStatus_DetailsAreThereOrItIsAnError(t *testing.T) {
	for _, method := range []string{"Memberships", "Details"} {
		provider := newMemory()
		addVeronica(t, provider)
		failing := meetingProvider{provider, map[string]func() error{method: func() error { return &domain.Error{Kind: domain.BadAnswer} }}}
		status, err := detailedStatus(t, failing, "veronica")
		require.ErrorIs(t, err, domain.BadAnswer, method)
		assert.Zero(t, status, method)
	}
}

func TestGetStatus_ReadsMembershipsAndDetailsSideBySide(t *testing.T) {
	provider := newMemory()
	addVeronica(t, provider)
	m := newMeeting()
	_, err := detailedStatus(t, meetingProvider{provider, map[string]func() error{
		"Memberships": func() error { return m.meet(m.first, m.second) },
		"Details":     func() error { return m.meet(m.second, m.first) },
	}}, "veronica")
	require.NoError(t, err)
}

// The web app asks for the plain status of every user it shows.
func TestGetStatus_ThePlainOneCostsNoDetails(t *testing.T) {
	provider := newMemory()
	addVeronica(t, provider)
	bugs := meetingProvider{provider, map[string]func() error{"Details": func() error { panic("a bug") }}}
	status, err := getStatus(t, bugs, "veronica")
	require.NoError(t, err)
	assert.Nil(t, status.Details)
	assert.PanicsWithValue(t, "a bug", func() { _, _ = detailedStatus(t, bugs, "veronica") }, "in the caller's goroutine")
}
