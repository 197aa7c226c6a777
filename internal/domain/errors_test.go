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
	} {
		got := domain.AsError(c.err)
		assert.Equal(t, c.kind, got.Kind, "%v", c.err)
		assert.ErrorIs(t, got, domain.AsError(c.err).Kind)
	}
}
