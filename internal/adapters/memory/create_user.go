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
	created := &account{
		User: domain.User{
			Username:        user.Username.String(),
			Email:           user.Email.String(),
			Enabled:         true,
			EmailVerified:   user.EmailVerified,
			RequiredActions: slices.DeleteFunc(distinct(user.RequiredActions), p.lacksAction),
			Managed:         true,
		},
		password: user.Password,
	}
	if !user.Password.IsEmpty() && !created.Requires(domain.UpdatePassword) {
		created.RequiredActions = append(created.RequiredActions, domain.UpdatePassword)
	}
	unstored := p.set(created, user.Attributes)
	unstored = p.name(&created.FirstName, user.FirstName, domain.FirstName, unstored)
	unstored = p.name(&created.LastName, user.LastName, domain.LastName, unstored)
	if err := p.admit(created, user.Assignment.Role); err != nil {
		return domain.CreatedUser{}, err
	}
	missing := p.assign(created, user.Assignment)
	created.join(p.realm.Default)
	return domain.CreatedUser{
		ID: p.store(created), MissingGroup: missing, RequiredActions: slices.Clone(created.RequiredActions),
		PasswordLasts: p.lacksAction(domain.UpdatePassword), Unstored: unstored, AskedFor: p.askedFor(created),
	}, nil
}

// ActionAvailable implements [ports.IdentityProvider].
func (p *Provider) ActionAvailable(ctx context.Context, action domain.RequiredAction) (bool, error) {
	if err := ended(ctx); err != nil {
		return false, err
	}
	return !p.lacksAction(action), nil
}

func (p *Provider) lacksAction(action domain.RequiredAction) bool {
	return slices.Contains(p.realm.LacksActions, action)
}

// admit checks everything that can keep a new user out, in the order in which the
// service meets it on Keycloak: the role is looked up first, the password comes last.
func (p *Provider) admit(a *account, role domain.RealmRole) error {
	if !slices.Contains(p.realm.Roles, role) {
		return &domain.Error{Kind: domain.UnknownRole}
	}
	if err := p.conflict(a.Username, a.Email); err != nil {
		return err
	}
	if err := p.check(a.User, true); err != nil {
		return err
	}
	if !a.password.IsEmpty() && !satisfies(a.password.Reveal(), p.realm.Policy, a.User) {
		return &domain.Error{Kind: domain.PasswordRefused}
	}
	return nil
}

// Assign implements [ports.IdentityProvider].
func (p *Provider) Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (missing domain.Group, err error) {
	err = p.changing(ctx, id, func(assigned *account) error {
		if assignment.Role != "" && !slices.Contains(p.realm.Roles, assignment.Role) {
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
	if assignment.Group != "" && !slices.Contains(p.realm.Groups, assignment.Group) {
		missing, assignment.Group = assignment.Group, ""
	}
	a.join(assignment)
	return missing
}

// Unassign implements [ports.IdentityProvider].
func (p *Provider) Unassign(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
	return p.changing(ctx, id, func(left *account) error {
		left.roles = slices.DeleteFunc(left.roles, func(role domain.RealmRole) bool { return role == assignment.Role })
		left.groups = slices.DeleteFunc(left.groups, func(group domain.Group) bool { return group == assignment.Group })
		return nil
	})
}
