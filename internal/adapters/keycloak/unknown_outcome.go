package keycloak

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"user-sync-service/internal/domain"
)

// The attributes by which users are known that this program created. Keycloak keeps them
// only where the realm's user profile lets it.
const (
	managedBy   = "managed_by"
	managedByUs = "user-sync-service"
	// creation holds a text of each creation's own.
	creation = "managed_by_creation"
)

// findOut finds out what became of a creation that failed in such a way that Keycloak
// may have carried it out, and returns the id if it is this creation's user. Another
// one's user is a conflict. Where nobody can tell, the answer is Partial: nothing is
// deleted or finished on a guess.
func (p *Provider) findOut(ctx context.Context, user domain.NewUser, mark string, cause error) (domain.UserID, error) {
	ctx, cancel := p.compensation(ctx)
	defer cancel()
	found, err := p.lookFor(ctx, user.Username)
	if _, declined := errors.AsType[declinedError](cause); declined && errors.Is(err, domain.NotFound) {
		return "", cause
	}
	if err != nil {
		return "", &domain.Error{
			Kind:    domain.Partial,
			Message: "It is not known whether the user was created. Please sync the user again.",
			// As text: wrapped, the causes would make this error one of their kinds too.
			Err: fmt.Errorf("%s; then the user was looked for: %s", cause.Error(), err.Error()),
		}
	}
	return p.judge(ctx, found, user, mark, cause)
}

// lookFor looks for the user for some time, for Keycloak may not have finished yet.
func (p *Provider) lookFor(ctx context.Context, username domain.Username) (found *gocloak.User, err error) {
	for end := time.Now().Add(p.timing.lookFor); ; {
		err := p.persist(ctx, func() error {
			found, err = p.userNamed(ctx, username)
			return err
		})
		if !errors.Is(err, domain.NotFound) || time.Now().After(end) || pause(ctx, p.timing.lookAgainAfter) != nil {
			return found, err
		}
	}
}

// judge says whose creation the user is from.
func (p *Provider) judge(ctx context.Context, found *gocloak.User, user domain.NewUser, mark string, cause error) (domain.UserID, error) {
	made := attribute(found, creation)
	switch {
	case made == mark:
		return domain.UserID(*found.ID), nil
	case made != "" || !user.Email.Matches(gocloak.PString(found.Email)):
		return "", &domain.Error{Kind: domain.UsernameConflict, Err: asText(cause)}
	}
	var keeps bool
	err := p.persist(ctx, func() (err error) {
		keeps, err = p.keepsMarks(ctx)
		return err
	})
	switch {
	case keeps: // Then this creation's user would have its mark.
		return "", &domain.Error{Kind: domain.UsernameConflict, Err: asText(cause)}
	case err != nil:
		cause = fmt.Errorf("%s; then the user profile could not be read: %s", cause.Error(), err.Error())
	}
	return "", &domain.Error{
		Kind:    domain.Partial,
		Message: fmt.Sprintf("The user may lack its role, please check: %s.", *found.ID),
		Err:     fmt.Errorf("%s; the user %s has no mark that tells who created it", cause.Error(), *found.ID),
	}
}

// asText keeps the text of a cause alone: wrapped, it would make an error one of its
// kind too.
func asText(cause error) error { return errors.New(cause.Error()) }

// keepsMarks reports whether the realm keeps the attribute creation: only then does its
// absence prove anything. The profile is read anew for that.
func (p *Provider) keepsMarks(ctx context.Context) (bool, error) {
	profile, err := p.readProfile(ctx)
	return err == nil && profile.keeps(creation), err
}
