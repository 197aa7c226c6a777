package app_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

func TestResetPassword_MailsTheUser(t *testing.T) {
	provider := newMemory()
	add(t, provider, domain.User{Username: "anna", Email: "anna@bank.example", Enabled: true})
	email, err := resetPassword(t, provider, "ANNA")
	require.NoError(t, err)
	assert.Equal(t, "anna@bank.example", email)
	assert.Equal(t, []string{"anna@bank.example"}, provider.Mails())
}

func TestResetPassword_LinkIsValidForADay(t *testing.T) {
	provider := newMock(t)
	finds(t, provider, domain.User{ID: "7", Email: "anna@bank.example", Enabled: true})
	provider.EXPECT().SendActionsMail(t.Context(), domain.UserID("7"), []domain.RequiredAction{domain.UpdatePassword}, 24*time.Hour)
	_, err := resetPassword(t, provider, "anna")
	require.NoError(t, err)
}

func TestResetPassword_Refuses(t *testing.T) {
	provider := newMemory()
	add(t, provider, domain.User{Username: "nomail", Enabled: true})
	add(t, provider, domain.User{Username: "off", Email: "off@bank.example"})
	for name, kind := range map[string]domain.Kind{"nomail": domain.NoEmail, "off": domain.UserDisabled, "nobody": domain.NotFound} {
		_, err := resetPassword(t, provider, name)
		require.ErrorIs(t, err, kind, name)
	}
	provider.FailMails(true)
	add(t, provider, domain.User{Username: "anna", Email: "anna@bank.example", Enabled: true})
	_, err := resetPassword(t, provider, "anna")
	require.ErrorIs(t, err, domain.EmailDeliveryFailed)
	assert.Empty(t, provider.Mails())
}

// What is known already is not asked of the provider.
func TestResetPassword_RefusesByItselfWhatItCanSee(t *testing.T) {
	for kind, user := range map[domain.Kind]domain.User{
		domain.UserDisabled: {ID: "7", Email: "anna@bank.example"},
		domain.NoEmail:      {ID: "7", Enabled: true},
	} {
		provider := newMock(t)
		finds(t, provider, user)
		_, err := resetPassword(t, provider, "anna")
		require.ErrorIs(t, err, kind)
	}
}

func TestSetStatus_DisablingEndsSessions(t *testing.T) {
	provider := newMemory()
	_, err := provider.AddUser(domain.User{Username: "anna", Enabled: true}, "secret")
	require.NoError(t, err)
	session, err := provider.SignIn("anna", "secret")
	require.NoError(t, err)

	require.NoError(t, setStatus(t, provider, "anna", false))
	assert.False(t, provider.Users()[0].Enabled)
	require.NoError(t, setStatus(t, provider, "anna", true))
	assert.True(t, provider.Users()[0].Enabled)
	assert.False(t, provider.SessionActive(session), "enabling does not revive a session")
}

func TestSetStatus_EnablingWritesAlwaysAndEndsNoSession(t *testing.T) {
	provider := newMock(t)
	finds(t, provider, domain.User{ID: "7", Enabled: true})
	provider.EXPECT().SetEnabled(t.Context(), domain.UserID("7"), true)
	require.NoError(t, setStatus(t, provider, "anna", true))
}

// The administrator must learn that the user is switched off but not yet out.
func TestSetStatus_SaysWhenSessionsAreLeft(t *testing.T) {
	provider := newMock(t)
	finds(t, provider, domain.User{ID: "7", Enabled: true})
	provider.EXPECT().SetEnabled(t.Context(), domain.UserID("7"), false)
	provider.EXPECT().EndSessions(t.Context(), domain.UserID("7")).Return(&domain.Error{Kind: domain.Timeout, Err: errors.New("cause")})
	err := setStatus(t, provider, "anna", false)
	require.ErrorIs(t, err, domain.Timeout)
	assert.Contains(t, domain.AsError(err).Message, "still has open sessions")
	assert.LessOrEqual(t, len(domain.AsError(err).Message), 90)
}

func TestSetStatus_StopsAtTheFirstFailure(t *testing.T) {
	provider := newMock(t)
	finds(t, provider, domain.User{ID: "7"})
	provider.EXPECT().SetEnabled(t.Context(), domain.UserID("7"), false).Return(&domain.Error{Kind: domain.Timeout})
	require.ErrorIs(t, setStatus(t, provider, "anna", false), domain.Timeout)
	require.ErrorIs(t, setStatus(t, newMemory(), "nobody", false), domain.NotFound)
}

// Whom the provider refuses to switch off is at least signed out, and the administrator learns
// that the account is on.
func TestSetStatus_EndsSessionsOfWhomTheProviderRefusesToDisable(t *testing.T) {
	for message, refusal := range map[string]*domain.Error{
		"The account is managed in a directory and still on; its sessions were ended.":             {Kind: domain.ReadOnlyUser},
		"The account is still on, its sessions ended: its email must be edited first.":             {Kind: domain.InvalidField, Fields: map[string]string{"email": "is required"}},
		"The account is still on, its sessions ended: its email, firstName must be edited first.":  {Kind: domain.InvalidField, Fields: map[string]string{"firstName": "is required", "email": "is required"}},
		"The account is still on, its sessions ended: its dept must be mended in the realm first.": {Kind: domain.InvalidField, Fields: map[string]string{"dept": "is required"}},
		"The account is still on, its sessions ended: its data must be edited first.":              {Kind: domain.InvalidField},
	} {
		provider := newMock(t)
		finds(t, provider, domain.User{ID: "7", Enabled: true})
		provider.EXPECT().SetEnabled(t.Context(), domain.UserID("7"), false).Return(refusal)
		provider.EXPECT().EndSessions(t.Context(), domain.UserID("7"))
		b := newBench(provider)
		attempt := b.Begin(domain.ActionSetStatus, app.Request{})
		err := b.Finish(t.Context(), attempt, b.SetStatus(t.Context(), attempt, username(t, "anna"), false))
		require.ErrorIs(t, err, refusal.Kind)
		assert.Equal(t, message, domain.AsError(err).Message)
		assert.LessOrEqual(t, len(message), 90)
		event := b.audit.only(t)
		assert.Equal(t, domain.Failed, event.Outcome)
		assert.Equal(t, map[string]any{"enabled": true, "sessions_revoked": true}, event.After)

		finds(t, provider, domain.User{ID: "7", Enabled: true})
		provider.EXPECT().SetEnabled(t.Context(), domain.UserID("7"), false).Return(refusal)
		provider.EXPECT().EndSessions(t.Context(), domain.UserID("7")).Return(&domain.Error{Kind: domain.Timeout})
		err = setStatus(t, provider, "anna", false)
		require.ErrorIs(t, err, domain.Timeout)
		assert.Contains(t, domain.AsError(err).Message, "may still have open sessions")
	}
}

func TestForcePasswordChange_KeepsOtherActions(t *testing.T) {
	provider := newMemory()
	add(t, provider, domain.User{Username: "anna", RequiredActions: []domain.RequiredAction{domain.VerifyEmail, "CONFIGURE_TOTP"}})
	already, err := forcePasswordChange(t, provider, "anna")
	require.NoError(t, err)
	assert.False(t, already)
	assert.ElementsMatch(t, []domain.RequiredAction{domain.VerifyEmail, "CONFIGURE_TOTP", domain.UpdatePassword}, provider.Users()[0].RequiredActions)
}

// Who must choose a password that cannot be stored cannot sign in any more.
func TestForcePasswordChange_NotWhereThePasswordIsADirectorys(t *testing.T) {
	provider := newMock(t)
	finds(t, provider, domain.User{ID: "7", PasswordElsewhere: true})
	_, err := forcePasswordChange(t, provider, "anna")
	require.ErrorIs(t, err, domain.ReadOnlyUser)
}

func TestForcePasswordChange_WritesNothingWhenRequiredAlready(t *testing.T) {
	provider := newMock(t)
	finds(t, provider, domain.User{ID: "7", RequiredActions: []domain.RequiredAction{domain.VerifyEmail, domain.UpdatePassword}})
	already, err := forcePasswordChange(t, provider, "anna")
	require.NoError(t, err)
	assert.True(t, already)
}

// Nothing would be asked at the next sign-in, also where it seems to be required already.
func TestForcePasswordChange_SaysWhenTheRealmAsksForNone(t *testing.T) {
	provider := memory.New(memory.Realm{LacksActions: []domain.RequiredAction{domain.UpdatePassword}})
	_, err := provider.AddUser(domain.User{Username: "anna"}, "")
	require.NoError(t, err)
	_, err = provider.AddUser(domain.User{Username: "bert", RequiredActions: []domain.RequiredAction{domain.UpdatePassword}}, "")
	require.NoError(t, err)
	for _, name := range []string{"anna", "bert"} {
		_, err := forcePasswordChange(t, provider, name)
		require.ErrorIs(t, err, domain.ActionUnavailable, name)
	}
	assert.Empty(t, provider.Users()[0].RequiredActions)
}

func TestResetPassword_WarnsOfALinkThatLeadsNowhere(t *testing.T) {
	provider := memory.New(memory.Realm{LacksActions: []domain.RequiredAction{domain.UpdatePassword}})
	_, err := provider.AddUser(domain.User{Username: "anna", Email: "anna@bank.example", Enabled: true}, "")
	require.NoError(t, err)
	b := newBench(provider)
	_, warnings, err := b.ResetPassword(t.Context(), b.Begin(domain.ActionResetPassword, app.Request{}), username(t, "anna"))
	require.NoError(t, err)
	assert.Equal(t, []string{linkLeadsNowhere}, warnings)
}

// Whom the realm's rules refuse must be edited before anything else of the user changes.
func TestUseCases_SayWhatOfTheUserMustBeEditedFirst(t *testing.T) {
	refusal := &domain.Error{Kind: domain.InvalidField, Fields: map[string]string{"mobile_number": "is not allowed"}}
	const message = "Nothing was changed: the user's mobile_number must be edited first."
	provider := newMock(t)
	finds(t, provider, domain.User{ID: "7"})
	provider.EXPECT().SetEnabled(t.Context(), domain.UserID("7"), true).Return(refusal)
	assert.Equal(t, message, domain.AsError(setStatus(t, provider, "anna", true)).Message)
	finds(t, provider, domain.User{ID: "7"})
	provider.EXPECT().SetRequiredActions(t.Context(), domain.UserID("7"), gomock.Any()).Return(refusal)
	_, err := forcePasswordChange(t, provider, "anna")
	require.ErrorIs(t, err, domain.InvalidField)
	assert.Equal(t, message, domain.AsError(err).Message)
}

func TestGetStatus_IsWholeOrAnError(t *testing.T) {
	provider := newMemory()
	id := add(t, provider, domain.User{Username: "anna", Email: "anna@bank.example", Enabled: true})
	status, err := getStatus(t, provider, "Anna")
	require.NoError(t, err)
	assert.Equal(t, app.Status{
		User:        domain.User{ID: id, Username: "anna", Email: "anna@bank.example", Enabled: true, CreatedAt: now()},
		Memberships: domain.Memberships{Roles: []domain.RealmRole{"teller"}, Groups: []domain.Group{"tellers"}},
	}, status)

	_, err = getStatus(t, provider, "ann")
	require.ErrorIs(t, err, domain.NotFound)

	failing := newMock(t)
	failing.EXPECT().FindUser(t.Context(), username(t, "anna")).Return(domain.User{ID: "7"}, nil)
	failing.EXPECT().Memberships(t.Context(), domain.UserID("7")).Return(domain.Memberships{}, &domain.Error{Kind: domain.BadAnswer})
	status, err = getStatus(t, failing, "anna")
	require.ErrorIs(t, err, domain.BadAnswer)
	assert.Zero(t, status)
}
