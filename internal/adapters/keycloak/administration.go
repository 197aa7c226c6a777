package keycloak

import (
	"context"
	"errors"
	"time"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// administrationClientOf names the client whose roles are the rights to administer the
// realm. The realm master has such a client for every realm, the one for itself too.
func administrationClientOf(realm string) string {
	if realm == "master" {
		return "master-realm"
	}
	return "realm-management"
}

// blind stands for the id of the administration client in a realm that does not show us
// who may administer it.
const blind = ""

// loadAdministration finds the id of the administration client. The list of clients is
// closed to the service account, but its own roles tell which client they belong to.
// Keycloak 26.7 hides that, and with it all roles in that client, from accounts
// without view-clients.
func (p *Provider) loadAdministration(ctx context.Context) (string, time.Duration, error) {
	roles, err := p.ownRoles(ctx)
	if err != nil {
		return "", 0, err
	}
	client, shown := roles[p.administrationClient]
	switch {
	case !shown:
		p.warnOfBlindness()
		return blind, blindLifetime, nil
	case client.ID == "":
		return "", 0, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get own roles: a client without an id")}
	}
	return client.ID, administrationLifetime, nil
}

// ownRoles returns the roles of clients assigned to the service account directly.
func (p *Provider) ownRoles(ctx context.Context) (adminapi.ClientRoles, error) {
	account, err := p.account.Refresh(ctx)
	if err != nil || account.id == "" {
		return nil, err
	}
	roles, err := p.api.OwnClientRoles(ctx, account.id)
	if errors.Is(err, domain.NotFound) {
		// That would read as if the caller had asked for this user.
		err = &domain.Error{Kind: domain.BadAnswer, Err: err}
	}
	return roles, err
}

// withAdministration runs read with the id of the administration client. The client may
// have been hidden or replaced since the id was kept; then the id is read anew, and
// read runs once more.
func (p *Provider) withAdministration(ctx context.Context, read func(client string) error) error {
	client, err := p.administration.Get(ctx)
	if err == nil {
		err = read(client)
	}
	if !errors.Is(err, adminapi.Hidden) {
		return err
	}
	p.administration.Forget(client)
	renewed, err := p.administration.Get(ctx)
	if err != nil {
		return err
	}
	if renewed == client {
		p.warnOfBlindness()
		renewed = blind
	}
	return read(renewed)
}

// warnOfBlindness tells the owner of the realm once.
func (p *Provider) warnOfBlindness() {
	p.blindness.Do(func() {
		p.Log.Warn("administrators of the realm cannot be recognised, so existing users are not changed unless names say who is protected",
			"client", p.administrationClient,
			"help", "assign view-clients of this client to the service account directly, as manage-users and view-realm, or name all administrators in PROTECTED_USERS or PROTECTED_GROUPS")
	})
}
