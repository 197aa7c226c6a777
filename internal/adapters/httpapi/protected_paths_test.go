package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// A guard that reads a name otherwise than the provider guards somebody else.

func TestProtectedPaths_AreProtectedHoweverTheyAreSpelt(t *testing.T) {
	for _, segment := range []string{
		"service-account-x", "Service-Account-X", "SERVICE-ACCOUNT-X", "service%2Daccount-x", "service%2daccount%2dx", "%73ervice-account-x",
		"%53ervice-account-x", "service-account-%78", "service-account-unknown", "service-account-a%2Fb", "service-account-%25",
		"breakglass", "BreakGlass", "%62reakglass", "break%67lass", "brea%E2%84%AAglass", "brea\u212aglass",
	} {
		for _, before := range []string{"", prefix} {
			for _, route := range userRoutes {
				if route.method == http.MethodGet {
					continue
				}
				provider := newRealm(t)
				for _, name := range []string{"service-account-x", "breakglass"} {
					_, err := provider.AddUser(domain.User{Username: name, Email: name + "@bank.example", Enabled: true}, "")
					require.NoError(t, err)
				}
				users := provider.Users()
				a := newAPI(t, provider, func(with *settings) { with.app.Guard.ProtectedUsers = []string{"breakglass"} })
				target := before + fmt.Sprintf(route.target, segment)

				a.send(route.method, target, route.body).
					failed(http.StatusForbidden, "protected_user", "This account is protected and cannot be changed here.", target)

				assert.Equal(t, users, provider.Users(), target)
				assert.Empty(t, provider.Mails(), target)
			}
		}
	}
}

// Decoded a second time these would be protected names, but they name other users, who
// may exist.
func TestProtectedPaths_AreDecodedOnce(t *testing.T) {
	for segment, name := range map[string]string{
		"service%252Daccount-x": "service%2Daccount-x", "%2573ervice-account-x": "%73ervice-account-x", "%2562reakglass": "%62reakglass",
		"%2573ervice%2Daccount-x": "%73ervice-account-x", // the %2D makes the router match the escaped path
		"x%2Fservice-account-x":   "x/service-account-x", "..%2Fservice-account-x": "../service-account-x",
	} {
		for _, route := range userRoutes {
			provider := newRealm(t)
			_, err := provider.AddUser(domain.User{Username: name, Email: "other@bank.example", Enabled: true}, "")
			require.NoError(t, err)
			a := newAPI(t, provider, func(with *settings) { with.app.Guard.ProtectedUsers = []string{"breakglass"} })
			answer := a.send(route.method, fmt.Sprintf(route.target, segment), route.body)
			assert.Equal(t, http.StatusOK, answer.status, "%s: %s", segment, answer.body)
		}
	}
}

func TestProtectedPaths_NamesInBodiesAreProtectedToo(t *testing.T) {
	for _, name := range []string{
		"service-account-x", "Service-Account-New", `\u0073ervice-account-x`, `service\u002daccount-new`, "breakglass", "BREAKGLASS", `brea\u212aglass`, "brea\u212aglass",
	} {
		provider := newRealm(t)
		a := newAPI(t, provider, func(with *settings) { with.app.Guard.ProtectedUsers = []string{"breakglass"} })
		body := `{"username":"` + name + `","email":"new@bank.example","role":"Cashier"}`
		a.send(http.MethodPost, "/sync/user", body).
			failed(http.StatusForbidden, "protected_user", "This account is protected and cannot be changed here.", name)
		untouched(t, provider)
	}
}

func TestProtectedPaths_MayBeRead(t *testing.T) {
	provider := newRealm(t)
	_, err := provider.AddUser(domain.User{Username: "service-account-x", Enabled: true}, "")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, newAPI(t, provider).send(http.MethodGet, "/users/service%2Daccount-X/keycloak-status", "").status)
}
