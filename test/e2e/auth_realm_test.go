package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// The clients of authRealm, beside the two that every realm has.
const (
	gatewayClient  = "gateway"     // as in production: sub is the username, aud the client
	webClient      = "web-app"     // its tokens are meant for LoginClientID too
	strangerClient = "stranger"    // nobody has heard of it
	briefClient    = "short-lived" // its tokens live for briefLifespan
)

const briefLifespan = "3" // seconds

// signingClient is the client whose tokens are signed in another way than RS256.
func signingClient(algorithm string) string { return "signs-" + strings.ToLower(algorithm) }

// authRealm makes a realm with clients and actors of every kind. The mails go to sink.
func authRealm(t *testing.T, name string, sink *keycloaktest.Sink) *keycloaktest.Realm {
	t.Helper()
	return newRealm(t, keycloaktest.RealmOptions{Name: name, CheapHash: true, SMTPPort: sink.Port(), Mutate: func(rep map[string]any) {
		letLogInAgain(rep)
		roles := rep["roles"].(map[string]any)
		// Keycloak tells apart what differs in letter case only.
		roles["realm"] = append(roles["realm"].([]any), map[string]any{"name": "Admin"})
		roles["client"] = map[string]any{webClient: []any{map[string]any{"name": "writer"}, map[string]any{"name": "admin"}}}

		clients := append(rep["clients"].([]any),
			publicClient(gatewayClient, nil, usernameAsSubject(), keycloaktest.AudienceMapper(gatewayClient)),
			publicClient(webClient, nil, keycloaktest.AudienceMapper(keycloaktest.LoginClientID)),
			member(publicClient(strangerClient, nil), "protocolMappers", nil),
			publicClient(briefClient, map[string]string{"access.token.lifespan": briefLifespan}))
		for _, algorithm := range []string{"ES256", "PS256", "RS512", "EdDSA", "HS256"} {
			clients = append(clients, publicClient(signingClient(algorithm), map[string]string{"access.token.signed.response.alg": algorithm}))
		}
		rep["clients"] = clients

		rep["users"] = append(rep["users"].([]any),
			actor("boss", "admin"),
			actor("cashier", "teller"),
			actor("customer"),
			actor("viewer", "Viewer"),
			actor("shouting", "Admin"),
			member(actor("head"), "groups", []string{"/head-office"}),
			member(actor("writer"), "clientRoles", map[string]any{webClient: []string{"writer"}}),
			member(actor("elsewhere"), "clientRoles", map[string]any{webClient: []string{"admin"}}),
			actor("dismissed", "admin"),
			actor("gone", "admin"),
		)
	}})
}

// letLogInAgain lets users log in many times in a row: a moment after one log-in, the
// protection against guessing may still take it for a simultaneous one.
func letLogInAgain(rep map[string]any) { rep["bruteForceProtected"] = false }

// publicClient is a client whose tokens Keycloak confirms to the service.
func publicClient(id string, attributes map[string]string, mappers ...any) map[string]any {
	return map[string]any{
		"clientId": id, "enabled": true, "publicClient": true, "standardFlowEnabled": false, "directAccessGrantsEnabled": true,
		"attributes": attributes, "protocolMappers": append(mappers, keycloaktest.AudienceMapper(keycloaktest.ServiceClientID)),
	}
}

func usernameAsSubject() any {
	return map[string]any{
		"name": "subject", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper",
		"config": map[string]string{"user.attribute": "username", "claim.name": "sub", "jsonType.label": "String", "access.token.claim": "true"},
	}
}

// actor is a user that can log in, with realm roles.
func actor(username string, realmRoles ...string) map[string]any {
	return map[string]any{
		"username": username, "email": username + "@bank.example", "firstName": "An", "lastName": "Actor",
		"enabled": true, "emailVerified": true, "realmRoles": realmRoles,
		"credentials": []any{map[string]any{"type": "password", "value": keycloaktest.ActorPassword}},
	}
}

// member sets a member of a representation.
func member(rep map[string]any, name string, value any) map[string]any {
	rep[name] = value
	return rep
}

// userID returns the id of a user who is there.
func userID(t *testing.T, realm *keycloaktest.Realm, username string) string {
	t.Helper()
	user, found, err := realm.User(t.Context(), username)
	require.NoError(t, err)
	require.True(t, found, username)
	return user["id"].(string)
}

// dismiss disables a user by the realm's own means. The user's tokens stay signed.
func dismiss(t *testing.T, realm *keycloaktest.Realm, username string) {
	t.Helper()
	require.NoError(t, realm.UpdateUser(t.Context(), userID(t, realm, username), map[string]any{"enabled": false}))
}

// logOutEverywhere logs a user out everywhere by the realm's own means.
func logOutEverywhere(t *testing.T, realm *keycloaktest.Realm, username string) {
	t.Helper()
	require.NoError(t, realm.Call(t.Context(), http.MethodPost, "/users/"+userID(t, realm, username)+"/logout", nil, nil))
}

// serviceToken is the access token of the service's own account.
func serviceToken(t *testing.T, realm *keycloaktest.Realm) string {
	t.Helper()
	return grantOf(t, realm, url.Values{"grant_type": {"client_credentials"}, "client_id": {realm.ClientID}, "client_secret": {realm.ClientSecret}}).Access
}
