package main

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"strconv"
	"time"

	"user-sync-service/internal/adapters/accesstoken"
	"user-sync-service/internal/adapters/auditlog"
	"user-sync-service/internal/adapters/httpapi"
	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/adapters/telemetry"
	"user-sync-service/internal/app"
)

// serveKeycloak serves the realm that the environment names.
func serveKeycloak(ctx context.Context, stdout io.Writer) error {
	config, err := Load()
	if err != nil {
		return err
	}
	log := config.logger(stdout)
	if names := ineffectiveVariables(); len(names) > 0 {
		log.Warn("these variables have no effect", "names", names)
	}
	tellOfDotEnv(log, config.dotEnv)
	if err := unreadableCertificates(); err != nil {
		log.Warn("the certificates of SSL_CERT_FILE cannot be read, so those of the system count", "error", err.Error())
	}
	if config.speaksInClear() {
		log.Warn("KEYCLOAK_URL is plain http: the client's secret and all that is sent to Keycloak can be read on the network")
	}
	if config.AuthMode != app.Off && len(config.AuthClients)+len(config.AuthAudience) == 0 {
		log.Warn("access tokens of every client of the realm count: neither AUTH_CLIENTS nor AUTH_AUDIENCE is set")
	}
	traces, closeTraces, err := config.traces(ctx, log)
	if err != nil {
		return err
	}
	defer closeTraces() // Last: what is ended before may still make spans.
	metrics := telemetry.NewMetrics(buildOf(config.roles))
	provider := keycloak.New(keycloak.Config{
		URL:            config.KeycloakURL,
		Realm:          config.KeycloakRealm,
		ClientID:       config.KeycloakClientID,
		ClientSecret:   config.clientSecret(),
		CallTimeout:    time.Duration(config.KeycloakTimeout),
		MaxConcurrency: config.KeycloakMaxConcurrency,
		Log:            log,
		Observer:       metrics,
		Traces:         traces,
	})
	defer provider.Close()
	tokens := accesstoken.New(accesstoken.Config{
		URL:      provider.BaseURL,
		Realm:    config.KeycloakRealm,
		Issuers:  config.AuthIssuers,
		Clients:  config.AuthClients,
		Audience: config.AuthAudience,
		Timeout:  time.Duration(config.KeycloakTimeout),
		Observer: metrics,
		Traces:   traces,
	})
	defer tokens.Close()
	audit, err := openAuditLog(config.AuditLog, stdout)
	if err != nil {
		return err
	}
	defer func() {
		if err := audit.Close(); err != nil {
			log.Error("the audit log could not be finished", "error", err.Error())
		}
	}()
	metrics.WatchAudit(audit.Suppressed)
	core := app.Config{
		Provider:        provider,
		Roles:           config.roles,
		Guard:           config.guard(),
		Access:          config.access(),
		Verifier:        tokens,
		Audit:           audit,
		Delivery:        config.PasswordDelivery,
		RequiredActions: config.RequiredActions,
		EmailVerified:   config.EmailVerified,
		Repair:          config.OnExisting == onExistingRepair,
		Calls:           config.KeycloakMaxConcurrency,
		ReadsPerMinute:  config.RateLimitReads,
		WritesPerMinute: config.RateLimitWrites,
		MailsPerHour:    config.RateLimitMails,
		ResetCooldown:   time.Duration(config.ResetCooldown),
		Random:          rand.Reader,
		Log:             log,
		Observer:        metrics,
	}
	if config.AuthIntrospection == introspectWrites {
		core.Introspector = provider
	}
	crossOrigin, err := config.crossOrigin()
	if err != nil {
		return err // Validate has found it before.
	}
	at := listeners{connections: connectionLimit(config.MaxConnections, keycloak.MostConnections(config.KeycloakMaxConcurrency))}
	if at.public, err = listen(ctx, "LISTEN_HOST", "PORT", net.JoinHostPort(config.ListenHost, strconv.Itoa(int(config.Port)))); err != nil {
		return err
	}
	if config.ManagementAddr != "" {
		if at.management, err = listen(ctx, "MANAGEMENT_ADDR", "MANAGEMENT_ADDR", config.ManagementAddr); err != nil {
			return err
		}
	}
	if at.connections < config.MaxConnections {
		log.Warn("the process has descriptors for fewer connections than MAX_CONNECTIONS", "connections", at.connections)
	}
	health := app.NewHealth(provider.Check, log)
	metrics.WatchKeycloak(func() telemetry.KeycloakState { return stateOf(provider.State(), health.Err()) })
	service := app.New(core)
	metrics.WatchAdmission(func() (lanes []telemetry.Lane) {
		for _, lane := range service.Admission() {
			lanes = append(lanes, telemetry.Lane(lane))
		}
		return lanes
	})
	return serve(ctx, httpapi.Config{
		Service:        service,
		RequestTimeout: time.Duration(config.RequestTimeout),
		CrossOrigin:    crossOrigin,
		Realm:          config.KeycloakRealm,
		Log:            log,
		Metrics:        metrics.Handler(),
		Observe:        metrics.ObserveRequest,
		Traces:         traces,
		Docs:           config.APIDocs,
		Profiles:       config.PProf,
	}, health, at, time.Duration(config.ShutdownTimeout))
}

// stateOf puts what the provider says of itself and the outcome of the latest check into
// the words of the metrics.
func stateOf(state keycloak.State, check error) telemetry.KeycloakState {
	return telemetry.KeycloakState{
		Up: check == nil, Circuit: state.Circuit, MailCircuit: state.MailCircuit, UnderWay: state.UnderWay,
		TokenAge: state.TokenAge, LoggedIn: state.LoggedIn,
	}
}

// openAuditLog opens the audit log that the configuration names.
func openAuditLog(name string, stdout io.Writer) (*auditlog.Log, error) {
	if name == "stdout" {
		return auditlog.New(stdout), nil
	}
	log, err := auditlog.Open(name)
	if err != nil {
		return nil, configError{"AUDIT_LOG: " + err.Error()}
	}
	return log, nil
}
