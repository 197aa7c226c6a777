package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"user-sync-service/internal/domain"
)

const (
	// ownerLifetime is how long the owner of a token is kept that does not tell enough itself.
	// A read may be allowed for so long after its actor was switched off; without the owner
	// each read would be two requests to the provider.
	ownerLifetime = 30 * time.Second
	// maxOwners is how many are kept.
	maxOwners = 1024
)

// owners are the owners of tokens, by the token's digest.
type owners = lru.Cache[[sha256.Size]byte, owner]

// owner is what the identity provider said of a token.
type owner struct {
	domain.Actor
	err   error // Unauthenticated or Forbidden; nil: the provider told whose it is
	until time.Time
}

func newOwners() *owners {
	kept, _ := lru.New[[sha256.Size]byte, owner](maxOwners) // It fails for no size.
	return kept
}

// identify returns the actor of an incomplete token with what the identity provider tells of
// its owner: providers can leave nearly everything out of a token and tell it when asked.
// It returns Forbidden where that does not help, since no other sign-in would either.
func (s *Service) identify(ctx context.Context, actor domain.Actor, token string) (domain.Actor, error) {
	if s.Introspector == nil {
		return actor, untold("the token leaves out the username or the roles, and AUTH_INTROSPECTION is off")
	}
	key := sha256.Sum256([]byte(token))
	of, ok := s.owners.Get(key)
	if now := s.Now(); !ok || !now.Before(of.until) {
		of = owner{until: now.Add(ownerLifetime)}
		of.Actor, of.err = s.ownerOf(ctx, token)
		if of.err == nil || errors.Is(of.err, domain.Unauthenticated) || errors.Is(of.err, domain.Forbidden) {
			s.owners.Add(key, of)
		}
	}
	switch {
	case of.err != nil:
		return actor, of.err
	case of.Name() == "":
		return actor, untold("neither the token nor introspection tells whose it is")
	case actor.Name() != "" && !actor.Same(of.Actor):
		return actor, anotherOwner()
	}
	named(&actor, of.Actor)
	for _, role := range of.Roles {
		if !slices.Contains(actor.Roles, role) {
			actor.Roles = append(slices.Clip(actor.Roles), role)
		}
	}
	actor.Incomplete = len(actor.Roles) == 0
	return actor, nil
}

// named gives the actor the names that only the owner of the token has.
func named(actor *domain.Actor, owner domain.Actor) {
	actor.Subject, actor.Username = cmp.Or(actor.Subject, owner.Subject), cmp.Or(actor.Username, owner.Username)
}

// ownerOf asks the identity provider whose token it is.
func (s *Service) ownerOf(ctx context.Context, token string) (domain.Actor, error) {
	actor, active, err := s.Introspector.TokenActive(ctx, token)
	if err != nil || active {
		return actor, err
	}
	honoured, err := s.Introspector.TokenHonoured(ctx, token)
	switch {
	case err != nil:
		return domain.Actor{}, err
	case honoured:
		return domain.Actor{}, untold("the identity provider honours the token, but tells this service nothing of it: " +
			"an audience mapper of the client that the token was issued to must name the service's own client")
	}
	return domain.Actor{}, notHonoured()
}

// untold is the error of a token whose owner cannot be told.
func untold(why string) error {
	return &domain.Error{Kind: domain.Forbidden, Err: fmt.Errorf("%w: %s; lightweight access tokens (client.use.lightweight.access.token.enabled) of that client must be "+
		"switched off, or its mappers tell introspection more", pointsToSetup("it does not tell enough of its owner"), why)}
}
