package keycloak

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// FindUser looks the user up by its exact username, and for one who carries our mark also
// whether marks can be trusted.
func (p *Provider) FindUser(ctx context.Context, username domain.Username) (domain.User, error) {
	found, hidden, err := p.userNamed(ctx, username)
	passwordElsewhere, err := p.directoryOf(ctx, found, err)
	if err != nil {
		return domain.User{}, err
	}
	user := userOf(found)
	user.PasswordElsewhere, user.NameHidden = passwordElsewhere, hidden
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

// userNamed returns the user with this username, or NotFound. In a realm that takes addresses
// for usernames, those from before keep the name that they had, and sign in by both. There
// the user is found by both, too, unless they are two persons', and hidden tells that one of
// the two is not seen.
func (p *Provider) userNamed(ctx context.Context, username domain.Username) (user adminapi.User, hidden bool, err error) {
	nobody := &domain.Error{Kind: domain.NotFound}
	if username == (domain.Username{}) {
		return adminapi.User{}, false, nobody // An empty name would find all users.
	}
	named, err := p.api.UsersNamed(ctx, username.String())
	if err != nil {
		return adminapi.User{}, false, err
	}
	// Compared again, because another person's account is the worst answer.
	found := slices.DeleteFunc(slices.Clone(named), func(user adminapi.User) bool { return !username.Matches(user.Username) })
	isAddress := strings.Contains(username.String(), "@")
	if len(found) > 0 && (!isAddress || username.Matches(found[0].Email)) {
		return found[0], false, nil
	}
	settings, err := p.settings.Get(ctx)
	switch {
	case err != nil:
		return adminapi.User{}, false, err
	case settings.emailAsUsername && len(found) == 0 && isShownByAddress(named):
		found, hidden = named, true
	}
	if settings.emailAsUsername && isAddress {
		hidden = true
		if found, err = p.withHoldersOf(ctx, username, found); err != nil {
			return adminapi.User{}, false, err
		}
	}
	switch len(found) {
	case 0:
		return adminapi.User{}, false, nobody
	case 1:
		return found[0], hidden, nil
	}
	return adminapi.User{}, false, &domain.Error{
		Kind:    domain.BadAnswer,
		Message: "Two users go by this name. Please tell your system administrator.",
		Err:     errors.New("find user: one user has this username, another one this address"),
	}
}

// withHoldersOf adds those who have the name as their address.
func (p *Provider) withHoldersOf(ctx context.Context, name domain.Username, found []adminapi.User) ([]adminapi.User, error) {
	holders, err := p.api.UsersWithEmail(ctx, name.String())
	for _, user := range holders {
		known := slices.ContainsFunc(found, func(other adminapi.User) bool { return other.ID == user.ID })
		if name.Matches(user.Email) && !known {
			found = append(found, user)
		}
	}
	return found, err
}

// isShownByAddress reports whether the one user whom Keycloak has found by a name is shown by
// the address, as from 26.4 on in realms that take addresses for usernames. What the name is
// compared with cannot be seen then, so Keycloak's own comparison has to do, which is exact.
func isShownByAddress(named []adminapi.User) bool {
	return len(named) == 1 && named[0].Email != "" && named[0].Username == named[0].Email
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
