//go:build chaos

package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"user-sync-service/test/keycloaktest"
)

// sendFailedAgain sends the creations that failed once more, in calm, and returns them:
// each user is whole now, or the answer says what is missing.
func sendFailedAgain(t *testing.T, p *program, realm *keycloaktest.Realm, asked []create, answers []createAnswer) (again []create) {
	t.Helper()
	for i, answer := range answers {
		if !asked[i].veteran && answer.code != "created" {
			again = append(again, asked[i])
		}
	}
	awaitHealth(t, p.URL, http.StatusOK)
	second := sendInCalm(t, p, again)
	found := readCensus(t, realm)
	drifting := 0
	for i, asked := range again {
		found.checkAnswer(t, asked, second[i])
		if second[i].drift.Role != "" || second[i].drift.Group != "" {
			drifting++
		}
	}
	checkPasswords(t, realm, again, second)
	t.Logf("%d creations were sent again; then %d users lacked something, which the answers said", len(again), drifting)
	return again
}

// sendForRepair sends creations and those for veterans to a program that repairs: then
// the new users are whole, if the realm tells that they are the program's own.
func sendForRepair(t *testing.T, realm *keycloaktest.Realm, asked []create, marks bool) {
	t.Helper()
	p := startBrief(t, realm, realm.URL, map[string]string{"ON_EXISTING": "repair"})
	for i := range veteranCount * len(veteranVariants) {
		veteranCreate(i).send(t.Context(), p)
	}
	answers := sendInCalm(t, p, asked)
	repaired := 0
	found := readCensus(t, realm)
	for i, asked := range asked {
		found.checkAnswer(t, asked, answers[i])
		if answers[i].repaired.Role != "" || answers[i].repaired.Group != "" {
			repaired++
		}
		if marks {
			_, group, there := found.lacks(asked)
			assert.True(t, there && group == "" && found.holds(asked.username, asked.realmRole), asked.username)
		}
	}
	assert.True(t, marks || repaired == 0)
	t.Logf("%d users were repaired", repaired)
}

// sendInCalm sends each creation until it succeeds: the circuit may be open for a
// moment, and a busy test machine may be too slow for the short budgets.
func sendInCalm(t *testing.T, p *program, asked []create) []createAnswer {
	t.Helper()
	answers := make([]createAnswer, len(asked))
	var all errgroup.Group
	all.SetLimit(8)
	for i, c := range asked {
		all.Go(func() error {
			for end := time.Now().Add(30 * time.Second); ; wait(t.Context(), 100*time.Millisecond) {
				answers[i] = c.send(t.Context(), p)
				switch {
				case answers[i].code == "created" || answers[i].code == "exists":
					return nil
				case answers[i].err != nil || time.Now().After(end):
					return fmt.Errorf("%s: %s %w", c.username, answers[i].body, answers[i].err)
				}
			}
		})
	}
	require.NoError(t, all.Wait())
	return answers
}
