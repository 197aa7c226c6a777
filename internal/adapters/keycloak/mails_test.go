package keycloak_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// Keycloak waits for the mail server. Whatever that does, all else goes on.

// notDelivered is Keycloak's answer to each failure of the mail server.
func notDelivered() http.HandlerFunc {
	return saying(500, "application/json", `{"errorMessage":"Failed to send execute actions email: Error when attempting to send the email to the server. More information is available in the server log."}`)
}

// slowly answers after what is longer than mails may take that tell nothing.
func slowly(with http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(500 * time.Millisecond) // impatient is 800 ms; half of it counts.
		with(w, r)
	}
}

// turnedAway asserts that a mail is not sent, at once, and the sentence.
func turnedAway(t *testing.T, s *stub, p *keycloak.Provider, id domain.UserID, sentence string) {
	t.Helper()
	s.taken()
	began := time.Now()
	err := sendMail(t.Context(), t, p, id)
	assertOnlyKind(t, domain.EmailDeliveryFailed, err)
	assert.Less(t, time.Since(began), 100*time.Millisecond)
	assert.Equal(t, sentence, domain.AsError(err).Message)
	assert.LessOrEqual(t, len(sentence), 90)
	assert.Empty(t, s.taken(), "nothing is sent")
}

const (
	silent = "The mail server does not answer. Nothing was sent. Please try again later."
	busy   = "Too many mails are under way. Please try again in a moment."
)

func TestMails_ThatGetNoAnswerOpenACircuitOfTheirOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with http.HandlerFunc
		kind domain.Kind
	}{
		"mute":                      {hang, domain.Timeout},
		"mute behind a gateway":     {slowly(saying(504, "", "")), domain.Timeout},
		"Keycloak gives up earlier": {slowly(notDelivered()), domain.EmailDeliveryFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen tally
			s, p, id := warmed(t, impatient, keycloak.WithCircuitDelay(circuitDelay), seen.observe)
			heal := s.spoil(mailRoute, c.with)
			for range keycloak.MailFailures {
				require.ErrorIs(t, sendMail(t.Context(), t, p, id), c.kind)
			}
			turnedAway(t, s, p, id, silent)
			assert.Positive(t, domain.AsError(sendMail(t.Context(), t, p, id)).RetryAfter)
			assert.Equal(t, []string{"circuit_open", "circuit_open"}, seen.turnedAway)
			assert.Equal(t, "open", p.State().MailCircuit)
			assert.Equal(t, "closed", p.State().Circuit)
			require.NoError(t, p.EndSessions(t.Context(), id))

			time.Sleep(circuitDelay)
			require.ErrorIs(t, sendMail(t.Context(), t, p, id), c.kind, "a probe")
			turnedAway(t, s, p, id, silent)
			heal()
			time.Sleep(circuitDelay)
			require.NoError(t, sendMail(t.Context(), t, p, id))
			assert.Equal(t, "closed", p.State().MailCircuit)
		})
	}
}

// Whoever has bad addresses must not take the mails away from the others; and what is
// wrong with Keycloak is not the mail server's fault.
func TestMails_OtherFailuresOpenNoCircuitOfMails(t *testing.T) {
	for name, c := range map[string]struct {
		with http.HandlerFunc
		kind domain.Kind
	}{
		"a refused recipient": {notDelivered(), domain.EmailDeliveryFailed},
		"a disabled user":     {saying(400, "application/json", `{"errorMessage":"User is disabled"}`), domain.UserDisabled},
		"503":                 {saying(503, "", ""), domain.Unavailable},
		"reset":               {reset, domain.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s, p, id := warmed(t, unpooled)
			heal := s.spoil(mailRoute, c.with)
			for range 4 * keycloak.CircuitFailures {
				require.ErrorIs(t, sendMail(t.Context(), t, p, id), c.kind)
			}
			assert.Equal(t, "closed", p.State().Circuit)
			heal()
			require.NoError(t, sendMail(t.Context(), t, p, id))
		})
	}
}

// Callers who do not wait for the end would else keep it hidden.
func TestMails_CallersWhoLeaveLateCount(t *testing.T) {
	s, p, id := warmed(t, impatient)
	s.spoil(mailRoute, hang)
	for range keycloak.MailFailures {
		ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
		require.ErrorIs(t, sendMail(ctx, t, p, id), domain.Unavailable)
		cancel()
	}
	turnedAway(t, s, p, id, silent)
}

// Mails under way take no place of the other calls, however few there are, and more of
// them than Keycloak is to have at once are not begun.
func TestMails_HaveAFewPlacesOfTheirOwn(t *testing.T) {
	var seen tally
	s, p, id := warmed(t, func(config *keycloak.Config) { config.MaxConcurrency = 1 }, seen.observe)
	reached, goOn := make(chan struct{}, keycloak.MaxMails), make(chan struct{})
	heal := s.spoil(mailRoute, func(w http.ResponseWriter, _ *http.Request) {
		reached <- struct{}{}
		<-goOn
		w.WriteHeader(http.StatusNoContent)
	})
	const waiting, tooMany = 16, 10
	results := make(chan error, keycloak.MaxMails+waiting+tooMany)
	for range cap(results) {
		go func() { results <- sendMail(t.Context(), t, p, id) }()
	}
	for range keycloak.MaxMails {
		<-reached
	}
	for range tooMany + waiting { // Those who wait do not wait for long.
		err := <-results
		assertOnlyKind(t, domain.EmailDeliveryFailed, err)
		assert.Equal(t, busy, domain.AsError(err).Message)
	}
	assert.Equal(t, keycloak.MaxMails, s.count(mailRoute))
	assert.Len(t, seen.turnedAway, tooMany+waiting)
	require.NoError(t, p.EndSessions(t.Context(), id))

	close(goOn)
	for range keycloak.MaxMails {
		require.NoError(t, <-results)
	}
	heal()
	require.NoError(t, p.EndSessions(t.Context(), id))
	require.NoError(t, sendMail(t.Context(), t, p, id))
}
