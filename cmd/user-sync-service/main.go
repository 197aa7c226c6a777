// Command user-sync-service keeps the users of an identity provider in step with the
// employees of a bank's Fineract. See README.md.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"go.opentelemetry.io/otel/trace"

	"user-sync-service/internal/adapters/accesstoken"
	"user-sync-service/internal/adapters/auditlog"
	"user-sync-service/internal/adapters/httpapi"
	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/adapters/telemetry"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// Exit codes.
const (
	exitFailure       = 1
	exitConfiguration = 2 // or a command line that is not understood
)

// Limits on slow clients.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	answerTimeout     = 5 * time.Second // to write an answer, once the work is done
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// commands are the subcommands and their options.
type commands struct {
	Serve       struct{}    `cmd:"" default:"1" help:"Serve on Keycloak (the default)."`
	Demo        demoOptions `cmd:"" help:"Serve on made-up users in memory, on 127.0.0.1 only."`
	Healthcheck struct{}    `cmd:"" help:"Ask the running service whether it lives; exit 0 or 1."`
	Version     struct{}    `cmd:"" help:"Print the version."`
}

func main() {
	// When nobody reads standard output any more, changes are refused for want of an
	// audit log; the program does not die of it.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the second one has its default effect: it ends the
	// program at once.
	context.AfterFunc(ctx, stop)

	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "user-sync-service:", err)
	_, misconfigured := errors.AsType[*configError](err)
	_, misused := errors.AsType[usageError](err)
	if misconfigured || misused {
		os.Exit(exitConfiguration)
	}
	os.Exit(exitFailure)
}

// run is the program: it returns when ctx has ended and all requests are answered, or
// with the reason why it cannot go on.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var options commands
	parser, err := kong.New(&options,
		kong.Name("user-sync-service"),
		kong.Description("Keeps the users of Keycloak in step with the employees of Fineract."),
		kong.Writers(stdout, stderr),
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if err != nil {
		return usageError{err}
	}
	switch command.Command() {
	case "demo":
		return demo(ctx, options.Demo, stdout, stderr)
	case "healthcheck":
		return healthcheck(ctx)
	case "version":
		fmt.Fprintln(stdout, version())
		return nil
	}
	return serveKeycloak(ctx, stdout)
}

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
	traces, closeTraces, err := config.traces(ctx, log)
	if err != nil {
		return err
	}
	defer closeTraces() // Last: what is ended before may still make spans.
	metrics := telemetry.NewMetrics(buildOf(domain.DefaultRoleMap()))
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
		URL:      config.KeycloakURL,
		Realm:    config.KeycloakRealm,
		Issuers:  config.AuthIssuers,
		Clients:  config.AuthClients,
		Timeout:  time.Duration(config.KeycloakTimeout),
		Observer: metrics,
		Traces:   traces,
	})
	defer tokens.Close()
	audit, err := openAuditLog(config.AuditLog, stdout)
	if err != nil {
		return err
	}
	defer audit.Close()
	crossOrigin, err := config.crossOrigin()
	if err != nil {
		return err // Validate has found it before.
	}
	listener, err := listen(ctx, net.JoinHostPort(config.ListenHost, strconv.Itoa(int(config.Port))))
	if err != nil {
		return err
	}
	management, err := config.listenForManagement(ctx)
	if err != nil {
		return err
	}
	server := server{
		log:             log,
		metrics:         metrics,
		traces:          traces,
		docs:            config.APIDocs,
		management:      management,
		keycloakState:   provider.State,
		provider:        provider,
		realm:           config.KeycloakRealm,
		guard:           config.guard(),
		access:          config.access(),
		verifier:        tokens,
		audit:           audit,
		writesPerMinute: config.RateLimitWrites,
		resetCooldown:   time.Duration(config.ResetCooldown),
		crossOrigin:     crossOrigin,
		repair:          config.OnExisting == onExistingRepair,
		delivery:        config.PasswordDelivery,
		requiredActions: config.requiredActions(),
		emailVerified:   config.EmailVerified,
		requestTimeout:  time.Duration(config.RequestTimeout),
		shutdownTimeout: time.Duration(config.ShutdownTimeout),
	}
	if config.AuthIntrospection == introspectWrites {
		server.introspector = provider
	}
	return server.serve(ctx, listener)
}

// openAuditLog opens the audit log that the configuration names.
func openAuditLog(name string, stdout io.Writer) (*auditlog.Log, error) {
	if name == "stdout" {
		return auditlog.New(stdout), nil
	}
	log, err := auditlog.Open(name)
	if err != nil {
		return nil, &configError{faults: []string{"AUDIT_LOG: " + err.Error()}}
	}
	return log, nil
}

// server is what it takes to serve an identity provider over HTTP.
type server struct {
	log             *slog.Logger
	provider        ports.IdentityProvider
	realm           string
	guard           domain.Guard
	access          app.Access
	verifier        ports.TokenVerifier     // nil: callers are not checked
	introspector    ports.TokenIntrospector // nil: callers are not confirmed before writes
	audit           ports.AuditLog
	writesPerMinute int
	resetCooldown   time.Duration
	crossOrigin     *http.CrossOriginProtection
	repair          bool // give users of this service the role or group that they lack
	metrics         *telemetry.Metrics
	traces          trace.TracerProvider
	docs            bool
	// keycloakState is nil where there is no Keycloak.
	keycloakState func() keycloak.State
	// management is for metrics, probes and profiles; nil: the first two are served with
	// the rest.
	management net.Listener
	// delivery, requiredActions and emailVerified are for new users.
	delivery        app.Delivery
	requiredActions []domain.RequiredAction
	emailVerified   bool
	// requestTimeout bounds the work on a request about users.
	requestTimeout time.Duration
	// shutdownTimeout is how long requests under way may take after the end of serve's
	// context.
	shutdownTimeout time.Duration
}

// serve runs the service until ctx ends. Then it refuses new connections and gives the
// requests under way until the shutdown timeout.
func (s server) serve(ctx context.Context, listener net.Listener) error {
	health := app.NewHealth(s.provider, s.log)
	if s.keycloakState != nil {
		s.metrics.WatchKeycloak(func() telemetry.KeycloakState { return stateOf(s.keycloakState(), health.Err()) })
	}
	service := app.New(app.Config{
		Provider:        s.provider,
		Roles:           domain.DefaultRoleMap(),
		Guard:           s.guard,
		Access:          s.access,
		Verifier:        s.verifier,
		Introspector:    s.introspector,
		Audit:           s.audit,
		Delivery:        s.delivery,
		RequiredActions: s.requiredActions,
		EmailVerified:   s.emailVerified,
		Repair:          s.repair,
		WritesPerMinute: s.writesPerMinute,
		ResetCooldown:   s.resetCooldown,
		Random:          rand.Reader,
		Log:             s.log,
		Observer:        s.metrics,
	})
	var draining atomic.Bool
	edge := httpapi.Config{
		Service:        service,
		RequestTimeout: s.requestTimeout,
		CrossOrigin:    s.crossOrigin,
		Health:         health.Err,
		Ready:          func() bool { return !draining.Load() },
		Realm:          s.realm,
		Log:            s.log,
		Metrics:        s.metrics.Handler(),
		Observe:        s.metrics.ObserveRequest,
		Traces:         s.traces,
		Managed:        s.management != nil,
		Docs:           s.docs,
	}
	server := &http.Server{
		Handler:           httpapi.New(edge),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       min(readTimeout, s.requestTimeout), // A client that is too slow is not taken for a slow provider.
		WriteTimeout:      readTimeout + s.requestTimeout + answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}

	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stopBackground()
	running.Go(func() { health.Run(background) })
	if s.access.Mode == app.Off {
		running.Go(func() { warnOfOpenDoor(background, s.log) })
	}

	failed := make(chan error, 2)
	if s.management != nil {
		management := newManagementServer(httpapi.NewManagement(edge), s.log)
		running.Go(func() { failed <- management.Serve(s.management) })
		// Last: while requests are drained, probes and metrics are answered.
		defer management.Close()
		s.log.Info("serving metrics and probes", "management", s.management.Addr().String())
	}
	running.Go(func() { failed <- server.Serve(listener) })
	s.log.Info("serving", "address", listener.Addr().String(), "realm", s.realm, "auth_mode", string(s.access.Mode), "version", version())

	select {
	case err := <-failed:
		_ = server.Close() // It may be the other listener that failed.
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	draining.Store(true)
	s.log.Info("draining", "timeout", s.shutdownTimeout)
	deadline, cancel := context.WithTimeout(background, s.shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		_ = server.Close() // Shutdown has told what is wrong.
		return fmt.Errorf("requests were still under way after %s: %w", s.shutdownTimeout, err)
	}
	s.log.Info("stopped")
	return nil
}

// warnOfOpenDoor says at once and then every minute that anybody may do anything.
func warnOfOpenDoor(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		log.WarnContext(ctx, "callers are not checked: whoever reaches this service can create and disable users (AUTH_MODE=off)")
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", address)
}
