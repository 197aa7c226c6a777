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

// The program is killed in the middle of creations, as by a node that fails, and started
// again: nothing that it remembered is left. When the same creations are sent again, each
// user is whole, or the answer says what is missing, and in the end all can be repaired.
func TestChaos_ProgramKilled(t *testing.T) {
	const kills, atOnce = 5, 16
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "killed", CheapHash: true})
	keepMarks(t, realm)
	before := plantVeterans(t, realm)
	c := newChaos(t, realm, 1)
	// Slow, so that the program is met between two calls more often than not.
	require.NoError(t, c.proxy.carry(toxic{Type: "latency", Stream: "downstream", Toxicity: 1, Attributes: attributes{"latency": 50, "jitter": 40}}))

	var asked []create
	var answers []createAnswer
	for round := range kills {
		p := startBrief(t, realm, c.proxy.URL, nil)
		batch := make([]create, 200)
		given := make([]createAnswer, len(batch))
		var next, answered atomic.Int64
		var sending sync.WaitGroup
		for i := range batch {
			batch[i] = newCreate(fmt.Sprintf("killed-%d-%03d", round, i))
		}
		for range atOnce {
			sending.Go(func() {
				for i := next.Add(1) - 1; i < int64(len(batch)); i = next.Add(1) - 1 {
					given[i] = batch[i].send(t.Context(), p)
					if given[i].err != nil {
						return // It is dead.
					}
					answered.Add(1)
				}
			})
		}
		eventually(t, func() bool { return answered.Load() >= int64(20+round) }, 30*time.Second, time.Millisecond)
		p.signal(t, syscall.SIGKILL)
		sending.Wait()
		require.Less(t, answered.Load(), int64(len(batch)), "it was killed too late")
		sent := min(next.Load(), int64(len(batch)))
		asked, answers = append(asked, batch[:sent]...), append(answers, given[:sent]...)
	}
	c.mischief.settle(t)

	found := readCensus(t, realm)
	halfMade := 0
	for i, answer := range answers {
		role, group, there := found.lacks(asked[i])
		if there && (role != "" || group != "") {
			halfMade++
		}
		if answer.err == nil {
			found.checkAnswer(t, asked[i], answer)
		}
	}
	t.Logf("killed %d times; %d users were left without their role", kills, halfMade)
	assert.Positive(t, halfMade, "it was never met at work")

	p := startBrief(t, realm, realm.URL, nil)
	again := sendFailedAgain(t, p, realm, asked, answers)
	assert.Equal(t, http.StatusOK, send(t, http.MethodGet, p.URL+"/health", "").status)
	sendForRepair(t, realm, again, true)
	checkVeterans(t, realm, before)
}
