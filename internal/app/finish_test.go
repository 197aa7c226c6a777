package app_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// What became of an attempt, as the audit log tells it.

// domainKinds returns all kinds of the domain, read from the source so that none is
// forgotten.
func domainKinds(t *testing.T) []domain.Kind {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), "../domain/errors.go", nil, 0)
	require.NoError(t, err)
	var kinds []domain.Kind
	ast.Inspect(source, func(node ast.Node) bool {
		if constant, ok := node.(*ast.ValueSpec); ok {
			if name, ok := constant.Type.(*ast.Ident); ok && name.Name == "Kind" {
				text, err := strconv.Unquote(constant.Values[0].(*ast.BasicLit).Value)
				require.NoError(t, err)
				kinds = append(kinds, domain.Kind(text))
			}
		}
		return true
	})
	require.NotEmpty(t, kinds)
	return kinds
}

func TestFinish_TellsRefusalsFromFailures(t *testing.T) {
	refused, safety := false, true
	outcomes := map[domain.Kind]struct {
		failed bool
		safety bool
	}{
		// Turned down by a rule; nothing was changed.
		domain.InvalidField:      {refused, false},
		domain.UnknownRole:       {refused, false},
		domain.NoEmail:           {refused, false},
		domain.NotFound:          {refused, false},
		domain.UsernameConflict:  {refused, false},
		domain.EmailConflict:     {refused, false},
		domain.UserDisabled:      {refused, false},
		domain.ActionUnavailable: {refused, false},
		domain.ReadOnlyUser:      {refused, false},
		// The same, for the sake of safety.
		domain.Unauthenticated:     {refused, safety},
		domain.Forbidden:           {refused, safety},
		domain.ProtectedUser:       {refused, safety},
		domain.PrivilegeEscalation: {refused, safety},
		domain.RateLimited:         {refused, safety},
		domain.RightsHidden:        {refused, safety},
		domain.AuditUnavailable:    {refused, safety},
		// Went wrong on the way; something may have been changed.
		domain.EmailDeliveryFailed: {true, false},
		domain.Partial:             {true, false},
		domain.BadAnswer:           {true, false},
		domain.Unavailable:         {true, false},
		domain.Overloaded:          {true, false},
		domain.Timeout:             {true, false},
		domain.PasswordRefused:     {true, false},
		domain.UnsatisfiablePolicy: {true, false},
		domain.Internal:            {true, false},
	}
	for _, kind := range domainKinds(t) {
		want, ok := outcomes[kind]
		require.True(t, ok, "the table lacks %s", kind)
		b := newBench(newMemory())
		failure := &domain.Error{Kind: kind, Err: errors.New("cause")}

		require.Equal(t, error(failure), b.Finish(t.Context(), b.Begin(domain.ActionSetStatus, app.Request{}), failure))

		event := b.audit.only(t)
		assert.Equal(t, kind, event.Reason)
		if want.failed {
			assert.Equal(t, domain.Failed, event.Outcome, kind)
		} else {
			assert.Equal(t, domain.Refused, event.Outcome, kind)
		}
		if want.safety {
			assert.Equal(t, map[refusal]int{{kind, true}: 1}, b.observer.refused)
		} else {
			assert.Empty(t, b.observer.refused, kind)
		}
	}
	assert.Len(t, outcomes, len(domainKinds(t)))
}

// Somebody has to look after each of these users, so they are counted, and nothing else.
func TestFinish_CountsUsersWhoWereLeftIncomplete(t *testing.T) {
	for _, kind := range domainKinds(t) {
		b := newBench(newMemory())
		failure := &domain.Error{Kind: kind, Err: errors.New("cause")}
		require.Equal(t, error(failure), b.Finish(t.Context(), b.Begin(domain.ActionSyncUser, app.Request{}), failure))
		if kind == domain.Partial {
			assert.Equal(t, 1, b.observer.partials)
		} else {
			assert.Zero(t, b.observer.partials, kind)
		}
	}
	b := newBench(newMemory())
	require.NoError(t, b.Finish(t.Context(), b.Begin(domain.ActionSyncUser, app.Request{}), nil))
	assert.Zero(t, b.observer.partials)
}

func TestFinish_ReadsForeignErrorsAsTheEdgeDoes(t *testing.T) {
	for want, err := range map[domain.Kind]error{
		domain.Internal:    errors.New("anything"),
		domain.Unavailable: context.Canceled,
	} {
		b := newBench(newMemory())
		require.Equal(t, err, b.Finish(t.Context(), b.Begin(domain.ActionGetStatus, app.Request{}), err))
		event := b.audit.only(t)
		assert.Equal(t, want, event.Reason)
		assert.Equal(t, domain.Failed, event.Outcome)
	}
}

func TestFinish_PutsSuccessOnRecordWithoutAReason(t *testing.T) {
	b := newBench(newMemory())
	require.NoError(t, b.Finish(t.Context(), b.Begin(domain.ActionGetStatus, app.Request{}), nil))
	assert.Equal(t, domain.AuditEvent{Time: now(), Action: domain.ActionGetStatus, Outcome: domain.Allowed}, b.audit.only(t))
}

// A caller who goes away takes nothing off the record.
func TestFinish_RecordsAlsoWhenTheRequestHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := newBench(newMemory())
	require.NoError(t, b.Finish(ctx, b.Begin(domain.ActionSetStatus, app.Request{}), nil))
	b.audit.only(t)
}

func TestFinish_AReadIsAnsweredThoughItIsNotOnRecord(t *testing.T) {
	b := newBench(newGuardedRealm(t))
	b.audit.recordErr = full
	require.NoError(t, b.attempt(t, app.Caller{}, reading(), "anna"))
	require.ErrorIs(t, b.attempt(t, app.Caller{}, reading(), "nobody"), domain.NotFound)
	assert.Equal(t, 2, b.observer.auditFailures)
}

// The change cannot be taken back, but it must not pass in silence.
func TestFinish_AWriteThatIsNotOnRecordIsNoSuccess(t *testing.T) {
	for _, do := range writing() {
		provider := newGuardedRealm(t)
		name := "anna"
		if do.name == "sync" {
			name = "tariq"
		}
		b := newBench(provider)
		b.audit.recordErr = full

		err := b.attempt(t, app.Caller{}, do, name)

		require.ErrorIs(t, err, domain.AuditUnavailable, do.name)
		assert.Equal(t, "The change was made, but could not be put on record. Please report this.", domain.AsError(err).Message, do.name)
		assert.Equal(t, 1, b.observer.auditFailures)
		logged := b.log.String()
		for _, told := range []string{"no space left on device", "event.action=" + string(do.action), "event.outcome=allowed", "event.target=" + name, "event.target_id="} {
			assert.Contains(t, logged, told, do.name)
		}
	}
}

// Nobody is told of a change where there was none to make.
func TestFinish_AWriteWithNothingToChangeIsNotReportedAsAChange(t *testing.T) {
	provider := newGuardedRealm(t)
	require.NoError(t, forced(provider, t))
	for _, do := range writing() {
		if do.name != "sync" && do.name != "force" {
			continue
		}
		b := newBench(provider)
		b.audit.recordErr = full
		err := b.attempt(t, app.Caller{}, do, "anna")
		require.ErrorIs(t, err, domain.AuditUnavailable, do.name)
		assert.Empty(t, domain.AsError(err).Message, "the standard sentence says that nothing is changed")
	}
}

// What went wrong before goes before what went wrong with the record.
func TestFinish_AFailedWriteKeepsItsOwnReason(t *testing.T) {
	for _, do := range targeting() {
		b := newBench(newGuardedRealm(t))
		b.audit.recordErr = full
		require.ErrorIs(t, b.attempt(t, app.Caller{}, do, "nobody"), domain.NotFound)
		require.ErrorIs(t, b.attempt(t, app.Caller{}, do, "holder"), domain.ProtectedUser)
		assert.Equal(t, 2, b.observer.auditFailures)
		assert.Contains(t, b.log.String(), "event.reason=protected_user")
	}
}

// Only of refusals that anybody can cause any number of are some merely counted.
func TestFinish_TellsStrangersFromOthers(t *testing.T) {
	for mode, want := range map[app.Mode]int{app.Enforce: 2, app.Report: 0, app.Off: 0} {
		b := newBench(newGuardedRealm(t), checking(domain.Actor{Username: "ben", Roles: []string{"teller"}}), func(c *app.Config) { c.Access.Mode = mode })
		for _, token := range []string{"", "garbage", goodToken} {
			_ = b.attempt(t, app.Caller{Token: token}, reading(), "anna")
			_ = b.attempt(t, app.Caller{Token: goodToken, CrossSite: errors.New("from elsewhere")}, reading(), "nobody")
		}
		assert.Equal(t, want, b.audit.strangers, mode)
		assert.Len(t, b.audit.events, 6)
	}
}

// What a user or the realm chose does not fill the ordinary log either.
func TestFinish_ShortensWhatItCannotPutOnRecord(t *testing.T) {
	b := newBench(newGuardedRealm(t))
	b.audit.recordErr = full
	attempt := b.Begin(domain.ActionSyncUser, app.Request{Username: strings.Repeat("ä", 1<<20)})
	require.ErrorIs(t, b.Finish(t.Context(), attempt, nil), domain.AuditUnavailable)
	assert.Contains(t, b.log.String(), "ää…")
	assert.Less(t, len(b.log.String()), 10_000)
}
