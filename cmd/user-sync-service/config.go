package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/joho/godotenv"
	"github.com/kelseyhightower/envconfig"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// Config is what the service reads from its environment.
type Config struct {
	// KeycloakURL is the base URL of the server. A trailing "/" and a trailing "/auth",
	// which Keycloak no longer serves, are taken off.
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
	// KeycloakTimeout bounds each single call to Keycloak, its repetitions included.
	// Keep it below RequestTimeout.
	KeycloakTimeout duration `envconfig:"KEYCLOAK_TIMEOUT" default:"5s"`
	// KeycloakMaxConcurrency is how many calls to Keycloak may be under way at once. As
	// many more wait for a moment, and what comes beyond is answered 503.
	KeycloakMaxConcurrency int `envconfig:"KEYCLOAK_MAX_CONCURRENCY" default:"64"`
	// RequestTimeout bounds the work on one request, which is answered 504 then. Keep it
	// above KeycloakTimeout, below ShutdownTimeout, and below what the gateway waits.
	RequestTimeout duration `envconfig:"REQUEST_TIMEOUT" default:"10s"`
	// OnExisting says what a sync does with an existing user who lacks the mapped role or
	// group: "report" tells, "repair" also gives it to users whom this service created and
	// nothing protects.
	OnExisting string `envconfig:"ON_EXISTING" default:"report"`
	// PasswordDelivery says how new users get their first password: "response" shows a
	// temporary one, "email" makes none and has Keycloak mail a link, "both" does both.
	PasswordDelivery app.Delivery `envconfig:"TEMPORARY_PASSWORD_DELIVERY" default:"response"`
	// RequiredActions are what new users must do at their first sign-in. Empty: nothing,
	// but a temporary password must be changed in any case.
	RequiredActions list `envconfig:"REQUIRED_ACTIONS" default:"UPDATE_PASSWORD,VERIFY_EMAIL,webauthn-register"`
	// EmailVerified makes the addresses of new users count as verified.
	EmailVerified bool `envconfig:"EMAIL_VERIFIED" default:"true"`
	// AuthMode says what happens to callers without a token or a right: "enforce"
	// refuses them, "report" only tells, "off" does not look.
	AuthMode app.Mode `envconfig:"AUTH_MODE" default:"enforce"`
	// AuthIssuers are the issuers whose tokens count. Empty: the one that the realm's
	// discovery document names, which depends on the address it is asked by.
	AuthIssuers list `envconfig:"AUTH_ISSUERS"`
	// AuthClients are the clients one of which must have asked for a token, or be in its
	// audience. Empty: any.
	AuthClients list `envconfig:"AUTH_CLIENTS"`
	// AuthWriteRoles are the roles one of which it takes to change anything: realm roles,
	// and client roles as "client:role".
	AuthWriteRoles list `envconfig:"AUTH_WRITE_ROLES" default:"admin"`
	// AuthReadRoles are the same for reading; empty means AuthWriteRoles. Name the write
	// roles too, if those may read.
	AuthReadRoles list `envconfig:"AUTH_READ_ROLES"`
	// AuthIntrospection says when the realm is asked whether a token is still active:
	// "writes" or "off". Off, a disabled administrator can write until the token expires.
	AuthIntrospection string `envconfig:"AUTH_INTROSPECTION" default:"writes"`
	// TrustedOrigins are the web app's own origins, such as https://admin.bank.example,
	// where a gateway does not pass its Host on as it was.
	TrustedOrigins list `envconfig:"TRUSTED_ORIGINS"`
	// RateLimitWrites is how many changes an actor may attempt in a minute; 0: any.
	RateLimitWrites int `envconfig:"RATE_LIMIT_WRITES" default:"120"`
	// ResetCooldown is the time between two reset mails to one user; 0: none.
	ResetCooldown duration `envconfig:"RESET_COOLDOWN" default:"60s"`
	// ProtectedUsers, ProtectedGroups (paths) and ProtectedRoles (realm roles) say who is
	// never a target. Groups cost a call to Keycloak for each write.
	ProtectedUsers  list `envconfig:"PROTECTED_USERS"`
	ProtectedGroups list `envconfig:"PROTECTED_GROUPS"`
	ProtectedRoles  list `envconfig:"PROTECTED_ROLES" default:"realm-admin"`
	// PrivilegedRoles are granted only where the role map names them.
	PrivilegedRoles list `envconfig:"PRIVILEGED_ROLES" default:"admin,Super User,realm-admin"`
	// AuditLog is "stdout" or the path of a file. While it cannot be written, nothing is
	// changed.
	AuditLog string `envconfig:"AUDIT_LOG" default:"stdout"`
	// ListenHost is the address to listen on; empty means all.
	ListenHost string `envconfig:"LISTEN_HOST"`
	// Port is the TCP port to listen on; 0 picks a free one.
	Port uint16 `envconfig:"PORT" default:"5000"`
	// ShutdownTimeout is how long requests under way may take after SIGTERM. Keep it some
	// seconds above RequestTimeout: what was begun is put in order after that.
	ShutdownTimeout duration `envconfig:"SHUTDOWN_TIMEOUT" default:"30s"`

	Operation
}

// usageError is a command line that the program does not understand.
type usageError struct{ error }

// configError is a configuration that the program cannot run with.
type configError struct {
	faults []string
}

func (e *configError) Error() string {
	return "the configuration is not usable:\n  - " + strings.Join(e.faults, "\n  - ")
}

// Load reads the configuration from the environment and, for what is not set there,
// from a file ".env" in the working directory. It returns a *configError that lists
// every fault at once.
func Load() (Config, error) {
	config, faults := readEnvironment()
	if faults = append(faults, config.Validate()...); len(faults) > 0 {
		return Config{}, &configError{faults: faults}
	}
	config.KeycloakURL = strings.TrimSuffix(strings.TrimRight(config.KeycloakURL, "/"), "/auth")
	return config, nil
}

// readEnvironment returns what is set, and a fault for each value that cannot be read
// and is left at its default.
func readEnvironment() (config Config, faults []string) {
	applyAliases() // First: a real variable, by whichever name, wins over the file.
	if err := godotenv.Load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		// The parser's own message quotes the file, which holds secrets.
		faults = append(faults, ".env: cannot be read as lines of NAME=value")
	}
	applyAliases()
	for {
		err := envconfig.Process("", &config)
		unreadable, ok := errors.AsType[*envconfig.ParseError](err)
		if !ok {
			return config, faults
		}
		// envconfig stops at the first value that it cannot read. It is set aside, so
		// that the others are looked at too; the program ends in any case.
		faults = append(faults, fmt.Sprintf("%s: %v", unreadable.KeyName, reason(unreadable.Err)))
		_ = os.Unsetenv(unreadable.KeyName) // It was set, so its name is fit to be unset.
	}
}

// Validate returns what is missing or contradictory, a sentence each.
func (c Config) Validate() []string {
	var faults []string
	for _, required := range []struct{ name, value string }{
		{"KEYCLOAK_URL", c.KeycloakURL},
		{"KEYCLOAK_REALM", c.KeycloakRealm},
		{"KEYCLOAK_CLIENT_ID", c.KeycloakClientID},
	} {
		if strings.TrimSpace(required.value) == "" {
			faults = append(faults, required.name+": must be set")
		}
	}
	if c.KeycloakURL != "" {
		u, err := url.Parse(c.KeycloakURL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			faults = append(faults, "KEYCLOAK_URL: must be an http or https URL without user, query and fragment")
		}
	}
	faults = append(faults, c.validateClientSecret()...)
	faults = append(faults, c.validateAccess()...)
	faults = append(faults, c.validateOperation()...)
	if c.OnExisting != onExistingReport && c.OnExisting != onExistingRepair {
		faults = append(faults, "ON_EXISTING: must be report or repair")
	}
	return append(append(faults, c.validateNewUsers()...), c.validateBounds()...)
}

// validateNewUsers is Validate for what new users get.
func (c Config) validateNewUsers() []string {
	var faults []string
	switch c.PasswordDelivery {
	case app.DeliverInResponse, app.DeliverByEmail, app.DeliverBoth:
	default:
		faults = append(faults, "TEMPORARY_PASSWORD_DELIVERY: must be response, email or both")
	}
	once := make(map[string]bool)
	for _, action := range c.RequiredActions {
		if once[action] || strings.ContainsFunc(action, unicode.IsSpace) {
			return append(faults, "REQUIRED_ACTIONS: must be names without blanks, each once, such as UPDATE_PASSWORD")
		}
		once[action] = true
	}
	return faults
}

// requiredActions are those of new users.
func (c Config) requiredActions() []domain.RequiredAction {
	var actions []domain.RequiredAction
	for _, action := range c.RequiredActions {
		actions = append(actions, domain.RequiredAction(action))
	}
	return actions
}

// validateBounds is Validate for what keeps work in bounds. A single call, a request and
// a shutdown contain one another, so each must be given more time than the one before.
func (c Config) validateBounds() []string {
	var faults []string
	if c.KeycloakTimeout <= 0 {
		faults = append(faults, "KEYCLOAK_TIMEOUT: must be above zero")
	}
	if c.KeycloakTimeout >= c.RequestTimeout {
		faults = append(faults, "REQUEST_TIMEOUT: must be above KEYCLOAK_TIMEOUT, or one slow call would use up a whole request")
	}
	if c.RequestTimeout >= c.ShutdownTimeout {
		faults = append(faults, "SHUTDOWN_TIMEOUT: must be above REQUEST_TIMEOUT, or a shutdown would cut off requests under way")
	}
	if c.KeycloakMaxConcurrency < 1 {
		faults = append(faults, "KEYCLOAK_MAX_CONCURRENCY: must be above zero")
	}
	return faults
}

// validateAccess is Validate for who may do what.
func (c Config) validateAccess() []string {
	var faults []string
	switch c.AuthMode {
	case app.Enforce, app.Report, app.Off:
	default:
		faults = append(faults, "AUTH_MODE: must be enforce, report or off")
	}
	if c.AuthIntrospection != introspectWrites && c.AuthIntrospection != introspectOff {
		faults = append(faults, "AUTH_INTROSPECTION: must be writes or off")
	}
	if len(c.AuthWriteRoles) == 0 {
		faults = append(faults, "AUTH_WRITE_ROLES: must name a role, or nobody could change anything")
	}
	if _, err := c.crossOrigin(); err != nil {
		faults = append(faults, "TRUSTED_ORIGINS: must be origins such as https://admin.bank.example, without a path")
	}
	if c.RateLimitWrites < 0 {
		faults = append(faults, "RATE_LIMIT_WRITES: must not be below zero")
	}
	if c.ResetCooldown < 0 {
		faults = append(faults, "RESET_COOLDOWN: must not be below zero")
	}
	if slices.ContainsFunc(c.ProtectedGroups, func(path string) bool { return strings.Trim(path, "/") == "" }) {
		faults = append(faults, "PROTECTED_GROUPS: must be paths of groups, such as head-office")
	}
	if strings.TrimSpace(c.AuditLog) == "" {
		faults = append(faults, "AUDIT_LOG: must be stdout or the path of a file")
	}
	return faults
}

// The values of ON_EXISTING.
const (
	onExistingReport = "report"
	onExistingRepair = "repair"
)

// The values of AUTH_INTROSPECTION.
const (
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
	guard := domain.Guard{ProtectedUsers: c.ProtectedUsers}
	for _, group := range c.ProtectedGroups {
		guard.ProtectedGroups = append(guard.ProtectedGroups, domain.Group(strings.Trim(group, "/")))
	}
	for _, role := range c.ProtectedRoles {
		guard.ProtectedRoles = append(guard.ProtectedRoles, domain.RealmRole(role))
	}
	for _, role := range c.PrivilegedRoles {
		guard.PrivilegedRoles = append(guard.PrivilegedRoles, domain.RealmRole(role))
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

// ineffectiveVariables returns the variables that are set, were read by the Python
// service's server, and mean nothing here.
func ineffectiveVariables() []string {
	var set []string
	for _, name := range []string{"GUNICORN_WORKERS", "GUNICORN_THREADS", "GUNICORN_TIMEOUT", "GUNICORN_MAX_REQUESTS", "GUNICORN_MAX_REQUESTS_JITTER"} {
		if _, ok := os.LookupEnv(name); ok {
			set = append(set, name)
		}
	}
	return set
}

// applyAliases lets the Python service's names stand in for ours where ours are not set.
func applyAliases() {
	for alias, name := range map[string]string{
		"GUNICORN_LOG_LEVEL":        "LOG_LEVEL",
		"GUNICORN_GRACEFUL_TIMEOUT": "SHUTDOWN_TIMEOUT",
	} {
		value, ok := os.LookupEnv(alias)
		if _, taken := os.LookupEnv(name); ok && !taken {
			_ = os.Setenv(name, value) // It fails for names that no variable can have.
		}
	}
}
