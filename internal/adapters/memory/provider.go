// Package memory is an identity provider that lives in this process and forgets
// everything at its end. It behaves as Keycloak does with its default user profile, to
// which the program's attributes were added, as far as callers of the port can see, and
// is held to the conformance suite of package porttest. Tests use it to look at effects
// instead of calls, and the demonstration runs on it; nothing else may.
//
// Beside the port it has what the port leaves to others: the realm's owner
// ([Provider.AddUser], [Provider.DeleteUser], [Provider.Lock], [Provider.SetPolicy],
// [Provider.NameByAddress], [Provider.FailMails]), the user at the sign-in page ([Provider.SignIn],
// [Provider.AddSecondFactor]), and the observer ([Provider.Users], [Provider.Mails],
// [Provider.SessionActive]).
package memory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// Realm is what exists before there is any user. Groups are names of top-level groups
// or paths of nested ones, as in [domain.Group].
type Realm struct {
	Roles  []domain.RealmRole
	Groups []domain.Group
	Policy domain.PasswordPolicy

	// Contains names the roles that a role brings along. They need not be in Roles: what
	// is only here, such as a role of an application, cannot be assigned.
	Contains map[domain.RealmRole][]domain.RealmRole
	// Carries names the roles that the members of a group get. A nested group also
	// carries what its parents do, whether these are in Groups or not.
	Carries map[domain.Group][]domain.RealmRole
	// Administration are the roles that are rights to administer the provider itself,
	// such as Keycloak's roles of realm-management.
	Administration []domain.RealmRole

	// Default is what every new user gets, whoever makes it.
	Default domain.Assignment

	// LacksActions are required actions that the realm does not know or has switched off,
	// LacksAttributes attributes and names that it does not keep, AsksFor those that it requires
	// of its users.
	LacksActions    []domain.RequiredAction
	LacksAttributes []domain.Attribute
	AsksFor         []domain.Attribute
	// AttributePatterns are what every value of an attribute must match.
	AttributePatterns map[domain.Attribute]*regexp.Regexp

	// Now is the clock by which users are created and locks end; nil: time.Now.
	Now func() time.Time
}

// Provider is an identity provider in memory. It is safe for concurrent use.
type Provider struct {
	realm Realm // never changes, except for its Policy

	mu       sync.Mutex // guards the Policy and everything below
	users    map[domain.UserID]*account
	sessions map[Session]domain.UserID
	mails    []Mail
	noMails  bool
	// byAddress tells that the realm takes addresses for usernames.
	byAddress bool
}

var _ ports.IdentityProvider = (*Provider)(nil)

// New makes a provider of the realm, without users.
func New(realm Realm) *Provider {
	realm.Roles = slices.Clone(realm.Roles)
	realm.Groups = slices.Clone(realm.Groups)
	realm.Contains = cloneLists(realm.Contains)
	realm.Carries = cloneLists(realm.Carries)
	realm.Administration = slices.Clone(realm.Administration)
	realm.LacksActions = slices.Clone(realm.LacksActions)
	realm.LacksAttributes = slices.Clone(realm.LacksAttributes)
	realm.AsksFor = slices.Clone(realm.AsksFor)
	realm.AttributePatterns = maps.Clone(realm.AttributePatterns)
	if realm.Now == nil {
		realm.Now = time.Now
	}
	return &Provider{realm: realm, users: map[domain.UserID]*account{}, sessions: map[Session]domain.UserID{}}
}

// AddUser puts a user into the realm as its owner can: in any state, also with data
// that the realm's rules would refuse today. The ID of user does not count, a zero
// CreatedAt means now, an empty password none. Attributes that the realm does not keep
// are lost. It returns a conflict, UnknownRole, or an error for an unknown group.
func (p *Provider) AddUser(user domain.User, password string, in ...domain.Assignment) (domain.UserID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.conflict(user.Username, user.Email); err != nil {
		return "", err
	}
	added := &account{User: copyUser(user), password: domain.NewSecret(password)}
	added.Attributes = nil
	p.set(added, user.Attributes)
	for _, assignment := range slices.Concat(in, []domain.Assignment{p.realm.Default}) {
		if assignment.Role != "" && !slices.Contains(p.realm.Roles, assignment.Role) {
			return "", &domain.Error{Kind: domain.UnknownRole}
		}
		if assignment.Group != "" && !slices.Contains(p.realm.Groups, assignment.Group) {
			return "", errors.New("the realm has no such group")
		}
		added.join(assignment)
	}
	return p.store(added), nil
}

// DeleteUser removes the user, which ends the user's sessions. It returns NotFound.
func (p *Provider) DeleteUser(id domain.UserID) error {
	return p.onUser(context.Background(), id, func(*account) error {
		delete(p.users, id)
		return nil
	})
}

// HoldInDirectory makes the user one whom the realm takes from a directory to which it
// cannot write anything. It returns NotFound.
func (p *Provider) HoldInDirectory(id domain.UserID) error {
	return p.onUser(context.Background(), id, func(held *account) error {
		held.readOnly = true
		return nil
	})
}

// Lock keeps the user from signing in, as Keycloak does after too many wrong
// passwords, until SetEnabled lifts the lock. It returns NotFound.
func (p *Provider) Lock(username string) error { return p.LockUntil(username, time.Time{}) }

// LockUntil is the same for a lock that also ends by itself.
func (p *Provider) LockUntil(username string, end time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	locked := p.named(username)
	if locked == nil {
		return &domain.Error{Kind: domain.NotFound}
	}
	locked.locked, locked.lockedUntil = true, end
	return nil
}

// AddSecondFactor gives the user a credential of the kind beside the password, as users
// do themselves at the sign-in page. It returns NotFound.
func (p *Provider) AddSecondFactor(id domain.UserID, kind string) error {
	return p.onUser(context.Background(), id, func(owner *account) error {
		owner.secondFactors = append(owner.secondFactors, kind)
		return nil
	})
}

// SetPolicy changes what the realm asks of passwords from now on.
func (p *Provider) SetPolicy(policy domain.PasswordPolicy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.realm.Policy = policy
}

// NameByAddress makes the realm take addresses for usernames from now on. As in Keycloak,
// users keep the names that they have until the next write, but are shown by their address.
func (p *Provider) NameByAddress() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byAddress = true
}

// Users returns all users, ordered by username.
func (p *Provider) Users() []domain.User {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]domain.User, 0, len(p.users))
	for _, a := range p.users {
		all = append(all, copyUser(a.User))
	}
	slices.SortFunc(all, func(a, b domain.User) int { return cmp.Compare(a.Username, b.Username) })
	return all
}
