package ports

import (
	"context"

	"user-sync-service/internal/domain"
)

// TokenVerifier tells whose access token a caller has shown. Once it knows the identity
// provider's keys, it makes no request for that. It is safe for concurrent use.
type TokenVerifier interface {
	// Verify returns the actor, as far as the token tells: see Actor.Incomplete. For anything but a valid access token, the empty text
	// too, it returns Unauthenticated. While the keys are not known, or a key that it has not
	// seen yet cannot be asked for, it returns Unavailable, Timeout or BadAnswer, and
	// Overloaded if too many already wait for that.
	Verify(ctx context.Context, token string) (domain.Actor, error)
}

// TokenIntrospector asks the identity provider about a token, since a signature stays
// good when its owner has been switched off or demoted (RFC 7662). It is safe for concurrent use.
type TokenIntrospector interface {
	// TokenActive reports whether the provider still honours the token, and tells whose it
	// is with the roles of this moment, whatever the token says. The owner is zero unless
	// the token is active. It returns Unavailable, Timeout, BadAnswer and Internal as
	// IdentityProvider does.
	TokenActive(ctx context.Context, token string) (owner domain.Actor, active bool, err error)
	// TokenHonoured reports whether the provider honours the token at all. It may do so and
	// yet not tell this service about it, if the token is meant for others. It returns the same
	// errors.
	TokenHonoured(ctx context.Context, token string) (bool, error)
}

// TokenInspector tells what an access token says of itself, for whoever wants to know why it
// does not count. It is safe for concurrent use.
type TokenInspector interface {
	// Inspect returns what the token says, and the issuers that count; none of these while
	// they are not known. It returns Unauthenticated for what is no access token at all.
	Inspect(ctx context.Context, token string) (content domain.TokenContent, issuers []string, err error)
}
