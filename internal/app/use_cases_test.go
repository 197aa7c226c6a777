package app_test

import (
	"context"
	"testing"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// The use cases, each called as an attempt of its own by somebody unknown.

func syncUser(t *testing.T, provider ports.IdentityProvider, in app.SyncUserInput) (app.SyncUserResult, error) {
	t.Helper()
	b := newBench(provider)
	return b.SyncUser(t.Context(), b.Begin(domain.ActionSyncUser, app.Request{}), in)
}

func resetPassword(t *testing.T, provider ports.IdentityProvider, name string) (string, error) {
	t.Helper()
	b := newBench(provider)
	email, _, err := b.ResetPassword(t.Context(), b.Begin(domain.ActionResetPassword, app.Request{}), username(t, name))
	return email, err
}

func setStatus(t *testing.T, provider ports.IdentityProvider, name string, enabled bool) error {
	t.Helper()
	b := newBench(provider)
	return b.SetStatus(t.Context(), b.Begin(domain.ActionSetStatus, app.Request{}), username(t, name), enabled)
}

func forcePasswordChange(t *testing.T, provider ports.IdentityProvider, name string) (bool, error) {
	t.Helper()
	b := newBench(provider)
	return b.ForcePasswordChange(t.Context(), b.Begin(domain.ActionForcePasswordChange, app.Request{}), username(t, name))
}

func getStatus(t *testing.T, provider ports.IdentityProvider, name string) (app.Status, error) {
	t.Helper()
	b := newBench(provider)
	return b.GetStatus(t.Context(), b.Begin(domain.ActionGetStatus, app.Request{}), username(t, name), false)
}

func updateUser(t *testing.T, provider ports.IdentityProvider, name string, in app.UpdateUserInput) (app.UpdateUserResult, error) {
	t.Helper()
	b := newBench(provider)
	return b.UpdateUser(t.Context(), b.Begin(domain.ActionUpdateUser, app.Request{}), username(t, name), in)
}

func endSessions(t *testing.T, provider ports.IdentityProvider, name string) error {
	t.Helper()
	b := newBench(provider)
	return b.EndSessions(t.Context(), b.Begin(domain.ActionEndSessions, app.Request{}), username(t, name))
}

// useCase is one thing that can be done to a user, whatever it gives back.
type useCase struct {
	name   string
	action domain.Action
	call   func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error
}

// syncing is the use case that has no target before it is done.
func syncing() useCase {
	return useCase{"sync", domain.ActionSyncUser, func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
		_, err := s.SyncUser(ctx, attempt, employee(t, name, name+"@bank.example", "Cashier"))
		return err
	}}
}

// targeting are the use cases that change a user who exists.
func targeting() []useCase {
	return []useCase{
		{"reset", domain.ActionResetPassword, func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
			_, _, err := s.ResetPassword(ctx, attempt, username(t, name))
			return err
		}},
		{"disable", domain.ActionSetStatus, func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
			return s.SetStatus(ctx, attempt, username(t, name), false)
		}},
		{"enable", domain.ActionSetStatus, func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
			return s.SetStatus(ctx, attempt, username(t, name), true)
		}},
		{"force", domain.ActionForcePasswordChange, func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
			_, err := s.ForcePasswordChange(ctx, attempt, username(t, name))
			return err
		}},
		{"edit", domain.ActionUpdateUser, func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
			_, err := s.UpdateUser(ctx, attempt, username(t, name), app.UpdateUserInput{Change: domain.UserChange{LastName: new("Edited")}})
			return err
		}},
		{"move", domain.ActionUpdateUser, func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
			_, err := s.UpdateUser(ctx, attempt, username(t, name), app.UpdateUserInput{FineractRole: "Loan Officer"})
			return err
		}},
		{"log out", domain.ActionEndSessions, func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
			return s.EndSessions(ctx, attempt, username(t, name))
		}},
	}
}

// writing are all use cases that change something.
func writing() []useCase { return append(targeting(), syncing()) }

// reading is the use case that changes nothing.
func reading() useCase {
	return useCase{"status", domain.ActionGetStatus, func(ctx context.Context, t *testing.T, s *app.Service, attempt *app.Attempt, name string) error {
		_, err := s.GetStatus(ctx, attempt, username(t, name), true)
		return err
	}}
}

// attempt takes an attempt all the way, as the edge does.
func (b *bench) attempt(t *testing.T, caller app.Caller, do useCase, name string) error {
	t.Helper()
	attempt := b.Begin(do.action, app.Request{})
	err := b.Admit(t.Context(), attempt, caller)
	if err == nil {
		err = do.call(t.Context(), t, b.Service, attempt, name)
	}
	return b.Finish(t.Context(), attempt, err)
}
