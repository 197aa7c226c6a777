package domain

import "time"

// Severity says how much a [Finding] matters.
type Severity string

// The severities.
const (
	// Fault: something that the service is there for does not work, or is not safe.
	Fault Severity = "fault"
	// Warning: it works, but less well than it could, or otherwise than one would think.
	Warning Severity = "warning"
	// CannotTell: it takes more rights, or another place, to know.
	CannotTell Severity = "unknown"
)

// Finding is one thing that the doctor has found wrong with the set-up.
type Finding struct {
	// ID names the kind of finding for programs, such as "role-missing". It never changes.
	ID       string
	Severity Severity
	// Subject is what the finding is about, such as "realm role 'teller'".
	Subject string
	// Problem says what is wrong, and Breaks what follows from it, in a sentence each.
	Problem, Breaks string
	Remedy          Remedy
}

// Remedy says how to mend a finding, in one of two ways.
type Remedy struct {
	// Command is a line for a shell. It holds no secret.
	Command string
	// Step is what to do where no command does it.
	Step string
}

// IsEmpty reports whether there is no remedy.
func (r Remedy) IsEmpty() bool { return r == Remedy{} }

// SecretRefused is the ID of the finding that the provider refuses the service's secret. The
// doctor adds to it what is odd about the secret, which no provider is asked about.
const SecretRefused = "secret-refused"

// RealmNeeds are what the configuration and the role map need from the realm.
type RealmNeeds struct {
	// Assignments are all that the role map can give.
	Assignments []Assignment
	Guard       Guard
	// CallerRoles are the names of roles that callers must have, by the variable that names
	// them: realm roles, and "client:role" for roles of a client.
	CallerRoles map[string][]string
	// CallerClients are the clients that obtain the callers' tokens. Empty: not known.
	CallerClients []string
	// Issuers are the issuers whose tokens count. Empty: the one that the realm names.
	Issuers []string
	// RequiredActions are what new users must do at their first sign-in.
	RequiredActions []RequiredAction
	// MailsPasswords tells that new users get their passwords by mail alone.
	MailsPasswords bool
	// MarksDecide tells that only the mark says which accounts are the service's own, since
	// addresses are not verified.
	MarksDecide bool
	// Introspects tells that the realm is asked about callers' tokens.
	Introspects bool
	// OwnSecret is what a shell makes the service's own secret of, such as a variable. It is
	// not the secret.
	OwnSecret string
}

// TokenContent is what an access token says of itself. Alone it proves nothing.
type TokenContent struct {
	// Type is the kind of token, Client who has obtained it, and Username whose it is.
	Type, Issuer, Client, Username string
	Audience                       []string
	// Roles are as in [Actor].
	Roles []string
	// IssuedAt, NotBefore and Expires are zero where it does not say.
	IssuedAt, NotBefore, Expires time.Time
	// Bound tells that it is only good with a certificate or a key.
	Bound bool
}
