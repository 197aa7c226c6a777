package keycloak

import (
	"context"
	"errors"
	"sync"

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

// secretTries is how often the secrets are tried when Keycloak refuses all of them.
const secretTries = 5

// asClient makes a call as the service's own client. That Keycloak refuses a secret which
// it used to accept is a rotation, most likely, whose other half is about to come: so the
// secret is read again, after pauses that get longer.
func (p *Provider) asClient(ctx context.Context, op operation, send func(ctx context.Context, secret string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer p.atClose(cancel)()
	for left, span := secretTries, p.timing.secretPause; ; left, span = left-1, 2*span {
		secrets, err := p.secret.candidates()
		if err != nil {
			return &domain.Error{Kind: domain.Internal, Err: err}
		}
		for _, secret := range secrets {
			err = p.exchange(ctx, op, func(ctx context.Context) error { return send(ctx, secret.Reveal()) })
			if err == nil {
				p.secret.accepted(secret)
			}
			if !errors.Is(err, secretRefused) {
				return err
			}
		}
		if !p.secret.wasAccepted() || left == 1 || pause(ctx, span) != nil {
			return &domain.Error{Kind: domain.Internal, Err: err}
		}
	}
}

// secretReread tells the operators of a change, and of a secret that cannot be read.
func (p *Provider) secretReread(err error) {
	p.observer.SecretReread(err)
	if err != nil {
		p.log.Error("the client secret cannot be read, the one that was read before has to do", "error", err)
		return
	}
	p.log.Info("the client secret has changed")
}
