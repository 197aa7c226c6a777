package porttest_test

import (
	"context"
	"time"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// faulty is a sound provider but for the methods it is given.
type faulty struct {
	*memory.Provider

	findUser           func(context.Context, domain.Username) (domain.User, error)
	memberships        func(context.Context, domain.UserID) (domain.Memberships, error)
	groups             func(context.Context, domain.UserID) ([]domain.Group, error)
	privileges         func(context.Context, domain.UserID, []domain.RealmRole) ([]domain.RealmRole, error)
	rightsOf           func(context.Context, domain.Assignment) (domain.Rights, error)
	defaultRights      func(context.Context) (domain.Rights, error)
	passwordPolicy     func(context.Context) (domain.PasswordPolicy, error)
	actionAvailable    func(context.Context, domain.RequiredAction) (bool, error)
	details            func(context.Context, domain.UserID) (domain.AccountDetails, error)
	createUser         func(context.Context, domain.NewUser) (domain.CreatedUser, error)
	assign             func(context.Context, domain.UserID, domain.Assignment) (domain.Group, error)
	unassign           func(context.Context, domain.UserID, domain.Assignment) error
	updateUser         func(context.Context, domain.UserID, domain.UserChange) ([]domain.Attribute, error)
	setEnabled         func(context.Context, domain.UserID, bool) error
	endSessions        func(context.Context, domain.UserID) error
	setRequiredActions func(context.Context, domain.UserID, []domain.RequiredAction) error
	sendActionsMail    sendActionsMailFunc
	check              func(context.Context) error
}

func (f *faulty) FindUser(ctx context.Context, username domain.Username) (domain.User, error) {
	if f.findUser != nil {
		return f.findUser(ctx, username)
	}
	return f.Provider.FindUser(ctx, username)
}

func (f *faulty) Memberships(ctx context.Context, id domain.UserID) (domain.Memberships, error) {
	if f.memberships != nil {
		return f.memberships(ctx, id)
	}
	return f.Provider.Memberships(ctx, id)
}

func (f *faulty) Groups(ctx context.Context, id domain.UserID) ([]domain.Group, error) {
	if f.groups != nil {
		return f.groups(ctx, id)
	}
	return f.Provider.Groups(ctx, id)
}

func (f *faulty) Privileges(ctx context.Context, id domain.UserID, roles []domain.RealmRole) (domain.Privileges, error) {
	if f.privileges != nil {
		held, err := f.privileges(ctx, id, roles)
		return domain.Privileges{Roles: held}, err
	}
	return f.Provider.Privileges(ctx, id, roles)
}

// held is what Privileges of the sound provider returns.
func (f *faulty) held(ctx context.Context, id domain.UserID, roles []domain.RealmRole) ([]domain.RealmRole, error) {
	privileges, err := f.Provider.Privileges(ctx, id, roles)
	return privileges.Roles, err
}

func (f *faulty) RightsOf(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
	if f.rightsOf != nil {
		return f.rightsOf(ctx, assignment)
	}
	return f.Provider.RightsOf(ctx, assignment)
}

func (f *faulty) DefaultRights(ctx context.Context) (domain.Rights, error) {
	if f.defaultRights != nil {
		return f.defaultRights(ctx)
	}
	return f.Provider.DefaultRights(ctx)
}

func (f *faulty) PasswordPolicy(ctx context.Context) (domain.PasswordPolicy, error) {
	if f.passwordPolicy != nil {
		return f.passwordPolicy(ctx)
	}
	return f.Provider.PasswordPolicy(ctx)
}

func (f *faulty) ActionAvailable(ctx context.Context, action domain.RequiredAction) (bool, error) {
	if f.actionAvailable != nil {
		return f.actionAvailable(ctx, action)
	}
	return f.Provider.ActionAvailable(ctx, action)
}

func (f *faulty) Details(ctx context.Context, id domain.UserID) (domain.AccountDetails, error) {
	if f.details != nil {
		return f.details(ctx, id)
	}
	return f.Provider.Details(ctx, id)
}

func (f *faulty) CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	if f.createUser != nil {
		return f.createUser(ctx, user)
	}
	return f.Provider.CreateUser(ctx, user)
}

func (f *faulty) Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
	if f.assign != nil {
		return f.assign(ctx, id, assignment)
	}
	return f.Provider.Assign(ctx, id, assignment)
}

func (f *faulty) Unassign(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
	if f.unassign != nil {
		return f.unassign(ctx, id, assignment)
	}
	return f.Provider.Unassign(ctx, id, assignment)
}

func (f *faulty) UpdateUser(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
	if f.updateUser != nil {
		return f.updateUser(ctx, id, change)
	}
	return f.Provider.UpdateUser(ctx, id, change)
}

func (f *faulty) SetEnabled(ctx context.Context, id domain.UserID, enabled bool) error {
	if f.setEnabled != nil {
		return f.setEnabled(ctx, id, enabled)
	}
	return f.Provider.SetEnabled(ctx, id, enabled)
}

func (f *faulty) EndSessions(ctx context.Context, id domain.UserID) error {
	if f.endSessions != nil {
		return f.endSessions(ctx, id)
	}
	return f.Provider.EndSessions(ctx, id)
}

func (f *faulty) SetRequiredActions(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
	if f.setRequiredActions != nil {
		return f.setRequiredActions(ctx, id, actions)
	}
	return f.Provider.SetRequiredActions(ctx, id, actions)
}

func (f *faulty) SendActionsMail(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
	if f.sendActionsMail != nil {
		return f.sendActionsMail(ctx, id, actions, lifespan)
	}
	return f.Provider.SendActionsMail(ctx, id, actions, lifespan)
}

func (f *faulty) Check(ctx context.Context) error {
	if f.check != nil {
		return f.check(ctx)
	}
	return f.Provider.Check(ctx)
}

// userWithID returns the present state of a user, or the zero User.
func (f *faulty) userWithID(id domain.UserID) domain.User {
	for _, user := range f.Users() {
		if user.ID == id {
			return user
		}
	}
	return domain.User{}
}

// groupsOf returns the present groups of a user.
func (f *faulty) groupsOf(id domain.UserID) []domain.Group {
	groups, _ := f.Provider.Groups(context.Background(), id)
	return groups
}
