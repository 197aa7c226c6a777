package keycloak

import (
	"context"
	"time"

	"user-sync-service/internal/domain"
)

// DefaultRights unites what the realm's default role contains and its default groups
// carry. In a blind realm the roles of clients among them do not show.
func (p *Provider) DefaultRights(ctx context.Context) (domain.Rights, error) {
	rights, err := p.defaults.Get(ctx)
	if err != nil {
		return domain.Rights{}, err
	}
	return united(*rights), nil // A copy: what is kept must not change.
}

func (p *Provider) loadDefaults(ctx context.Context) (*domain.Rights, time.Duration, error) {
	var ofRole, ofGroups domain.Rights
	err := together(ctx, func(ctx context.Context) error {
		settings, err := p.settings.Refresh(ctx)
		if err == nil {
			ofRole, err = p.roleRights(ctx, settings.defaultRole, settings.defaultRole.ID)
		}
		return err
	}, func(ctx context.Context) error {
		groups, err := p.api.DefaultGroups(ctx)
		for _, group := range groups {
			var rights domain.Rights
			if rights, err = p.defaultGroup(ctx, group.ID); err != nil {
				break
			}
			ofGroups = united(ofGroups, rights)
		}
		return err
	})
	return new(united(ofRole, ofGroups)), rightsLifetime, err
}

// defaultGroup reads the group again: the list tells nothing of its roles.
func (p *Provider) defaultGroup(ctx context.Context, id string) (rights domain.Rights, err error) {
	found, err := p.api.GroupByID(ctx, id)
	if err == nil {
		err = p.withAdministration(ctx, func(client string) (err error) {
			rights, err = p.groupRights(ctx, found, client)
			return err
		})
	}
	return rights, err
}
