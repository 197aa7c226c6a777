package adminapi

import (
	"context"
	"errors"
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

// asClient makes a call as the service's own client. That Keycloak refuses a secret which
// it used to accept is a rotation, most likely, whose other half is about to come: so the
// secret is read again, after pauses that get longer.
func (c *Client) asClient(ctx context.Context, op operation, send func(ctx context.Context, id, secret string) error) error {
	ctx, cancel := c.UntilClosed(ctx)
	defer cancel()
	retries := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return refusesSecret(err) && c.secret.wasAccepted() }).
		WithMaxRetries(SecretTries-1).
		WithBackoffFactor(c.Timing.SecretPause, time.Minute, 2).
		ReturnLastFailure().
		Build()
	var failure error = notSent(op, domain.Unavailable, "the caller left")
	_ = failsafe.With[any](retries).WithContext(ctx).Run(func() error {
		failure = c.withSecrets(ctx, op, send)
		return failure
	}) // That may be less than the latest failure: the end of the context.
	return failure
}

// withSecrets makes the call with each secret there is until one is accepted.
func (c *Client) withSecrets(ctx context.Context, op operation, send func(ctx context.Context, id, secret string) error) error {
	secrets, err := c.secret.candidates()
	if err != nil {
		return notSent(op, domain.Internal, err.Error())
	}
	for _, secret := range secrets {
		err = c.do(ctx, op, func(ctx context.Context) error {
			// RFC 6749, section 2.3.1: both are form-encoded before they are put into the
			// Basic header, and Keycloak decodes them. gocloak leaves that to us.
			return send(ctx, url.QueryEscape(c.ClientID), url.QueryEscape(secret.Reveal()))
		})
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

// secretReread tells the operators of a change, and of a secret that cannot be read.
func (c *Client) secretReread(err error) {
	c.Observer.SecretReread(err)
	if err != nil {
		c.Log.Error("the client secret cannot be read, the one that was read before has to do", "error", err)
		return
	}
	c.Log.Info("the client secret has changed")
}
