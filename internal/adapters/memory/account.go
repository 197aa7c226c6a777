package memory

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"user-sync-service/internal/domain"
)

// account is a user and what the port does not show of one.
type account struct {
	domain.User
	password      domain.Secret // empty: none, and no sign-in
	secondFactors []string
	roles         []domain.RealmRole
	groups        []domain.Group
	locked        bool
	lockedUntil   time.Time // of a lock that ends by itself; zero: it does not
}

// isLocked reports whether a lock keeps the user from signing in.
func (a *account) isLocked(now time.Time) bool {
	return a.locked && (a.lockedUntil.IsZero() || now.Before(a.lockedUntil))
}

// dropBlanks takes away values that consist of blanks only, as Keycloak does once its
// rules have accepted them.
func (a *account) dropBlanks() {
	blank := func(text string) bool { return strings.TrimSpace(text) == "" }
	if blank(a.FirstName) {
		a.FirstName = ""
	}
	if blank(a.LastName) {
		a.LastName = ""
	}
	maps.DeleteFunc(a.Attributes, func(_ domain.Attribute, value string) bool { return blank(value) })
}

// unlock lifts a lock.
func (a *account) unlock() { a.locked, a.lockedUntil = false, time.Time{} }

// join adds a role and a group, each at most once.
func (a *account) join(in domain.Assignment) {
	if in.Role != "" && !slices.Contains(a.roles, in.Role) {
		a.roles = append(a.roles, in.Role)
	}
	if in.Group != "" && !slices.Contains(a.groups, in.Group) {
		a.groups = append(a.groups, in.Group)
	}
}

// onUser runs do on the account with this id, alone with all accounts. It returns
// NotFound, Unavailable when ctx has ended, and what do returns.
func (p *Provider) onUser(ctx context.Context, id domain.UserID, do func(*account) error) error {
	if err := ended(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found, err := p.user(id)
	if err != nil {
		return err
	}
	return do(found)
}

// user returns the account with this id, or NotFound.
func (p *Provider) user(id domain.UserID) (*account, error) {
	found, ok := p.users[id]
	if !ok {
		return nil, &domain.Error{Kind: domain.NotFound}
	}
	return found, nil
}

// conflict returns the conflict that a new user would meet. As in Keycloak users sign in
// by name or address, so a username may not be the address of another user either. Of
// two conflicts the one about the address is returned.
func (p *Provider) conflict(username, email string) error {
	switch {
	case p.taken(email, nil):
		return &domain.Error{Kind: domain.EmailConflict}
	case p.taken(username, nil):
		return &domain.Error{Kind: domain.UsernameConflict}
	}
	return nil
}

// taken reports whether somebody else than the account goes by the name.
func (p *Provider) taken(name string, except *account) bool {
	for _, holder := range []*account{p.byName[lower(name)], p.byEmail[lower(name)]} {
		if name != "" && holder != nil && holder != except {
			return true
		}
	}
	return false
}

// store gives the account its id and files it. Names and addresses are kept in lower
// case, as Keycloak does.
func (p *Provider) store(a *account) domain.UserID {
	a.ID = domain.UserID(newUUID())
	a.Username = lower(a.Username)
	a.Email = lower(a.Email)
	a.dropBlanks()
	if a.CreatedAt.IsZero() {
		// Keycloak counts in milliseconds.
		a.CreatedAt = p.now().UTC().Truncate(time.Millisecond)
	}
	p.users[a.ID] = a
	p.byName[a.Username] = a
	if a.Email != "" {
		p.byEmail[a.Email] = a
	}
	return a.ID
}
