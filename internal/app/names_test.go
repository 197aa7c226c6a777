package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

func TestNames_ThatReadLikeOthersAreRefused(t *testing.T) {
	for _, test := range []struct {
		username, email string
		field           string // empty: both are fine
	}{
		{"tariq", "tariq@bank.example", ""},
		{"tariq", "tariq@BANK.Example", ""},
		{"tariq", "tariq@a_b--c.example", ""}, // ASCII is not looked into
		{"tariq", "tariq@bücher.example", ""},
		{"tariq", "tariq@BÜCHER.example", ""},
		{"tariq", "tariq@xn--bcher-kva.example", ""},
		{"tariq", "tariq@почта.рф", ""},
		{"tariq", "tariq@почта1.bank", ""},
		{"tariq", "tariq@日本の銀行ドットコム.jp", ""},
		{"tariq", "tariq@漢字한국.example", ""},
		{"tariq", "tariq@مثال.example", ""},
		{"\u00e9va", "eva@bank.example", ""},
		{"e\u0301va", "eva@bank.example", "username"},
		{"\u212aelvin", "kelvin@bank.example", "username"},
		{"eva", "e\u0301va@bank.example", "email"},
		{"tariq", "tariq@bu\u0308cher.example", "email"},
		{"tariq", "tariq@b\u0430nk.example", "email"},        // a Cyrillic a
		{"tariq", "tariq@xn--bnk-6cd.example", "email"},      // the same
		{"tariq", "tariq@XN--BNK-6CD.example", "email"},      // the same
		{"tariq", "tariq@mail.xn--bnk-6cd.example", "email"}, // the same
		{"tariq", "tariq@bankω.example", "email"},
		{"tariq", "tariq@日本bank.example", "email"},
		{"tariq", "tariq@ｂａｎｋ.example", "email"}, // full width
		{"tariq", "tariq@bank。example", "email"},
		{"tariq", "tariq@xn--bank-.example", "email"}, // ASCII in disguise
		{"tariq", "tariq@xn--a.example", "email"},
		{"tariq", "tariq@xn--zz.example", "email"},
		{"tariq", "tariq@💰.example", "email"},
		{"tariq", "tariq@-bücher.example", "email"},
		{"tariq", "tariq@bücher∕x.example", "email"}, // a division sign
	} {
		provider := newMemory()
		b := newBench(provider)
		in := employee(t, test.username, test.email, "Cashier")
		_, err := b.sync(t, in)
		_, editErr := b.update(t, app.UpdateUserInput{Change: domain.UserChange{Email: &in.Email}})
		if test.field == "" {
			require.NoError(t, err, "%+q", test)
			continue
		}
		require.ErrorIs(t, err, domain.InvalidField, "%+q", test)
		assert.Contains(t, domain.AsError(err).Fields, test.field)
		assert.Empty(t, provider.Users())
		if test.field == "email" {
			require.ErrorIs(t, editErr, domain.InvalidField, "%+q", test)
			assert.Contains(t, domain.AsError(editErr).Fields, "email")
		}
	}
}
