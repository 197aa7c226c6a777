package keycloak

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"

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
// Keycloak 26.7 hides that, and with it everybody's roles in that client, from accounts
// without view-clients.
func (p *Provider) loadAdministration(ctx context.Context, _ string) (string, time.Duration, error) {
	own, err := p.ownID(ctx)
	if err != nil {
		return "", 0, err
	}
	if own == "" {
		p.warnOfBlindness()
		return blind, administrationLifetime, nil
	}
	roles, err := p.ownRoles(ctx, own)
	if err != nil {
		return "", 0, err
	}
	client := roles.ClientMappings[p.administrationClient]
	if client == nil {
		p.warnOfBlindness()
		return blind, administrationLifetime, nil
	}
	if gocloak.NilOrEmpty(client.ID) {
		return "", 0, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get own roles: a client without an id")}
	}
	return *client.ID, administrationLifetime, nil
}

// ownID returns the id of the service account's user; it is empty when there is none.
func (p *Provider) ownID(ctx context.Context) (domain.UserID, error) {
	username := "service-account-" + strings.ToLower(p.clientID)
	users, err := p.getUsers(ctx, gocloak.GetUsersParams{Username: &username, Exact: new(true)})
	if err != nil {
		return "", err
	}
	for _, user := range users {
		if strings.EqualFold(*user.Username, username) {
			return domain.UserID(*user.ID), nil
		}
	}
	return "", nil
}

// ownRoles returns the roles assigned to the service account directly.
func (p *Provider) ownRoles(ctx context.Context, own domain.UserID) (roles *gocloak.MappingsRepresentation, err error) {
	err = p.onUser(ctx, opGetOwnRoles, own, func(ctx context.Context, token, userID string) (err error) {
		roles, err = p.client.GetRoleMappingByUserID(ctx, token, p.realm, userID)
		return err
	})
	if errors.Is(err, domain.NotFound) {
		// That would read as if the caller had asked for this user.
		return nil, &domain.Error{Kind: domain.BadAnswer, Err: errors.New("get own roles: the service account's user has gone")}
	}
	return roles, err
}

// withAdministration runs read with the id of the administration client. The client may
// have been hidden or replaced since the id was kept; then the id is read anew, and
// read runs once more.
func (p *Provider) withAdministration(ctx context.Context, read func(client string) error) error {
	client, err := p.administration.get(ctx, "")
	if err != nil {
		return err
	}
	err = read(client)
	if !errors.Is(err, administrationHidden) {
		return err
	}
	p.administration.forget("", client)
	renewed, err := p.administration.get(ctx, "")
	if err != nil {
		return err
	}
	if renewed == client {
		p.warnOfBlindness()
		renewed = blind
	}
	err = read(renewed)
	if errors.Is(err, administrationHidden) {
		return &domain.Error{Kind: domain.BadAnswer, Err: err}
	}
	return err
}

// warnOfBlindness tells the owner of the realm once.
func (p *Provider) warnOfBlindness() {
	p.blindness.Do(func() {
		p.log.Warn("administrators of the realm cannot be recognised, so they are not protected",
			"client", p.administrationClient,
			"help", "assign view-clients of this client to the service account directly, as manage-users and view-realm, or list the administrators in PROTECTED_USERS or PROTECTED_GROUPS")
	})
}
