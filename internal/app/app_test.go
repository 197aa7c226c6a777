package app_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/adapters/rolemap"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
	"user-sync-service/internal/ports/portmock"
)

// now is the time of every attempt in these tests.
func now() time.Time { return time.Date(2026, time.March, 1, 9, 30, 0, 0, time.UTC) }

// newMemory returns a provider with the roles and groups of the default role map, but
// for one role and one group.
func newMemory() *memory.Provider {
	realm := memory.Realm{Policy: domain.PasswordPolicy{MinLength: 12, MinDigits: 2}, Now: now}
	for _, assignment := range rolemap.Default().Assignments() {
		if assignment.Role != "Viewer" {
			realm.Roles = append(realm.Roles, assignment.Role)
		}
		if assignment.Group != "" && assignment.Group != "branch-managers" {
			realm.Groups = append(realm.Groups, assignment.Group)
		}
	}
	return memory.New(realm)
}

// bench is a service with everything around it that tests want to look at.
type bench struct {
	*app.Service
	audit    *auditLog
	observer *observer
	log      *log
}

// newBench returns a service that checks no callers, unless change says otherwise.
func newBench(provider ports.IdentityProvider, change ...func(*app.Config)) *bench {
	b := &bench{audit: &auditLog{}, observer: &observer{refused: map[refusal]int{}}, log: &log{}}
	config := app.Config{
		Provider:        provider,
		Roles:           rolemap.Default(),
		Guard:           domain.DefaultGuard(),
		Access:          app.Access{Mode: app.Off},
		Audit:           b.audit,
		RequiredActions: []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor},
		EmailVerified:   true,
		Random:          rand.Reader,
		Now:             now,
		Log:             slog.New(slog.NewTextHandler(b.log, nil)),
		Observer:        b.observer,
	}
	for _, change := range change {
		change(&config)
	}
	b.Service = app.New(config)
	return b
}

// auditLog keeps events in memory, or fails.
type auditLog struct {
	mu                    sync.Mutex
	events                []domain.AuditEvent
	strangers, held       int // events of strangers; reservations that are not used
	reserveErr, recordErr error
}

func (a *auditLog) Reserve(context.Context) (ports.AuditReservation, error) {
	if a.reserveErr != nil {
		return nil, a.reserveErr
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held++
	return held{a}, nil
}

// held is a reservation.
type held struct{ *auditLog }

func (h held) Record(ctx context.Context, event domain.AuditEvent) error {
	h.mu.Lock()
	h.held--
	h.mu.Unlock()
	return h.auditLog.Record(ctx, event)
}

func (a *auditLog) RecordStranger(ctx context.Context, event domain.AuditEvent) error {
	a.mu.Lock()
	a.strangers++
	a.mu.Unlock()
	return a.Record(ctx, event)
}

func (a *auditLog) Record(ctx context.Context, event domain.AuditEvent) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Err() != nil {
		return &domain.Error{Kind: domain.AuditUnavailable, Err: ctx.Err()}
	}
	if a.recordErr == nil {
		a.events = append(a.events, event)
	}
	return a.recordErr
}

// only returns the one event there is.
func (a *auditLog) only(t *testing.T) domain.AuditEvent {
	t.Helper()
	require.Len(t, a.events, 1)
	return a.events[0]
}

// refusal is one call of Refused.
type refusal struct {
	reason   domain.Kind
	enforced bool
}

// observer counts.
type observer struct {
	mu            sync.Mutex
	refused       map[refusal]int
	auditFailures int
	partials      int
	synced        []string
	privileges    []string
	disabled      int
}

func (o *observer) PrivilegesGiven(how string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.privileges = append(o.privileges, how)
}

func (o *observer) Disabled() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.disabled++
}

func (o *observer) Synced(outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.synced = append(o.synced, outcome)
}

func (o *observer) Refused(reason domain.Kind, enforced bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused[refusal{reason, enforced}]++
}

func (o *observer) AuditFailed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.auditFailures++
}

func (o *observer) LeftPartial() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partials++
}

// log is the ordinary log.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newMock(t *testing.T) *portmock.MockIdentityProvider {
	t.Helper()
	provider := portmock.NewMockIdentityProvider(gomock.NewController(t))
	provider.EXPECT().DefaultRights(gomock.Any()).AnyTimes() // None.
	return provider
}

// finds makes the mock find the user, whom nobody protects.
func finds(t *testing.T, provider *portmock.MockIdentityProvider, user domain.User) {
	t.Helper()
	provider.EXPECT().FindUser(t.Context(), username(t, "anna")).Return(user, nil)
	provider.EXPECT().Privileges(t.Context(), user.ID, []domain.RealmRole{"realm-admin"}).Return(domain.Privileges{}, nil)
	provider.EXPECT().ActionAvailable(t.Context(), domain.UpdatePassword).Return(true, nil).AnyTimes()
}

func username(t *testing.T, text string) domain.Username {
	t.Helper()
	username, err := domain.ParseUsername(text)
	require.NoError(t, err)
	return username
}

func employee(t *testing.T, name, email, fineractRole string) app.SyncUserInput {
	t.Helper()
	newName, err := domain.ParseNewUsername(name)
	require.NoError(t, err)
	address, err := domain.ParseEmail(email)
	require.NoError(t, err)
	return app.SyncUserInput{Username: newName, Email: address, FineractRole: fineractRole, FirstName: "Anna", LastName: "Smith"}
}

// add puts a user into the realm.
func add(t *testing.T, provider *memory.Provider, user domain.User) domain.UserID {
	t.Helper()
	id, err := provider.AddUser(user, "", domain.Assignment{Role: "teller", Group: "tellers"})
	require.NoError(t, err)
	return id
}
