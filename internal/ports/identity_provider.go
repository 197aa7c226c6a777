package ports

import (
	"context"
	"time"

	"user-sync-service/internal/domain"
)

// IdentityProvider is the system that holds users and signs them in, seen as one realm.
//
// What holds for every method:
//
//   - It is safe for concurrent use, and what it returns belongs to the caller.
//   - It obeys the context. When the context has ended it returns Unavailable and has
//     either done the whole operation or, as far as anyone can tell, none of it.
//   - Besides the kinds named below it may return Unavailable (cannot be reached, the
//     connection broke, or a write met another one whose outcome is not seen yet),
//     Timeout (no answer in time), Overloaded (too many calls are under way), BadAnswer (an
//     invalid answer) and Internal (the provider refuses our own credentials or rights).
//     The first two may come after a write has happened.
//   - It may retry before it returns, unless its comment says never: doing one of the other
//     writes again changes nothing.
//   - When SetEnabled, UpdateUser or SetRequiredActions returns nil, the change holds, also
//     when others wrote the same user at the same moment. Where one of two such writes can
//     be lost, the provider reads the user after its write and, if the change is gone, writes
//     again, a bounded number of times. When it cannot bring the change about it returns
//     Partial: the change is incomplete, and sending it again is safe. Of two changes that
//     exclude each other, one holds.
//   - No write leaves an attribute with two values. One that has them already is mended by
//     the next write of the user, and never keeps SetEnabled from working.
//   - A method that takes a UserID returns NotFound when there is no such user.
//   - Of a user whom the provider takes from a directory it may not be able to change all.
//     SetEnabled, UpdateUser, SetRequiredActions, Assign and Unassign return ReadOnlyUser then,
//     and have changed nothing. When the directory is away, everything returns Unavailable, also
//     FindUser for users whom it does not show to be another directory's.
//   - No error carries a secret, a username or an e-mail address in its Err.
//
// porttest checks every clause that shows from outside; the kinds that take a fault
// inside the provider are for the adapter's own tests.
type IdentityProvider interface {
	// FindUser returns the one user with this username, without regard to letter
	// case. Nothing in the name is a pattern, and a user whose name only contains it is
	// not found. It returns NotFound, never a zero User without an error.
	//
	// A realm may take addresses for usernames; those from before keep the name that they
	// had until the next write. There the user is found by that name and by the address,
	// and shown with either as the Username and NameHidden; when these are two users', it
	// returns BadAnswer.
	//
	// Managed is true for users that CreateUser has made, whatever was written to them
	// since, and for no others. Where the realm cannot keep that, or lets users write it
	// themselves, it is false for all: rights follow from it, and the same holds for
	// TrustedID. What the realm lets may have been read a minute ago. When it cannot be
	// read, ManagedErr says so, and only callers who need to know have failed.
	FindUser(ctx context.Context, username domain.Username) (domain.User, error)

	// Memberships returns the realm roles assigned to the user directly and the user's
	// groups. It returns both or an error, never a list that could not be read as empty.
	Memberships(ctx context.Context, id domain.UserID) (domain.Memberships, error)

	// Groups returns the user's groups by their paths.
	Groups(ctx context.Context, id domain.UserID) ([]domain.Group, error)

	// Privileges returns which of the roles the user effectively holds, through groups and
	// other roles too, and every right of the user to administer the provider itself. Where
	// the provider does not show such rights, Hidden says so; else none means none. Which of
	// the roles exist may have been read some minutes ago, who holds them is current.
	Privileges(ctx context.Context, id domain.UserID, roles []domain.RealmRole) (domain.Privileges, error)

	// RightsOf returns all that a user gets by the assignment. A group that the realm
	// lacks carries nothing. It may be some minutes old. It returns UnknownRole when the
	// realm lacks the role.
	RightsOf(ctx context.Context, assignment domain.Assignment) (domain.Rights, error)

	// DefaultRights returns all that every new user gets without being given it. It may be
	// some minutes old.
	DefaultRights(ctx context.Context) (domain.Rights, error)

	// PasswordPolicy returns what the realm asks of passwords. It may be some minutes
	// old; after CreateUser has returned PasswordRefused it is current.
	PasswordPolicy(ctx context.Context) (domain.PasswordPolicy, error)

	// ActionAvailable reports whether the realm asks users for the required action who have
	// it: whether it knows the action and has it switched on. It may be a minute old.
	ActionAvailable(ctx context.Context, action domain.RequiredAction) (bool, error)

	// Details returns what FindUser does not know of the account. It returns all of it or
	// an error, never something that could not be read as absent.
	Details(ctx context.Context, id domain.UserID) (domain.AccountDetails, error)

	// CreateUser makes an enabled user with its role, group, attributes, temporary
	// password and required actions, or leaves nothing behind. Left out, and named in the
	// result, are a group that the realm lacks, required actions that it does not know or
	// has switched off, and names, an address and attributes that it does not keep (these may
	// have been read some minutes ago); everything else is done or an error. The result also
	// names what the realm will ask the user for, because it requires that of its users.
	//
	// The password is temporary: UpdatePassword is among the user's required actions even
	// when it was not asked for, or when the realm has it switched off, which the result
	// tells: then the password lasts. A user without one cannot sign in.
	//
	// It returns UnknownRole when the realm lacks the role, UsernameConflict or
	// EmailConflict when another user goes by the name or the address (when both are
	// taken, either of the two), InvalidField when the realm's rules refuse a field,
	// PasswordRefused when they refuse the password, and Partial when a user was made,
	// could not be finished, and could not be removed either, or when it cannot be told
	// whether one was made. It is never retried once the provider may have seen it.
	//
	// Of any number of simultaneous calls with one username, or one e-mail address,
	// exactly one succeeds and the others return a conflict.
	CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error)

	// Assign gives the user the role and the group of the assignment, either of which may
	// be empty, and changes nothing else: nothing is taken away, and what the user has
	// already is no error. A group that the realm lacks is left out and returned. It
	// returns UnknownRole when the realm lacks the role, and has given nothing then. After
	// any other failure one of the two may have been given.
	Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (missing domain.Group, err error)

	// Unassign takes the role, if the user holds it directly, and the group of the
	// assignment away, either of which may be empty, and changes nothing else. What the
	// user or the realm does not have is no error.
	Unassign(ctx context.Context, id domain.UserID, assignment domain.Assignment) error

	// UpdateUser changes what the change names and nothing else, in one step. An address
	// that the user has, letter case aside, is no change. It returns
	// what was to be set and the realm does not keep, in alphabetical
	// order, EmailConflict when the address belongs to another user, and InvalidField when
	// the realm's rules refuse a field, one that stays included; an attribute goes by its
	// own name there.
	UpdateUser(ctx context.Context, id domain.UserID, change domain.UserChange) (unstored []domain.Attribute, err error)

	// SetEnabled switches the account on or off and changes nothing else. Enabling also
	// lifts a lock that the provider has put on the account after failed sign-ins.
	// Disabling alone does not promise to end sessions. It returns InvalidField when
	// the realm's rules refuse the user's present data.
	SetEnabled(ctx context.Context, id domain.UserID, enabled bool) error

	// EndSessions changes nothing of the user but ends all of the user's sessions: whatever
	// was issued for them before is refused from then on. The user may sign in again if
	// enabled.
	EndSessions(ctx context.Context, id domain.UserID) error

	// SetRequiredActions replaces the user's required actions and changes nothing
	// else. It returns InvalidField when the realm's rules refuse the user's present data.
	SetRequiredActions(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error

	// SendActionsMail mails the user a link, valid for lifespan, that leads through the
	// actions; the user's required actions stay as they are. It is never retried once the
	// provider may have seen it: after Timeout or Unavailable the mail may have gone out.
	// It returns NoEmail, UserDisabled, or EmailDeliveryFailed when the provider cannot
	// send mails: it has not sent this one. Timeout may well be the mail server's.
	SendActionsMail(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error

	// Check reports whether the provider answers and accepts the service's credentials.
	Check(ctx context.Context) error
}
