package keycloak

import (
	"context"
	"errors"
	"net/url"

	"user-sync-service/internal/domain"
)

// Assign gives the role and then the group. Neither call changes anything when the user
// has it already.
func (p *Provider) Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (missing domain.Group, err error) {
	if assignment.Role == "" {
		// Without a role to give, only this call tells whether there is such a user.
		_, err = p.Groups(ctx, id)
	} else {
		err = p.giveRole(ctx, id, assignment)
	}
	if err != nil || assignment.Group == "" {
		return "", err
	}
	err = p.joinGroup(ctx, id, string(assignment.Group))
	if errors.Is(err, groupGone) {
		return assignment.Group, nil
	}
	return "", err
}

func (p *Provider) giveRole(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
	assigned, err := p.assignedRole(ctx, assignment)
	if err != nil {
		return err
	}
	return p.assignRole(ctx, id, assigned)
}

// joinGroup makes the user a member. A group that was deleted and made again has another
// id, so a refused one is read anew and tried once more.
func (p *Provider) joinGroup(ctx context.Context, id domain.UserID, path string) error {
	var joined *group
	join := func() (err error) {
		joined, err = p.groups.get(ctx, path)
		if err != nil {
			return err
		}
		err = p.onUser(ctx, opJoinGroup, id, func(ctx context.Context, token, userID string) error {
			return p.client.AddUserToGroup(ctx, token, p.realm, userID, url.PathEscape(joined.id))
		})
		return unlessGiven(err)
	}
	err := join()
	if !errors.Is(err, groupGone) || joined == nil {
		return err
	}
	p.groups.forget(path, joined)
	return join()
}

// unlessGiven returns err, unless it says that the user has got at this moment what was
// to be given.
func unlessGiven(err error) error {
	if errors.Is(err, givenMeanwhile) {
		return nil
	}
	return err
}
