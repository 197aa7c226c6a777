package app_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// What a token leaves out, introspection tells.

func TestIncomplete_IntrospectionStandsIn(t *testing.T) {
	for name, test := range map[string]struct {
		token    domain.Actor // what the token tells
		asking   *introspector
		kind     domain.Kind // empty: allowed
		cause    string
		recorded domain.Actor
	}{
		"nothing in the token":   {domain.Actor{}, &introspector{answer: active}, "", "", admin()},
		"the subject alone":      {domain.Actor{Subject: "0b9f3c1e"}, &introspector{answer: active}, "", "", admin()},
		"the name alone":         {domain.Actor{Username: "ASHA"}, &introspector{answer: active}, "", "", domain.Actor{Subject: "0b9f3c1e", Username: "ASHA", Roles: []string{"admin"}}},
		"no right":               {domain.Actor{}, &introspector{answer: active, owner: func(a *domain.Actor) { a.Roles = []string{"teller"} }}, domain.Forbidden, "", domain.Actor{Subject: "0b9f3c1e", Username: "asha", Roles: []string{"teller"}}},
		"no roles told":          {domain.Actor{}, &introspector{answer: active, owner: func(a *domain.Actor) { a.Roles = nil }}, domain.Forbidden, "use.lightweight.access.token", domain.Actor{Subject: "0b9f3c1e", Username: "asha", Incomplete: true}},
		"nobody told":            {domain.Actor{}, &introspector{answer: active, owner: func(a *domain.Actor) { *a = domain.Actor{} }}, domain.Forbidden, "whose it is", domain.Actor{}},
		"another one told":       {domain.Actor{Subject: "another"}, &introspector{answer: active}, domain.Unauthenticated, "another subject", domain.Actor{Subject: "another", Incomplete: true}},
		"signed out":             {domain.Actor{}, &introspector{answer: inactive}, domain.Unauthenticated, "does not honour", domain.Actor{}},
		"not for us":             {domain.Actor{}, &introspector{answer: inactive, honoured: true}, domain.Forbidden, "audience mapper", domain.Actor{}},
		"nobody can be asked":    {domain.Actor{}, &introspector{answer: unreachable}, domain.Unavailable, "", domain.Actor{}},
		"nobody is to be asked":  {domain.Actor{}, nil, domain.Forbidden, "AUTH_INTROSPECTION is off", domain.Actor{}},
		"... about the subject":  {domain.Actor{Subject: "0b9f3c1e"}, nil, domain.Forbidden, "AUTH_INTROSPECTION is off", domain.Actor{Subject: "0b9f3c1e", Incomplete: true}},
		"... about what is told": {domain.Actor{Subject: "0b9f3c1e", Roles: []string{"admin"}}, nil, "", "", domain.Actor{Subject: "0b9f3c1e", Roles: []string{"admin"}, Incomplete: true}},
	} {
		test.token.Incomplete = true
		for _, do := range append(writing(), reading()) {
			provider := newGuardedRealm(t)
			same := unchanged(t, provider)
			b := newBench(provider, checking(test.token), func(config *app.Config) {
				if test.asking != nil {
					config.Introspector = test.asking
				}
			})
			err := b.attempt(t, app.Caller{Token: goodToken}, do, "anna")
			event := b.audit.only(t)
			assert.Equal(t, test.recorded, event.Actor, "%s %s", do.name, name)
			if test.kind == "" {
				require.NoError(t, err, "%s %s", do.name, name)
				continue
			}
			require.ErrorIs(t, err, test.kind, "%s %s", do.name, name)
			assert.ErrorContains(t, err, test.cause, "%s %s", do.name, name)
			same("%s %s", do.name, name)
		}
	}
}

// An answer is kept for 30 s for reads, a refusal too; writes ask anew. A failure is no answer.
func TestIncomplete_AnswersAreKeptForReadsForAWhile(t *testing.T) {
	for name, test := range map[string]struct {
		answer  func(context.Context, string) (bool, error)
		allowed bool
	}{"honoured": {active, true}, "not honoured": {inactive, false}} {
		clock, asking := &clock{now: now()}, &introspector{answer: unreachable}
		b := newBench(newGuardedRealm(t), checking(domain.Actor{Incomplete: true}), introspecting(asking), func(config *app.Config) { config.Now = clock.Now })
		read := func() error { return b.attempt(t, app.Caller{Token: goodToken}, reading(), "anna") }
		require.ErrorIs(t, read(), domain.Unavailable)
		asking.answer = test.answer
		for range 3 {
			assert.Equal(t, test.allowed, read() == nil, name)
		}
		assert.Equal(t, 2, asking.asked, name)
		clock.pass(30*time.Second - 1)
		assert.Equal(t, test.allowed, read() == nil, name)
		assert.Equal(t, 2, asking.asked, name)
		clock.pass(1)
		assert.Equal(t, test.allowed, read() == nil, name)
		assert.Equal(t, 3, asking.asked, name)
		asking.answer = inactive
		require.ErrorIs(t, b.attempt(t, app.Caller{Token: goodToken}, enabling(), "anna"), domain.Unauthenticated)
	}
}

// Whose token it is, limits count; a token that does not count costs nothing.
func TestIncomplete_IsCountedAsTheSameActor(t *testing.T) {
	asking := &introspector{answer: active}
	tokens := tokensOf{"full": admin(), "light": {Incomplete: true}, "subject": {Subject: admin().Subject, Incomplete: true}}
	b := newBench(newGuardedRealm(t), checking(admin()), introspecting(asking), func(config *app.Config) {
		config.Verifier, config.ReadsPerMinute = tokens, 3
	})
	require.ErrorIs(t, b.attempt(t, app.Caller{Token: "forged"}, reading(), "anna"), domain.Unauthenticated)
	assert.Zero(t, asking.asked)
	for token := range tokens {
		require.NoError(t, b.as(t, token, reading(), "anna"))
	}
	for token := range tokens {
		require.ErrorIs(t, b.as(t, token, reading(), "anna"), domain.RateLimited, token)
	}
}

// tokensOf knows these tokens.
type tokensOf map[string]domain.Actor

func (k tokensOf) Verify(_ context.Context, token string) (domain.Actor, error) {
	actor, ok := k[token]
	if !ok {
		return domain.Actor{}, &domain.Error{Kind: domain.Unauthenticated, Err: errors.New("no good token")}
	}
	return actor, nil
}
