package keycloak_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func TestDetails_SaysWhatTheAccountHas(t *testing.T) {
	at := time.Date(2026, time.November, 24, 15, 18, 7, 0, time.UTC)
	for name, c := range map[string]struct {
		user stubUser
		want domain.AccountDetails
	}{
		"nothing":                   {stubUser{}, domain.AccountDetails{}},
		"a password":                {stubUser{password: "x"}, domain.AccountDetails{HasPassword: true}},
		"old passwords":             {stubUser{password: "x", factors: []string{"password-history", "password-history"}}, domain.AccountDetails{HasPassword: true}},
		"second factors":            {stubUser{factors: []string{"webauthn", "otp", "recovery-authn-codes", "otp", "webauthn-passwordless"}}, domain.AccountDetails{SecondFactors: []string{"otp", "recovery-authn-codes", "webauthn", "webauthn-passwordless"}}},
		"a lock":                    {stubUser{locked: true, lockedUntil: at.Unix()}, domain.AccountDetails{Locked: true, LockedUntil: at}},
		"a lock until it is lifted": {stubUser{locked: true, lockedUntil: math.MaxInt64}, domain.AccountDetails{Locked: true}},
		"a lock of no date":         {stubUser{locked: true}, domain.AccountDetails{Locked: true}},
		"a lock of year 10000":      {stubUser{locked: true, lockedUntil: 253402300800}, domain.AccountDetails{Locked: true}},
		"a lock of year 9999":       {stubUser{locked: true, lockedUntil: 253402300799}, domain.AccountDetails{Locked: true, LockedUntil: time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)}},
		"a lock that is over":       {stubUser{lockedUntil: at.Unix()}, domain.AccountDetails{}},
		"a role":                    {stubUser{roles: []string{"teller"}}, domain.AccountDetails{EffectiveRoles: []domain.RealmRole{"teller"}}},
		"roles of all sorts":        {stubUser{roles: []string{"teller", "chief", "ledger:read"}, groups: []string{"head/board"}}, domain.AccountDetails{EffectiveRoles: []domain.RealmRole{"auditor", "chief", "teller"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			c.user.Username = "present"
			found, err := s.provider(t).Details(t.Context(), domain.UserID(s.plant(c.user)))
			require.NoError(t, err)
			assert.Equal(t, c.want, found)
		})
	}
}

// Keycloak tells that nobody of an unknown id is locked, so the others have to say it.
func TestDetails_OfNobody(t *testing.T) {
	s := newStub(t)
	_, err := s.provider(t).Details(t.Context(), "user-unknown")
	require.ErrorIs(t, err, domain.NotFound)
}

func TestDetails_ReadsSideBySide(t *testing.T) {
	s, p, id := warmed(t)
	s.together(t, map[string]http.HandlerFunc{lockRoute: s.lockStatus, credentialsRoute: s.credentials, userRealmRoute: s.userRealmRights})
	_, err := p.Details(t.Context(), id)
	require.NoError(t, err)
	assert.Len(t, s.taken(), 3)
}
