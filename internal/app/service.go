// Package app holds the use cases, one file each: what the service can do, in domain
// words, without knowing which identity provider answers. Its methods return domain
// errors; adapters on the incoming side call it.
//
// Each request of a caller is an [Attempt]: Admit finds out who asks, a use case does
// the work, and Finish puts on record what became of it.
package app

import (
	"io"
	"log/slog"
	"time"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// Config is what New needs. All members are required unless they say otherwise.
type Config struct {
	Provider ports.IdentityProvider
	Roles    domain.RoleMap
	Guard    domain.Guard
	Access   Access
	// Verifier tells who asks. It may be nil when callers are not checked.
	Verifier ports.TokenVerifier
	// Introspector confirms before each write that the caller may still act, with which
	// roles, and tells what a token leaves out. Nil: the token is all that counts.
	Introspector ports.TokenIntrospector
	Audit        ports.AuditLog
	// Delivery is how new users get their first password; the zero value is in the answer.
	Delivery Delivery
	// RequiredActions are what new users must do at their first sign-in. UpdatePassword
	// comes with each temporary password, also when it is not among them.
	RequiredActions []domain.RequiredAction
	// EmailVerified makes the addresses of new users count as verified. Without it, changed
	// addresses do not.
	EmailVerified bool
	// Repair makes SyncUser give existing users what they lack of the assignment, if this
	// program created them and nothing protects them. Else it only tells.
	Repair bool
	// Calls is how many calls the provider takes at once; zero means any number.
	Calls int
	// ReadsPerMinute and WritesPerMinute are how many requests each actor may make; zero
	// means any number.
	ReadsPerMinute, WritesPerMinute int
	// MailsPerHour is how many mails each actor may have sent; zero means any number.
	MailsPerHour int
	// ResetCooldown is the time between two reset mails to one user, and between two mails
	// to one mailbox; zero means none.
	ResetCooldown time.Duration
	// Random is the source of temporary passwords, crypto/rand.Reader outside tests.
	Random io.Reader
	// Now is the clock of the audit log and of the limits; nil means time.Now.
	Now func() time.Time
	// Log receives warnings, never a secret; names of persons only where the audit log
	// fails.
	Log *slog.Logger
	// Observer counts for the operators.
	Observer Observer
}

// Observer is told what operators want to count. Its methods must not wait.
type Observer interface {
	// Refused is told of each refusal for the sake of safety. When it was not enforced,
	// the caller got through nonetheless.
	Refused(reason domain.Kind, enforced bool)
	// AuditFailed is told of each event that could not be recorded, and of each write
	// that was refused because its event could not have been.
	AuditFailed()
	// Synced is told of each attempt to sync a user that got as far as the use case, and
	// whether it was "created", "exists", "repaired", "refused" or "failed".
	Synced(outcome string)
	// LeftPartial is told of each user that was, or may have been, left incomplete.
	LeftPartial()
	// PrivilegesGiven is told of each assignment with privileged roles that was given, and
	// whether to a user who was "created", "repaired" or "moved".
	PrivilegesGiven(how string)
	// Disabled is told of each account that was switched off.
	Disabled()
}

// Service is the catalogue of what the program can do:
//
//   - SyncUser makes sure that a user exists.
//   - ResetPassword mails a user a link to choose a new password.
//   - SetStatus switches a user's account on or off.
//   - UpdateUser changes a user's data, role and group.
//   - EndSessions ends all sessions of a user.
//   - ForcePasswordChange makes a user change the password at the next sign-in.
//   - GetStatus reports the state of a user's account.
//
// It keeps nothing but the counts of its limits and, for a moment, whose a token is. It is
// safe for concurrent use.
type Service struct {
	Config
	reads, writes, mails *limit // by actor
	resets, mailboxes    *limit // by username, and by address
	door                 *door
	owners               *owners
}

// New makes a Service.
func New(config Config) *Service {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Service{
		Config:    config,
		reads:     newLimit(config.ReadsPerMinute, time.Minute, config.Now),
		writes:    newLimit(config.WritesPerMinute, time.Minute, config.Now),
		mails:     newLimit(config.MailsPerHour, time.Hour, config.Now),
		resets:    newLimit(1, config.ResetCooldown, config.Now),
		mailboxes: newLimit(1, config.ResetCooldown, config.Now),
		door:      newDoor(config.Calls),
		owners:    newOwners(),
	}
}
