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

// mostCalls is more than the calls to the identity provider that any request makes one
// after the other. An answer must not be cut off while they may still succeed.
const mostCalls = 12

// Limits on slow clients.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
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
	log := slog.New(slog.NewJSONHandler(stdout, &slog.HandlerOptions{Level: slog.Level(config.LogLevel)}))
	if names := ineffectiveVariables(); len(names) > 0 {
		log.Warn("these variables have no effect", "names", names)
	}
	provider := keycloak.New(keycloak.Config{
		URL:          config.KeycloakURL,
		Realm:        config.KeycloakRealm,
		ClientID:     config.KeycloakClientID,
		ClientSecret: config.KeycloakClientSecret,
		CallTimeout:  time.Duration(config.KeycloakTimeout),
	})
	defer provider.Close()

	listener, err := listen(ctx, config.ListenHost, config.Port)
	if err != nil {
		return err
	}
	return serve(ctx, log, listener, provider, config.KeycloakRealm, time.Duration(config.KeycloakTimeout), time.Duration(config.ShutdownTimeout))
}

// serve puts the service together around an identity provider, whose calls take
// callTimeout at most, and runs it until ctx ends. Then it refuses new connections and gives the requests under way until
// shutdownTimeout.
func serve(ctx context.Context, log *slog.Logger, listener net.Listener, provider ports.IdentityProvider, realm string, callTimeout, shutdownTimeout time.Duration) error {
	health := app.NewHealth(provider, log)
	metrics := telemetry.NewMetrics()
	var draining atomic.Bool
	server := &http.Server{
		Handler: httpapi.New(httpapi.Config{
			Service: app.New(provider, domain.DefaultRoleMap(), rand.Reader, log),
			Health:  health.Err,
			Ready:   func() bool { return !draining.Load() },
			Realm:   realm,
			Log:     log,
			Metrics: metrics.Handler(),
			Observe: metrics.ObserveRequest,
		}),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      readTimeout + mostCalls*callTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}

	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stopBackground()
	running.Go(func() { health.Run(background) })

	failed := make(chan error, 1)
	running.Go(func() { failed <- server.Serve(listener) })
	log.Info("serving", "address", listener.Addr().String(), "realm", realm, "version", version())

	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	draining.Store(true)
	log.Info("draining", "timeout", shutdownTimeout)
	deadline, cancel := context.WithTimeout(background, shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		_ = server.Close() // Shutdown has told what is wrong.
		return fmt.Errorf("requests were still under way after %s: %w", shutdownTimeout, err)
	}
	log.Info("stopped")
	return nil
}

func listen(ctx context.Context, host string, port uint16) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
}
