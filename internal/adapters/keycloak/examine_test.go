package keycloak_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// A real Keycloak has the clock of the machine that the tests run on, and shows what it has;
// so these are against one that has neither.
func TestExamine_ComparesTheClocks(t *testing.T) {
	for name, c := range map[string]struct {
		ahead    time.Duration // of Keycloak's clock
		severity domain.Severity
	}{
		"equal": {0, ""}, "nearly": {-8 * time.Second, ""},
		"ahead": {time.Minute, domain.Warning}, "behind": {-time.Minute, domain.Warning}, "so far behind that tokens have expired": {-6 * time.Minute, domain.Fault},
	} {
		t.Run(name, func(t *testing.T) {
			found := examineClosed(t, c.ahead)
			i := 0
			if c.severity != "" {
				require.NotEmpty(t, found)
				assert.Equal(t, "clocks", found[0].ID)
				assert.Equal(t, c.severity, found[0].Severity)
				i = 1
			}
			// What cannot be looked at is told, once for each right.
			ids := []string{}
			for _, finding := range found[i:] {
				ids = append(ids, finding.ID)
				assert.False(t, finding.Remedy.IsEmpty(), finding.ID)
			}
			assert.Equal(t, []string{"right-missing", "right-missing", "not-shown"}, ids)
		})
	}
}

// examineClosed examines a realm that shows nothing but its name and a token without rights.
func examineClosed(t *testing.T, ahead time.Duration) []domain.Finding {
	t.Helper()
	now := time.Now()
	answer := func(w http.ResponseWriter, status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		assert.NoError(t, json.NewEncoder(w).Encode(body))
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
			answer(w, http.StatusOK, map[string]any{"issuer": "http://127.0.0.1/realms/" + stubRealm})
		case strings.HasSuffix(r.URL.Path, "/token"):
			claims, _ := json.Marshal(map[string]any{"iat": now.Add(ahead).Unix(), "exp": now.Add(ahead + 5*time.Minute).Unix(), "realm_access": map[string]any{}})
			answer(w, http.StatusOK, map[string]any{"access_token": "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".x", "expires_in": 300})
		default:
			answer(w, http.StatusForbidden, map[string]any{"error": "HTTP 403 Forbidden"})
		}
	}))
	t.Cleanup(server.Close)
	provider := keycloak.New(keycloak.Config{
		URL: server.URL, Realm: stubRealm, ClientID: stubClient, CallTimeout: 5 * time.Second,
		ClientSecret: func() (domain.Secret, error) { return domain.NewSecret(stubSecret), nil },
		Now:          func() time.Time { return now },
	})
	t.Cleanup(provider.Close)
	return provider.Examine(t.Context(), domain.RealmNeeds{Assignments: []domain.Assignment{{Role: "teller", Group: "tellers"}}, Guard: domain.DefaultGuard()})
}
