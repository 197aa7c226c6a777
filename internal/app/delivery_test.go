package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// A new employee must get in somehow: by a password that the administrator passes on, or
// by a link in a mail.

// delivering makes new users get their password in this way.
func delivering(delivery app.Delivery) func(*app.Config) {
	return func(config *app.Config) { config.Delivery = delivery }
}

// mail is what a mailbox keeps of a mail.
type mail struct {
	to       domain.UserID
	actions  []domain.RequiredAction
	lifespan time.Duration
}

// mailbox is a provider that keeps its mails, or fails to send them.
type mailbox struct {
	ports.IdentityProvider
	err   error
	mails []mail
}

func (m *mailbox) SendActionsMail(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
	m.mails = append(m.mails, mail{id, actions, lifespan})
	if m.err != nil {
		return m.err
	}
	return m.IdentityProvider.SendActionsMail(ctx, id, actions, lifespan)
}

// syncTariq creates tariq, a cashier, as an attempt from the beginning to its end.
func (b *bench) syncTariq(t *testing.T) (app.SyncUserResult, error) {
	t.Helper()
	attempt := b.Begin(domain.ActionSyncUser, app.Request{})
	result, err := b.SyncUser(t.Context(), attempt, employee(t, "tariq", "tariq@bank.example", "Cashier"))
	return result, b.Finish(t.Context(), attempt, err)
}

func TestDelivery_ShowsAPasswordOrMailsALinkOrBoth(t *testing.T) {
	for delivery, want := range map[app.Delivery]struct{ password, mail bool }{
		"":                    {true, false},
		app.DeliverInResponse: {true, false},
		app.DeliverByEmail:    {false, true},
		app.DeliverBoth:       {true, true},
	} {
		provider := newMemory()
		kept := &mailbox{IdentityProvider: provider}
		b := newBench(kept, delivering(delivery))

		result, err := b.syncTariq(t)

		require.NoError(t, err)
		assert.True(t, result.Created)
		assert.Empty(t, result.Warnings)
		assert.Equal(t, want.password, !result.Password.IsEmpty(), delivery)
		_, err = provider.SignIn("tariq", result.Password.Reveal())
		if want.password {
			require.ErrorIs(t, err, memory.NotSetUp, "the password is right")
		} else {
			require.ErrorIs(t, err, memory.WrongPassword, "there is none")
		}
		after := b.audit.only(t).After
		if want.mail {
			assert.Equal(t, "tariq@bank.example", result.EmailSentTo)
			assert.Equal(t, []mail{{result.ID, result.RequiredActions, 24 * time.Hour}}, kept.mails)
			assert.Equal(t, "tariq@bank.example", after["mail_sent_to"])
		} else {
			assert.Empty(t, result.EmailSentTo)
			assert.Empty(t, kept.mails)
			assert.NotContains(t, after, "mail_sent_to")
		}
	}
}

// A password that nobody gets to know is not made, and what it takes to make one is not
// asked for.
func TestDelivery_ByEmailMakesNoPassword(t *testing.T) {
	provider := newMock(t)
	isNew(t, provider, "tariq")
	provider.EXPECT().CreateUser(t.Context(), gomock.Any()).DoAndReturn(func(_ any, user domain.NewUser) (domain.CreatedUser, error) {
		assert.True(t, user.Password.IsEmpty())
		return domain.CreatedUser{ID: "7", RequiredActions: user.RequiredActions}, nil
	})
	provider.EXPECT().SendActionsMail(t.Context(), domain.UserID("7"), newBench(nil).RequiredActions, 24*time.Hour)
	result, err := newBench(provider, delivering(app.DeliverByEmail)).syncTariq(t)
	require.NoError(t, err)
	assert.True(t, result.Password.IsEmpty())
}

// Without it the link would lead to everything but a password.
func TestDelivery_TheLinkLeadsToAPasswordWhateverElseIsRequired(t *testing.T) {
	for name, test := range map[string]struct {
		delivery        app.Delivery
		required, lacks []domain.RequiredAction
		user, mail      []domain.RequiredAction
	}{
		"nothing required":               {app.DeliverByEmail, nil, nil, nil, []domain.RequiredAction{domain.UpdatePassword}},
		"another action":                 {app.DeliverByEmail, []domain.RequiredAction{domain.VerifyEmail}, nil, []domain.RequiredAction{domain.VerifyEmail}, []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail}},
		"it and another":                 {app.DeliverByEmail, []domain.RequiredAction{domain.VerifyEmail, domain.UpdatePassword}, nil, []domain.RequiredAction{domain.VerifyEmail, domain.UpdatePassword}, []domain.RequiredAction{domain.VerifyEmail, domain.UpdatePassword}},
		"one that the realm lacks":       {app.DeliverByEmail, []domain.RequiredAction{"CONFIGURE_TOTP"}, []domain.RequiredAction{"CONFIGURE_TOTP"}, nil, []domain.RequiredAction{domain.UpdatePassword}},
		"nothing, and a password beside": {app.DeliverBoth, nil, nil, []domain.RequiredAction{domain.UpdatePassword}, []domain.RequiredAction{domain.UpdatePassword}},
	} {
		kept := &mailbox{IdentityProvider: memory.New(memory.Realm{
			Roles: []domain.RealmRole{"teller"}, Groups: []domain.Group{"tellers"}, LacksActions: test.lacks,
		})}
		b := newBench(kept, delivering(test.delivery), func(config *app.Config) { config.RequiredActions = test.required })

		result, err := b.syncTariq(t)

		require.NoError(t, err, name)
		assert.ElementsMatch(t, test.user, result.RequiredActions, name)
		require.Len(t, kept.mails, 1, name)
		assert.Equal(t, test.mail, kept.mails[0].actions, name)
		assert.Equal(t, test.required, b.RequiredActions, "the configuration stays as it is")
	}
}

const (
	mailNotSent = `The mail to choose a password could not be sent. Please use "reset password".`
	mailUnclear = `The mail to choose a password may not have gone out. Please use "reset password".`
)

// A user who exists and cannot get in is repaired by one more mail; a user who was
// deleted again would have to be typed once more.
func TestDelivery_AMailThatFailsIsAWarning(t *testing.T) {
	for kind, warning := range map[domain.Kind]string{
		domain.EmailDeliveryFailed: mailNotSent,
		domain.NoEmail:             mailNotSent,
		domain.UserDisabled:        mailNotSent,
		domain.NotFound:            mailNotSent,
		domain.Overloaded:          mailNotSent,
		domain.BadAnswer:           mailNotSent,
		domain.Internal:            mailNotSent,
		domain.Timeout:             mailUnclear,
		domain.Unavailable:         mailUnclear,
	} {
		for _, delivery := range []app.Delivery{app.DeliverByEmail, app.DeliverBoth} {
			provider := newMemory()
			b := newBench(&mailbox{provider, &domain.Error{Kind: kind, Err: errors.New("the cause")}, nil}, delivering(delivery))

			result, err := b.syncTariq(t)

			require.NoError(t, err, kind)
			assert.True(t, result.Created, kind)
			assert.Equal(t, delivery == app.DeliverByEmail, result.Password.IsEmpty(), kind)
			assert.Empty(t, result.EmailSentTo, kind)
			assert.Equal(t, []string{warning}, result.Warnings, kind)
			assert.LessOrEqual(t, len(warning), 90)
			assert.Len(t, provider.Users(), 1, "the user stays")
			event := b.audit.only(t)
			assert.Equal(t, domain.Allowed, event.Outcome)
			assert.NotContains(t, event.After, "mail_sent_to")
			assert.Contains(t, b.log.String(), "the cause")
			assert.NotContains(t, b.log.String(), "tariq")
		}
	}
}

// The mail comes last, so it is what there may be no time left for.
func TestDelivery_NoMailIsBegunWithoutTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	provider := newMock(t)
	provider.EXPECT().FindUser(ctx, username(t, "tariq")).Return(domain.User{}, &domain.Error{Kind: domain.NotFound})
	provider.EXPECT().RightsOf(ctx, domain.Assignment{Role: "teller", Group: "tellers"})
	provider.EXPECT().CreateUser(ctx, gomock.Any()).DoAndReturn(func(context.Context, domain.NewUser) (domain.CreatedUser, error) {
		cancel()
		return domain.CreatedUser{ID: "7", RequiredActions: newBench(nil).RequiredActions}, nil
	})
	b := newBench(provider, delivering(app.DeliverByEmail))
	result, err := b.SyncUser(ctx, b.Begin(domain.ActionSyncUser, app.Request{}), employee(t, "tariq", "tariq@bank.example", "Cashier"))
	require.NoError(t, err)
	assert.Equal(t, []string{mailNotSent}, result.Warnings)
}

// A mailbox could be flooded with new users just as well.
func TestDelivery_CountsForTheCoolDownOfTheMailbox(t *testing.T) {
	provider := newMemory()
	b := newBench(provider, delivering(app.DeliverByEmail), func(config *app.Config) { config.ResetCooldown = time.Minute })
	sync := func(name, address string) (app.SyncUserResult, error) {
		return b.SyncUser(t.Context(), b.Begin(domain.ActionSyncUser, app.Request{}), employee(t, name, address, "Cashier"))
	}
	_, err := sync("one", "victim@outside.example")
	require.NoError(t, err)
	_, err = sync("two", "Victim+2@outside.example")
	mailboxTooSoon(t, err)
	assert.Len(t, provider.Users(), 1, "nothing half done")
	_, _, err = b.ResetPassword(t.Context(), b.Begin(domain.ActionResetPassword, app.Request{}), username(t, "one"))
	mailboxTooSoon(t, err)
	assert.Len(t, provider.Mails(), 1)

	// Of two at once, one finds out when its user is there already.
	crowd := &meanwhile{Provider: newMemory()}
	b = newBench(crowd, delivering(app.DeliverByEmail), func(config *app.Config) { config.ResetCooldown = time.Minute })
	crowd.do = func() {
		_, err := sync("one", "victim@outside.example")
		require.NoError(t, err)
	}
	result, err := sync("two", "victim+2@outside.example")
	require.NoError(t, err)
	assert.Equal(t, []string{mailNotSent}, result.Warnings)
	assert.Len(t, crowd.Mails(), 1)
}

// meanwhile is a provider on which something else happens just when a user is created.
type meanwhile struct {
	*memory.Provider
	do func()
}

func (m *meanwhile) CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return m.Provider.CreateUser(ctx, user)
}

func TestDelivery_NobodyWhoExistsGetsAMail(t *testing.T) {
	provider := newMemory()
	add(t, provider, domain.User{Username: "tariq", Email: "tariq@bank.example", Enabled: true, Managed: true})
	result, err := newBench(provider, delivering(app.DeliverByEmail), repairing).syncTariq(t)
	require.NoError(t, err)
	assert.False(t, result.Created)
	assert.Empty(t, result.EmailSentTo)
	assert.Empty(t, provider.Mails())

	_, err = newBench(provider, delivering(app.DeliverByEmail)).SyncUser(t.Context(), newBench(provider).Begin(domain.ActionSyncUser, app.Request{}),
		employee(t, "tariq", "other@bank.example", "Cashier"))
	require.ErrorIs(t, err, domain.UsernameConflict)
	assert.Empty(t, provider.Mails())
}
