//go:build chaos

package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// The other writes, under a fault at any one of their calls, give a true success or an
// error, change nothing but what they are for, and send no second mail.
func TestToxics_OnEachCallOfTheOtherWrites(t *testing.T) {
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "other-calls", CheapHash: true, SMTPPort: sink.Port()})
	for _, w := range []struct {
		name, method, path, body string
		// done reports whether the user is as a success promises.
		done func(t *testing.T, username string) bool
	}{
		{"disable", http.MethodPut, "/users/%s/status", `{"enabled":false}`, func(t *testing.T, username string) bool {
			a, _ := realmAccount(t, realm, username)
			sessions, err := realm.Sessions(t.Context(), a.ID)
			require.NoError(t, err)
			return !a.Enabled && sessions == 0
		}},
		{"enable", http.MethodPut, "/users/%s/status", `{"enabled":true}`, func(t *testing.T, username string) bool {
			a, _ := realmAccount(t, realm, username)
			return a.Enabled
		}},
		{"force", http.MethodPost, "/users/%s/force-password-change", "", func(t *testing.T, username string) bool {
			a, _ := realmAccount(t, realm, username)
			return len(a.RequiredActions) == 1 && a.RequiredActions[0] == "UPDATE_PASSWORD"
		}},
		{"reset", http.MethodPost, "/users/%s/reset-password", "", func(t *testing.T, username string) bool {
			_, err := sink.WaitMail(t.Context(), username+"@bank.example")
			return err == nil
		}},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel() // They mostly wait for faults.
			m := newMischief(t, realm.URL, 1)
			p := startBrief(t, realm, m.URL, map[string]string{"AUTH_MODE": "enforce", "KEYCLOAK_TIMEOUT": "500ms"})
			p.token = administrator(t, realm)
			p.awaitKeys(t)
			write := func(t *testing.T, username string, o *onCall) {
				_, err := realm.NewActor(t.Context(), username)
				require.NoError(t, err)
				before := readWhole(t, realm, username)
				m.disturb(1, o.disturb)
				begin := time.Now()
				answer := p.send(t, w.method, fmt.Sprintf(w.path, username), w.body)
				took := time.Since(begin)
				m.disturb(0, nil)
				m.settle(t)
				t.Logf("%d %s after %s", answer.status, answer.member(t, "code"), took)
				assert.LessOrEqual(t, took, longestAnswer)
				if answer.status == http.StatusOK {
					assert.True(t, w.done(t, username), answer.body)
				} else {
					assert.Contains(t, []int{500, 502, 503, 504}, answer.status, answer.body)
				}
				after := readWhole(t, realm, username)
				for _, member := range []string{"enabled", "requiredActions", "notBefore"} {
					delete(before.Representation, member)
					delete(after.Representation, member)
				}
				assert.Equal(t, before, after)
				if w.name == "reset" {
					assert.LessOrEqual(t, len(sink.MailsTo(username+"@bank.example")), 1)
				}
			}
			calm := &onCall{}
			write(t, w.name+"-calm", calm)
			calls := calm.seen.Load()
			t.Logf("it makes %d calls", calls)
			for n := int64(1); n <= calls; n++ {
				for i, d := range disturbances() {
					o := &onCall{n: n, disturbance: d}
					t.Run(o.String(), func(t *testing.T) { write(t, fmt.Sprintf("%s-%d-%d", w.name, n, i), o) })
				}
			}
		})
	}
}
