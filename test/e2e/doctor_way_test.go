package e2e

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// What is wrong on the way to the realm, and on this machine, is told as exactly as what is
// wrong in the realm.
func TestDoctor_TellsWhatIsWrongOnTheWay(t *testing.T) {
	realm := soundRealm(t, "doctor-way")
	address, err := url.Parse(realm.URL)
	require.NoError(t, err)
	secured := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(address))
	t.Cleanup(secured.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	require.NoError(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw}), 0o600))
	page := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(page.Close)
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = mute.Close() })
	_, taken, err := net.SplitHostPort(mute.Addr().String())
	require.NoError(t, err)
	for _, c := range []struct {
		finding     string
		environment map[string]string
		names       string // in the problem or the remedy
	}{
		{"host-unknown", map[string]string{"KEYCLOAK_URL": "https://no-such-host.invalid"}, "no-such-host.invalid"},
		{"port-closed", map[string]string{"KEYCLOAK_URL": "http://127.0.0.1:1"}, "port 1"},
		{"no-answer", map[string]string{"KEYCLOAK_URL": "http://" + mute.Addr().String(), "KEYCLOAK_TIMEOUT": "1s"}, taken},
		{"wrong-scheme", map[string]string{"KEYCLOAK_URL": strings.Replace(realm.URL, "http:", "https:", 1)}, "'" + realm.URL + "'"},
		{"wrong-scheme", map[string]string{"KEYCLOAK_URL": strings.Replace(secured.URL, "https:", "http:", 1)}, "'" + secured.URL + "'"},
		{"certificate-authority-unknown", map[string]string{"KEYCLOAK_URL": secured.URL}, secured.Certificate().Issuer.String()},
		{"certificate-for-other-host", map[string]string{"KEYCLOAK_URL": strings.Replace(secured.URL, "127.0.0.1", "localhost", 1), "SSL_CERT_FILE": roots}, "example.com"},
		{"ssl-cert-file", map[string]string{"SSL_CERT_FILE": "/no/such/file.pem"}, "/no/such/file.pem"},
		{"not-keycloak", map[string]string{"KEYCLOAK_URL": page.URL}, "404"},
		{"base-path", map[string]string{"KEYCLOAK_URL": realm.URL + "/kc"}, "'" + realm.URL + "'"},
		{"realm-unknown", map[string]string{"KEYCLOAK_REALM": strings.ToUpper(realm.Name)}, "'" + realm.Name + "'"},
		{"secret-refused", map[string]string{"KEYCLOAK_CLIENT_SECRET": `"` + realm.ClientSecret + `"`}, "quotation marks"},
		{"secret-refused", map[string]string{"KEYCLOAK_CLIENT_SECRET": "\ufeff" + realm.ClientSecret + " "}, "BOM"},
		{"issuer", map[string]string{"AUTH_ISSUERS": "https://login.bank.example/realms/bank"}, realm.URL + "/realms/" + realm.Name},
		{"trusted-origin", map[string]string{"TRUSTED_ORIGINS": "https://Admin.Bank.example:443"}, "https://admin.bank.example"},
		{"port", map[string]string{"PORT": taken}, "PORT"},
		{"audit-log", map[string]string{"AUDIT_LOG": "/no/such/folder/audit.log"}, "mkdir -p '/no/such/folder'"},
		{"configuration", map[string]string{"AUTH_MODE": "perhaps"}, "AUTH_MODE"},
	} {
		t.Run(c.finding, func(t *testing.T) {
			said := examine(t, ailment{environment: c.environment}.with(environmentFor(realm, realm.URL)))
			require.Equal(t, []string{c.finding}, said.ids(), said.text)
			found := said.Findings[0]
			assert.Contains(t, found.Subject+found.Problem+found.Command+found.Step, c.names)
			assert.NotEmpty(t, found.Command+found.Step)
		})
	}
}

// A caller's token is judged as the service would, and not shown.
func TestDoctor_JudgesTokens(t *testing.T) {
	realm := soundRealm(t, "doctor-token")
	environment := environmentFor(realm, realm.URL)
	environment["AUTH_CLIENTS"] = keycloaktest.LoginClientID
	boss, err := realm.NewActor(t.Context(), "boss", "admin")
	require.NoError(t, err)
	teller, err := realm.NewActor(t.Context(), "teller", "teller")
	require.NoError(t, err)
	for _, c := range []struct {
		name, token string
		findings    []string
	}{
		{"an administrator's", boss.AccessToken, []string{}},
		{"a teller's", "Bearer " + teller.AccessToken + "\n", []string{"token-roles", "token-roles"}},
		{"a refresh token", boss.RefreshToken, []string{"token-malformed"}}, // It is signed with a key of Keycloak's own.
		{"a changed one", boss.AccessToken[:len(boss.AccessToken)-8] + "AAAAAAAA", []string{"token-signature"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(file, []byte(c.token), 0o600))
			said := examine(t, environment, "--token-file", file)
			assert.Equal(t, c.findings, said.ids(), said.text)
			assert.NotContains(t, said.text, boss.AccessToken[len(boss.AccessToken)-40:])
			assert.NotContains(t, said.text, teller.AccessToken[len(teller.AccessToken)-40:])
		})
	}
}
