package adminapi

import (
	"errors"
	"slices"
	"time"

	"user-sync-service/internal/domain"
)

// Outcome is what became of a call.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Refused Outcome = "refused"  // answered, and not carried out
	NotSent Outcome = "not sent" // Keycloak has not seen a byte of it
	Unknown Outcome = "unknown"  // may have been carried out
)

// OutcomeOf returns the outcome of the call that returned err.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Done
	}
	if failed, ok := errors.AsType[*Error](err); ok {
		return failed.Outcome
	}
	return NotSent
}

// Reason is why Keycloak refused a call, as far as there is something to do about it. It
// is an error, so that errors.Is works.
type Reason string

// Error returns the reason.
func (r Reason) Error() string { return string(r) }

// The reasons.
const (
	// Missing: the realm lacks the role or the group that the call is about.
	Missing Reason = "missing"
	// Met: the write met another one of the same user, and lost.
	Met Reason = "met another write"
	// given: somebody gave the user the same at the same moment.
	given Reason = "given meanwhile"
	// Hidden: Keycloak does not show it to the service account, or has another one by now.
	Hidden Reason = "hidden"
	// Failed: Keycloak failed at a user, and has made, found or changed none.
	Failed Reason = "failed"
	// Doubled: the user has two values where the realm's user profile allows one.
	Doubled Reason = "doubled value"
	// ReadOnly: all that keeps the user from being changed is that the fields are read-only.
	ReadOnly Reason = "read-only"
	// directoryAway: Keycloak is there, but the directory of the user is not.
	directoryAway Reason = "directory away"
	// badLogin: Keycloak does not accept the access token, or the client's secret.
	badLogin Reason = "bad login"
)

// The reasons that lie in the set-up: no call succeeds until the operators mend it. An
// error with one of them wraps a [domain.SetupFault] with its text.
const (
	RealmUnknown     Reason = "the realm does not exist"
	RealmDisabled    Reason = "the realm is disabled"
	ClientUnknown    Reason = "the client does not exist or is disabled"
	ClientPublic     Reason = "the client is public, it has no secret and no service account"
	NoServiceAccount Reason = "the client has no service account"
	AccountDisabled  Reason = "the client's service account is disabled"
	SecretRefused    Reason = "it refuses the client's secret"
	OtherCredentials Reason = "the client does not log in with a secret"
	WrongAddress     Reason = "there is no Keycloak at this address"
	// RightMissing is one whose fault names the right.
	RightMissing Reason = "the service account lacks a right"
)

// isSetupFault reports whether only the operators can do something about it.
func (r Reason) isSetupFault() bool {
	return slices.Contains([]Reason{
		RealmUnknown, RealmDisabled, ClientUnknown, ClientPublic, NoServiceAccount, AccountDisabled, SecretRefused, OtherCredentials, WrongAddress,
	}, r)
}

// Error is how a call failed. It wraps the [domain.Error] that the port returns where
// there is nothing better to say.
type Error struct {
	Outcome Outcome // Refused, NotSent or Unknown
	Reason  Reason  // often empty
	// Code is the HTTP status, or "timeout", "unreachable" or "cancelled" when there was
	// no answer, or not all of it.
	Code string

	err *domain.Error
	// again tells that the call may be made again, after the pause that Keycloak asked for.
	again bool
	after time.Duration
}

// Codes of calls without an answer.
const (
	timedOut    = "timeout"
	unreachable = "unreachable"
	cancelled   = "cancelled" // the caller left before there was an answer
)

// Error returns the kind and the cause.
func (e *Error) Error() string { return e.err.Error() }

// Unwrap returns the [domain.Error].
func (e *Error) Unwrap() error { return e.err }

// Is reports whether target is the reason.
func (e *Error) Is(target error) bool { return e.Reason != "" && target == e.Reason }

// notSent returns the error of a call that was not made.
func notSent(op operation, kind domain.Kind, why string) *Error {
	return &Error{Outcome: NotSent, err: &domain.Error{Kind: kind, Err: errors.New(string(op) + ": " + why)}}
}

// Lacks returns the error of a call for which the service account has too few rights.
func Lacks(rights string) *Error {
	fault := domain.SetupFault("the service account lacks " + rights)
	return &Error{Outcome: Refused, Reason: RightMissing, Code: "403", err: &domain.Error{Kind: domain.Internal, Err: fault}}
}

// Away reports whether Keycloak was away or too slow, which may be over soon.
func Away(err error) bool {
	return errors.Is(err, domain.Unavailable) || errors.Is(err, domain.Timeout)
}

// Unclear reports whether there was no answer of Keycloak's, or none that makes sense.
func Unclear(err error) bool { return Away(err) || errors.Is(err, domain.BadAnswer) }

// isFault reports whether Keycloak is in trouble: it did not refuse something, and the
// caller did not leave.
func (e *Error) isFault() bool {
	return e != nil && Away(e) && e.Code != cancelled && e.Code != "429" && e.Reason != directoryAway
}
