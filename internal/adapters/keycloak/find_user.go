package keycloak

import (
	"context"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// FindUser looks the user up by its exact username, and for one who carries our mark also
// whether marks can be trusted.
func (p *Provider) FindUser(ctx context.Context, username domain.Username) (domain.User, error) {
	found, err := p.userNamed(ctx, username)
	passwordElsewhere, err := p.directoryOf(ctx, found, err)
	if err != nil {
		return domain.User{}, err
	}
	user := userOf(found)
	user.PasswordElsewhere = passwordElsewhere
	if attribute(found, managedBy) != managedByUs {
		return user, nil
	}
	profile, err := p.profile.Get(ctx)
	switch {
	case err != nil:
		user.ManagedErr = err
	case profile.guards(managedBy):
		user.Managed, user.TrustedID = true, profile.guards(string(domain.FineractUserID))
	}
	return user, nil
}

// userNamed returns the user with this username, or NotFound.
func (p *Provider) userNamed(ctx context.Context, username domain.Username) (adminapi.User, error) {
	if username == (domain.Username{}) {
		// An empty name would find all users.
		return adminapi.User{}, &domain.Error{Kind: domain.NotFound}
	}
	users, err := p.api.UsersNamed(ctx, username.String())
	if err != nil {
		return adminapi.User{}, err
	}
	for _, user := range users {
		// Compared again, because another person's account is the worst answer.
		if username.Matches(user.Username) {
			return user, nil
		}
	}
	return adminapi.User{}, &domain.Error{Kind: domain.NotFound}
}

func userOf(user adminapi.User) domain.User {
	found := domain.User{
		ID:            user.ID,
		Username:      user.Username,
		Email:         user.Email,
		FirstName:     user.FirstName,
		LastName:      user.LastName,
		Enabled:       user.Enabled,
		EmailVerified: user.EmailVerified,
		Attributes:    attributesOf(user),
	}
	for _, action := range user.RequiredActions {
		found.RequiredActions = append(found.RequiredActions, domain.RequiredAction(action))
	}
	if user.Created != 0 {
		found.CreatedAt = time.UnixMilli(user.Created).UTC()
	}
	return found
}
