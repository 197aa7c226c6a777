package keycloak

import (
	"context"
	"slices"
	"time"

	"user-sync-service/internal/domain"
)

// Details reads the lock, the credentials and the roles side by side. Keycloak tells of
// a lock also for users that it does not have; the other two calls say so.
func (p *Provider) Details(ctx context.Context, id domain.UserID) (domain.AccountDetails, error) {
	var details domain.AccountDetails
	err := together(ctx, func(ctx context.Context) (err error) {
		details.Locked, details.LockedUntil, err = p.lockOf(ctx, id)
		return err
	}, func(ctx context.Context) (err error) {
		details.HasPassword, details.SecondFactors, err = p.credentialsOf(ctx, id)
		return err
	}, func(ctx context.Context) error {
		roles, err := p.api.EffectiveUserRoles(ctx, id)
		details.EffectiveRoles = sortedOnce(namesOf(roles))
		return err
	})
	if err != nil {
		return domain.AccountDetails{}, err
	}
	return details, nil
}

// lastTime is the last second of the year 9999, after which no date can be written.
const lastTime = 253402300799

// lockOf returns a zero time for a lock that is there until somebody lifts it: that one
// Keycloak dates to the end of time.
func (p *Provider) lockOf(ctx context.Context, id domain.UserID) (locked bool, until time.Time, err error) {
	lock, err := p.api.Lock(ctx, id)
	if err != nil {
		return false, time.Time{}, err
	}
	if *lock.Disabled && *lock.NotBefore > 0 && *lock.NotBefore <= lastTime {
		until = time.Unix(*lock.NotBefore, 0).UTC()
	}
	return *lock.Disabled, until, nil
}

// credentialsOf sorts the user's credentials. Old passwords are kept among them where
// the realm forbids to use them again.
func (p *Provider) credentialsOf(ctx context.Context, id domain.UserID) (hasPassword bool, others []string, err error) {
	kinds, err := p.api.Credentials(ctx, id)
	for _, kind := range kinds {
		switch kind {
		case "password":
			hasPassword = true
		case "password-history":
		default:
			others = append(others, kind)
		}
	}
	return hasPassword, sortedOnce(others), err
}

// sortedOnce returns a new list of what is in the lists, sorted and each once.
func sortedOnce[T ~string](lists ...[]T) []T {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}
