package domain

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Kind says what sort of failure an [Error] is. A Kind is itself an error, so that
// errors.Is(err, domain.NotFound) works on any error of this program. Its text is the
// stable code that clients see.
type Kind string

// Error returns the code.
func (k Kind) Error() string { return string(k) }

// The kinds of failure. What a client is told for each stands in one table at the edge.
const (
	// InvalidField: a value breaks a rule of ours or of the realm; Error.Fields says which.
	InvalidField Kind = "invalid_field"
	// UnknownRole: the realm has no such role.
	UnknownRole Kind = "unknown_role"
	// NoEmail: the user has no e-mail address to send to.
	NoEmail Kind = "no_email"
	// NotFound: there is no such user.
	NotFound Kind = "user_not_found"
	// UsernameConflict: the username belongs to another user.
	UsernameConflict Kind = "username_conflict"
	// EmailConflict: the e-mail address belongs to another user.
	EmailConflict Kind = "email_conflict"
	// UserDisabled: the user is switched off, which forbids the operation.
	UserDisabled Kind = "user_disabled"
	// ReadOnlyUser: the provider takes the user from a directory, in which it writes nothing.
	ReadOnlyUser Kind = "read_only_user"
	// ActionUnavailable: the realm does not know the required action, or has switched it off.
	ActionUnavailable Kind = "action_unavailable"
	// PasswordRefused: the provider refused the password; its policy is not, or no
	// longer, the one the password was generated for.
	PasswordRefused Kind = "password_refused"
	// UnsatisfiablePolicy: no password can meet the realm's policy and ours.
	UnsatisfiablePolicy Kind = "unsatisfiable_password_policy"
	// EmailDeliveryFailed: the provider could not send the mail.
	EmailDeliveryFailed Kind = "email_delivery_failed"
	// Unauthenticated: the caller has shown no valid access token.
	Unauthenticated Kind = "unauthenticated"
	// Forbidden: the caller may not do that.
	Forbidden Kind = "forbidden"
	// ProtectedUser: the user must not be changed here, or not by this actor.
	ProtectedUser Kind = "protected_user"
	// PrivilegeEscalation: more rights would be granted than the role map says.
	PrivilegeEscalation Kind = "privilege_escalation"
	// RateLimited: the caller has asked too often.
	RateLimited Kind = "rate_limited"
	// RightsHidden: the provider does not show who administers it, so nobody is changed.
	RightsHidden Kind = "rights_hidden"
	// AuditUnavailable: the attempt cannot be put on record.
	AuditUnavailable Kind = "audit_unavailable"
	// Partial: a write was left incomplete, or it is not known whether it was made.
	// Sending it again is safe.
	Partial Kind = "partial"
	// BadAnswer: the provider answered something that is no valid answer.
	BadAnswer Kind = "bad_gateway"
	// Unavailable: the provider cannot be reached, a write met another one whose outcome is not
	// seen yet, or the caller's context ended.
	Unavailable Kind = "provider_unavailable"
	// Overloaded: too many calls to the provider are under way, so none was made.
	Overloaded Kind = "overloaded"
	// Timeout: the provider did not answer in time.
	Timeout Kind = "provider_timeout"
	// Internal: a bug, or the provider refuses our own credentials or rights.
	Internal Kind = "internal"
)

// Error is the one error type of the program.
type Error struct {
	Kind Kind
	// Message is for the client: one plain sentence without secrets and without the
	// provider's own text. Empty means the edge's sentence for the kind.
	Message string
	// Fields says for InvalidField what is wrong with which field, such as "must not be
	// empty". The edge makes the sentence of it where there is no Message.
	Fields map[string]string
	// RetryAfter is how long to wait before another attempt can succeed. Zero: not known.
	RetryAfter time.Duration
	// Err is the cause, for the log only. It carries no secret and no personal data.
	Err error
}

// Error returns the kind and the cause, never Message: messages may name a user.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Kind.Error()
	}
	return e.Kind.Error() + ": " + e.Err.Error()
}

// Is reports whether target is the kind of e or is among its causes. A chain has one
// kind, the outermost: those of the causes do not show.
func (e *Error) Is(target error) bool {
	if kind, ok := target.(Kind); ok {
		return kind == e.Kind
	}
	return errors.Is(e.Err, target)
}

// As finds the causes that have no kind, for errors.As.
func (e *Error) As(target any) bool {
	switch target.(type) {
	case **Error, *Kind:
		return false
	}
	return errors.As(e.Err, target)
}

// AsError returns the outermost [Error] in err's chain. Errors of other types come
// back as one: a [Kind] as itself, a context's end as Unavailable, anything else as
// Internal.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	failure := &Error{Kind: Internal, Err: err}
	if kind, ok := errors.AsType[Kind](err); ok {
		failure.Kind = kind
		if err.Error() == kind.Error() { // There is nothing but the kind.
			failure.Err = nil
		}
	} else if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		failure.Kind = Unavailable
	}
	return failure
}

// SetupFault is what is wrong with the set-up of this service or of the identity provider, or
// seems to be: the operators should look. It is a cause of an [Error]. Its text is a clause
// in our own words that anybody may read, such as "the realm does not exist".
type SetupFault string

// Error returns the text.
func (f SetupFault) Error() string { return string(f) }

// TokenFault is why a caller's access token does not count, for those who develop the caller.
// It is a cause of an [Error]. Its text is a clause in our own words that quotes nothing.
type TokenFault string

// Error returns the text.
func (f TokenFault) Error() string { return string(f) }

// Quoted returns names that others have made up as the log may hold them: quoted, few, and
// short.
func Quoted(names ...string) string {
	const most, longest = 16, 200
	var quoted []string
	for i, name := range names {
		if i == most {
			quoted = append(quoted, "…")
			break
		}
		text := []rune(name)
		if len(text) > longest {
			text = append(text[:longest:longest], '…')
		}
		quoted = append(quoted, strconv.Quote(string(text)))
	}
	return "[" + strings.Join(quoted, " ") + "]"
}
