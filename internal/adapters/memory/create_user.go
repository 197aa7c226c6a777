package memory

import (
	"context"
	"slices"

	"user-sync-service/internal/domain"
)

// CreateUser implements [ports.IdentityProvider].
func (p *Provider) CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	if err := ended(ctx); err != nil {
		return domain.CreatedUser{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	created := newAccount(user)
	created.RequiredActions = slices.DeleteFunc(created.RequiredActions, p.lacksAction)
	if !user.Password.IsEmpty() && !created.Requires(domain.UpdatePassword) {
		created.RequiredActions = append(created.RequiredActions, domain.UpdatePassword)
	}
	unstored := p.set(created, user.Attributes)
	if err := p.admit(created, user.Assignment.Role); err != nil {
		return domain.CreatedUser{}, err
	}
	missing := p.assign(created, user.Assignment)
	return domain.CreatedUser{
		ID: p.store(created), MissingGroup: missing, RequiredActions: slices.Clone(created.RequiredActions), Unstored: unstored,
	}, nil
}

func (p *Provider) lacksAction(action domain.RequiredAction) bool {
	return slices.Contains(p.lacksActions, action)
}

// admit checks everything that can keep a new user out, in the order in which the
// service meets it on Keycloak: the role is looked up first, the password comes last.
func (p *Provider) admit(a *account, role domain.RealmRole) error {
	if !slices.Contains(p.roles, role) {
		return &domain.Error{Kind: domain.UnknownRole}
	}
	if err := p.conflict(a.Username, a.Email); err != nil {
		return err
	}
	if err := p.checkNew(a.User); err != nil {
		return err
	}
	if !a.password.IsEmpty() && !satisfies(a.password.Reveal(), p.policy, a.User) {
		return &domain.Error{Kind: domain.PasswordRefused}
	}
	return nil
}

// newAccount makes the enabled account of a new user.
func newAccount(user domain.NewUser) *account {
	return &account{
		User: domain.User{
			Username:        user.Username.String(),
			Email:           user.Email.String(),
			FirstName:       user.FirstName,
			LastName:        user.LastName,
			Enabled:         true,
			EmailVerified:   user.EmailVerified,
			RequiredActions: distinct(user.RequiredActions),
			Managed:         true,
		},
		password: user.Password,
	}
}

// Assign implements [ports.IdentityProvider].
func (p *Provider) Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (missing domain.Group, err error) {
	err = p.onUser(ctx, id, func(assigned *account) error {
		if assignment.Role != "" && !slices.Contains(p.roles, assignment.Role) {
			return &domain.Error{Kind: domain.UnknownRole}
		}
		missing = p.assign(assigned, assignment)
		return nil
	})
	return missing, err
}

// assign gives the account the role, which exists, and the group, which it returns when
// the realm lacks it.
func (p *Provider) assign(a *account, assignment domain.Assignment) (missing domain.Group) {
	if assignment.Group != "" && !slices.Contains(p.groups, assignment.Group) {
		missing, assignment.Group = assignment.Group, ""
	}
	a.join(assignment)
	return missing
}

// Unassign implements [ports.IdentityProvider].
func (p *Provider) Unassign(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
	return p.onUser(ctx, id, func(left *account) error {
		left.roles = slices.DeleteFunc(left.roles, func(role domain.RealmRole) bool { return role == assignment.Role })
		left.groups = slices.DeleteFunc(left.groups, func(group domain.Group) bool { return group == assignment.Group })
		return nil
	})
}
