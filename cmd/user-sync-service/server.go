package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"user-sync-service/internal/adapters/httpapi"
	"user-sync-service/internal/app"
)

// Limits on slow clients.
const (
	readTimeout    = 5 * time.Second // for headers; httpapi has times of its own for bodies and answers
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 28 << 10 // and 4 KiB that net/http adds
)

// listeners are where the service is reached.
type listeners struct {
	public net.Listener
	// management is for metrics, probes and profiles; nil: the first two are served with
	// the rest.
	management net.Listener
	// connections is how many the public one may have at once; zero: any number.
	connections int
}

// serve answers HTTP requests until ctx ends. Then it refuses new connections and gives
// the requests under way until the shutdown timeout. Of the configuration it sets Health
// and Ready itself.
func serve(ctx context.Context, config httpapi.Config, health *app.Health, at listeners, shutdownTimeout time.Duration) error {
	var draining atomic.Bool
	log, authMode := config.Log, config.Service.Access.Mode
	config.Health, config.Ready = health.Err, func() bool { return !draining.Load() }
	config.SeparateManagement = at.management != nil
	server := newServer(httpapi.New(config), log)
	if at.connections > 0 {
		at.public = limit(server, at.public, at.connections)
	}

	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stopBackground()
	running.Go(func() { health.Run(background) })
	if authMode == app.Off {
		running.Go(func() { warnOfOpenDoor(background, log) })
	}

	failed := make(chan error, 2)
	if at.management != nil {
		operators := newServer(httpapi.NewManagement(config), log)
		management := limit(operators, at.management, managementConnections)
		running.Go(func() { failed <- operators.Serve(management) })
		// Last: while requests are drained, probes and metrics are answered.
		defer operators.Close()
		log.Info("serving metrics and probes", "management", at.management.Addr().String())
	}
	running.Go(func() { failed <- server.Serve(at.public) })
	log.Info("serving", "address", at.public.Addr().String(), "realm", config.Realm, "auth_mode", string(authMode), "version", version())

	select {
	case err := <-failed:
		_ = server.Close() // It may be the other listener that failed.
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

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:        handler,
		ReadTimeout:    readTimeout,
		WriteTimeout:   readTimeout, // httpapi and profiles set it anew.
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
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

// socketBuffer is what the kernel keeps for a connection in each direction, doubled: it
// counts as the container's memory too.
const socketBuffer = 16 << 10

// listen returns a configError with the variable at fault: one for the host or, where the host
// is fine, one for the port.
func listen(ctx context.Context, hostVariable, portVariable, address string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, socket syscall.RawConn) (err error) {
		controlErr := socket.Control(func(fd uintptr) { // The connections inherit it.
			err = errors.Join(
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, socketBuffer),
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, socketBuffer))
		})
		return errors.Join(controlErr, err)
	}}
	listener, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, syscall.EACCES):
		return nil, configError{portVariable + ": " + err.Error()}
	case err != nil:
		return nil, configError{hostVariable + ": " + err.Error()}
	}
	return listener, nil
}
