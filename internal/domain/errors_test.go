package domain_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func TestError_IsItsKindHoweverWrapped(t *testing.T) {
	err := fmt.Errorf("outer: %w", &domain.Error{Kind: domain.NotFound, Err: errors.New("cause")})
	require.ErrorIs(t, err, domain.NotFound)
	assert.NotErrorIs(t, err, domain.Internal)
}

// Who looks for a kind must find the one that the caller is told.
func TestError_HidesTheKindsOfItsCauses(t *testing.T) {
	end := fmt.Errorf("find user: %w", context.Canceled)
	for _, cause := range []error{
		domain.NotFound,
		fmt.Errorf("wrapped: %w", domain.NotFound),
		&domain.Error{Kind: domain.NotFound},
		errors.Join(errors.New("first"), &domain.Error{Kind: domain.Timeout, Err: domain.NotFound}),
	} {
		err := fmt.Errorf("outer: %w", &domain.Error{Kind: domain.Unavailable, Err: errors.Join(cause, end)})
		require.ErrorIs(t, err, domain.Unavailable)
		assert.NotErrorIs(t, err, domain.NotFound)
		assert.NotErrorIs(t, err, domain.Timeout)
		require.ErrorIs(t, err, context.Canceled, "what is no kind is found")
		failure := domain.AsError(err)
		assert.Equal(t, domain.Unavailable, failure.Kind)
		assert.Contains(t, failure.Error(), domain.NotFound.Error(), "the log has it")
		_, bare := errors.AsType[domain.Kind](err)
		assert.False(t, bare)
	}
}

// Messages may name a user; the text of an error goes to the log.
func TestError_TextLeavesTheMessageOut(t *testing.T) {
	err := &domain.Error{Kind: domain.NotFound, Message: "User anna not found", Err: errors.New("status 404")}
	assert.Equal(t, "user_not_found: status 404", err.Error())
	assert.Equal(t, "user_not_found", (&domain.Error{Kind: domain.NotFound, Message: "User anna not found"}).Error())
}

func TestAsError_ReadsForeignErrors(t *testing.T) {
	known := &domain.Error{Kind: domain.NoEmail}
	for _, c := range []struct {
		err  error
		kind domain.Kind
	}{
		{known, domain.NoEmail},
		{fmt.Errorf("outer: %w", known), domain.NoEmail},
		{&domain.Error{Kind: domain.Internal, Err: known}, domain.Internal},
		{context.Canceled, domain.Unavailable},
		{fmt.Errorf("outer: %w", context.DeadlineExceeded), domain.Unavailable},
		{errors.New("anything else"), domain.Internal},
		{domain.NotFound, domain.NotFound},
		{fmt.Errorf("outer: %w", domain.NotFound), domain.NotFound},
	} {
		got := domain.AsError(c.err)
		assert.Equal(t, c.kind, got.Kind, "%v", c.err)
		assert.ErrorIs(t, got, domain.AsError(c.err).Kind)
	}
	assert.NoError(t, domain.AsError(domain.NotFound).Err, "the kind is no cause")
	assert.EqualError(t, domain.AsError(fmt.Errorf("outer: %w", domain.NotFound)).Err, "outer: user_not_found")
}
