package e2e

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// The realm of deploy/compose.yaml is one that the service works on, with what only a real
// Keycloak can tell: that it takes the file, that the service's rights are enough, that the
// marks are kept, that mails are sent. Only addresses, the realm's name and the secret are
// others than in the file.
func TestDeployRealm_IsOneTheServiceWorksOn(t *testing.T) {
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{SMTPPort: sink.Port(), Mutate: func(usual map[string]any) {
		text, err := os.ReadFile("../../deploy/keycloak-realm.json")
		require.NoError(t, err)
		var file map[string]any
		require.NoError(t, json.Unmarshal(text, &file))
		secret := usual["clients"].([]any)[0].(map[string]any)["secret"]
		for _, client := range file["clients"].([]any) {
			if client := client.(map[string]any); client["secret"] != nil {
				client["secret"] = secret
			}
		}
		file["realm"], file["attributes"] = usual["realm"], usual["attributes"]
		smtp := file["smtpServer"].(map[string]any)
		smtp["host"], smtp["port"] = "127.0.0.1", strconv.Itoa(sink.Port())
		clear(usual)
		maps.Copy(usual, file)
	}})
	said := examine(t, environmentFor(realm, realm.URL))
	assert.Empty(t, said.ids(), said.text)
	program := startProgram(t, nil, environmentFor(realm, realm.URL))
	program.token = composeToken(t, realm)
	awaitHealth(t, program.URL, http.StatusOK)
	program.awaitKeys(t)

	created := program.send(t, http.MethodPost, "/sync/user", `{"username":"maria","email":"maria@bank.example","role":"Cashier","firstName":"Maria","lastName":"Muster"}`)
	require.Equal(t, http.StatusCreated, created.status, created.body)
	assert.NotContains(t, created.body, "warnings")
	user, found, err := realm.User(t.Context(), "maria")
	require.NoError(t, err)
	require.True(t, found)
	assert.Equal(t, []any{"user-sync-service"}, user["attributes"].(map[string]any)["managed_by"])

	reset := program.send(t, http.MethodPost, "/users/maria/reset-password", "")
	require.Equal(t, http.StatusOK, reset.status, reset.body)
	_, err = sink.WaitMail(t.Context(), "maria@bank.example")
	require.NoError(t, err)
}

// composeToken logs in as deploy/compose.yaml says.
func composeToken(t *testing.T, realm *keycloaktest.Realm) string {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-web-app"}, "username": {"asha"}, "password": {"Change-me-12"}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		realm.URL+"/realms/"+realm.Name+"/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", body)
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(body, &grant))
	return grant.AccessToken
}
