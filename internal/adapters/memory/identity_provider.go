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
	found := p.named(username.String())
	if found == nil && p.byAddress {
		found = p.withAddress(username.String())
	}
	if found == nil {
		return domain.User{}, &domain.Error{Kind: domain.NotFound}
	}
	user := copyUser(found.User)
	user.Username, user.NameHidden = p.nameOf(found), found.Username != lower(username.String()) || p.nameOf(found) != found.Username
	return user, nil
}

// Memberships implements [ports.IdentityProvider].
func (p *Provider) Memberships(ctx context.Context, id domain.UserID) (memberships domain.Memberships, err error) {
	err = p.onUser(ctx, id, func(member *account) error {
		memberships = domain.Memberships{Roles: slices.Clone(member.roles), Groups: slices.Clone(member.groups)}
		return nil
	})
	return memberships, err
}

// Groups implements [ports.IdentityProvider].
func (p *Provider) Groups(ctx context.Context, id domain.UserID) ([]domain.Group, error) {
	memberships, err := p.Memberships(ctx, id)
	slices.Sort(memberships.Groups)
	return memberships.Groups, err
}

// PasswordPolicy implements [ports.IdentityProvider].
func (p *Provider) PasswordPolicy(ctx context.Context) (domain.PasswordPolicy, error) {
	if err := ended(ctx); err != nil {
		return domain.PasswordPolicy{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.realm.Policy, nil
}

// Details implements [ports.IdentityProvider].
func (p *Provider) Details(ctx context.Context, id domain.UserID) (details domain.AccountDetails, err error) {
	err = p.onUser(ctx, id, func(found *account) error {
		details = domain.AccountDetails{
			Locked: found.isLocked(p.realm.Now()),
			EffectiveRoles: slices.DeleteFunc(p.effective(found.roles, found.groups), func(role domain.RealmRole) bool {
				return !slices.Contains(p.realm.Roles, role)
			}),
			HasPassword:   !found.password.IsEmpty(),
			SecondFactors: slices.Compact(slices.Sorted(slices.Values(found.secondFactors))),
		}
		if details.Locked {
			details.LockedUntil = found.lockedUntil
		}
		return nil
	})
	return details, err
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
