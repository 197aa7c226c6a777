package e2e

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"user-sync-service/test/keycloaktest"
)

// The Python service's generator failed the production policy in 15 % of all creations.
func TestPasswords_2000OnTheProductionPolicy(t *testing.T) {
	const creates, atOnce = 2000, 8
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "passwords", CheapHash: true})
	p := serveRealm(t, realm, realm.URL)
	var next, made atomic.Int64
	var all errgroup.Group
	for range atOnce {
		all.Go(func() error {
			for i := next.Add(1); i <= creates; i = next.Add(1) {
				body := fmt.Sprintf(`{"username":"employee%d","email":"employee%d@bank.example","role":"Cashier"}`, i, i)
				answer, err := p.trySend(t.Context(), http.MethodPost, syncPath, body)
				if err != nil {
					return err
				}
				if answer.status != http.StatusCreated {
					return fmt.Errorf("create %d: %d %s", i, answer.status, answer.body)
				}
				made.Add(1)
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
	assert.EqualValues(t, creates, made.Load())
	count, err := realm.CountUsers(t.Context())
	require.NoError(t, err)
	assert.Equal(t, creates+1, count, "and the administrator")
}

// The policy is read again when Keycloak refuses a password: a stricter policy takes
// effect with the next creation.
func TestPasswords_FollowAChangedPolicy(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "policy", PasswordPolicy: "length(8)"})
	p := serveRealm(t, realm, realm.URL)
	require.NoError(t, realm.UpdateRealm(t.Context(), map[string]any{"passwordPolicy": "length(20) and digits(6) and specialChars(6)"}))
	answer := p.send(t, http.MethodPost, syncPath, `{"username":"strict","email":"strict@bank.example","role":"Cashier"}`)
	assert.Equal(t, http.StatusCreated, answer.status, answer.body)
	assert.GreaterOrEqual(t, len(answer.member(t, "temporary_password")), 20)

	require.NoError(t, realm.UpdateRealm(t.Context(), map[string]any{"passwordPolicy": "maxLength(10)"}))
	answer = p.send(t, http.MethodPost, syncPath, `{"username":"never","email":"never@bank.example","role":"Cashier"}`)
	assert.Equal(t, http.StatusInternalServerError, answer.status, answer.body)
	assert.Equal(t, "unsatisfiable_password_policy", answer.member(t, "code"))
	_, found := realmAccount(t, realm, "never")
	assert.False(t, found)
}
