package keycloak

import (
	"cmp"
	"context"
	"errors"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// A realm may take users from directories, by LDAP. What Keycloak writes of such a user, and
// where, depends on the directory's mode; what it does not write it refuses.

// directories are the ids of those that the realm has, and whether they are read-only.
type directories map[string]bool

func (p *Provider) loadDirectories(ctx context.Context) (*directories, time.Duration, error) {
	found, err := p.api.Directories(ctx)
	all := directories{}
	for _, directory := range found {
		all[directory.ID] = directory.IsReadOnly()
	}
	return &all, settingsLifetime, err
}

// directoryOf completes the look-up of a user, which returned err, with what the user's
// directory has to do with it. It returns Unavailable when a directory is away on which the
// outcome may depend: before 26.4 Keycloak refuses to look then; since, it finds nobody, or
// shows a user of that directory as switched off and maybe without a name and an address.
func (p *Provider) directoryOf(ctx context.Context, found adminapi.User, err error) (readOnly bool, _ error) {
	directory, _ := found.Directory()
	isTheirs := err == nil && directory != ""
	isMissing := errors.Is(err, domain.NotFound) || errors.Is(err, adminapi.Failed)
	if !isTheirs && !isMissing {
		return false, err
	}
	all, loadErr := p.directories.Get(ctx)
	if loadErr != nil {
		return false, loadErr
	}
	for id := range *all {
		if isMissing || id == directory && !found.Enabled {
			if err := p.api.TryDirectory(ctx, id); err != nil {
				return false, err
			}
		}
	}
	return (*all)[directory], err
}

// whyRefused returns a clearer error for a write that Keycloak refused or failed at, if the
// user is a directory's; else it returns err.
func (p *Provider) whyRefused(ctx context.Context, id domain.UserID, err error) error {
	failure, ok := errors.AsType[*adminapi.Error](err)
	if !ok || failure.Code != "400" && failure.Code != "500" {
		return err
	}
	user, readErr := p.api.User(ctx, id)
	switch directory, imported := user.Directory(); {
	case readErr != nil || directory == "":
		return err
	case failure.Reason == adminapi.ReadOnly, !imported: // And the directory is there, or there would be no answer.
		return &domain.Error{Kind: domain.ReadOnlyUser, Err: err}
	default:
		return cmp.Or(p.api.TryDirectory(ctx, directory), err)
	}
}
