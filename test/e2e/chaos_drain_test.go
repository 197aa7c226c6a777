//go:build chaos

package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// At SIGTERM under load, a request is answered or it was never taken: whoever has no
// answer has not caused anything. The program ends within its time.
func TestChaos_TermUnderLoad(t *testing.T) {
	const rounds, atOnce = 3, 32
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "term", CheapHash: true})
	keepMarks(t, realm)
	c := newChaos(t, realm, 1)
	require.NoError(t, c.proxy.carry(toxic{Type: "latency", Stream: "downstream", Toxicity: 1, Attributes: attributes{"latency": 200, "jitter": 190}}))
	for round := range rounds {
		p := startBrief(t, realm, c.proxy.URL, map[string]string{
			"KEYCLOAK_TIMEOUT": "5s", "REQUEST_TIMEOUT": "10s", "SHUTDOWN_TIMEOUT": "15s",
		})
		var mu sync.Mutex
		var asked []create
		var answers []createAnswer
		var next, answered atomic.Int64
		var sending sync.WaitGroup
		for range atOnce {
			sending.Go(func() {
				for {
					create := newCreate(fmt.Sprintf("term-%d-%05d", round, next.Add(1)))
					answer := create.send(t.Context(), p, "X-Request-Id: "+create.username)
					answered.Add(1)
					mu.Lock()
					asked, answers = append(asked, create), append(answers, answer)
					mu.Unlock()
					if answer.err != nil {
						return
					}
				}
			})
		}
		eventually(t, func() bool { return answered.Load() > 100 }, time.Minute, time.Millisecond)
		begin := time.Now()
		p.signal(t, syscall.SIGTERM)
		code := p.exitCode(t)
		took := time.Since(begin)
		sending.Wait()
		assert.Zero(t, code)
		assert.Less(t, took, 15*time.Second)

		events := make(map[string]int)
		for _, event := range auditEvents(t, p) {
			events[event.RequestID]++
		}
		c.mischief.settle(t)
		found := readCensus(t, realm)
		unanswered := 0
		for i, answer := range answers {
			if answer.err == nil {
				assert.Equal(t, 1, events[asked[i].username], asked[i].username)
				found.checkAnswer(t, asked[i], answer)
				continue
			}
			unanswered++
			assert.Zero(t, events[asked[i].username], "%s was taken, but not answered: %v", asked[i].username, answer.err)
			_, _, there := found.lacks(asked[i])
			assert.False(t, there, asked[i].username)
		}
		report(t, answers)
		t.Logf("ended after %s; %d requests came too late", took, unanswered)
	}
	http.DefaultClient.CloseIdleConnections()
}
