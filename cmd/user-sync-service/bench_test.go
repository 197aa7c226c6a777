package main

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"user-sync-service/internal/adapters/auditlog"
	"user-sync-service/internal/adapters/httpapi"
	"user-sync-service/internal/adapters/rolemap"
	"user-sync-service/internal/adapters/telemetry"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// instant is an identity provider that answers at once, so that what is measured is the
// service alone.
type instant struct {
	ports.IdentityProvider
}

func (instant) FindUser(context.Context, domain.Username) (domain.User, error) {
	return domain.User{
		ID: "0f0e0d0c-0b0a-4908-8706-050403020100", Username: "anna", Email: "anna@bank.example", FirstName: "Anna", LastName: "Moyo",
		Enabled: true, RequiredActions: []domain.RequiredAction{domain.VerifyEmail},
	}, nil
}

func (instant) Memberships(context.Context, domain.UserID) (domain.Memberships, error) {
	return domain.Memberships{Roles: []domain.RealmRole{"teller", "default-roles-bank"}, Groups: []domain.Group{"tellers"}}, nil
}

func (instant) Groups(context.Context, domain.UserID) ([]domain.Group, error) { return nil, nil }

func (instant) Privileges(context.Context, domain.UserID, []domain.RealmRole) (domain.Privileges, error) {
	return domain.Privileges{}, nil
}

func (instant) DefaultRights(context.Context) (domain.Rights, error) { return domain.Rights{}, nil }

func (instant) RightsOf(context.Context, domain.Assignment) (domain.Rights, error) {
	return domain.Rights{}, nil
}

func (instant) PasswordPolicy(context.Context) (domain.PasswordPolicy, error) {
	return domain.PasswordPolicy{MinLength: 12, MinDigits: 2}, nil
}

func (instant) CreateUser(context.Context, domain.NewUser) (domain.CreatedUser, error) {
	return domain.CreatedUser{ID: "0f0e0d0c-0b0a-4908-8706-050403020100"}, nil
}
func (instant) SetEnabled(context.Context, domain.UserID, bool) error { return nil }
func (instant) EndSessions(context.Context, domain.UserID) error      { return nil }
func (instant) SetRequiredActions(context.Context, domain.UserID, []domain.RequiredAction) error {
	return nil
}

func (instant) SendActionsMail(context.Context, domain.UserID, []domain.RequiredAction, time.Duration) error {
	return nil
}

// everybody takes each token for an administrator's.
type everybody struct{}

func (everybody) Verify(context.Context, string) (domain.Actor, error) {
	return domain.Actor{Subject: "7", Username: "asha", Roles: []string{"admin"}}, nil
}

// discarding is a client that is not interested in the answer.
type discarding struct{ header http.Header }

func (d discarding) Header() http.Header       { return d.header }
func (discarding) Write(b []byte) (int, error) { return len(b), nil }
func (discarding) WriteHeader(int)             {}

// BenchmarkHandler measures each route without the network, and so without what net/http
// itself needs for a request.
func BenchmarkHandler(b *testing.B) {
	log := slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // To format lines is part of the work.
	metrics := telemetry.NewMetrics(telemetry.Build{})
	handler := httpapi.New(httpapi.Config{
		Service: app.New(app.Config{
			Provider: instant{},
			Roles:    rolemap.Default(),
			Guard:    domain.DefaultGuard(),
			Access:   app.Access{Mode: app.Enforce, WriteRoles: []string{"admin"}, ReadRoles: []string{"admin"}},
			Verifier: everybody{},
			Audit:    auditlog.New(io.Discard),
			Random:   rand.Reader,
			Log:      log,
			Observer: metrics,
		}),
		RequestTimeout: time.Minute,
		CrossOrigin:    http.NewCrossOriginProtection(),
		Health:         func() error { return nil },
		Ready:          func() bool { return true },
		Realm:          "bank",
		Log:            log,
		Metrics:        metrics.Handler(),
		Observe:        metrics.ObserveRequest,
		Traces:         noop.NewTracerProvider(),
	})
	for _, route := range []struct{ name, method, path, body string }{
		{"status", http.MethodGet, "/users/anna/keycloak-status", ""},
		{"create", http.MethodPost, "/sync/user", `{"username":"anna","email":"anna@bank.example","role":"Cashier","firstName":"Anna"}`},
		{"disable", http.MethodPut, "/users/anna/status", `{"enabled":false}`},
		{"reset", http.MethodPost, "/users/anna/reset-password", ""},
		{"force", http.MethodPost, "/users/anna/force-password-change", ""},
		{"health", http.MethodGet, "/health", ""},
		{"livez", http.MethodGet, "/livez", ""},
	} {
		b.Run(route.name, func(b *testing.B) {
			b.ReportAllocs()
			template, err := http.NewRequestWithContext(b.Context(), route.method, "http://usersync"+route.path, http.NoBody)
			if err != nil {
				b.Fatal(err)
			}
			template.Header.Set("Authorization", "Bearer token")
			template.Header.Set("Content-Type", "application/json")
			template.RemoteAddr = "127.0.0.1:1234"
			for b.Loop() {
				request := *template
				request.Body = io.NopCloser(strings.NewReader(route.body))
				handler.ServeHTTP(discarding{make(http.Header)}, &request)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
