package adminapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"user-sync-service/internal/domain"
)

// OwnToken is what the service's own access token says.
type OwnToken struct {
	Text           string            `json:"-"`
	Issuer         string            `json:"iss"`
	IssuedAt       int64             `json:"iat"` // in seconds since 1970
	Expires        int64             `json:"exp"`
	Audience       any               `json:"aud"` // a text or a list
	RealmAccess    *access           `json:"realm_access"`
	ResourceAccess map[string]access `json:"resource_access"`
}

// Names reports whether the client is in the token's audience.
func (t OwnToken) Names(client string) bool {
	if one, ok := t.Audience.(string); ok {
		return one == client
	}
	all, _ := t.Audience.([]any)
	for _, name := range all {
		if name == client {
			return true
		}
	}
	return false
}

// RolesOf returns the roles of a client that the token carries.
func (t OwnToken) RolesOf(client string) []string { return t.ResourceAccess[client].Roles }

// OwnToken logs in, unless there is a token, and reads it. Its signature does not matter: it
// comes from Keycloak itself.
func (c *Client) OwnToken(ctx context.Context) (OwnToken, error) {
	text, err := c.tokens.Get(ctx)
	if err != nil {
		return OwnToken{}, err
	}
	token := OwnToken{Text: text}
	parts := strings.Split(text, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	if err == nil {
		err = json.Unmarshal(payload, &token)
	}
	if err != nil {
		return OwnToken{}, badAnswer(opLogin, "an access token that cannot be read")
	}
	return token, nil
}

// RealmRoles returns all roles of the realm itself.
func (c *Client) RealmRoles(ctx context.Context) ([]Role, error) {
	return list[Role](ctx, c, opGetRoles, nil, "roles")
}

// UnregisteredActions returns the required actions that this Keycloak has and the realm does
// not know, by their names for persons.
func (c *Client) UnregisteredActions(ctx context.Context) (map[domain.RequiredAction]string, error) {
	found, err := read[[]struct {
		Alias domain.RequiredAction `json:"providerId"`
		Name  string                `json:"name"`
	}](ctx, c, opGetActions, nil, "authentication", "unregistered-required-actions")
	actions := make(map[domain.RequiredAction]string)
	for _, action := range found {
		actions[action.Alias] = action.Name
	}
	return actions, err
}

// ApplicationClient is a client of the realm, as far as it is looked at.
type ApplicationClient struct {
	ID       string   `json:"id"`
	Name     string   `json:"clientId"`
	Mappers  []Mapper `json:"protocolMappers"`
	Defaults []string `json:"defaultClientScopes"` // by name
}

// Mapper puts something into tokens.
type Mapper struct {
	Kind   string            `json:"protocolMapper"`
	Config map[string]string `json:"config"`
}

// Adds reports whether the mapper puts the client into the audience.
func (m Mapper) Adds(client string) bool {
	return m.Kind == "oidc-audience-mapper" &&
		(m.Config["included.client.audience"] == client || m.Config["included.client.audience"] == "" && m.Config["included.custom.audience"] == client)
}

// ClientScope is a set of mappers that clients have in common.
type ClientScope struct {
	Name    string   `json:"name"`
	Mappers []Mapper `json:"protocolMappers"`
}

// Clients returns the client with this name, or all clients if it is empty. It takes the
// right view-clients.
func (c *Client) Clients(ctx context.Context, name string) ([]ApplicationClient, error) {
	var query url.Values
	if name != "" {
		query = url.Values{"clientId": {name}}
	}
	return read[[]ApplicationClient](ctx, c, opGetClients, query, "clients")
}

// ClientScopes returns all sets of mappers. It takes the right view-clients.
func (c *Client) ClientScopes(ctx context.Context) ([]ClientScope, error) {
	return read[[]ClientScope](ctx, c, opGetClients, nil, "client-scopes")
}

// RolesOfClient returns the names of the roles of the client with this id. It takes the right
// view-clients.
func (c *Client) RolesOfClient(ctx context.Context, id string) ([]Role, error) {
	return list[Role](ctx, c, opGetClients, nil, "clients", id, "roles")
}
