package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

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
	// leave gives the attempt's place at the door back; nil: it has none.
	leave func()
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
	attempt.goOut()
	event := &attempt.event
	event.Outcome = domain.Allowed
	if err != nil {
		failure := domain.AsError(err)
		event.Reason, event.Outcome = failure.Kind, outcomeOf(failure.Kind)
		if attempt.changed {
			event.Outcome = domain.Failed
		}
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

// record keeps the event where the attempt's place is: in its own room, or among those of
// strangers and of callers who ask too often, of which there may be any number.
func (s *Service) record(ctx context.Context, attempt *Attempt) error {
	event := attempt.event
	switch {
	case attempt.reservation != nil:
		return attempt.reservation.Record(ctx, event)
	case s.Access.Mode == Enforce && event.Outcome != domain.Allowed && event.Actor.Name() == "", event.Reason == domain.RateLimited:
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
