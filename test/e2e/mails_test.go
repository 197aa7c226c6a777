package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"user-sync-service/test/keycloaktest"
)

// A mail server that accepts and says nothing takes nothing away from those who disable
// an employee, neither while mails wait for it nor afterwards, and the answer names it.
func TestMails_OfAMuteServerHoldUpNobodyElse(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "mute", CheapHash: true, SMTPPort: muteServer(t)})
	const resets = 13
	for i := range resets {
		addRealmUser(t, realm, teller(fmt.Sprintf("target%d", i)))
	}
	addRealmUser(t, realm, teller("leaver"))
	p := serveRealm(t, realm, realm.URL)
	disable := func(when string, times int) {
		var took []time.Duration
		for range times {
			began := time.Now()
			answer, err := p.trySend(t.Context(), http.MethodPut, "/users/leaver/status", `{"enabled":false}`)
			assert.NoError(t, err)
			took = append(took, time.Since(began))
			assert.Equal(t, http.StatusOK, answer.status, answer.body)
		}
		slices.Sort(took)
		t.Logf("%s a disable takes %s, %s at most", when, took[times/2], took[times-1])
	}
	disable("before the mails", 5)

	var sending, disabling sync.WaitGroup
	for i := range resets {
		sending.Go(func() {
			answer, err := p.trySend(t.Context(), http.MethodPost, fmt.Sprintf("/users/target%d/reset-password", i), "")
			assert.NoError(t, err)
			assert.Equal(t, http.StatusBadGateway, answer.status, answer.body)
			assert.Equal(t, "email_delivery_failed", answer.member(t, "code"))
			assert.NotContains(t, answer.member(t, "message"), "login system")
		})
	}
	eventually(t, func() bool {
		return strings.Count(p.log(), `"email_delivery_failed"`) > 0
	}, 20*time.Second, 10*time.Millisecond, "the places are taken")
	disabling.Go(func() { disable("while mails wait", 5) })
	sending.Wait()

	assert.Equal(t, "1", metric(t, p, `usersync_mail_circuit_state{state="open"}`))
	assert.Equal(t, "1", metric(t, p, `usersync_keycloak_circuit_state{state="closed"}`))
	answer := p.send(t, http.MethodPost, "/users/target0/reset-password", "")
	assert.Equal(t, "The mail server does not answer. Nothing was sent. Please try again later.", answer.member(t, "message"))
	assert.NotEmpty(t, answer.header.Get("Retry-After"))
	disabling.Wait()
	disable("after them", 20)
}
