package domain

import "time"

// Action is what an actor attempts.
type Action string

// The actions, one for each use case.
const (
	ActionSyncUser            Action = "sync_user"
	ActionResetPassword       Action = "reset_password"
	ActionSetStatus           Action = "set_status"
	ActionForcePasswordChange Action = "force_password_change"
	ActionGetStatus           Action = "get_status"
	ActionUpdateUser          Action = "update_user"
	ActionEndSessions         Action = "end_sessions"
)

// Writes reports whether the action may change something.
func (a Action) Writes() bool {
	switch a {
	case ActionSyncUser, ActionResetPassword, ActionSetStatus, ActionForcePasswordChange, ActionUpdateUser, ActionEndSessions:
		return true
	case ActionGetStatus:
		return false
	}
	return true // Of what it does not know, it expects the worst.
}

// Outcome is what became of an attempt.
type Outcome string

// The outcomes.
const (
	Allowed Outcome = "allowed" // and done
	Refused Outcome = "refused" // by a rule of ours or of the realm; nothing was changed
	Failed  Outcome = "failed"  // on the way; something may have been changed
)

// AuditEvent is one attempt, for the audit log: who did what to whom, and what became
// of it. Names of persons belong here; passwords, tokens and secrets never do.
type AuditEvent struct {
	Time   time.Time
	Action Action
	Actor  Actor
	// ClientAddress is where the request came from; behind a gateway, the gateway.
	ClientAddress string
	// ForwardedFor is where the request says that it came from. It is a claim.
	ForwardedFor string
	RequestID    string
	TraceID      string // empty: the request belongs to no trace
	// TargetUsername is empty when the request was refused before it was read.
	TargetUsername string
	TargetID       UserID // empty: not known
	Outcome        Outcome
	// Reason is why the attempt was refused or failed; empty when it was allowed.
	Reason Kind
	// NotEnforced is why the caller would have been refused if checks of callers were
	// enforced; empty: it would not have been.
	NotEnforced Kind
	// FineractRole and Assignment are the mapping used; empty where none was.
	FineractRole string
	Assignment   Assignment
	// Before and After hold the fields that the attempt changes, or would have changed.
	Before, After map[string]any
}

// The names of fields in Before and After. Attributes go by their own names there.
const (
	FieldEmail           = "email"
	FieldFirstName       = "first_name"
	FieldLastName        = "last_name"
	FieldEnabled         = "enabled"
	FieldEmailVerified   = "email_verified"
	FieldRequiredActions = "required_actions"
	FieldMailSentTo      = "mail_sent_to"
	FieldSessionsRevoked = "sessions_revoked"
	// A new user's role and group.
	FieldRealmRole = "realm_role"
	FieldGroup     = "group"
	// What an existing user was given by a sync.
	FieldAddedRealmRole = "added_realm_role"
	FieldAddedGroup     = "added_group"
	// All that a user holds directly, where a change moves it.
	FieldRealmRoles = "realm_roles"
	FieldGroups     = "groups"
)
