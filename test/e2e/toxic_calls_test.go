//go:build chaos

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// disturbance is what a gateway does to a call.
type disturbance struct {
	name  string
	fault func(keycloak http.HandlerFunc) http.HandlerFunc
}

// disturbances returns those that a single call can meet.
func disturbances() []disturbance {
	return []disturbance{
		{"dropped before", dropped},
		{"dropped after", answerDropped},
		{"answer lost", answerLost},
		{"late", late},
		{"429", refusedWith(http.StatusTooManyRequests, "Retry-After: 1")},
		{"503", refusedWith(http.StatusServiceUnavailable)},
		{"502 after", answerReplaced(http.StatusBadGateway, "text/html", "<h1>Bad Gateway</h1>")},
		{"a page after", answerReplaced(http.StatusOK, "text/html", "<h1>Welcome</h1>")},
		{"cut short", cutShort},
	}
}

// onCall is a fault of one call: the n-th since it began. Onwards, it is one of all
// later calls as well. The background check of the realm does not count.
type onCall struct {
	n       int64
	onwards bool
	disturbance
	seen atomic.Int64
}

func (o *onCall) String() string {
	if o.onwards {
		return fmt.Sprintf("call %d and all later ones %s", o.n, o.name)
	}
	return fmt.Sprintf("call %d %s", o.n, o.name)
}

func (o *onCall) disturb(keycloak http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/admin"), "/realms/")
		if _, _, inRealm := strings.Cut(rest, "/"); !inRealm {
			keycloak(w, r)
			return
		}
		if n := o.seen.Add(1); n == o.n || o.onwards && n > o.n {
			o.fault(keycloak)(w, r)
			return
		}
		keycloak(w, r)
	}
}

// A creation that meets a fault at any one of its calls, or from there on, ends in a
// user who is whole or in nobody, and where that cannot be, says so. It does not matter
// whether the realm stores attributes.
func TestToxics_OnEachCallOfACreate(t *testing.T) {
	for _, marks := range []bool{true, false} {
		t.Run(fmt.Sprintf("marks stored %t", marks), func(t *testing.T) {
			realm := newRealm(t, keycloaktest.RealmOptions{Name: "each-call", CheapHash: true})
			if marks {
				keepMarks(t, realm)
			}
			token := administrator(t, realm)
			calm := &onCall{}
			createOn(t, realm, token, "calm", calm)
			calls := calm.seen.Load()
			require.Greater(t, calls, int64(2))
			t.Logf("a creation makes %d calls", calls)
			for n := int64(1); n <= calls; n++ {
				isRead := n <= calls-2 // The last two make the user and give the role.
				for i, d := range disturbances() {
					for _, onwards := range []bool{false, true} {
						if isRead && (!marks || i >= 2) || onwards && (!marks || i >= 3) {
							continue // Nothing new would come of it.
						}
						o := &onCall{n: n, onwards: onwards, disturbance: d}
						t.Run(o.String(), func(t *testing.T) {
							t.Parallel()
							createOn(t, realm, token, fmt.Sprintf("each-%d-%d-%t", n, i, onwards), o)
						})
					}
				}
			}
		})
	}
}

// createOn lets a program that has nothing in its caches create a user under a fault,
// and once more when the fault is over.
func createOn(t *testing.T, realm *keycloaktest.Realm, token, username string, o *onCall) {
	t.Helper()
	m := newMischief(t, realm.URL, 1)
	p := startBrief(t, realm, m.URL, map[string]string{"AUTH_MODE": "enforce"})
	p.token = token
	p.awaitKeys(t)
	asked := newCreate(username + "-x") // a role with a group
	m.disturb(1, o.disturb)
	answer := asked.send(t.Context(), p)
	m.disturb(0, nil)
	require.NoError(t, answer.err)
	assert.LessOrEqual(t, answer.took, longestAnswer)
	m.settle(t)
	found := readCensus(t, realm)
	found.checkAnswer(t, asked, answer)
	_, _, there := found.lacks(asked)
	t.Logf("%d %s after %s; the user is there: %t", answer.status, answer.code, answer.took, there)
	if answer.code == "created" {
		checkPasswords(t, realm, []create{asked}, []createAnswer{answer})
		return
	}
	assert.NotEqual(t, "exists", answer.code, "nobody had the name before")
	if answer.code == "partial" && !strings.Contains(answer.body, "not known") {
		assert.Contains(t, answer.member(t, "message"), found.ids[asked.username])
	}
	eventually(t, func() bool { // The circuit may be open for a moment.
		answer = asked.send(t.Context(), p)
		return answer.code == "created" || answer.code == "exists"
	}, 30*time.Second, 100*time.Millisecond, "%s %v", answer.body, answer.err)
	readCensus(t, realm).checkAnswer(t, asked, answer)
}
