package main

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// Config is what the service reads from its environment.
type Config struct {
	// KeycloakURL is the base URL of the server. A trailing "/" is taken off, and a trailing
	// "/auth" where Keycloak answers only without it.
	KeycloakURL string `envconfig:"KEYCLOAK_URL"`
	// KeycloakRealm is the realm whose users are synced.
	KeycloakRealm string `envconfig:"KEYCLOAK_REALM"`
	// KeycloakClientID and KeycloakClientSecret belong to a confidential client with a
	// service account that has manage-users and view-realm.
	KeycloakClientID     string        `envconfig:"KEYCLOAK_CLIENT_ID"`
	KeycloakClientSecret domain.Secret `envconfig:"KEYCLOAK_CLIENT_SECRET"`
	// KeycloakClientSecretFile names a file that holds the secret instead. It is read each
	// time that the secret is needed, so that a rotation needs no restart.
	KeycloakClientSecretFile string `envconfig:"KEYCLOAK_CLIENT_SECRET_FILE"`
	// KeycloakTimeout bounds each single call to Keycloak, its retries included.
	// Keep it below RequestTimeout.
	KeycloakTimeout duration `envconfig:"KEYCLOAK_TIMEOUT" default:"5s"`
	// KeycloakMaxConcurrency is how many calls to Keycloak may be under way at once. Half
	// is for reads, three eighths for changes, and an eighth for disabling. What finds no
	// place waits, and is answered 503 when it waits too long.
	KeycloakMaxConcurrency int `envconfig:"KEYCLOAK_MAX_CONCURRENCY" default:"64"`
	// RequestTimeout bounds the work on one request, which is answered 504 then. Keep it
	// above KeycloakTimeout, below ShutdownTimeout, and below what the gateway waits.
	RequestTimeout duration `envconfig:"REQUEST_TIMEOUT" default:"10s"`
	// RoleMapFile names the file that says what Fineract roles stand for in the realm. It is
	// read at the start. Empty: the built-in map counts.
	RoleMapFile string `envconfig:"ROLE_MAP_FILE"`
	// OnExisting says what a sync does with an existing user who lacks the mapped role or
	// group: "report" tells, "repair" also gives it to users whom this service created and
	// nothing protects.
	OnExisting string `envconfig:"ON_EXISTING" default:"repair"`
	// PasswordDelivery says how new users get their first password: "response" shows a
	// temporary one, "email" makes none and has Keycloak mail a link, "both" does both.
	PasswordDelivery app.Delivery `envconfig:"TEMPORARY_PASSWORD_DELIVERY" default:"response"`
	// RequiredActions are what new users must do at their first sign-in. Empty: nothing,
	// but a temporary password must be changed in any case.
	RequiredActions list[domain.RequiredAction] `envconfig:"REQUIRED_ACTIONS" default:"UPDATE_PASSWORD,VERIFY_EMAIL,webauthn-register"`
	// EmailVerified makes the addresses of new users count as verified.
	EmailVerified bool `envconfig:"EMAIL_VERIFIED" default:"true"`
	// AuthMode says what happens to callers without a token or a right: "enforce"
	// refuses them, "report" only tells, "off" does not look.
	AuthMode app.Mode `envconfig:"AUTH_MODE" default:"enforce"`
	// AuthIssuers are the issuers whose tokens count. Empty: the one that the realm's
	// discovery document names, which depends on the address it is asked by.
	AuthIssuers list[string] `envconfig:"AUTH_ISSUERS"`
	// AuthClients are the clients one of which must have obtained a token (azp). Empty: any.
	AuthClients list[string] `envconfig:"AUTH_CLIENTS"`
	// AuthAudience are the names one of which must be in a token's audience (aud), beside
	// what AuthClients asks for. Keycloak puts every client there of which the user has a
	// role, for any application's token. Empty: any.
	AuthAudience list[string] `envconfig:"AUTH_AUDIENCE"`
	// AuthWriteRoles are the roles one of which it takes to change anything: realm roles,
	// and client roles as "client:role".
	AuthWriteRoles list[string] `envconfig:"AUTH_WRITE_ROLES" default:"admin"`
	// AuthReadRoles are the same for reading; empty means AuthWriteRoles. Name the write
	// roles too, if those may read.
	AuthReadRoles list[string] `envconfig:"AUTH_READ_ROLES"`
	// AuthIntrospection says when the realm is asked whether a token is still active:
	// "writes" or "off". Off, a disabled administrator can write until the token expires, and
	// a token that leaves out the username or the roles ("lightweight") is of no use.
	AuthIntrospection string `envconfig:"AUTH_INTROSPECTION" default:"writes"`
	// TrustedOrigins are the web app's own origins, such as https://admin.bank.example,
	// where a gateway does not pass its Host on as it was.
	TrustedOrigins list[string] `envconfig:"TRUSTED_ORIGINS"`
	// RateLimitReads is how many status reads an actor may make in a minute; 0: any.
	RateLimitReads int `envconfig:"RATE_LIMIT_READS" default:"600"`
	// RateLimitWrites is how many changes an actor may attempt in a minute; 0: any.
	RateLimitWrites int `envconfig:"RATE_LIMIT_WRITES" default:"120"`
	// RateLimitMails is how many mails an actor may have sent in an hour; 0: any.
	RateLimitMails int `envconfig:"RATE_LIMIT_MAILS" default:"200"`
	// ResetCooldown is the time between two reset mails to one user, and between two mails
	// to one mailbox; 0: none.
	ResetCooldown duration `envconfig:"RESET_COOLDOWN" default:"60s"`
	// ProtectedUsers, ProtectedGroups (paths) and ProtectedRoles (realm roles) say who is
	// never a target. Groups cost a call to Keycloak for each write.
	ProtectedUsers  list[string]           `envconfig:"PROTECTED_USERS"`
	ProtectedGroups list[string]           `envconfig:"PROTECTED_GROUPS"`
	ProtectedRoles  list[domain.RealmRole] `envconfig:"PROTECTED_ROLES"`
	// PrivilegedRoles are granted only where the role map names them. The defaults of both
	// kinds of roles are those of domain.DefaultGuard.
	PrivilegedRoles list[domain.RealmRole] `envconfig:"PRIVILEGED_ROLES"`
	// AuditLog is "stdout" or the path of a file, which must not be open to others. While it
	// cannot be written, nothing is changed.
	AuditLog string `envconfig:"AUDIT_LOG" default:"stdout"`
	// ListenHost is the address to listen on; empty means all.
	ListenHost string `envconfig:"LISTEN_HOST"`
	// Port is the TCP port to listen on; 0 picks a free one.
	Port uint16 `envconfig:"PORT" default:"5000"`
	// MaxConnections is how many connections callers may have at once, on PORT. It is less
	// where the process has too few descriptors. When all are taken, the one that has waited
	// longest for its next request is closed, after half a second at the earliest.
	MaxConnections int `envconfig:"MAX_CONNECTIONS" default:"1000"`
	// ShutdownTimeout is how long requests under way may take after SIGTERM. Keep it some
	// seconds above RequestTimeout: what was begun is put in order after that.
	ShutdownTimeout duration `envconfig:"SHUTDOWN_TIMEOUT" default:"30s"`

	Operation

	// roles is the role map in force.
	roles domain.RoleMap
	// dotEnv is the path of the file ".env" that was read, empty for none.
	dotEnv string
}

// usageError is a command line that the program does not understand.
type usageError struct{ error }

// configError is what makes a configuration unusable, a sentence for each fault.
type configError []string

func (e *configError) addIf(wrong bool, fault string) {
	if wrong {
		*e = append(*e, fault)
	}
}

func (e configError) Error() string {
	return "the configuration is not usable:\n  - " + strings.Join(e, "\n  - ")
}

// Validate returns what is missing or contradictory, a sentence each.
func (c Config) Validate() []string {
	var found configError
	found.addIf(isBlank(c.KeycloakURL), "KEYCLOAK_URL: must be set")
	found.addIf(isBlank(c.KeycloakRealm), "KEYCLOAK_REALM: must be set")
	found.addIf(isBlank(c.KeycloakClientID), "KEYCLOAK_CLIENT_ID: must be set")
	u, ok := parseHTTP(c.KeycloakURL)
	found.addIf(c.KeycloakURL != "" && (!ok || u.User != nil || u.RawQuery != "" || u.Fragment != ""),
		"KEYCLOAK_URL: must be an http or https URL without user, query and fragment")
	c.validateClientSecret(&found)
	c.validateAccess(&found)
	c.validateOperation(&found)
	found.addIf(!slices.Contains([]string{onExistingReport, onExistingRepair}, c.OnExisting), "ON_EXISTING: must be report or repair")
	found.addIf(!slices.Contains([]app.Delivery{app.DeliverInResponse, app.DeliverByEmail, app.DeliverBoth}, c.PasswordDelivery),
		"TEMPORARY_PASSWORD_DELIVERY: must be response, email or both")
	for i, action := range c.RequiredActions {
		if slices.Contains(c.RequiredActions[:i], action) || strings.ContainsFunc(string(action), unicode.IsSpace) {
			found = append(found, "REQUIRED_ACTIONS: must be names without blanks, each once, such as UPDATE_PASSWORD")
			break
		}
	}
	// A call is part of a request, and a shutdown waits for requests: each needs more time
	// than the one before.
	found.addIf(c.KeycloakTimeout <= 0, "KEYCLOAK_TIMEOUT: must be above zero")
	found.addIf(c.KeycloakTimeout >= c.RequestTimeout, "REQUEST_TIMEOUT: must be above KEYCLOAK_TIMEOUT, or one slow call would use up a whole request")
	found.addIf(c.RequestTimeout >= c.ShutdownTimeout, "SHUTDOWN_TIMEOUT: must be above REQUEST_TIMEOUT, or a shutdown would cut off requests under way")
	found.addIf(c.MaxConnections < 1, "MAX_CONNECTIONS: must be above zero")
	found.addIf(c.KeycloakMaxConcurrency < 1, "KEYCLOAK_MAX_CONCURRENCY: must be above zero")
	return found
}

// validateAccess is Validate for who may do what.
func (c Config) validateAccess(found *configError) {
	_, originErr := c.crossOrigin()
	isRoot := func(path string) bool { return strings.Trim(path, "/") == "" }
	found.addIf(!slices.Contains([]app.Mode{app.Enforce, app.Report, app.Off}, c.AuthMode), "AUTH_MODE: must be enforce, report or off")
	found.addIf(!slices.Contains([]string{introspectWrites, introspectOff}, c.AuthIntrospection), "AUTH_INTROSPECTION: must be writes or off")
	found.addIf(len(c.AuthWriteRoles) == 0, "AUTH_WRITE_ROLES: must name a role, or nobody could change anything")
	found.addIf(originErr != nil, "TRUSTED_ORIGINS: must be origins such as https://admin.bank.example, without a path")
	found.addIf(c.RateLimitReads < 0, "RATE_LIMIT_READS: must not be below zero")
	found.addIf(c.RateLimitWrites < 0, "RATE_LIMIT_WRITES: must not be below zero")
	found.addIf(c.RateLimitMails < 0, "RATE_LIMIT_MAILS: must not be below zero")
	found.addIf(c.ResetCooldown < 0, "RESET_COOLDOWN: must not be below zero")
	found.addIf(slices.ContainsFunc(c.ProtectedGroups, isRoot), "PROTECTED_GROUPS: must be paths of groups, such as head-office")
	found.addIf(isBlank(c.AuditLog), "AUDIT_LOG: must be stdout or the path of a file")
}

// speaksInClear reports whether what goes to Keycloak, the client's secret first of all,
// can be read on the network.
func (c Config) speaksInClear() bool {
	u, ok := parseHTTP(c.KeycloakURL)
	if !ok || u.Scheme != "http" || strings.EqualFold(u.Hostname(), "localhost") {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return err != nil || !address.IsLoopback()
}

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// parseHTTP reads an http or https URL with a host.
func parseHTTP(text string) (u *url.URL, ok bool) {
	u, err := url.Parse(text)
	return u, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// The values of ON_EXISTING and of AUTH_INTROSPECTION.
const (
	onExistingReport = "report"
	onExistingRepair = "repair"
	introspectWrites = "writes"
	introspectOff    = "off"
)

// access is who may use the service.
func (c Config) access() app.Access {
	access := app.Access{Mode: c.AuthMode, WriteRoles: c.AuthWriteRoles, ReadRoles: c.AuthReadRoles}
	if len(access.ReadRoles) == 0 {
		access.ReadRoles = access.WriteRoles
	}
	return access
}

// guard is who is never a target and what is not given away.
func (c Config) guard() domain.Guard {
	guard := domain.Guard{ProtectedUsers: c.ProtectedUsers, ProtectedRoles: c.ProtectedRoles, PrivilegedRoles: c.PrivilegedRoles}
	for _, group := range c.ProtectedGroups {
		guard.ProtectedGroups = append(guard.ProtectedGroups, domain.Group(strings.Trim(group, "/")))
	}
	return guard
}

// crossOrigin recognises what browsers send on behalf of other sites.
func (c Config) crossOrigin() (*http.CrossOriginProtection, error) {
	protection := http.NewCrossOriginProtection()
	for _, origin := range c.TrustedOrigins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	return protection, nil
}
