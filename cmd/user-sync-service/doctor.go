package main

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"user-sync-service/internal/adapters/accesstoken"
	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// doctorOptions are the options of the subcommand doctor.
type doctorOptions struct {
	JSON      bool   `name:"json" help:"For machines." xor:"form"`
	Remedies  bool   `help:"Print the commands alone that mend what was found." xor:"form"`
	TokenFile string `placeholder:"FILE" help:"Also judge the access token of a caller, as the service would. It is not shown."`
}

// Exit codes of the doctor; without faults and warnings it is 0.
const (
	exitWarnings = exitCode(1)
	exitFaults   = exitCode(2)
)

// doctor looks whether the service is set up well, and says what is not.
func doctor(ctx context.Context, options doctorOptions, stdout io.Writer) error {
	config, faults := load()
	token, found := readToken(options.TokenFile)
	examined := app.Doctor{
		Found:    slices.Concat(faultFindings(faults), config.localFindings(ctx), found),
		Access:   config.access(),
		Clients:  config.AuthClients,
		Audience: config.AuthAudience,
	}
	if config.namesRealm(faults) {
		provider := keycloak.New(keycloak.Config{
			URL:          config.KeycloakURL,
			Realm:        config.KeycloakRealm,
			ClientID:     config.KeycloakClientID,
			ClientSecret: config.clientSecret(),
			CallTimeout:  config.doctorTimeout(),
		})
		defer provider.Close()
		tokens := accesstoken.New(accesstoken.Config{
			URL:      provider.BaseURL,
			Realm:    config.KeycloakRealm,
			Issuers:  config.AuthIssuers,
			Clients:  config.AuthClients,
			Audience: config.AuthAudience,
			Timeout:  config.doctorTimeout(),
		})
		defer tokens.Close()
		examined.Examiner, examined.Needs, examined.SecretHints = provider, config.needs(), config.secretHints()
		examined.Tokens = tokens
		if config.AuthIntrospection == introspectWrites {
			examined.Introspector = provider
		}
	}
	diagnosis := examined.Examine(ctx, token)
	var err error
	switch {
	case options.JSON:
		err = printJSON(stdout, diagnosis)
	case options.Remedies:
		err = printCommands(stdout, diagnosis)
	default:
		err = printFindings(stdout, diagnosis, isTerminal(stdout) && os.Getenv("NO_COLOR") == "")
	}
	switch {
	case err != nil:
		return err
	case diagnosis.Has(domain.Fault):
		return exitFaults
	case diagnosis.Has(domain.Warning):
		return exitWarnings
	}
	return nil
}

// needs is what the configuration and the role map ask of the realm.
func (c Config) needs() domain.RealmNeeds {
	secret := `"${KEYCLOAK_CLIENT_SECRET:?}"` //nolint:gosec // A name: the command of a remedy has no secret in it.
	if c.KeycloakClientSecretFile != "" {
		secret = `"$(cat '` + strings.ReplaceAll(c.KeycloakClientSecretFile, "'", `'\''`) + `')"`
	}
	needs := domain.RealmNeeds{
		OwnSecret:       secret,
		Assignments:     c.roles.Assignments(),
		Guard:           c.guard(),
		CallerRoles:     map[string][]string{},
		CallerClients:   c.AuthClients,
		Issuers:         c.AuthIssuers,
		RequiredActions: c.RequiredActions,
		MailsPasswords:  c.PasswordDelivery == app.DeliverByEmail,
		MarksDecide:     !c.EmailVerified,
	}
	if c.AuthMode != app.Off {
		needs.CallerRoles["AUTH_WRITE_ROLES"], needs.CallerRoles["AUTH_READ_ROLES"] = c.AuthWriteRoles, c.AuthReadRoles
		needs.Introspects = c.AuthIntrospection == introspectWrites
	}
	return needs
}

// namesRealm reports whether the configuration says enough to look at a realm.
func (c Config) namesRealm(faults []string) bool {
	return !slices.ContainsFunc(faults, func(fault string) bool {
		name, _, _ := strings.Cut(fault, ":")
		return slices.Contains([]string{"KEYCLOAK_URL", "KEYCLOAK_REALM", "KEYCLOAK_CLIENT_ID", "KEYCLOAK_CLIENT_SECRET", "KEYCLOAK_CLIENT_SECRET_FILE"}, name)
	})
}

// doctorTimeout is the time of a call, also if the configured one is not usable. It leaves the doctor time
// to try something else.
func (c Config) doctorTimeout() time.Duration {
	const most = 5 * time.Second
	if configured := time.Duration(c.KeycloakTimeout); configured > 0 {
		return min(configured, most)
	}
	return most
}

// readToken reads an access token, which may stand in the file as a header has it.
func readToken(path string) (token string, found []domain.Finding) {
	if path == "" {
		return "", nil
	}
	const longest = 64 << 10
	fault := func(problem string) (string, []domain.Finding) {
		return "", []domain.Finding{{
			ID: "token-file", Severity: domain.Fault, Subject: "--token-file", Problem: problem, Breaks: "The token cannot be judged.",
			Remedy: domain.Remedy{Step: "Write the access token alone into a file and name that."},
		}}
	}
	file, err := os.Open(path) //nolint:gosec // The operator names it.
	if err != nil {
		return fault(err.Error() + ".")
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, longest+1))
	if err != nil {
		return fault(err.Error() + ".")
	}
	token = strings.Trim(strings.TrimPrefix(string(text), "\ufeff"), " \t\r\n\"")
	if word, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(word, "bearer") {
		token = strings.TrimSpace(rest)
	}
	if token == "" || len(text) > longest {
		return fault("The file is empty, or too large for a token.")
	}
	return token, nil
}
