package keycloaktest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// ProductionPolicy is the password policy of the production realm.
const ProductionPolicy = "length(12) and upperCase(1) and lowerCase(1) and digits(2) and specialChars(1)" +
	" and notUsername and passwordHistory(5)"

// LoginClientID names the public client of every test realm that Login uses.
const LoginClientID = "login-check"

// ServiceClientID names the service's confidential client in every test realm.
const ServiceClientID = "user-sync-service"

// RealmOptions says how a test realm differs from production. The zero value differs in nothing but the mails:
// there are none.
type RealmOptions struct {
	Name           string               // how the realm's name begins (default "test"); the rest is random
	PasswordPolicy string               // default ProductionPolicy
	CheapHash      bool                 // hash passwords once: for tests that make many users
	SMTPPort       int                  // port on 127.0.0.1 for the realm's mails (Sink.Port); 0: mail is not configured
	Mutate         func(map[string]any) // changes the realm's representation before it is sent
}

// policy returns the password policy with the option CheapHash worked in.
func (o RealmOptions) policy() string {
	policy := o.PasswordPolicy
	if policy == "" {
		policy = ProductionPolicy
	}
	if o.CheapHash {
		policy += " and hashIterations(1)"
	}
	return policy
}

// A Realm is a realm that belongs to one test or one package of tests. It is safe for concurrent use.
type Realm struct {
	Name         string
	URL          string // of the server, without a trailing slash
	ClientID     string // the service's confidential client
	ClientSecret string

	server *Server
}

// NewRealm makes a realm with all realm roles and groups of the default role mapping, the service's client and a
// client for log-in checks. Realms do not see each other, so tests that have their own may run in parallel. The
// caller deletes it.
func (s *Server) NewRealm(ctx context.Context, o RealmOptions) (*Realm, error) {
	prefix := o.Name
	if prefix == "" {
		prefix = "test"
	}
	r := &Realm{
		Name:     prefix + "-" + strings.ToLower(rand.Text()[:12]),
		URL:      s.URL,
		ClientID: ServiceClientID,
		// A client that does not form-encode the secret in its Basic header fails on each of these characters.
		ClientSecret: "k%41y+&%-" + rand.Text(),
		server:       s,
	}
	rep := r.representation(o)
	keys, err := newKeys()
	if err != nil {
		return nil, fmt.Errorf("make realm: %w", err)
	}
	rep["components"] = map[string]any{"org.keycloak.keys.KeyProvider": keys}
	if o.Mutate != nil {
		o.Mutate(rep)
	}
	if _, err := s.call(ctx, http.MethodPost, "/admin/realms", rep, nil); err != nil {
		return nil, fmt.Errorf("make realm: %w", err)
	}
	return r, nil
}

// newKeys are the keys that Keycloak makes for a realm by itself, with those of RSA at hand: they take it longer than all
// the rest of a realm.
func newKeys() ([]any, error) {
	provider := func(id string, config map[string]any) any {
		config["priority"] = []string{"100"}
		return map[string]any{"name": id, "providerId": id, "config": config}
	}
	keys := []any{provider("aes-generated", map[string]any{}), provider("hmac-generated", map[string]any{"algorithm": []string{"HS512"}})}
	for id, algorithm := range map[string]string{"rsa": "RS256", "rsa-enc": "RSA-OAEP"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		keys = append(keys, provider(id, map[string]any{"privateKey": []string{text}, "algorithm": []string{algorithm}}))
	}
	return keys, nil
}

// Delete removes the realm with everything in it.
func (r *Realm) Delete(ctx context.Context) error {
	return r.Call(ctx, http.MethodDelete, "", nil, nil)
}

// rights are the roles of realm-management that the service's account needs: from 26.7 on Keycloak shows who
// administers a realm only to accounts with view-clients.
func (s *Server) rights() []string {
	rights := []string{"manage-users", "view-realm"}
	if s.AtLeast(26, 7) {
		rights = append(rights, "view-clients")
	}
	return rights
}

// AudienceMapper puts a client into the audience of tokens. From 26.7 on Keycloak confirms a token only to a client
// that is in its audience.
func AudienceMapper(client string) map[string]any {
	return map[string]any{
		"name": "audience " + client, "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
		"config": map[string]string{"included.custom.audience": client, "access.token.claim": "true"},
	}
}

// representation is the realm as Keycloak imports it.
func (r *Realm) representation(o RealmOptions) map[string]any {
	roles := []any{}
	for _, name := range []string{
		"admin", "Super User", "loan-officer", "account-manager", "teller", "branch-manager", "accountant",
		"Supervisor Accountant", "Manager", "Viewer", "KYC_MANAGER", "ASSET_MANAGER", "staff",
	} {
		roles = append(roles, map[string]any{"name": name})
	}
	group := func(name string, roles ...string) map[string]any {
		return map[string]any{"name": name, "realmRoles": roles}
	}
	rep := map[string]any{
		"realm":               r.Name,
		"enabled":             true,
		"accessTokenLifespan": 3600, // seconds: longer than any run of the tests
		// A fixed address, as in production: tokens have one issuer by whatever address Keycloak is called.
		"attributes":                map[string]any{"frontendUrl": r.URL},
		"passwordPolicy":            o.policy(),
		"bruteForceProtected":       true,
		"adminEventsEnabled":        true,
		"adminEventsDetailsEnabled": true,
		"roles":                     map[string]any{"realm": roles},
		"groups": []any{
			// In production this group makes administrators, which is what the role mapping guards against.
			group("head-office", "admin", "Super User"),
			group("loan-officers", "loan-officer"),
			group("account-managers", "account-manager"),
			group("tellers", "teller"),
			group("branch-managers", "branch-manager"),
		},
		"clients": []any{
			map[string]any{
				"clientId": r.ClientID, "enabled": true, "secret": r.ClientSecret, "publicClient": false,
				"serviceAccountsEnabled": true, "standardFlowEnabled": false, "directAccessGrantsEnabled": false,
			},
			map[string]any{
				"clientId": LoginClientID, "enabled": true, "publicClient": true,
				"standardFlowEnabled": false, "directAccessGrantsEnabled": true,
				"protocolMappers": []any{AudienceMapper(r.ClientID)},
			},
		},
		"users": []any{
			map[string]any{
				"username": "service-account-" + r.ClientID, "enabled": true, "serviceAccountClientId": r.ClientID,
				"clientRoles": map[string]any{"realm-management": r.server.rights()},
			},
		},
	}
	if o.SMTPPort != 0 {
		rep["smtpServer"] = map[string]any{
			"host": "127.0.0.1", "port": strconv.Itoa(o.SMTPPort), "from": "no-reply@bank.example",
		}
	}
	return rep
}
