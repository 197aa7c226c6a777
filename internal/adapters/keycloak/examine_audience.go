package keycloak

import (
	"context"
	"fmt"
	"slices"

	"user-sync-service/internal/adapters/keycloak/adminapi"
	"user-sync-service/internal/domain"
)

// introspection asks Keycloak about the service's own token, as it asks about callers'
// tokens before each change.
func (e *examination) introspection(ctx context.Context) {
	if !e.needs.Introspects {
		return
	}
	const breaks = "Each change is refused, since callers' tokens cannot be confirmed."
	answer, err := e.read.introspection.value, e.read.introspection.err
	switch {
	case err != nil:
		e.add(domain.Fault, "introspection-refused", "introspection", "Keycloak does not tell the service about tokens: "+err.Error()+".", breaks,
			step("See what stands between the service and /protocol/openid-connect/token/introspect."))
	case *answer.Active:
	case e.token.Names(e.ClientID):
		e.add(domain.Fault, "introspection-inactive", "introspection", "Keycloak does not honour the token that it has just issued to the service.", breaks,
			step(fmt.Sprintf("See whether tokens were revoked up to a time to come (console: Realm settings > Sessions > Revocation, Clients > %s > Advanced), and whether all nodes of Keycloak have one hostname.", e.ClientID)))
	default:
		e.audience(ctx) // From 26.7 on Keycloak confirms tokens only to clients in their audience.
	}
}

// audience looks whether tokens that callers get name the service's client in their audience.
func (e *examination) audience(ctx context.Context) {
	if !e.hasRight(viewClients) {
		if e.hasRight(manageUsers) && e.hasRight(viewRealm) {
			e.hide(viewClients, "whether callers' tokens are meant for this service")
		}
		return
	}
	scopes, err := e.api.ClientScopes(ctx)
	if e.unread(err, "the client scopes", viewClients) {
		return
	}
	adding := make(map[string]bool)
	for _, scope := range scopes {
		adding[scope.Name] = e.addsAudience(scope.Mappers)
	}
	lacking, all := []string{}, len(e.needs.CallerClients) == 0
	names := e.needs.CallerClients
	if all {
		names = []string{""}
	}
	for _, name := range names {
		clients, err := e.api.Clients(ctx, name)
		if e.unread(err, "the clients by which callers log in", viewClients) {
			return
		}
		adds := slices.ContainsFunc(clients, func(client adminapi.ApplicationClient) bool {
			return e.addsAudience(client.Mappers) || slices.ContainsFunc(client.Defaults, func(scope string) bool { return adding[scope] })
		})
		switch {
		case len(clients) == 0:
			e.add(domain.Fault, "caller-client-missing", "client "+quoted(name), "The realm has no such client, which AUTH_CLIENTS names.", "Nobody who logs in by another one gets in.",
				step("Correct AUTH_CLIENTS: it takes the client by which the gateway logs administrators in."))
		case !adds:
			lacking = append(lacking, name)
		}
	}
	for _, name := range lacking {
		e.audienceMissing(name)
	}
}

func (e *examination) addsAudience(mappers []adminapi.Mapper) bool {
	return slices.ContainsFunc(mappers, func(mapper adminapi.Mapper) bool { return mapper.Adds(e.ClientID) })
}

// audienceMissing tells that tokens obtained by the client, or by any, are not for us.
func (e *examination) audienceMissing(name string) {
	const breaks = "Each change is a 401: from 26.7 on Keycloak confirms a token only to clients in its audience."
	if name == "" {
		e.add(domain.Fault, "audience-missing", "audience", fmt.Sprintf("No client of the realm puts %s into the audience of tokens.", quoted(e.ClientID)), breaks,
			step(fmt.Sprintf("Console: Clients > the web app's client > Client scopes > its dedicated scope > Add mapper > Audience, with %s as included client audience. With AUTH_CLIENTS set, the doctor prints the command.", quoted(e.ClientID))))
		return
	}
	e.add(domain.Fault, "audience-missing", "client "+quoted(name), fmt.Sprintf("The tokens that it obtains do not have %s in their audience.", quoted(e.ClientID)), breaks, run(e.addAudience(name)))
}

// addAudience is a command that puts the service's client into the tokens of another one.
func (e *examination) addAudience(client string) string {
	return e.kcadm("create", e.clientAt(client)+"/protocol-mappers/models",
		"-s", set("name", e.ClientID+" audience"), "-s", "protocol=openid-connect", "-s", "protocolMapper=oidc-audience-mapper",
		"-s", quote(`config."included.client.audience"=`+e.ClientID), "-s", quote(`config."access.token.claim"=true`))
}
