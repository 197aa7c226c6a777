package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// An auditor reads these a year later and has nothing else.

// forced makes anna have to change the password already.
func forced(provider *memory.Provider, t *testing.T) error {
	t.Helper()
	_, err := forcePasswordChange(t, provider, "anna")
	return err
}

// idOf returns the user's id.
func idOf(t *testing.T, provider *memory.Provider, name string) domain.UserID {
	t.Helper()
	user, err := provider.FindUser(t.Context(), username(t, name))
	require.NoError(t, err)
	return user.ID
}

// eventOf makes the administrator asha try something, and returns its event.
func eventOf(t *testing.T, provider ports.IdentityProvider, do useCase, name string) domain.AuditEvent {
	t.Helper()
	b := newBench(provider, checking(admin()), introspecting(&introspector{answer: active}), guarded)
	_ = b.attempt(t, app.Caller{Token: goodToken}, do, name) // The event tells.
	return b.audit.only(t)
}

// useCaseNamed picks one of the writing use cases.
func useCaseNamed(t *testing.T, name string) useCase {
	t.Helper()
	for _, do := range writing() {
		if do.name == name {
			return do
		}
	}
	require.FailNow(t, "no such use case", name)
	return useCase{}
}

func TestEvents_TellWhatAWriteChanged(t *testing.T) {
	provider := newGuardedRealm(t)
	id := idOf(t, provider, "anna")
	allowed := func(action domain.Action, before, after map[string]any) domain.AuditEvent {
		return domain.AuditEvent{
			Time: now(), Action: action, Actor: admin(), Outcome: domain.Allowed, TargetUsername: "Anna", TargetID: id, Before: before, After: after,
		}
	}
	for _, test := range []struct {
		use  string
		want domain.AuditEvent
	}{
		{"reset", allowed(domain.ActionResetPassword, nil, map[string]any{"mail_sent_to": "anna@bank.example"})},
		{"disable", allowed(domain.ActionSetStatus, map[string]any{"enabled": true}, map[string]any{"enabled": false})},
		{"disable", allowed(domain.ActionSetStatus, map[string]any{"enabled": false}, map[string]any{"enabled": false})},
		{"enable", allowed(domain.ActionSetStatus, map[string]any{"enabled": false}, map[string]any{"enabled": true})},
		{"force", allowed(domain.ActionForcePasswordChange,
			map[string]any{"required_actions": []domain.RequiredAction(nil)},
			map[string]any{"required_actions": []domain.RequiredAction{domain.UpdatePassword}})},
		{"force", allowed(domain.ActionForcePasswordChange, nil, nil)}, // It was required already.
		{"edit", allowed(domain.ActionUpdateUser, map[string]any{"last_name": ""}, map[string]any{"last_name": "Edited"})},
		{"edit", allowed(domain.ActionUpdateUser, nil, nil)}, // It is the name already.
		{"log out", allowed(domain.ActionEndSessions, nil, map[string]any{"sessions_revoked": true})},
	} {
		assert.Equal(t, test.want, eventOf(t, provider, useCaseNamed(t, test.use), "Anna"), test.use)
	}
	assert.Equal(t, domain.AuditEvent{
		Time: now(), Action: domain.ActionGetStatus, Actor: admin(), Outcome: domain.Allowed, TargetUsername: "Anna", TargetID: id,
	}, eventOf(t, provider, reading(), "Anna"), "a read changes nothing")
}

func TestEvents_TellWhoWasCreatedAndByWhichMapping(t *testing.T) {
	provider := newGuardedRealm(t)
	event := eventOf(t, provider, syncing(), "Tariq")
	assert.Equal(t, domain.AuditEvent{
		Time: now(), Action: domain.ActionSyncUser, Actor: admin(), Outcome: domain.Allowed,
		TargetUsername: "Tariq", TargetID: idOf(t, provider, "tariq"),
		FineractRole: "Cashier", Assignment: domain.Assignment{Role: "teller", Group: "tellers"},
		After: map[string]any{
			"email": "Tariq@bank.example", "first_name": "Anna", "last_name": "Smith", "enabled": true, "email_verified": true,
			"required_actions": []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor},
			"realm_role":       domain.RealmRole("teller"), "group": domain.Group("tellers"), "fineract_role": "Cashier",
		},
	}, event)

	withoutGroup := memory.New(memory.Realm{Roles: []domain.RealmRole{"teller"}})
	event = eventOf(t, withoutGroup, syncing(), "tariq")
	assert.Equal(t, domain.Allowed, event.Outcome)
	assert.NotContains(t, event.After, "group", "the user is not in it")
	assert.Equal(t, domain.Group("tellers"), event.Assignment.Group, "the mapping says so nonetheless")
}

func TestEvents_TellThatNothingWasCreated(t *testing.T) {
	provider := newGuardedRealm(t)
	exists := eventOf(t, provider, syncing(), "anna")
	assert.Equal(t, domain.Allowed, exists.Outcome)
	assert.Equal(t, idOf(t, provider, "anna"), exists.TargetID)
	assert.Nil(t, exists.After)

	b := newBench(provider)
	attempt := b.Begin(domain.ActionSyncUser, app.Request{})
	_, err := b.SyncUser(t.Context(), attempt, employee(t, "anna", "another@bank.example", "Cashier"))
	require.ErrorIs(t, b.Finish(t.Context(), attempt, err), domain.UsernameConflict)
	conflict := b.audit.only(t)
	assert.Equal(t, domain.Refused, conflict.Outcome)
	assert.Equal(t, idOf(t, provider, "anna"), conflict.TargetID, "whose account it is")
	assert.Nil(t, conflict.After)
}

func TestEvents_TellWhomARefusedAttemptWasAbout(t *testing.T) {
	provider := newGuardedRealm(t)
	for _, do := range targeting() {
		unknown := eventOf(t, provider, do, "nobody")
		assert.Equal(t, "nobody", unknown.TargetUsername)
		assert.Empty(t, unknown.TargetID)
		assert.Equal(t, domain.NotFound, unknown.Reason)

		byName := eventOf(t, provider, do, "breakglass")
		assert.Equal(t, domain.ProtectedUser, byName.Reason)
		assert.Empty(t, byName.TargetID, "nobody was asked")

		byRole := eventOf(t, provider, do, "vip")
		assert.Equal(t, domain.ProtectedUser, byRole.Reason)
		assert.Equal(t, idOf(t, provider, "vip"), byRole.TargetID)
	}
	unread := eventOf(t, provider, reading(), "nobody")
	assert.Equal(t, "nobody", unread.TargetUsername)
	assert.Equal(t, domain.Refused, unread.Outcome)
}

// Half done is neither done nor refused, and the event says what may have changed.
func TestEvents_TellOfAFailureOnTheWay(t *testing.T) {
	provider := newMock(t)
	finds(t, provider, domain.User{ID: "7", Username: "anna", Enabled: true})
	provider.EXPECT().SetEnabled(t.Context(), domain.UserID("7"), false)
	provider.EXPECT().EndSessions(t.Context(), domain.UserID("7")).Return(&domain.Error{Kind: domain.Timeout, Err: errors.New("cause")})
	b := newBench(provider)
	require.ErrorIs(t, b.attempt(t, app.Caller{}, useCaseNamed(t, "disable"), "anna"), domain.Timeout)
	event := b.audit.only(t)
	assert.Equal(t, domain.Failed, event.Outcome)
	assert.Equal(t, domain.Timeout, event.Reason)
	assert.Equal(t, map[string]any{"enabled": true}, event.Before)
	assert.Equal(t, map[string]any{"enabled": false}, event.After)
}

// Passwords and tokens are what an intruder would look for in a file that everybody
// may copy to an archive.
func TestEvents_HoldNoSecret(t *testing.T) {
	provider := newGuardedRealm(t)
	const badToken = "eyJ-bad-token"
	b := newBench(provider, checking(admin()), introspecting(&introspector{answer: active}))
	attempt := b.Begin(domain.ActionSyncUser, app.Request{})
	require.NoError(t, b.Admit(t.Context(), attempt, app.Caller{Token: goodToken}))
	result, err := b.SyncUser(t.Context(), attempt, employee(t, "tariq", "tariq@bank.example", "Cashier"))
	require.NoError(t, err)
	b.audit.recordErr = full // so that the event goes to the ordinary log
	require.Error(t, b.Finish(t.Context(), attempt, nil))
	b.audit.recordErr = nil
	require.NoError(t, b.Finish(t.Context(), attempt, nil))
	for _, do := range append(writing(), reading()) {
		for _, name := range []string{"tariq", "anna", "holder"} {
			_ = b.attempt(t, app.Caller{Token: goodToken}, do, name)
			_ = b.attempt(t, app.Caller{Token: badToken}, do, name)
		}
	}

	password := result.Password.Reveal()
	require.NotEmpty(t, password)
	require.Len(t, b.audit.events, 55)
	everything := b.log.String()
	for _, event := range b.audit.events {
		encoded, err := json.Marshal(event)
		require.NoError(t, err)
		everything += string(encoded) + fmt.Sprintf("%v %+v %#v", event, event, event)
	}
	for _, secret := range []string{password, goodToken, badToken, "Long&Secret11"} {
		assert.NotContains(t, everything, secret)
	}
	quoted, err := json.Marshal(password) // JSON writes some characters otherwise
	require.NoError(t, err)
	assert.NotContains(t, everything, string(quoted[1:len(quoted)-1]))
}
