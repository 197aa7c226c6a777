package memory

import (
	"context"
	"slices"

	"user-sync-service/internal/domain"
)

// FindUser implements [ports.IdentityProvider].
func (p *Provider) FindUser(ctx context.Context, username domain.Username) (domain.User, error) {
	if err := ended(ctx); err != nil {
		return domain.User{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.byName[lower(username.String())]
	if !ok {
		return domain.User{}, &domain.Error{Kind: domain.NotFound}
	}
	return copyUser(found.User), nil
}

// Memberships implements [ports.IdentityProvider].
func (p *Provider) Memberships(ctx context.Context, id domain.UserID) (domain.Memberships, error) {
	if err := ended(ctx); err != nil {
		return domain.Memberships{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	member, err := p.user(id)
	if err != nil {
		return domain.Memberships{}, err
	}
	return domain.Memberships{Roles: slices.Clone(member.roles), Groups: slices.Clone(member.groups)}, nil
}

// Groups implements [ports.IdentityProvider].
func (p *Provider) Groups(ctx context.Context, id domain.UserID) ([]domain.Group, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	member, err := p.user(id)
	if err != nil {
		return nil, err
	}
	groups := slices.Clone(member.groups)
	slices.Sort(groups)
	return groups, nil
}

// PasswordPolicy implements [ports.IdentityProvider].
func (p *Provider) PasswordPolicy(ctx context.Context) (domain.PasswordPolicy, error) {
	if err := ended(ctx); err != nil {
		return domain.PasswordPolicy{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.policy, nil
}

// Details implements [ports.IdentityProvider].
func (p *Provider) Details(ctx context.Context, id domain.UserID) (domain.AccountDetails, error) {
	if err := ended(ctx); err != nil {
		return domain.AccountDetails{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found, err := p.user(id)
	if err != nil {
		return domain.AccountDetails{}, err
	}
	details := domain.AccountDetails{
		Locked: found.isLocked(p.now()),
		EffectiveRoles: slices.DeleteFunc(p.effective(found.roles, found.groups), func(role domain.RealmRole) bool {
			return !slices.Contains(p.roles, role)
		}),
		HasPassword:   !found.password.IsEmpty(),
		SecondFactors: slices.Compact(slices.Sorted(slices.Values(found.secondFactors))),
	}
	if details.Locked {
		details.LockedUntil = found.lockedUntil
	}
	return details, nil
}

// Check implements [ports.IdentityProvider].
func (p *Provider) Check(ctx context.Context) error { return ended(ctx) }

// ended returns Unavailable when ctx has ended.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &domain.Error{Kind: domain.Unavailable, Err: err}
	}
	return nil
}
