package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func TestParseUsername(t *testing.T) {
	for _, good := range []string{"anna", "ANNA", "anna.o'neil", "a+b@c.de", "müller", "a/b", "a%2Fb", "..", "x", strings.Repeat("ü", 255)} {
		username, err := domain.ParseUsername(good)
		require.NoError(t, err, good)
		assert.Equal(t, good, username.String())
	}
	for _, bad := range []string{"", " ", "a b", "a\tb", "a\u00a0b", "a\x00", "a\x7f", "\xff", strings.Repeat("x", 256)} {
		_, err := domain.ParseUsername(bad)
		require.ErrorIs(t, err, domain.InvalidField, "%q", bad)
		assert.Contains(t, domain.AsError(err).Fields, "username")
	}
}

func TestUsername_MatchesWithoutLetterCaseAndNothingElse(t *testing.T) {
	username, err := domain.ParseUsername("Anna")
	require.NoError(t, err)
	assert.True(t, username.Matches("anna"))
	assert.True(t, username.Matches("ANNA"))
	assert.False(t, username.Matches("annabel"))
	assert.False(t, username.Matches("ann"))
	assert.False(t, username.Matches(""))
}

func TestParseEmail(t *testing.T) {
	for _, good := range []string{"a@b.de", "anna.o'neil+x@bank.example", "müller@bücher.example", "a@localhost"} {
		email, err := domain.ParseEmail(good)
		require.NoError(t, err, good)
		assert.Equal(t, good, email.String())
	}
	for _, bad := range []string{
		"", "anna", "@b.de", "a@", "a@b@c.de", " a@b.de", "a@b.de ", "Anna <a@b.de>", "<a@b.de>", "a@b.de (Anna)", "a@b.de,c@d.de", `"a b"@c.de`, "a@b.de\r\nBcc: x@y.de",
		strings.Repeat("x", 250) + "@b.example",
	} {
		_, err := domain.ParseEmail(bad)
		require.ErrorIs(t, err, domain.InvalidField, "%q", bad)
		assert.Contains(t, domain.AsError(err).Fields, "email")
	}
}

func TestEmail_MatchesWithoutLetterCase(t *testing.T) {
	email, err := domain.ParseEmail("Anna@bank.example")
	require.NoError(t, err)
	assert.True(t, email.Matches("anna@BANK.example"))
	assert.False(t, email.Matches("anna@bank.example.org"))
}

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
