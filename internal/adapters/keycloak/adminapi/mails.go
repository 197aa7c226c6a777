package adminapi

import (
	"context"
	"errors"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"user-sync-service/internal/domain"
)

// Keycloak answers a mail when the mail server has, which may be never. So mails have
// places and a circuit of their own: they take nothing from the other calls, and how they
// end says nothing about Keycloak. Few are under way at once, because Keycloak goes on with
// a mail that is given up here.
const (
	MaxMails = 4
	// mailQueue is how many more may wait for their turn.
	mailQueue = 16
	// MailFailures of the latest mailCalls open the circuit.
	MailFailures = 3
	mailCalls    = 5
	// longestPatience is shorter than Keycloak's own, which is ten seconds.
	longestPatience = 2 * time.Second
)

// mailBounds returns the bounds of mails; the retries are those of all calls.
func (b bounds) mailBounds(times Timing) bounds {
	b.queue, b.bulkhead = bulkhead.New[any](mailQueue), bulkhead.New[any](MaxMails)
	b.circuit = newCircuit(MailFailures, mailCalls, times.MailCircuitDelay)
	return b
}

// mailPatience is how long a mail waits for its turn, and how long a mail may take before
// its failure counts against the mail server.
func (c *Client) mailPatience() time.Duration { return min(longestPatience, c.CallTimeout/2) }

// mailFault reports whether a mail that ended this way tells against the mail server, and
// whether it tells nothing about it. What counts is the time: Keycloak has the same words
// for a mail server that is mute or away and for one that refuses a recipient, and what
// fails soon holds nobody up.
func (c *Client) mailFault(failure *Error, took time.Duration) (fault, nothing bool) {
	switch {
	case failure == nil:
		return false, false
	case failure.Outcome == NotSent:
		return false, true
	case errors.Is(failure, domain.EmailDeliveryFailed), errors.Is(failure, domain.Timeout), failure.Code == cancelled:
		fault = took >= c.mailPatience()
		return fault, !fault && failure.Code == cancelled
	}
	return false, true // It is about Keycloak, or about the user.
}

// mailTurnedAway is the error of a mail that was not sent, because the circuit is open or
// too many are under way.
func (c *Client) mailTurnedAway(err error) *Error {
	reason, failure := "busy", notSent(opSendActionsMail, domain.EmailDeliveryFailed, "too many mails are under way")
	failure.err.Message = "Too many mails are under way. Please try again in a moment."
	if errors.Is(err, circuitbreaker.ErrOpen) {
		reason, failure = "circuit_open", notSent(opSendActionsMail, domain.EmailDeliveryFailed, "not tried, the circuit of mails is open")
		failure.err.Message = "The mail server does not answer. Nothing was sent. Please try again later."
		failure.err.RetryAfter = c.mailBounds.circuit.RemainingDelay()
	}
	c.Observer.MailTurnedAway(reason)
	return failure
}

// SendActionsMail mails the user a link to the required actions.
func (c *Client) SendActionsMail(ctx context.Context, id domain.UserID, actions []string, lifespan time.Duration) error {
	err := c.onUser(ctx, opSendActionsMail, id, func(ctx context.Context, token, userID string) error {
		return c.gocloak.ExecuteActionsEmail(ctx, token, c.realm, gocloak.ExecuteActionsEmail{
			UserID: &userID, Lifespan: new(int(lifespan.Seconds())), Actions: &actions,
		})
	})
	if errors.Is(err, domain.Timeout) && OutcomeOf(err) == NotSent {
		// It is Keycloak that is not there, not the mail server.
		return notSent(opSendActionsMail, domain.Unavailable, "no connection in time")
	}
	return err
}
