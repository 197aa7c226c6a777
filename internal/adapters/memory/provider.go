// Package memory is an identity provider that lives in this process and forgets
// everything at its end. It behaves as Keycloak does with its default user profile,
// as far as callers of the port can see, and is held to the conformance suite of
// package porttest. Tests use it to look at effects instead of calls, and the
// demonstration runs on it; nothing else may.
//
// Beside the port it has what the port leaves to others: the realm's owner
// ([Provider.AddUser], [Provider.DeleteUser], [Provider.Lock], [Provider.SetPolicy],
// [Provider.FailMails]), the user at the sign-in page ([Provider.SignIn]), and the
// observer ([Provider.Users], [Provider.Mails], [Provider.SessionActive]).
package memory

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

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
}

// Provider is an identity provider in memory. It is safe for concurrent use.
type Provider struct {
	roles          []domain.RealmRole
	groups         []domain.Group
	contains       map[domain.RealmRole][]domain.RealmRole
	carries        map[domain.Group][]domain.RealmRole
	administration []domain.RealmRole

	mu       sync.Mutex // guards everything below
	policy   domain.PasswordPolicy
	users    map[domain.UserID]*account
	byName   map[string]*account // by username in lower case
	byEmail  map[string]*account // by e-mail address in lower case
	sessions map[Session]domain.UserID
	mails    []string
	noMails  bool
}

var _ ports.IdentityProvider = (*Provider)(nil)

// account is a user and what the port does not show of one.
type account struct {
	domain.User
	password domain.Secret // empty: none, and no sign-in
	roles    []domain.RealmRole
	groups   []domain.Group
	locked   bool
}

// New makes a provider of the realm, without users.
func New(realm Realm) *Provider {
	return &Provider{
		roles:          slices.Clone(realm.Roles),
		groups:         slices.Clone(realm.Groups),
		contains:       cloneLists(realm.Contains),
		carries:        cloneLists(realm.Carries),
		administration: slices.Clone(realm.Administration),
		policy:         realm.Policy,
		users:          map[domain.UserID]*account{},
		byName:         map[string]*account{},
		byEmail:        map[string]*account{},
		sessions:       map[Session]domain.UserID{},
	}
}

// AddUser puts a user into the realm as its owner can: in any state, also with data
// that the realm's rules would refuse today. The ID of user does not count, an empty
// password means none. It returns a conflict, UnknownRole, or an error for an unknown
// group.
func (p *Provider) AddUser(user domain.User, password string, in ...domain.Assignment) (domain.UserID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.conflict(user.Username, user.Email); err != nil {
		return "", err
	}
	added := &account{User: copyUser(user), password: domain.NewSecret(password)}
	for _, assignment := range in {
		if assignment.Role != "" && !slices.Contains(p.roles, assignment.Role) {
			return "", &domain.Error{Kind: domain.UnknownRole}
		}
		if assignment.Group != "" && !slices.Contains(p.groups, assignment.Group) {
			return "", errors.New("the realm has no such group")
		}
		added.join(assignment)
	}
	return p.store(added), nil
}

// DeleteUser removes the user and ends the user's sessions. It returns NotFound.
func (p *Provider) DeleteUser(id domain.UserID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	deleted, err := p.user(id)
	if err != nil {
		return err
	}
	p.endSessions(id)
	delete(p.users, id)
	delete(p.byName, deleted.Username)
	delete(p.byEmail, deleted.Email)
	return nil
}

// Lock keeps the user from signing in, as Keycloak does after too many wrong
// passwords. SetEnabled lifts the lock. It returns NotFound.
func (p *Provider) Lock(username string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	locked, ok := p.byName[lower(username)]
	if !ok {
		return &domain.Error{Kind: domain.NotFound}
	}
	locked.locked = true
	return nil
}

// SetPolicy changes what the realm asks of passwords from now on.
func (p *Provider) SetPolicy(policy domain.PasswordPolicy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.policy = policy
}

// FailMails makes every mail fail, or work again.
func (p *Provider) FailMails(fail bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noMails = fail
}

// Mails returns the addresses of all reset mails so far, in the order of sending.
func (p *Provider) Mails() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.mails)
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

// user returns the account with this id, or NotFound.
func (p *Provider) user(id domain.UserID) (*account, error) {
	found, ok := p.users[id]
	if !ok {
		return nil, &domain.Error{Kind: domain.NotFound}
	}
	return found, nil
}

// conflict says whose name or address a new user would take. As in Keycloak users may
// sign in by either, so nobody's username is another one's address, and of two
// conflicts the e-mail address is named.
func (p *Provider) conflict(username, email string) error {
	switch {
	case p.taken(email):
		return &domain.Error{Kind: domain.EmailConflict}
	case p.taken(username):
		return &domain.Error{Kind: domain.UsernameConflict}
	}
	return nil
}

func (p *Provider) taken(name string) bool {
	key := lower(name)
	return name != "" && (p.byName[key] != nil || p.byEmail[key] != nil)
}

// store gives the account its id and files it. Names and addresses are kept in lower
// case, as Keycloak does.
func (p *Provider) store(a *account) domain.UserID {
	a.ID = domain.UserID(newUUID())
	a.Username = lower(a.Username)
	a.Email = lower(a.Email)
	p.users[a.ID] = a
	p.byName[a.Username] = a
	if a.Email != "" {
		p.byEmail[a.Email] = a
	}
	return a.ID
}

// join adds a role and a group, each at most once.
func (a *account) join(in domain.Assignment) {
	if in.Role != "" && !slices.Contains(a.roles, in.Role) {
		a.roles = append(a.roles, in.Role)
	}
	if in.Group != "" && !slices.Contains(a.groups, in.Group) {
		a.groups = append(a.groups, in.Group)
	}
}

// copyUser returns a user that shares no memory with the given one.
func copyUser(user domain.User) domain.User {
	user.RequiredActions = distinct(user.RequiredActions)
	return user
}

// cloneLists returns a map that shares no list with the given one.
func cloneLists[K comparable, E any](lists map[K][]E) map[K][]E {
	clones := make(map[K][]E, len(lists))
	for key, list := range lists {
		clones[key] = slices.Clone(list)
	}
	return clones
}

// distinct returns a copy of actions without repetitions.
func distinct(actions []domain.RequiredAction) []domain.RequiredAction {
	var once []domain.RequiredAction
	for _, action := range actions {
		if !slices.Contains(once, action) {
			once = append(once, action)
		}
	}
	return once
}

// lower is the form in which names are compared and kept. Java's lower case of the
// dotted capital I has two characters; with Go's single one "İda" would be "ida".
func lower(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "İ", "i\u0307"))
}

// newUUID returns a random UUID (version 4), the form of Keycloak's ids.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // It never returns an error.
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
