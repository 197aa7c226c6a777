package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"user-sync-service/internal/adapters/auditlog"
	"user-sync-service/internal/adapters/httpapi"
	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/adapters/rolemap"
	"user-sync-service/internal/adapters/telemetry"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// demoOptions are the options of the subcommand demo.
type demoOptions struct {
	Port *uint16 `help:"TCP port on 127.0.0.1; 0 picks a free one. The default is PORT, or 5000."`
}

// Requests never leave the process, and a second mail can be tried soon.
const (
	demoRequestTimeout  = 3 * time.Second
	demoShutdownTimeout = 5 * time.Second
	demoResetCooldown   = 10 * time.Second
)

// demo serves made-up users, to be tried out without a Keycloak. It listens on
// 127.0.0.1 only.
func demo(ctx context.Context, options demoOptions, stdout, stderr io.Writer) error {
	// The log goes elsewhere, so that the lines to copy stay readable.
	log := slog.New(slog.NewTextHandler(stderr, nil))
	port := options.Port
	if port == nil {
		given, dotEnv, err := portAlone()
		if err != nil {
			return err
		}
		tellOfDotEnv(log, dotEnv)
		port = &given
	}
	provider, err := demoProvider()
	if err != nil {
		return err
	}
	listener, err := listen(ctx, "PORT", "PORT", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(*port))))
	if err != nil {
		return err
	}
	printGuide(stdout, listener.Addr())
	metrics := telemetry.NewMetrics(buildOf(rolemap.Default()))
	service := app.New(app.Config{
		Provider:        provider,
		Roles:           rolemap.Default(),
		Guard:           domain.DefaultGuard(),
		Access:          app.Access{Mode: app.Off}, // on 127.0.0.1, over made-up users
		Audit:           auditlog.New(stderr),
		RequiredActions: []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor},
		EmailVerified:   true,
		ResetCooldown:   demoResetCooldown,
		Random:          rand.Reader,
		Log:             log,
		Observer:        metrics,
	})
	return serve(ctx, httpapi.Config{
		Service:        service,
		RequestTimeout: demoRequestTimeout,
		CrossOrigin:    http.NewCrossOriginProtection(),
		Realm:          "demo",
		Log:            log,
		Metrics:        metrics.Handler(),
		Observe:        metrics.ObserveRequest,
		Traces:         noop.NewTracerProvider(),
		Docs:           true,
	}, app.NewHealth(provider.Check, log), listeners{public: listener}, demoShutdownTimeout)
}

// demoProvider is a realm with the roles and groups of the default role map and a few
// users.
func demoProvider() (*memory.Provider, error) {
	realm := memory.Realm{
		Carries: map[domain.Group][]domain.RealmRole{"head-office": {"admin", "Super User"}},
		Policy:  domain.PasswordPolicy{MinLength: 12, MinLower: 1, MinUpper: 1, MinDigits: 2, MinSpecial: 1, NotUsername: true},
	}
	for _, assignment := range rolemap.Default().Assignments() {
		realm.Roles = append(realm.Roles, assignment.Role)
		if assignment.Group != "" {
			realm.Groups = append(realm.Groups, assignment.Group)
		}
	}
	provider := memory.New(realm)
	for _, seed := range []struct {
		user     domain.User
		assigned domain.Assignment
	}{
		{domain.User{Username: "asha", Email: "asha@bank.example", FirstName: "Asha", LastName: "Admin", Enabled: true, EmailVerified: true},
			domain.Assignment{Role: "admin", Group: "head-office"}},
		{domain.User{Username: "tariq", Email: "tariq@bank.example", FirstName: "Tariq", LastName: "Teller", Enabled: true, EmailVerified: true},
			domain.Assignment{Role: "teller", Group: "tellers"}},
		{domain.User{Username: "lena", Email: "lena@bank.example", FirstName: "Lena", LastName: "Left", EmailVerified: true},
			domain.Assignment{Role: "loan-officer", Group: "loan-officers"}},
		{domain.User{Username: "nomail", Enabled: true, RequiredActions: []domain.RequiredAction{domain.UpdatePassword}},
			domain.Assignment{Role: "staff"}},
	} {
		if _, err := provider.AddUser(seed.user, "", seed.assigned); err != nil {
			return nil, fmt.Errorf("add the demo user %s: %w", seed.user.Username, err)
		}
	}
	return provider, nil
}

// printGuide says what this is and gives one line to paste per route.
func printGuide(stdout io.Writer, address net.Addr) {
	base := "http://" + address.String()
	fmt.Fprintf(stdout, `
*** DEMONSTRATION: made-up users in memory, no Keycloak, no log-in, everything is forgotten at the end. ***

Users: asha (administrator), tariq (teller), lena (disabled), nomail (no e-mail address)

  curl -s -X POST %[1]s/sync/user -H 'Content-Type: application/json' -d '{"username":"maria","email":"maria@bank.example","role":"Cashier","firstName":"Maria","lastName":"Muster"}'
  curl -s '%[1]s/users/maria/keycloak-status?detail=full'
  curl -s -X PUT %[1]s/users/maria -H 'Content-Type: application/json' -d '{"role":"Branch Manager","officeId":2,"officeName":"North"}'
  curl -s -X POST %[1]s/users/tariq/reset-password
  curl -s -X PUT %[1]s/users/lena/status -H 'Content-Type: application/json' -d '{"enabled":true}'
  curl -s -X POST %[1]s/users/tariq/force-password-change
  curl -s -X POST %[1]s/users/tariq/logout
  curl -s %[1]s/health
  curl -s %[1]s/livez
  curl -s %[1]s/readyz
  curl -s %[1]s/metrics
  curl -s %[1]s/openapi.json

Or open %[1]s/docs in a browser.

`, base)
}
