package domain_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// No way of printing reaches the text, also where fmt cannot call methods: in another
// struct's unexported field.
func TestSecret_IsNeverPrinted(t *testing.T) {
	const text = "open-sesame"
	type holder struct {
		Exported domain.Secret
		hidden   domain.Secret
		list     []domain.Secret
		pointer  *domain.Secret
	}
	secret := domain.NewSecret(text)
	held := holder{secret, secret, []domain.Secret{secret}, &secret}
	user := domain.NewUser{Password: secret}

	for _, value := range []any{secret, &secret, held, &held, user, []any{secret}, map[string]domain.Secret{"a": secret}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			assert.NotContains(t, fmt.Sprintf(verb, value), text, "%s of %T", verb, value)
			assert.NotContains(t, fmt.Sprintf(verb, value), fmt.Sprintf("%x", text), "%s of %T", verb, value)
		}
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		assert.NotContains(t, string(encoded), text)

		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "value", value)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "value", value)
		assert.NotContains(t, log.String(), text)
	}
	assert.Equal(t, "[redacted]", fmt.Sprint(secret))
	assert.Equal(t, text, secret.Reveal())
}

func TestSecret_EmptyIsEmpty(t *testing.T) {
	assert.True(t, domain.Secret{}.IsEmpty())
	assert.True(t, domain.NewSecret("").IsEmpty())
	assert.False(t, domain.NewSecret("x").IsEmpty())
	assert.Empty(t, domain.Secret{}.Reveal())
}
