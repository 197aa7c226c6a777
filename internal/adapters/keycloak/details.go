package keycloak

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"golang.org/x/sync/errgroup"

	"user-sync-service/internal/domain"
)

// Details reads the lock, the credentials and the roles side by side. Keycloak tells of
// a lock also for users that it does not have; the other two calls say so.
func (p *Provider) Details(ctx context.Context, id domain.UserID) (domain.AccountDetails, error) {
	var details domain.AccountDetails
	all, allCtx := errgroup.WithContext(ctx)
	all.Go(func() (err error) {
		details.Locked, details.LockedUntil, err = p.lockOf(allCtx, id)
		return err
	})
	all.Go(func() (err error) {
		details.HasPassword, details.SecondFactors, err = p.credentialsOf(allCtx, id)
		return err
	})
	all.Go(func() (err error) {
		details.EffectiveRoles, err = p.effectiveRoles(allCtx, id)
		return err
	})
	if err := all.Wait(); err != nil {
		return domain.AccountDetails{}, err
	}
	return details, nil
}

// lock is Keycloak's answer about a user's wrong passwords. gocloak leaves the time out.
type lock struct {
	Disabled  *bool  `json:"disabled"`
	NotBefore *int64 `json:"failedLoginNotBefore"` // in seconds since 1970
}

// lastTime is the last second of the year 9999, after which no date can be written.
const lastTime = 253402300799

// lockOf returns a zero time for a lock that is there until somebody lifts it: that one
// Keycloak dates to the end of time.
func (p *Provider) lockOf(ctx context.Context, id domain.UserID) (locked bool, until time.Time, err error) {
	var answer lock
	err = p.onUser(ctx, opGetLock, id, func(ctx context.Context, token, userID string) error {
		return p.getJSON(ctx, token, &answer, "attack-detection", "brute-force", "users", userID)
	})
	switch {
	case err != nil:
		return false, time.Time{}, err
	case answer.Disabled == nil || answer.NotBefore == nil:
		return false, time.Time{}, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get lock: an answer that does not say whether the user is locked, or until when")}
	case *answer.Disabled && *answer.NotBefore > 0 && *answer.NotBefore <= lastTime:
		until = time.Unix(*answer.NotBefore, 0).UTC()
	}
	return *answer.Disabled, until, nil
}

// credentialsOf sorts the user's credentials. Old passwords are kept among them where
// the realm forbids to use them again.
func (p *Provider) credentialsOf(ctx context.Context, id domain.UserID) (hasPassword bool, others []string, err error) {
	var credentials []*gocloak.CredentialRepresentation
	err = p.onUser(ctx, opGetCredentials, id, func(ctx context.Context, token, userID string) error {
		var err error
		credentials, err = p.client.GetCredentials(ctx, token, p.realm, userID)
		return err
	})
	if err != nil {
		return false, nil, err
	}
	for _, credential := range credentials {
		if credential == nil || gocloak.NilOrEmpty(credential.Type) {
			return false, nil, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get credentials: a credential of no kind")}
		}
		switch kind := *credential.Type; kind {
		case "password":
			hasPassword = true
		case "password-history":
		default:
			others = append(others, kind)
		}
	}
	return hasPassword, sortedOnce(others), nil
}

func (p *Provider) effectiveRoles(ctx context.Context, id domain.UserID) ([]domain.RealmRole, error) {
	roles, err := p.realmRolesInTheEnd(ctx, id)
	if err != nil {
		return nil, err
	}
	names, err := roleNames(opGetUserRoles, roles)
	if err != nil {
		return nil, err
	}
	var effective []domain.RealmRole
	for _, name := range slices.Sorted(slices.Values(names)) {
		effective = append(effective, domain.RealmRole(name))
	}
	return effective, nil
}

// realmRolesInTheEnd reads the realm roles that the user holds, through groups and other
// roles too.
func (p *Provider) realmRolesInTheEnd(ctx context.Context, id domain.UserID) (roles []*gocloak.Role, err error) {
	err = p.onUser(ctx, opGetUserRoles, id, func(ctx context.Context, token, userID string) error {
		var err error
		roles, err = p.client.GetCompositeRealmRolesByUserID(ctx, token, p.realm, userID)
		return err
	})
	return roles, err
}
