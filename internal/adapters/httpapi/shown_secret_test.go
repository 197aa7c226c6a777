package httpapi

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

// The answer with the password waits until the audit log has taken the event; whoever
// prints it meanwhile must not see the password.

func TestShownSecret_ShowsInJSONAndNowhereElse(t *testing.T) {
	const password = "a&B<1>!x"
	body := syncedBody{Status: "success", TemporaryPassword: shownSecret{domain.NewSecret(password)}}

	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	require.NoError(t, encoder.Encode(body))
	assert.Contains(t, encoded.String(), `"temporary_password":"`+password+`"`)

	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("answer", "body", body, "secret", body.TemporaryPassword)
	for _, printed := range []string{
		fmt.Sprintf("%v %+v %#v", body, body, body), fmt.Sprint(body.TemporaryPassword), fmt.Sprintf("%#v", &body), log.String(),
		fmt.Sprintf("%+v", reply{body: body}),
	} {
		assert.NotContains(t, printed, password)
	}
}

func TestShownSecret_ThatIsNotThereIsNoMember(t *testing.T) {
	encoded, err := json.Marshal(syncedBody{Status: "exists"})
	require.NoError(t, err)
	assert.NotContains(t, string(encoded), "temporary_password")
}
