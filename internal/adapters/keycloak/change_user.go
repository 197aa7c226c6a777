package keycloak

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/Nerzal/gocloak/v13"
	"golang.org/x/sync/errgroup"

	"user-sync-service/internal/domain"
)

// UpdateUser reads the user and writes what differs. Who changes the same user at the
// same time waits: Keycloak would keep the values of both, and where the user profile
// allows only one, the user could then not even be disabled any more.
func (p *Provider) UpdateUser(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
	done, err := p.changes.take(ctx, id)
	if err != nil {
		return nil, err
	}
	defer done()
	unstored, err := p.change(ctx, id, change)
	if errors.Is(err, conflictUnclear) {
		// Whoever was faster is done by now, so that Keycloak can say what is wrong.
		unstored, err = p.change(ctx, id, change)
	}
	if errors.Is(err, conflictUnclear) {
		return nil, &domain.Error{Kind: domain.BadAnswer, Err: err}
	}
	return unstored, err
}

func (p *Provider) change(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
	before, err := p.readForChange(ctx, id, change)
	if err != nil {
		return nil, err
	}
	if err := before.settings.checkEmail(before.user, change); err != nil {
		return nil, err
	}
	send, unstored := before.changedBy(change)
	if send == (gocloak.User{}) {
		return unstored, nil
	}
	err = p.onUser(ctx, opChangeUser, id, func(ctx context.Context, token, userID string) error {
		send.ID = &userID
		return p.client.UpdateUser(ctx, token, p.realm, send)
	})
	if errors.Is(err, domain.InvalidField) && before.profile != nil {
		p.profile.forget("", before.profile) // It may be an old one.
	}
	if err != nil {
		return nil, err
	}
	return unstored, nil
}

// beforeChange is what a change depends on. The settings are there if the address is to
// be changed, the profile if attributes are.
type beforeChange struct {
	user     *gocloak.User
	settings *realmSettings
	profile  *userProfile
}

func (p *Provider) readForChange(ctx context.Context, id domain.UserID, change domain.UserChange) (beforeChange, error) {
	var before beforeChange
	all, allCtx := errgroup.WithContext(ctx)
	all.Go(func() (err error) {
		before.user, err = p.readUser(allCtx, id)
		return err
	})
	if change.Email != nil {
		all.Go(func() (err error) {
			before.settings, err = p.settings.get(allCtx, "")
			return err
		})
	}
	if len(change.Attributes) > 0 {
		all.Go(func() (err error) {
			before.profile, err = p.profile.get(allCtx, "")
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return beforeChange{}, err
	}
	return before, nil
}

// readUser reads the user whole: the entries of a look-up are cut short in some versions.
func (p *Provider) readUser(ctx context.Context, id domain.UserID) (user *gocloak.User, err error) {
	err = p.onUser(ctx, opGetUser, id, func(ctx context.Context, token, userID string) error {
		var err error
		user, err = p.client.GetUserByID(ctx, token, p.realm, userID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if gocloak.PString(user.ID) != string(id) || gocloak.NilOrEmpty(user.Username) {
		return nil, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get user: an answer about something else")}
	}
	return user, nil
}

// checkEmail refuses what a realm with e-mail addresses as usernames would do silently:
// change the username with the address.
func (s *realmSettings) checkEmail(user *gocloak.User, change domain.UserChange) error {
	if s == nil || !s.emailAsUsername || change.Email.Matches(gocloak.PString(user.Email)) {
		return nil
	}
	const problem = "is the username in this realm and cannot be changed"
	return &domain.Error{
		Kind:    domain.InvalidField,
		Message: "The email " + problem + ".",
		Fields:  map[string]string{"email": problem},
		Err:     errors.New("change user: the realm uses the e-mail address as username"),
	}
}

// changedBy returns what to send, nothing if there is no difference, and the attributes
// that the realm does not keep. Keycloak leaves members that are not sent as they are.
// But with attributes it takes those away that are not among them, but for what we may
// not see or write, and the address and the names as well: then all of these are sent as
// they are to be. Nothing else is: a user whom Keycloak has locked reads as disabled
// before 26.4, and would be for good.
func (b beforeChange) changedBy(change domain.UserChange) (send gocloak.User, unstored []domain.Attribute) {
	if change.Email != nil && !change.Email.Matches(gocloak.PString(b.user.Email)) {
		send.Email = new(change.Email.String())
	}
	send.FirstName = unlessEqual(change.FirstName, b.user.FirstName)
	send.LastName = unlessEqual(change.LastName, b.user.LastName)

	var present map[string][]string
	if b.user.Attributes != nil {
		present = *b.user.Attributes
	}
	attributes, unstored := withChanges(present, change.Attributes, b.profile)
	if maps.EqualFunc(attributes, present, slices.Equal) {
		return send, unstored
	}
	send.Attributes = &attributes
	send.Username = b.user.Username // Realms that let usernames be changed ask for it.
	send.Email = cmp.Or(send.Email, b.user.Email)
	send.FirstName = cmp.Or(send.FirstName, b.user.FirstName)
	send.LastName = cmp.Or(send.LastName, b.user.LastName)
	return send, unstored
}

// unlessEqual returns wanted, or nil when the user has it. An empty name is none.
func unlessEqual(wanted, present *string) *string {
	if wanted == nil || *wanted == gocloak.PString(present) {
		return nil
	}
	return wanted
}
