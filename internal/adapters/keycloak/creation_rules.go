package keycloak

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// creationRules are what a creation depends on beside role and group.
type creationRules struct {
	settings *realmSettings
	actions  *realmActions
	profile  *userProfile
}

// creationRules reads them side by side, as far as they are not kept.
func (p *Provider) creationRules(ctx context.Context) (creationRules, error) {
	var rules creationRules
	all, allCtx := errgroup.WithContext(ctx)
	all.Go(func() (err error) {
		rules.settings, err = p.settings.get(allCtx, "")
		return err
	})
	all.Go(func() (err error) {
		rules.actions, err = p.actions.get(allCtx, "")
		return err
	})
	all.Go(func() (err error) {
		rules.profile, err = p.profile.get(allCtx, "")
		return err
	})
	return rules, all.Wait()
}
