package domain_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

func TestUser_Requires(t *testing.T) {
	user := domain.User{RequiredActions: []domain.RequiredAction{domain.VerifyEmail}}
	assert.True(t, user.Requires(domain.VerifyEmail))
	assert.False(t, user.Requires(domain.UpdatePassword))
}

func TestUserChange_IsEmptyWhenNothingIsNamed(t *testing.T) {
	assert.True(t, domain.UserChange{}.IsEmpty())
	assert.True(t, domain.UserChange{Attributes: domain.Attributes{}}.IsEmpty())

	// What is taken away is named.
	assert.False(t, domain.UserChange{FirstName: new("")}.IsEmpty())
	assert.False(t, domain.UserChange{LastName: new("")}.IsEmpty())
	assert.False(t, domain.UserChange{Email: &domain.Email{}}.IsEmpty())
	assert.False(t, domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: ""}}.IsEmpty())
}
