package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/adapters/telemetry"
	"user-sync-service/internal/domain"
)

// listenForManagement returns the operators' own listener, or nil for none.
func (c Config) listenForManagement(ctx context.Context) (net.Listener, error) {
	if c.ManagementAddr == "" {
		return nil, nil
	}
	return listen(ctx, c.ManagementAddr)
}

func newManagementServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      readTimeout + answerTimeout, // Profiles that take longer extend it.
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// buildOf is what the metrics say of the running program.
func buildOf(roles domain.RoleMap) telemetry.Build {
	version, revision := versionAndRevision()
	return telemetry.Build{Version: version, Revision: revision, RoleMap: roles.Fingerprint()}
}

// stateOf puts what the provider says of itself and the outcome of the latest check into
// the words of the metrics.
func stateOf(state keycloak.State, check error) telemetry.KeycloakState {
	return telemetry.KeycloakState{
		Up: check == nil, Circuit: state.Circuit, UnderWay: state.UnderWay, TokenAge: state.TokenAge, LoggedIn: state.LoggedIn,
	}
}
