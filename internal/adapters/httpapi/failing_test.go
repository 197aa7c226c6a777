package httpapi_test

import (
	"context"
	"time"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// failing is a provider whose methods of the given names fail.
type failing struct {
	ports.IdentityProvider
	errs map[string]error
}

func (f failing) FindUser(ctx context.Context, username domain.Username) (domain.User, error) {
	if err := f.errs["FindUser"]; err != nil {
		return domain.User{}, err
	}
	return f.IdentityProvider.FindUser(ctx, username)
}

func (f failing) Memberships(ctx context.Context, id domain.UserID) (domain.Memberships, error) {
	if err := f.errs["Memberships"]; err != nil {
		return domain.Memberships{}, err
	}
	return f.IdentityProvider.Memberships(ctx, id)
}

func (f failing) Groups(ctx context.Context, id domain.UserID) ([]domain.Group, error) {
	if err := f.errs["Groups"]; err != nil {
		return nil, err
	}
	return f.IdentityProvider.Groups(ctx, id)
}

func (f failing) Privileges(ctx context.Context, id domain.UserID, roles []domain.RealmRole) (domain.Privileges, error) {
	if err := f.errs["Privileges"]; err != nil {
		return domain.Privileges{}, err
	}
	return f.IdentityProvider.Privileges(ctx, id, roles)
}

func (f failing) ActionAvailable(ctx context.Context, action domain.RequiredAction) (bool, error) {
	if err := f.errs["ActionAvailable"]; err != nil {
		return false, err
	}
	return f.IdentityProvider.ActionAvailable(ctx, action)
}

func (f failing) RightsOf(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
	if err := f.errs["RightsOf"]; err != nil {
		return domain.Rights{}, err
	}
	return f.IdentityProvider.RightsOf(ctx, assignment)
}

func (f failing) DefaultRights(ctx context.Context) (domain.Rights, error) {
	if err := f.errs["DefaultRights"]; err != nil {
		return domain.Rights{}, err
	}
	return f.IdentityProvider.DefaultRights(ctx)
}

func (f failing) PasswordPolicy(ctx context.Context) (domain.PasswordPolicy, error) {
	if err := f.errs["PasswordPolicy"]; err != nil {
		return domain.PasswordPolicy{}, err
	}
	return f.IdentityProvider.PasswordPolicy(ctx)
}

func (f failing) CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	if err := f.errs["CreateUser"]; err != nil {
		return domain.CreatedUser{}, err
	}
	return f.IdentityProvider.CreateUser(ctx, user)
}

func (f failing) Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
	if err := f.errs["Assign"]; err != nil {
		return "", err
	}
	return f.IdentityProvider.Assign(ctx, id, assignment)
}

func (f failing) Unassign(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
	if err := f.errs["Unassign"]; err != nil {
		return err
	}
	return f.IdentityProvider.Unassign(ctx, id, assignment)
}

func (f failing) UpdateUser(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
	if err := f.errs["UpdateUser"]; err != nil {
		return nil, err
	}
	return f.IdentityProvider.UpdateUser(ctx, id, change)
}

func (f failing) Details(ctx context.Context, id domain.UserID) (domain.AccountDetails, error) {
	if err := f.errs["Details"]; err != nil {
		return domain.AccountDetails{}, err
	}
	return f.IdentityProvider.Details(ctx, id)
}

func (f failing) SetEnabled(ctx context.Context, id domain.UserID, enabled bool) error {
	if err := f.errs["SetEnabled"]; err != nil {
		return err
	}
	return f.IdentityProvider.SetEnabled(ctx, id, enabled)
}

func (f failing) EndSessions(ctx context.Context, id domain.UserID) error {
	if err := f.errs["EndSessions"]; err != nil {
		return err
	}
	return f.IdentityProvider.EndSessions(ctx, id)
}

func (f failing) SetRequiredActions(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
	if err := f.errs["SetRequiredActions"]; err != nil {
		return err
	}
	return f.IdentityProvider.SetRequiredActions(ctx, id, actions)
}

func (f failing) SendActionsMail(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
	if err := f.errs["SendActionsMail"]; err != nil {
		return err
	}
	return f.IdentityProvider.SendActionsMail(ctx, id, actions, lifespan)
}
