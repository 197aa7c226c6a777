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
	readOnly      bool // a directory's
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
	for _, name := range []*string{&a.FirstName, &a.LastName} {
		if blank(*name) {
			*name = ""
		}
	}
	maps.DeleteFunc(a.Attributes, func(_ domain.Attribute, value string) bool { return blank(value) })
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

// set gives the account the attributes, takes those away that are empty, and returns
// those that the realm does not keep.
func (p *Provider) set(a *account, attributes domain.Attributes) (unstored []domain.Attribute) {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		value := attributes[name]
		switch {
		case value == "":
			delete(a.Attributes, name)
		case slices.Contains(p.realm.LacksAttributes, name):
			unstored = append(unstored, name)
		default:
			if a.Attributes == nil {
				a.Attributes = make(domain.Attributes)
			}
			a.Attributes[name] = value
		}
	}
	return unstored
}

// name gives the account a name, unless the realm does not keep it: then it adds what it is
// called to those that are not stored.
func (p *Provider) name(field *string, value string, called domain.Attribute, unstored []domain.Attribute) []domain.Attribute {
	switch {
	case *field == value:
	case slices.Contains(p.realm.LacksAttributes, called):
		unstored = append(unstored, called)
		slices.Sort(unstored)
	default:
		*field = value
	}
	return unstored
}

// askedFor returns what the realm requires of its users and the account lacks.
func (p *Provider) askedFor(a *account) (lacked []domain.Attribute) {
	for _, name := range slices.Sorted(slices.Values(p.realm.AsksFor)) {
		has := a.Attributes[name]
		if name == domain.FirstName {
			has = a.FirstName
		}
		if name == domain.LastName {
			has = a.LastName
		}
		if strings.TrimSpace(has) == "" {
			lacked = append(lacked, name)
		}
	}
	return lacked
}

// onUser runs do on the account with this id, alone with all accounts. It returns
// NotFound, Unavailable when ctx has ended, and what do returns.
func (p *Provider) onUser(ctx context.Context, id domain.UserID, do func(*account) error) error {
	if err := ended(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.users[id]
	if !ok {
		return &domain.Error{Kind: domain.NotFound}
	}
	return do(found)
}

// changing is onUser for what is refused for users of a directory.
func (p *Provider) changing(ctx context.Context, id domain.UserID, do func(*account) error) error {
	return p.onUser(ctx, id, func(changed *account) error {
		if changed.readOnly {
			return &domain.Error{Kind: domain.ReadOnlyUser}
		}
		return do(changed)
	})
}

// named returns the account with this username, or nil.
func (p *Provider) named(username string) *account {
	for _, a := range p.users {
		if a.Username == lower(username) {
			return a
		}
	}
	return nil
}

// withAddress returns the account with this e-mail address, or nil.
func (p *Provider) withAddress(email string) *account {
	for _, a := range p.users {
		if a.Email == lower(email) {
			return a
		}
	}
	return nil
}

// nameOf returns the username that the account has after the next write, and is shown by.
func (p *Provider) nameOf(a *account) string {
	if p.byAddress && a.Email != "" {
		return a.Email
	}
	return a.Username
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

// taken reports whether an account other than except goes by the name.
func (p *Provider) taken(name string, except *account) bool {
	name = lower(name)
	for _, a := range p.users {
		if a != except && name != "" && (name == a.Username || name == a.Email) {
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
		a.CreatedAt = p.realm.Now().UTC().Truncate(time.Millisecond)
	}
	p.users[a.ID] = a
	return a.ID
}
