package keycloak

import (
	"context"
	"errors"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// FindUser looks the user up by its exact username.
func (p *Provider) FindUser(ctx context.Context, username domain.Username) (domain.User, error) {
	found, err := p.userNamed(ctx, username)
	if err != nil {
		return domain.User{}, err
	}
	return userOf(found), nil
}

// userNamed returns the user with this username, or NotFound.
func (p *Provider) userNamed(ctx context.Context, username domain.Username) (*gocloak.User, error) {
	if username == (domain.Username{}) {
		// An empty name would find everybody.
		return nil, &domain.Error{Kind: domain.NotFound}
	}
	users, err := p.getUsers(ctx, gocloak.GetUsersParams{
		Username: new(username.String()),
		Exact:    new(true), // Without it Keycloak also finds "annabel" for "ann".
	})
	if err != nil {
		return nil, err
	}
	for _, user := range users {
		// Compared again, because another person's account is the worst answer.
		if username.Matches(gocloak.PString(user.Username)) {
			return user, nil
		}
	}
	return nil, &domain.Error{Kind: domain.NotFound}
}

func (p *Provider) getUsers(ctx context.Context, params gocloak.GetUsersParams) ([]*gocloak.User, error) {
	var users []*gocloak.User
	err := p.call(ctx, opFindUser, func(ctx context.Context, token string) error {
		var err error
		users, err = p.client.GetUsers(ctx, token, p.realm, params)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, user := range users {
		if user == nil || gocloak.NilOrEmpty(user.ID) || gocloak.NilOrEmpty(user.Username) {
			return nil, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("find user: a user without an id or a username")}
		}
	}
	return users, nil
}

// createdAt returns the zero time when Keycloak does not tell.
func createdAt(user *gocloak.User) time.Time {
	if gocloak.PInt64(user.CreatedTimestamp) == 0 {
		return time.Time{}
	}
	return time.UnixMilli(*user.CreatedTimestamp).UTC()
}

func userOf(user *gocloak.User) domain.User {
	var actions []domain.RequiredAction
	if user.RequiredActions != nil {
		for _, action := range *user.RequiredActions {
			actions = append(actions, domain.RequiredAction(action))
		}
	}
	return domain.User{
		ID:              domain.UserID(*user.ID),
		Username:        gocloak.PString(user.Username),
		Email:           gocloak.PString(user.Email),
		FirstName:       gocloak.PString(user.FirstName),
		LastName:        gocloak.PString(user.LastName),
		Enabled:         gocloak.PBool(user.Enabled),
		EmailVerified:   gocloak.PBool(user.EmailVerified),
		RequiredActions: actions,
		CreatedAt:       createdAt(user),
		Attributes:      attributesOf(user),
		Managed:         attribute(user, managedBy) == managedByUs,
	}
}
