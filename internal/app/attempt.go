package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
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
	// CrossSite tells that a browser sent the request on behalf of another site.
	CrossSite bool
}

// Request is what the edge knows of a request, for the audit log.
type Request struct {
	ID, TraceID                 string
	ClientAddress, ForwardedFor string
	Username                    string // the target's, where the address of the request has it
}

// Attempt is one request of a caller for one use case.
type Attempt struct {
	// event is for the audit log; of it, only the Actor decides anything.
	event domain.AuditEvent
	// confirm asks whether the caller may still act, and returns the event's Actor with the
	// roles of this moment; nil: there is no need to ask.
	confirm func(context.Context) (domain.Actor, error)
	// changed tells that something was written.
	changed bool
	// reservation is the room that the audit log holds for the attempt; nil: none yet.
	reservation ports.AuditReservation
}

// fields are what an attempt changes, by the names of the audit log.
type fields = map[string]any

// Begin starts an attempt.
func (s *Service) Begin(action domain.Action, request Request) *Attempt {
	return &Attempt{event: domain.AuditEvent{
		Time:           s.Now(),
		Action:         action,
		RequestID:      request.ID,
		TraceID:        request.TraceID,
		ClientAddress:  request.ClientAddress,
		ForwardedFor:   request.ForwardedFor,
		TargetUsername: request.Username,
	}}
}

// Admit finds out who the caller is and whether the caller may do the attempt's action.
// It returns Unauthenticated or Forbidden, Unavailable while it cannot know, and
// RateLimited when the caller writes too often.
func (s *Service) Admit(ctx context.Context, attempt *Attempt, caller Caller) error {
	if s.Access.Mode != Off {
		if err := s.unlessReporting(ctx, attempt, s.admit(ctx, attempt, caller)); err != nil {
			return err
		}
	}
	if !attempt.event.Action.Writes() {
		return nil
	}
	return s.limitWrites(attempt.event.Actor)
}

func (s *Service) admit(ctx context.Context, attempt *Attempt, caller Caller) error {
	actor, err := s.Verifier.Verify(ctx, caller.Token)
	if err != nil {
		// In whatever way the provider's keys could not be had, the caller can only wait.
		if kind := domain.AsError(err).Kind; kind == domain.Timeout || kind == domain.BadAnswer {
			err = &domain.Error{Kind: domain.Unavailable, Err: err}
		}
		return err
	}
	attempt.event.Actor = actor
	if caller.CrossSite {
		return &domain.Error{Kind: domain.Forbidden, Message: "This request came from another web site.", Err: errors.New("a browser's request from another site")}
	}
	roles := s.Access.ReadRoles
	if attempt.event.Action.Writes() {
		roles = s.Access.WriteRoles
	}
	if !actor.HasAnyRole(roles) {
		return &domain.Error{Kind: domain.Forbidden}
	}
	if attempt.event.Action.Writes() && s.Introspector != nil {
		attempt.confirm = func(ctx context.Context) (domain.Actor, error) {
			actor, err := s.mayStillWrite(ctx, actor, caller.Token)
			return actor, s.unlessReporting(ctx, attempt, err)
		}
	}
	return nil
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
		return actor, &domain.Error{Kind: domain.Unauthenticated, Err: errors.New("the identity provider does not honour the token any more, or not towards this service")}
	case !actor.Same(owner):
		return actor, &domain.Error{Kind: domain.Unauthenticated, Err: errors.New("introspection names another subject and username than the token; a mapper may be left out of introspection")}
	}
	actor.Roles = owner.Roles
	switch {
	case actor.HasAnyRole(s.Access.WriteRoles):
		return actor, nil
	case len(actor.Roles) == 0:
		return actor, &domain.Error{Kind: domain.Forbidden, Err: errors.New("introspection tells no roles: the actor has none, or a role mapper of the client or the realm is left out of introspection")}
	default:
		return actor, &domain.Error{Kind: domain.Forbidden, Err: errors.New("the actor has lost the role since the token was issued")}
	}
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

// write does what changes something, once the audit log has room for it. What would
// change is noted in any case.
func (s *Service) write(ctx context.Context, attempt *Attempt, before, after fields, do func() error) error {
	attempt.note(before, after)
	if attempt.reservation == nil {
		reservation, err := s.Audit.Reserve(ctx)
		if err != nil {
			s.Observer.AuditFailed()
			return err
		}
		attempt.reservation = reservation // Finish uses it.
	}
	err := do()
	attempt.changed = attempt.changed || err == nil
	return err
}

// note keeps what the attempt changes, or would change, for the audit log.
func (a *Attempt) note(before, after fields) { a.event.Before, a.event.After = before, after }

// Finish puts the attempt on record with its outcome, which err is. It returns what to
// answer: err, or AuditUnavailable when something was written that is not on record now.
func (s *Service) Finish(ctx context.Context, attempt *Attempt, err error) error {
	event := &attempt.event
	event.Outcome = domain.Allowed
	if err != nil {
		failure := domain.AsError(err)
		event.Reason, event.Outcome = failure.Kind, outcomeOf(failure.Kind)
		if isSafetyRefusal(failure.Kind) {
			s.Observer.Refused(failure.Kind, true)
		}
		if failure.Kind == domain.Partial {
			s.Observer.LeftPartial()
		}
	}
	recordErr := s.record(context.WithoutCancel(ctx), attempt)
	if recordErr == nil {
		return err
	}
	s.Observer.AuditFailed()
	// The log is the last place where the attempt can be told.
	s.Log.ErrorContext(ctx, "an audit event could not be recorded", "error", recordErr.Error(), "event", slog.GroupValue(
		slog.String("time", event.Time.UTC().Format(time.RFC3339Nano)),
		slog.String("action", string(event.Action)),
		slog.String("outcome", string(event.Outcome)),
		slog.String("reason", string(event.Reason)),
		slog.String("actor", brief(event.Actor.Name())),
		slog.String("target", brief(event.TargetUsername)),
		slog.String("target_id", string(event.TargetID)),
		slog.Any("after", briefFields(event.After)),
		slog.String("request_id", event.RequestID),
	))
	if err != nil || !event.Action.Writes() {
		return err
	}
	unrecorded := &domain.Error{Kind: domain.AuditUnavailable, Err: recordErr}
	if attempt.changed {
		unrecorded.Message = "The change was made, but could not be put on record. Please report this."
	}
	return unrecorded
}

// tellPrivileges tells the observer when what was given makes an administrator.
func (s *Service) tellPrivileges(how string, given domain.Assignment) {
	if len(given.Privileged) > 0 {
		s.Observer.PrivilegesGiven(how)
	}
}

// record keeps the event where the attempt's place is: in its own room, or among strangers.
func (s *Service) record(ctx context.Context, attempt *Attempt) error {
	event := attempt.event
	switch {
	case attempt.reservation != nil:
		return attempt.reservation.Record(ctx, event)
	case s.Access.Mode == Enforce && event.Outcome != domain.Allowed && event.Actor.Name() == "":
		return s.Audit.RecordStranger(ctx, event)
	default:
		return s.Audit.Record(ctx, event)
	}
}

// longestLogged is how many bytes of a text are told in the ordinary log.
const longestLogged = 1024

// brief shortens a text that the caller or the realm chose.
func brief(text string) string {
	if len(text) > longestLogged {
		return strings.ToValidUTF8(text[:longestLogged], "") + "…"
	}
	return text
}

// briefFields shortens what is long, as its text.
func briefFields(values fields) fields {
	shortened := make(fields, len(values))
	for name, value := range values {
		shortened[name] = value
		if text := fmt.Sprint(value); len(text) > longestLogged {
			shortened[name] = brief(text)
		}
	}
	return shortened
}

// outcomeOf says which failures are a refusal: what was asked for was turned down
// before anything was changed.
func outcomeOf(kind domain.Kind) domain.Outcome {
	switch kind {
	case domain.EmailDeliveryFailed, domain.Partial, domain.BadAnswer, domain.Unavailable, domain.Overloaded, domain.Timeout,
		domain.PasswordRefused, domain.UnsatisfiablePolicy, domain.Internal:
		return domain.Failed
	default:
		return domain.Refused
	}
}

// isSafetyRefusal reports whether the kind is a refusal for the sake of safety.
func isSafetyRefusal(kind domain.Kind) bool {
	switch kind {
	case domain.Unauthenticated, domain.Forbidden, domain.ProtectedUser, domain.PrivilegeEscalation,
		domain.RateLimited, domain.RightsHidden, domain.AuditUnavailable:
		return true
	default:
		return false
	}
}
