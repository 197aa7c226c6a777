package app

import (
	"context"
	"fmt"
	"slices"

	"user-sync-service/internal/domain"
)

// Mode says what happens to callers who have no right to be there.
type Mode string

// The modes.
const (
	// Enforce refuses them.
	Enforce Mode = "enforce"
	// Report lets them through, and logs and counts what Enforce would have refused.
	Report Mode = "report"
	// Off does not look at callers at all.
	Off Mode = "off"
)

// Access says who may use the service.
type Access struct {
	Mode Mode
	// WriteRoles and ReadRoles are exact names of realm roles, and "client:role" for
	// roles of a client; one of them is enough. Whoever may only write may not read.
	WriteRoles, ReadRoles []string
}

// Caller is what a request shows of the one who sent it.
type Caller struct {
	Token string // the access token, empty for none
	// CrossSite says that a browser sent the request on behalf of another site, and from
	// where to where. Nil: it did not.
	CrossSite error
}

// Admit finds out who the caller is and whether the caller may do the attempt's action.
// It returns Unauthenticated or Forbidden, Unavailable while it cannot know, and
// RateLimited when the caller asks too often.
func (s *Service) Admit(ctx context.Context, attempt *Attempt, caller Caller) error {
	if s.Access.Mode == Off {
		return nil
	}
	actor, err := s.verify(ctx, caller.Token)
	if err == nil {
		attempt.event.Actor, err = actor, sameSite(caller)
	}
	if err = s.unlessReporting(ctx, attempt, err); err != nil || actor.Name() == "" {
		return err
	}
	// Not before: a page of another site could use up an administrator's requests.
	if err := s.limitRequests(actor, attempt.event.Action); err != nil {
		return err
	}
	return s.unlessReporting(ctx, attempt, s.mayAct(ctx, attempt, caller.Token))
}

// sameSite returns Forbidden for a request that a browser sent for another site.
func sameSite(caller Caller) error {
	if caller.CrossSite == nil {
		return nil
	}
	return &domain.Error{
		Kind: domain.Forbidden, Message: "This request came from another web site.",
		Err: fmt.Errorf("%w: %w", domain.SetupFault("a browser's request from another site"), caller.CrossSite),
	}
}

// verify returns whose token it is. Where the token does not even say that, the identity
// provider is asked.
func (s *Service) verify(ctx context.Context, token string) (domain.Actor, error) {
	actor, err := s.Verifier.Verify(ctx, token)
	// In whatever way the provider's keys could not be had, the caller can only wait.
	if err != nil && slices.Contains([]domain.Kind{domain.Timeout, domain.BadAnswer}, domain.AsError(err).Kind) {
		err = &domain.Error{Kind: domain.Unavailable, Err: err}
	}
	if err == nil && actor.Name() == "" {
		return s.identify(ctx, actor, token)
	}
	return actor, err
}

// mayAct looks at the attempt's actor, whom the token names. Before a write it asks for
// the actor's roles of this moment.
func (s *Service) mayAct(ctx context.Context, attempt *Attempt, token string) (err error) {
	writes, roles := attempt.event.Action.Writes(), s.Access.ReadRoles
	if writes {
		roles = s.Access.WriteRoles
	}
	actor := &attempt.event.Actor
	if actor.Incomplete && !actor.HasAnyRole(roles) {
		if *actor, err = s.identify(ctx, *actor, token); err != nil {
			return err
		}
	}
	switch {
	case actor.HasAnyRole(roles):
	case actor.Incomplete:
		return untold("neither the token nor introspection tells any roles")
	default:
		return lacksRole(actor.Roles, roles)
	}
	if writes && s.Introspector != nil {
		*actor, err = s.mayStillWrite(ctx, *actor, token)
	}
	return err
}

// mayStillWrite asks the identity provider about the actor's token: by its signature alone
// an administrator who was switched off or demoted could go on writing until it expires. It
// returns the actor with the roles of this moment, if these can be told.
func (s *Service) mayStillWrite(ctx context.Context, actor domain.Actor, token string) (domain.Actor, error) {
	owner, active, err := s.Introspector.TokenActive(ctx, token)
	switch {
	case err != nil:
		return actor, err
	case !active:
		return actor, notHonoured()
	case !actor.Same(owner):
		return actor, anotherOwner()
	}
	named(&actor, owner)
	actor.Roles = owner.Roles
	switch {
	case actor.HasAnyRole(s.Access.WriteRoles):
		return actor, nil
	case len(actor.Roles) == 0:
		return actor, &domain.Error{Kind: domain.Forbidden, Err: pointsToSetup("introspection tells no roles: the actor has none, or a role mapper of the client or the realm is left out of introspection")}
	default:
		return actor, &domain.Error{Kind: domain.Forbidden, Err: fmt.Errorf("%w: the actor has lost the role since the token was issued, has %s now, wanted one of %s", insufficient, domain.Quoted(actor.Roles...), domain.Quoted(s.Access.WriteRoles...))}
	}
}

// insufficient is for the developers of the caller.
const insufficient domain.TokenFault = "its owner has none of the roles that this takes"

// lacksRole is Forbidden with both sides. A token without any role points to a mapper that is
// left out.
func lacksRole(has, wanted []string) error {
	cause := fmt.Errorf("%w: it has %s, wanted one of %s", insufficient, domain.Quoted(has...), domain.Quoted(wanted...))
	if len(has) == 0 {
		cause = fmt.Errorf("%w: %w", domain.SetupFault("the token has no roles, a role mapper may be left out of access tokens"), cause)
	}
	return &domain.Error{Kind: domain.Forbidden, Err: cause}
}

// pointsToSetup is why a token does not count that the operators should look into.
func pointsToSetup(fault domain.TokenFault) error {
	return fmt.Errorf("%w: %w", domain.SetupFault("the set-up may be wrong"), fault)
}

func notHonoured() error {
	return &domain.Error{Kind: domain.Unauthenticated, Err: pointsToSetup("the identity provider does not honour the token any more, or not towards this service")}
}

func anotherOwner() error {
	return &domain.Error{Kind: domain.Unauthenticated, Err: pointsToSetup("introspection names another subject and username than the token; a mapper may be left out of introspection")}
}

// unlessReporting returns err, or nil after having told what would have been refused.
func (s *Service) unlessReporting(ctx context.Context, attempt *Attempt, err error) error {
	if err == nil || s.Access.Mode != Report {
		return err
	}
	failure := domain.AsError(err)
	if attempt.event.NotEnforced == "" {
		attempt.event.NotEnforced = failure.Kind
	}
	s.Observer.Refused(failure.Kind, false)
	s.Log.WarnContext(ctx, "a caller who would be refused was let through", "action", string(attempt.event.Action),
		"reason", string(failure.Kind), "error", failure.Error(), "request_id", attempt.event.RequestID)
	return nil
}
