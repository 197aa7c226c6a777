package memory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

func TestFailMails_CanBeUndone(t *testing.T) {
	p := newProvider()
	id := add(t, p, anna(), "")
	p.FailMails(true)
	require.ErrorIs(t, p.SendActionsMail(t.Context(), id, []domain.RequiredAction{domain.UpdatePassword}, 0), domain.EmailDeliveryFailed)
	p.FailMails(false)
	require.NoError(t, p.SendActionsMail(t.Context(), id, []domain.RequiredAction{domain.UpdatePassword}, 0))
	assert.Equal(t, []string{"anna@example.com"}, p.Mails())
}

func TestActionsMails_TellsWhatWasSent(t *testing.T) {
	p := newProvider()
	id := add(t, p, anna(), "")
	assert.Empty(t, p.ActionsMails())
	actions := []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail}
	require.NoError(t, p.SendActionsMail(t.Context(), id, actions, time.Hour))
	require.NoError(t, p.SendActionsMail(t.Context(), id, nil, time.Minute))

	want := []memory.Mail{
		{To: "anna@example.com", Actions: []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail}, Lifespan: time.Hour},
		{To: "anna@example.com", Lifespan: time.Minute},
	}
	actions[0] = "spoilt"
	assert.Equal(t, want, p.ActionsMails())
	p.ActionsMails()[0].Actions[0] = "spoilt"
	assert.Equal(t, want, p.ActionsMails(), "the list is the caller's own")
}
