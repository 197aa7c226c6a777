// Package porttest is the conformance suite of [ports.IdentityProvider]: every clause
// of the contract as one named check. Whoever implements the port runs it in a test of
// a few lines:
//
//	func TestConformance(t *testing.T) {
//		porttest.Run(t, func(t *testing.T) porttest.Subject { ... })
//	}
//
// The suite looks at effects only, never at how the provider is asked. Its users have
// random names and are not removed, so that a realm may serve many runs and need not
// be empty, but should be thrown away some day.
//
// Not checked, because it takes a fault inside the provider, a look behind the port, or
// time: the kinds Timeout, Overloaded, BadAnswer, Internal and Partial, rights that the
// provider does not show (Unseen), attributes that are none of the program's or that have
// several values already, and how long a link in a mail works. The tests of an adapter have to.
package porttest

import (
	"context"
	"slices"
	"testing"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// T is what a clause needs of a test; [testing.T] has it. It is an interface so that
// the suite itself can be tested.
type T interface {
	Errorf(format string, args ...any)
	FailNow()
	Skipf(format string, args ...any)
	Helper()
	Context() context.Context
}

// Clause is one promise of the contract.
type Clause struct {
	Name string // "Method/Promise"
	// Why says what goes wrong in the program when a provider breaks the clause. It is
	// printed when it does.
	Why   string
	Check func(t T, s Subject)
}

// Outcome is what became of a sign-in.
type Outcome string

// The outcomes of a sign-in.
const (
	SignedIn Outcome = "signed in"
	// NotSetUp: name and password are right, but the user must do something first.
	NotSetUp Outcome = "not set up"
	// Refused: anything else, such as a wrong password or a disabled account.
	Refused Outcome = "refused"
)

// Subject is a provider to check, what its realm has, and what the suite must be able
// to do behind the provider's back. A hook returns an error when it could not do its
// work, which ends the check. Hooks and members marked optional may be left out; the
// clauses that need them are skipped then.
//
// The realm's password policy asks for 5 to 20 characters, and for at most two of each
// sort.
type Subject struct {
	Provider ports.IdentityProvider

	// Role and Group exist in the realm, and new users do not get them unasked. Role
	// contains no other role; Group is a top-level group and carries none of the roles
	// below. MissingRole and MissingGroup do not exist.
	Role         domain.RealmRole
	Group        domain.Group
	MissingRole  domain.RealmRole
	MissingGroup domain.Group

	// CarriedRole exists in the realm, and new users do not get it unasked. CompositeRole
	// is a realm role that contains it. CarryingGroup is a nested group whose parent
	// carries it; the group itself carries nothing.
	CarriedRole   domain.RealmRole
	CompositeRole domain.RealmRole
	CarryingGroup domain.Group
	// AdministratorRole is a realm role that contains a right to administer the provider
	// itself. Optional: empty where the provider does not show such rights.
	AdministratorRole domain.RealmRole

	// LackedAction is a required action that the realm does not know, DisabledAction one
	// that it knows and has switched off, and that is none of package domain. DisabledAction
	// is optional: empty where none is switched off.
	LackedAction   domain.RequiredAction
	DisabledAction domain.RequiredAction

	// UnkeptAttributes are the attributes that the realm does not keep, in alphabetical
	// order. RefusedAttribute is one that it keeps, RefusedValue a value of it that the
	// realm's rules refuse; they accept numbers as ids, any text as a name, and a telephone
	// number. Optional: empty where the realm keeps them all, and where it has no rules.
	UnkeptAttributes []domain.Attribute
	RefusedAttribute domain.Attribute
	RefusedValue     string

	// KeepsMarks tells that the realm keeps by what its users were created, as an attribute
	// for instance. Optional: false where it cannot.
	KeepsMarks bool

	// RefusedUsername is at most two characters long and RefusedName a first name;
	// the realm's rules refuse both. Optional: empty where the realm has no such rule.
	RefusedUsername string
	RefusedName     string

	// AddUser puts a user into the realm without the provider: in any state, also with
	// RefusedName as first name, with a password that is not temporary ("" for none), and
	// without a mark of the provider. The ID and CreatedAt of user do not count.
	AddUser func(user domain.User, password string, in ...domain.Assignment) (domain.UserID, error)
	// DeleteUser removes a user from the realm.
	DeleteUser func(domain.UserID) error

	// Mails returns the addresses of all mails so far, one entry per mail.
	Mails func() []string
	// MailedActions returns the actions through which the last mail to the address leads.
	// Optional.
	MailedActions func(address string) []domain.RequiredAction
	// FailMails makes sending mails fail until the end of the check.
	FailMails func() error

	// SignIn signs a user in. When that succeeds, alive reports from then on whether
	// the session can still be used. Optional.
	SignIn func(username, password string) (outcome Outcome, alive func() bool)
	// Lock makes the provider lock the user, as after many wrong passwords. Optional.
	Lock func(username string) error
	// HoldInDirectory makes the user one of a directory of whom the provider can change
	// nothing. Optional.
	HoldInDirectory func(domain.UserID) error
	// AddSecondFactor gives the user a credential beside the password and returns what the
	// provider calls that kind. It can be called again for the same user. Optional.
	AddSecondFactor func(domain.UserID) (kind string, err error)
	// RequireLength makes the realm's password policy ask for so many characters until
	// the end of the check. Optional.
	RequireLength func(characters int) error
	// NameByAddress makes the realm take addresses for usernames until the end of the check,
	// also to the knowledge of the provider. Optional.
	NameByAddress func() error
}

// Clauses returns the whole contract.
func Clauses() []Clause {
	return slices.Concat(
		findUserClauses(),
		membershipsClauses(),
		groupsClauses(),
		privilegesClauses(),
		rightsOfClauses(),
		defaultRightsClauses(),
		passwordPolicyClauses(),
		detailsClauses(),
		createUserClauses(),
		createAttributesClauses(),
		createActionsClauses(),
		createRefusedClauses(),
		createConflictClauses(),
		createRaceClauses(),
		assignClauses(),
		unassignClauses(),
		updateUserClauses(),
		updateRefusedClauses(),
		setEnabledClauses(),
		endSessionsClauses(),
		setRequiredActionsClauses(),
		twoAtOnceClauses(),
		sendActionsMailClauses(),
		contextClauses(),
		ownershipClauses(),
		disclosureClauses(),
		everyMethodClauses(),
	)
}

// Run checks every clause as a subtest, each on a subject of its own.
func Run(t *testing.T, newSubject func(t *testing.T) Subject) {
	t.Helper()
	for _, clause := range Clauses() {
		t.Run(clause.Name, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("the provider breaks the clause %s: %s", clause.Name, clause.Why)
				}
			}()
			clause.Check(t, newSubject(t))
		})
	}
}
