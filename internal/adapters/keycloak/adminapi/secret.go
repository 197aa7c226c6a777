package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"user-sync-service/internal/domain"
)

// clientSecret is the secret of the service's own client. It is read each time that it
// is used, so that a rotation needs no restart. During one, Keycloak may know the new
// secret later or earlier than we do; so the one that was accepted last is kept, and goes
// first as long as it is accepted.
type clientSecret struct {
	read   func() (domain.Secret, error)
	reread func(error) // is told of changes and failures; it must not wait

	mu      sync.Mutex
	latest  domain.Secret // as it was read last
	proven  domain.Secret // as it was accepted last; empty: none was yet
	failing bool
}

// candidates returns the secrets to try, in their order. When the secret cannot be read,
// the one that was read before has to do.
func (s *clientSecret) candidates() ([]domain.Secret, error) {
	s.mu.Lock() // Around the reading too: who reads later must not keep something earlier.
	defer s.mu.Unlock()
	read, err := s.read()
	if err != nil && !s.failing { // Once, not for each call.
		s.reread(err)
	}
	s.failing = err != nil
	switch {
	case err == nil:
		if !s.latest.IsEmpty() && read.Reveal() != s.latest.Reveal() {
			s.reread(nil)
		}
		s.latest = read
	case s.latest.IsEmpty():
		return nil, err
	}
	if s.proven.IsEmpty() || s.proven.Reveal() == s.latest.Reveal() {
		return []domain.Secret{s.latest}, nil
	}
	return []domain.Secret{s.proven, s.latest}, nil
}

func (s *clientSecret) accepted(secret domain.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proven = secret
}

func (s *clientSecret) wasAccepted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.proven.IsEmpty()
}

// SecretTries is how often the secrets are tried when Keycloak refuses all of them.
const SecretTries = 5

// asClient posts a form to an endpoint of the realm's OpenID Connect as the service's own
// client, and returns the answer. That Keycloak refuses a secret which it used to accept is
// a rotation, most likely, whose other half is about to come: so the secret is read again,
// after pauses that get longer.
func asClient[T any](ctx context.Context, c *Client, op operation, endpoint string, form map[string]string) (T, error) {
	ctx, cancel := c.UntilClosed(ctx)
	defer cancel()
	retries := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return refusesSecret(err) && c.secret.wasAccepted() }).
		WithMaxRetries(SecretTries-1).
		WithBackoffFactor(c.Timing.SecretPause, time.Minute, 2).
		ReturnLastFailure().
		Build()
	var answer T
	var failure error = notSent(op, domain.Unavailable, "the caller left")
	_ = failsafe.With[any](retries).WithContext(ctx).Run(func() error {
		failure = c.withSecrets(ctx, op, func(ctx context.Context, secret string) error {
			err := c.post(ctx, endpoint, form, secret)
			if x := exchangeOf(ctx); err == nil && x.status < http.StatusMultipleChoices {
				answer = *new(T)
				err = json.Unmarshal(x.body, &answer)
			}
			return err
		})
		return failure
	}) // That may be less than the latest failure: the end of the context.
	return answer, failure
}

// withSecrets makes the call with each secret there is until one is accepted.
func (c *Client) withSecrets(ctx context.Context, op operation, send func(ctx context.Context, secret string) error) error {
	secrets, err := c.secret.candidates()
	if err != nil {
		return notSent(op, domain.Internal, err.Error())
	}
	for _, secret := range secrets {
		err = c.do(ctx, op, func(ctx context.Context) error { return send(ctx, secret.Reveal()) })
		if err == nil {
			c.secret.accepted(secret)
		}
		if !refusesSecret(err) {
			break
		}
	}
	return err
}

// refusesSecret reports whether another secret may do. At the introspection Keycloak's word
// for an unknown client is the same.
func refusesSecret(err error) bool {
	return errors.Is(err, badLogin) || errors.Is(err, SecretRefused)
}

// post sends a form with the client's id and secret, and returns the body of the answer. It
// goes past gocloak's log-in, which sends the id a second time, in the form: one of the two
// is encoded wrongly, and Keycloak goes by the form.
func (c *Client) post(ctx context.Context, endpoint string, form map[string]string, secret string) error {
	send := func(inForm bool) error {
		request := c.gocloak.GetRequest(ctx).SetDoNotParseResponse(true).SetFormData(form)
		if inForm {
			request.SetFormData(map[string]string{"client_id": c.ClientID, "client_secret": secret})
		} else {
			// RFC 6749, section 2.3.1: both are form-encoded first. Else "%", "+" and a colon
			// in the id would read as something else.
			request.SetBasicAuth(url.QueryEscape(c.ClientID), url.QueryEscape(secret))
		}
		_, err := request.Post(c.openID + "/" + endpoint)
		return err
	}
	inForm := c.secretInForm.Load()
	err := send(inForm)
	if err == nil && exchangeOf(ctx).said().says("Invalid method used to get client secret") {
		// Since 26.6 a client may insist on one of the two.
		c.secretInForm.Store(!inForm)
		err = send(!inForm)
	}
	return err
}

// secretReread tells the operators of a change, and of a secret that cannot be read.
func (c *Client) secretReread(err error) {
	c.Observer.SecretReread(err)
	if err != nil {
		c.Log.Error("the client secret cannot be read, the one that was read before has to do", "error", err)
		return
	}
	c.Log.Info("the client secret has changed")
}
