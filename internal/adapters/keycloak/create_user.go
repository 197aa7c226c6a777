package keycloak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// creationRules are what a creation depends on beside role and group.
type creationRules struct {
	settings *realmSettings
	actions  *realmActions
	profile  *userProfile
}

// creationRules reads them side by side, as far as they are not kept.
func (p *Provider) creationRules(ctx context.Context) (rules creationRules, err error) {
	err = together(ctx, into(&rules.settings, p.settings.Get), into(&rules.actions, p.actions.Get), into(&rules.profile, p.profile.Get))
	return rules, err
}

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
	if _, err := p.roles.Get(ctx, string(user.Assignment.Role)); err != nil {
		return domain.CreatedUser{}, err
	}
	var has []domain.RequiredAction
	var unstored []domain.Attribute
	user.RequiredActions, has = rules.actions.of(user)
	user, unstored = storable(user, rules.profile)
	created, err := p.createWithGroup(ctx, user)
	if errors.Is(err, domain.PasswordRefused) {
		p.settings.Forget(rules.settings) // Its policy is an old one.
	}
	if err != nil {
		return domain.CreatedUser{}, err
	}
	if err := p.giveRole(adminapi.BypassBounds(ctx), created.ID, user.Assignment.Role); err != nil {
		return domain.CreatedUser{}, p.undo(ctx, created.ID, err)
	}
	created.RequiredActions, created.Unstored = has, unstored
	created.PasswordLasts = !slices.Contains(rules.actions.enabled, domain.UpdatePassword)
	if slices.Contains(rules.actions.enabled, verifyProfile) {
		created.AskedFor = rules.profile.asksFor(user)
	}
	return created, nil
}

// createWithGroup posts the user with its group, or without when there is to be none or
// the realm has no such group.
func (p *Provider) createWithGroup(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	path := user.Assignment.Group
	known, err := p.groups.Get(ctx, string(path))
	if err == nil {
		var id domain.UserID
		id, err = p.post(ctx, user, path)
		if !errors.Is(err, adminapi.Failed) {
			return domain.CreatedUser{ID: id}, err
		}
		// That is Keycloak's answer to a group that has gone. It answers so for other faults
		// as well, so it is asked for the group.
		p.groups.Forget(string(path), known)
		if _, groupErr := p.groups.Get(ctx, string(path)); groupErr == nil || !errors.Is(groupErr, adminapi.Missing) {
			return domain.CreatedUser{}, err
		}
	} else if !errors.Is(err, adminapi.Missing) {
		return domain.CreatedUser{}, err
	}
	id, err := p.post(ctx, user, "")
	return domain.CreatedUser{ID: id, MissingGroup: path}, err
}

// post creates the user without its role. When Keycloak may have done it without saying
// so, that is found out.
func (p *Provider) post(ctx context.Context, user domain.NewUser, group domain.Group) (domain.UserID, error) {
	// Not cut off when the caller goes away: then it would not be known whether a user
	// without a role is left behind. Half of the time is kept for finding that out.
	postCtx, cancel, err := halfTime(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	mark := p.newMark()
	id, err := p.api.CreateUser(postCtx, representationOf(user, group, mark))
	switch {
	case errors.Is(err, adminapi.Met):
		return "", p.clearUpConflict(ctx, user, err)
	case adminapi.OutcomeOf(err) == adminapi.Unknown:
		return p.findOut(ctx, user, mark, err)
	}
	return id, err
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
	detached, cancel := adminapi.WithTimeout(detached, half)
	return detached, cancel, nil
}

// clearUpConflict finds out what a lost race was about. The winner may still be at work,
// where nobody can see the user yet: it is looked for while there is time.
func (p *Provider) clearUpConflict(ctx context.Context, user domain.NewUser, cause error) error {
	span := p.Timing.LookFor
	if deadline, ok := ctx.Deadline(); ok {
		span = time.Until(deadline) * 3 / 4 // The rest is for what is done with the answer.
	}
	for end := time.Now().Add(span); ; {
		found, err := p.api.UsersNamed(ctx, user.Username.String())
		kind := domain.UsernameConflict
		if err == nil && len(found) == 0 && user.Email != (domain.Email{}) {
			found, err = p.api.UsersWithEmail(ctx, user.Email.String())
			kind = domain.EmailConflict
		}
		switch {
		case err != nil:
			return err
		case len(found) > 0:
			return &domain.Error{Kind: kind, Err: cause}
		case time.Now().After(end):
			return &domain.Error{
				Kind:    domain.Unavailable,
				Message: "Somebody seems to be creating this user right now. Please try again in a moment.",
				Err:     fmt.Errorf("a conflict with nobody who can be seen: %w", cause),
			}
		}
		again := p.Timing.LookAgainAfter
		if err := pause(ctx, again+rand.N(again)); err != nil { //nolint:gosec // A pause is no secret.
			return err
		}
	}
}

func representationOf(user domain.NewUser, group domain.Group, mark int64) gocloak.User {
	attributes := map[string][]string{managedBy: {managedByUs}}
	for name, value := range user.Attributes {
		attributes[string(name)] = []string{value}
	}
	representation := gocloak.User{
		Username:         new(user.Username.String()),
		EmailVerified:    &user.EmailVerified,
		Enabled:          new(true),
		RequiredActions:  new(texts(user.RequiredActions)),
		Attributes:       &attributes,
		CreatedTimestamp: &mark,
	}
	// An empty password would be stored: Keycloak's policy does not look at it.
	if !user.Password.IsEmpty() {
		representation.Credentials = &[]gocloak.CredentialRepresentation{{
			Type:      new("password"),
			Value:     new(user.Password.Reveal()),
			Temporary: new(true),
		}}
	}
	if user.Email != (domain.Email{}) {
		representation.Email = new(user.Email.String())
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
