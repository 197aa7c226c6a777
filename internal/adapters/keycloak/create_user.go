package keycloak

import (
	"context"
	"errors"
	"fmt"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// CreateUser makes the user in two calls: one creates it with its group, password and
// required actions, one assigns the role, which Keycloak ignores in the first. When the
// second fails, the user is deleted again.
func (p *Provider) CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	settings, err := p.settings.get(ctx, "")
	if err != nil {
		return domain.CreatedUser{}, err
	}
	if err := settings.checkUsername(user); err != nil {
		return domain.CreatedUser{}, err
	}
	assigned, err := p.assignedRole(ctx, user.Assignment)
	if err != nil {
		return domain.CreatedUser{}, err
	}

	created, err := p.createWithGroup(ctx, user)
	if errors.Is(err, domain.PasswordRefused) {
		p.settings.forget("", settings) // Its policy is an old one.
	}
	if err != nil {
		return domain.CreatedUser{}, err
	}
	if err := p.assignRole(ctx, created.ID, assigned); err != nil {
		return domain.CreatedUser{}, p.undo(ctx, created.ID, err)
	}
	return created, nil
}

// createWithGroup posts the user with its group, or without when the realm has no such
// group.
func (p *Provider) createWithGroup(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	group := user.Assignment.Group
	if group == "" {
		return p.createWithoutGroup(ctx, user)
	}
	known, err := p.groups.get(ctx, string(group))
	if errors.Is(err, groupGone) {
		return p.createWithoutGroup(ctx, user)
	}
	if err != nil {
		return domain.CreatedUser{}, err
	}

	id, err := p.post(ctx, user, group)
	if !errors.Is(err, creationFailed) {
		return domain.CreatedUser{ID: id}, err
	}
	// That is Keycloak's answer to a group that has gone. It answers so for other faults
	// as well, so it is asked for the group.
	p.groups.forget(string(group), known)
	if _, groupErr := p.groups.get(ctx, string(group)); !errors.Is(groupErr, groupGone) {
		return domain.CreatedUser{}, &domain.Error{Kind: domain.BadAnswer, Err: err}
	}
	return p.createWithoutGroup(ctx, user)
}

func (p *Provider) createWithoutGroup(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	id, err := p.post(ctx, user, "")
	if errors.Is(err, creationFailed) {
		err = &domain.Error{Kind: domain.BadAnswer, Err: err}
	}
	return domain.CreatedUser{ID: id, MissingGroup: user.Assignment.Group}, err
}

// post creates the user without its role.
func (p *Provider) post(ctx context.Context, user domain.NewUser, group domain.Group) (domain.UserID, error) {
	if err := ctx.Err(); err != nil {
		return "", domain.AsError(err)
	}
	representation := representationOf(user, group)
	var id string
	// Not cut off when the caller goes away: then nobody would know whether a user
	// without a role is left behind. The call still has its own deadline.
	err := p.call(context.WithoutCancel(ctx), opCreateUser, func(ctx context.Context, token string) error {
		var err error
		id, err = p.client.CreateUser(ctx, token, p.realm, representation)
		return err
	})
	switch {
	case errors.Is(err, conflictUnclear):
		return "", p.clearUpConflict(ctx, user, err)
	case err != nil:
		return "", err
	case id == "":
		// Created, by Keycloak's word, but without the Location that names the id.
		made, err := p.FindUser(context.WithoutCancel(ctx), user.Username)
		if err != nil {
			return "", &domain.Error{Kind: domain.BadAnswer, Err: fmt.Errorf("create user: an answer without an id: %s", err.Error())}
		}
		return made.ID, nil
	}
	return domain.UserID(id), nil
}

// clearUpConflict finds out what a lost race was about.
func (p *Provider) clearUpConflict(ctx context.Context, user domain.NewUser, cause error) error {
	email := user.Email.String()
	for _, candidate := range []struct {
		kind   domain.Kind
		params gocloak.GetUsersParams
	}{
		{domain.UsernameConflict, gocloak.GetUsersParams{Username: new(user.Username.String()), Exact: new(true)}},
		{domain.EmailConflict, gocloak.GetUsersParams{Email: &email, Exact: new(true)}},
	} {
		found, err := p.getUsers(ctx, candidate.params)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return &domain.Error{Kind: candidate.kind, Err: cause}
		}
	}
	return &domain.Error{Kind: domain.BadAnswer, Err: cause}
}

// assignRole gives the user the realm role. A role that was deleted and made again has
// another id, so a refused one is read anew and tried once more.
func (p *Provider) assignRole(ctx context.Context, id domain.UserID, assigned *role) error {
	assign := func() error {
		return p.onUser(ctx, opAssignRole, id, func(ctx context.Context, token, userID string) error {
			return p.client.AddRealmRoleToUser(ctx, token, p.realm, userID, []gocloak.Role{{ID: &assigned.id, Name: &assigned.name}})
		})
	}
	err := assign()
	if !errors.Is(err, roleGone) {
		return err
	}
	p.roles.forget(assigned.name, assigned)
	assigned, err = p.roles.get(ctx, assigned.name)
	if err == nil {
		err = assign()
	}
	if errors.Is(err, roleGone) {
		return &domain.Error{Kind: domain.UnknownRole, Err: err}
	}
	return err
}

// undo deletes the user that could not be finished and returns why it could not be. It
// does so also when the caller has gone away.
func (p *Provider) undo(ctx context.Context, id domain.UserID, cause error) error {
	failed := domain.AsError(cause)
	if failed.Kind == domain.NotFound {
		// Somebody deleted the user between the two calls. To whoever wanted to create
		// it, "not found" would say nothing.
		failed = &domain.Error{Kind: domain.BadAnswer, Err: failed.Err}
	}
	err := p.delete(context.WithoutCancel(ctx), id)
	if err != nil && !errors.Is(err, domain.NotFound) {
		return &domain.Error{
			Kind:    domain.Partial,
			Message: fmt.Sprintf("A user without its role was left, please delete it: %s.", id),
			// As text: wrapped, the causes would make this error one of their kinds too.
			Err: fmt.Errorf("%s; then the user %s could not be deleted: %s", failed.Error(), id, err.Error()),
		}
	}
	if failed.Kind == domain.UnknownRole {
		return failed
	}
	return &domain.Error{
		Kind:    failed.Kind,
		Message: "The role could not be assigned, so no user was created. Please try again.",
		Err:     failed,
	}
}

func (p *Provider) delete(ctx context.Context, id domain.UserID) error {
	return p.onUser(ctx, opDeleteUser, id, func(ctx context.Context, token, userID string) error {
		return p.client.DeleteUser(ctx, token, p.realm, userID)
	})
}

func representationOf(user domain.NewUser, group domain.Group) gocloak.User {
	actions := actionNames(user.RequiredActions)
	representation := gocloak.User{
		Username:        new(user.Username.String()),
		Email:           new(user.Email.String()),
		EmailVerified:   &user.EmailVerified,
		Enabled:         new(true),
		RequiredActions: &actions,
		Credentials: &[]gocloak.CredentialRepresentation{{
			Type:      new("password"),
			Value:     new(user.Password.Reveal()),
			Temporary: new(true),
		}},
	}
	if user.FirstName != "" {
		representation.FirstName = &user.FirstName
	}
	if user.LastName != "" {
		representation.LastName = &user.LastName
	}
	if group != "" {
		representation.Groups = &[]string{"/" + string(group)}
	}
	return representation
}
