package keycloak

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"user-sync-service/internal/domain"
)

// RightsOf unites what is known of the role and of the group.
func (p *Provider) RightsOf(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
	var ofRole, ofGroup domain.Rights
	both, bothCtx := errgroup.WithContext(ctx)
	both.Go(func() error {
		assigned, err := p.assignedRole(bothCtx, assignment)
		if err == nil {
			ofRole = assigned.rights
		}
		return err
	})
	if assignment.Group != "" {
		both.Go(func() error {
			joined, err := p.groups.get(bothCtx, string(assignment.Group))
			if err == nil {
				ofGroup = joined.rights
			}
			if errors.Is(err, groupGone) {
				return nil // The user will be created without it.
			}
			return err
		})
	}
	if err := both.Wait(); err != nil {
		return domain.Rights{}, err
	}
	return domain.Rights{
		Roles:          sortedOnce(ofRole.Roles, ofGroup.Roles),
		Administration: sortedOnce(ofRole.Administration, ofGroup.Administration),
		Unseen:         sortedOnce(ofRole.Unseen, ofGroup.Unseen),
	}, nil
}

// sortedOnce returns a new list of what is in the lists, sorted and each name once.
func sortedOnce[T ~string](lists ...[]T) []T {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}
