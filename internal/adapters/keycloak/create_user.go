package keycloak

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// CreateUser makes the user in two calls: one creates it with its group, password and
// required actions, one assigns the role, which Keycloak ignores in the first. When the
// second fails, the user is deleted again.
func (p *Provider) CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	rules, err := p.creationRules(ctx)
	if err != nil {
		return domain.CreatedUser{}, err
	}
	if err := rules.settings.checkUsername(user); err != nil {
		return domain.CreatedUser{}, err
	}
	assigned, err := p.assignedRole(ctx, user.Assignment)
	if err != nil {
		return domain.CreatedUser{}, err
	}
	if err := p.removeLeftover(ctx, user); err != nil {
		return domain.CreatedUser{}, err
	}

	var has []domain.RequiredAction
	var unstored []domain.Attribute
	user.RequiredActions, has = rules.actions.of(user)
	user.Attributes, unstored = storable(user.Attributes, rules.profile)
	created, err := p.createWithGroup(ctx, user)
	if errors.Is(err, domain.PasswordRefused) {
		p.settings.forget("", rules.settings) // Its policy is an old one.
	}
	if err != nil {
		return domain.CreatedUser{}, err
	}
	if err := p.assignRole(withExemption(ctx, fromAllBounds), created.ID, assigned); err != nil {
		return domain.CreatedUser{}, p.undo(ctx, user, created.ID, err)
	}
	created.RequiredActions, created.Unstored = has, unstored
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

// post creates the user without its role. When nobody can tell whether Keycloak has
// done it, that is found out.
func (p *Provider) post(ctx context.Context, user domain.NewUser, group domain.Group) (domain.UserID, error) {
	// Not cut off when the caller goes away: then nobody would know whether a user
	// without a role is left behind. Half of the time is kept for finding that out.
	postCtx, cancel, err := halfTime(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	mark := rand.Text()
	representation := representationOf(user, group, mark)
	var id string
	err = p.call(postCtx, opCreateUser, func(ctx context.Context, token string) error {
		var err error
		id, err = p.client.CreateUser(ctx, token, p.realm, representation)
		return err
	})
	if err == nil && id == "" {
		// Created, by Keycloak's word, but without the Location that names the id.
		err = &domain.Error{Kind: domain.BadAnswer, Err: errors.New("create user: an answer without an id")}
	}
	switch {
	case errors.Is(err, conflictUnclear):
		return "", p.clearUpConflict(ctx, user, err)
	case outcomeUnknown(err):
		return p.findOut(ctx, user, mark, err)
	}
	return domain.UserID(id), err
}

// halfTime returns a context for the first half of the time that ctx has left. It does
// not end with the caller.
func halfTime(ctx context.Context) (context.Context, context.CancelFunc, error) {
	const least = 200 * time.Millisecond
	if err := ctx.Err(); err != nil {
		return nil, nil, domain.AsError(err)
	}
	detached := context.WithoutCancel(ctx)
	deadline, ok := ctx.Deadline()
	if !ok {
		return detached, func() {}, nil
	}
	half := time.Until(deadline) / 2
	if half < least {
		return nil, nil, &domain.Error{Kind: domain.Timeout, Err: errors.New("create user: not tried, there is no time left")}
	}
	detached, cancel := context.WithTimeoutCause(detached, half, timeUp{})
	return detached, cancel, nil
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
// another id, so a refused one is read anew and tried once more. So is one that somebody
// else may have given at the same moment: then the user has it by now.
func (p *Provider) assignRole(ctx context.Context, id domain.UserID, assigned *role) error {
	assign := func() error {
		return unlessGiven(p.onUser(ctx, opAssignRole, id, func(ctx context.Context, token, userID string) error {
			return p.client.AddRealmRoleToUser(ctx, token, p.realm, userID, []gocloak.Role{{ID: &assigned.id, Name: &assigned.name}})
		}))
	}
	err := assign()
	if errors.Is(err, assignmentFailed) {
		err = assign()
	}
	if errors.Is(err, assignmentFailed) {
		return &domain.Error{Kind: domain.Internal, Err: err}
	}
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

func (p *Provider) delete(ctx context.Context, id domain.UserID) error {
	return p.onUser(ctx, opDeleteUser, id, func(ctx context.Context, token, userID string) error {
		return p.client.DeleteUser(ctx, token, p.realm, userID)
	})
}

func representationOf(user domain.NewUser, group domain.Group, mark string) gocloak.User {
	actions := actionNames(user.RequiredActions)
	attributes := map[string][]string{managedBy: {managedByUs}, creation: {mark}}
	for name, value := range user.Attributes {
		attributes[string(name)] = []string{value}
	}
	representation := gocloak.User{
		Username:        new(user.Username.String()),
		Email:           new(user.Email.String()),
		EmailVerified:   &user.EmailVerified,
		Enabled:         new(true),
		RequiredActions: &actions,
		Attributes:      &attributes,
	}
	// An empty password would be stored: Keycloak's policy does not look at it.
	if !user.Password.IsEmpty() {
		representation.Credentials = &[]gocloak.CredentialRepresentation{{
			Type:      new("password"),
			Value:     new(user.Password.Reveal()),
			Temporary: new(true),
		}}
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
