package memory

import (
	"context"
	"slices"
	"time"

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
	memberships := domain.Memberships{Roles: slices.Clone(member.roles)}
	for _, group := range member.groups {
		memberships.Groups = append(memberships.Groups, groupName(group))
	}
	return memberships, nil
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

// CreateUser implements [ports.IdentityProvider].
func (p *Provider) CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	if err := ended(ctx); err != nil {
		return domain.CreatedUser{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	created := newAccount(user)
	if err := p.admit(created, user.Assignment.Role); err != nil {
		return domain.CreatedUser{}, err
	}
	missing := p.assign(created, user.Assignment)
	return domain.CreatedUser{ID: p.store(created), MissingGroup: missing}, nil
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
	if err := checkNewProfile(a.User); err != nil {
		return err
	}
	if !satisfies(a.password.Reveal(), p.policy, a.User) {
		return &domain.Error{Kind: domain.PasswordRefused}
	}
	return nil
}

// newAccount makes the enabled account of a new user. That the password is temporary
// is nothing but a required action, as in Keycloak.
func newAccount(user domain.NewUser) *account {
	actions := append([]domain.RequiredAction{domain.UpdatePassword}, user.RequiredActions...)
	return &account{
		User: domain.User{
			Username:        user.Username.String(),
			Email:           user.Email.String(),
			FirstName:       user.FirstName,
			LastName:        user.LastName,
			Enabled:         true,
			EmailVerified:   user.EmailVerified,
			RequiredActions: distinct(actions),
			Managed:         true,
		},
		password: user.Password,
	}
}

// Assign implements [ports.IdentityProvider].
func (p *Provider) Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
	if err := ended(ctx); err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	assigned, err := p.user(id)
	if err != nil {
		return "", err
	}
	if assignment.Role != "" && !slices.Contains(p.roles, assignment.Role) {
		return "", &domain.Error{Kind: domain.UnknownRole}
	}
	return p.assign(assigned, assignment), nil
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

// SetEnabled implements [ports.IdentityProvider].
func (p *Provider) SetEnabled(ctx context.Context, id domain.UserID, enabled bool) error {
	return p.update(ctx, id, func(a *account) {
		a.Enabled = enabled
		if enabled {
			a.locked = false
		}
	})
}

// SetRequiredActions implements [ports.IdentityProvider].
func (p *Provider) SetRequiredActions(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
	return p.update(ctx, id, func(a *account) { a.RequiredActions = distinct(actions) })
}

// update changes an account whose present data obey the realm's rules.
func (p *Provider) update(ctx context.Context, id domain.UserID, change func(*account)) error {
	if err := ended(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	changed, err := p.user(id)
	if err != nil {
		return err
	}
	if err := checkPresentProfile(changed.User); err != nil {
		return err
	}
	change(changed)
	return nil
}

// EndSessions implements [ports.IdentityProvider].
func (p *Provider) EndSessions(ctx context.Context, id domain.UserID) error {
	if err := ended(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.user(id); err != nil {
		return err
	}
	p.endSessions(id)
	return nil
}

// SendPasswordReset implements [ports.IdentityProvider]. The mail goes nowhere but
// into the list of [Provider.Mails].
func (p *Provider) SendPasswordReset(ctx context.Context, id domain.UserID, _ time.Duration) error {
	if err := ended(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	recipient, err := p.user(id)
	switch {
	case err != nil:
		return err
	case recipient.Email == "":
		return &domain.Error{Kind: domain.NoEmail}
	case !recipient.Enabled:
		return &domain.Error{Kind: domain.UserDisabled}
	case p.noMails:
		return &domain.Error{Kind: domain.EmailDeliveryFailed}
	}
	p.mails = append(p.mails, recipient.Email)
	return nil
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
