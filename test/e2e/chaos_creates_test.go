//go:build chaos

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"user-sync-service/test/keycloaktest"
)

// newSeed is CHAOS_SEED, or a new one. It decides which faults come in which order and
// for how long; what they meet is up to the machine.
func newSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(numberFrom(t, "CHAOS_SEED", rand.IntN(1_000_000)))
	t.Logf("CHAOS_SEED=%d", seed)
	return seed
}

// Whatever goes wrong between the program and Keycloak while thousands of users are
// created: each request gets one answer in time, the answer is true, and nobody who was
// there before is touched. In calm, sending what failed once more puts all in order.
func TestChaos_Creates(t *testing.T) {
	creates := numberFrom(t, "CHAOS_CREATES", 2000)
	for _, run := range []struct {
		name    string
		creates int
		marks   bool // the realm stores the attributes by which the program knows its users
		mode    string
	}{
		{"marks stored", creates, true, "off"},
		{"no marks", creates / 4, false, "off"},
		{"callers checked", creates / 4, true, "enforce"},
	} {
		t.Run(run.name, func(t *testing.T) {
			t.Parallel() // They mostly wait for faults.
			seed := newSeed(t)
			realm := newRealm(t, keycloaktest.RealmOptions{Name: "chaos", CheapHash: true})
			if run.marks {
				keepMarks(t, realm)
			}
			c := newChaos(t, realm, seed)
			before := plantVeterans(t, realm)
			p := startBrief(t, realm, c.proxy.URL, map[string]string{"AUTH_MODE": run.mode})
			if run.mode == "enforce" {
				p.token = administrator(t, realm)
				p.awaitKeys(t)
			}

			asked := chaosCreates(run.creates)
			answers := c.sendAmidFaults(t, p, asked, rand.New(rand.NewPCG(seed, 2)))
			c.mischief.settle(t)
			report(t, answers)
			checkChaos(t, p, realm, asked, answers)
			checkVeterans(t, realm, before)

			again := sendFailedAgain(t, p, realm, asked, answers)
			checkVeterans(t, realm, before)
			sendForRepair(t, realm, again, run.marks)
			checkVeterans(t, realm, before)
		})
	}
}

// chaosCreates is n creations of new employees, with one for a veteran now and then.
func chaosCreates(n int) []create {
	var asked []create
	for i := range n {
		asked = append(asked, newCreate(fmt.Sprintf("chaos%06d", i)))
		if i%20 == 0 {
			asked = append(asked, veteranCreate(i/20))
		}
	}
	return asked
}

// chaosRate is how many creations are asked for in a second, and chaosAtOnce how many
// may be under way.
const (
	chaosRate   = 25
	chaosAtOnce = 16
)

// sendAmidFaults asks for the creations while things go wrong.
func (c chaos) sendAmidFaults(t *testing.T, p *program, asked []create, random *rand.Rand) []createAnswer {
	t.Helper()
	faulty, stop := context.WithCancel(t.Context())
	var driving, sending sync.WaitGroup
	var happened map[string]int
	driving.Go(func() { happened = c.drive(faulty, t, random) })

	answers := make([]createAnswer, len(asked))
	next := make(chan int)
	for range chaosAtOnce {
		sending.Go(func() {
			for i := range next {
				answers[i] = asked[i].send(t.Context(), p, "X-Request-Id: "+requestID(i))
			}
		})
	}
	pace := time.NewTicker(time.Second / chaosRate)
	defer pace.Stop()
	for i := range asked {
		<-pace.C
		next <- i
	}
	close(next)
	sending.Wait()
	stop()
	driving.Wait()
	t.Logf("faults: %v", happened)
	return answers
}

func requestID(i int) string { return fmt.Sprintf("chaos-request-%d", i) }

// report logs what the answers were and how long they took.
func report(t *testing.T, answers []createAnswer) {
	t.Helper()
	codes := make(map[string]int)
	took := make([]time.Duration, 0, len(answers))
	late := 0
	for _, answer := range answers {
		codes[cmp.Or(answer.code, "none")]++
		took = append(took, answer.took)
		if answer.took > briefRequest+time.Second {
			late++
		}
	}
	slices.Sort(took)
	t.Logf("%d answers: %v", len(answers), codes)
	t.Logf("they took: median %s, p99 %s, longest %s; %d took longer than %s", took[len(took)/2], took[len(took)*99/100],
		took[len(took)-1], late, briefRequest+time.Second)
}

// possibleCodes are the answers that make sense for a creation amid faults.
func possibleCodes(asked create) []string {
	codes := []string{"partial", "bad_gateway", "provider_unavailable", "provider_timeout", "overloaded", "internal"}
	if asked.veteran {
		return append(codes, "exists", "username_conflict", "email_conflict")
	}
	return append(codes, "created")
}

// checkChaos checks the answers against the realm, the audit log and the metrics.
func checkChaos(t *testing.T, p *program, realm *keycloaktest.Realm, asked []create, answers []createAnswer) {
	t.Helper()
	found := readCensus(t, realm)
	partial := 0
	for i, answer := range answers {
		if !assert.NoError(t, answer.err, asked[i].username) {
			continue
		}
		assert.LessOrEqual(t, answer.took, longestAnswer, "%s: %s", asked[i].username, answer.body)
		assert.Contains(t, possibleCodes(asked[i]), answer.code, "%s: %d %s", asked[i].username, answer.status, answer.body)
		found.checkAnswer(t, asked[i], answer)
		switch {
		case answer.status == http.StatusServiceUnavailable:
			assert.NotEmpty(t, answer.header.Get("Retry-After"), answer.body)
		case answer.code == "partial":
			partial++
		}
	}
	assert.Equal(t, strconv.Itoa(partial), metric(t, p, "usersync_partial_users_total"))
	t.Logf("the passwords of %d users were tried", checkPasswords(t, realm, asked, answers))

	events := make(map[string]int)
	for _, event := range auditEvents(t, p) {
		events[event.RequestID]++
	}
	for i := range asked {
		assert.Equal(t, 1, events[requestID(i)], "audit events of request %d", i)
	}
}
