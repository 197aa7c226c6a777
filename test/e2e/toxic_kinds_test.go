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

// Each fault by itself, for as long as it takes, gives a quick and honest answer, and
// nobody is left half made. When it is over, the same creation succeeds without a restart.
func TestToxics_EachFaultOnACreate(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "toxics", CheapHash: true})
	keepMarks(t, realm)
	for i, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			c := newChaos(t, realm, 1)
			p := startBrief(t, realm, c.proxy.URL, nil)
			create := newCreate(fmt.Sprintf("toxic%02d", i))

			end, err := f.begin(t.Context(), c, 1)
			require.NoError(t, err)
			answer := create.send(t.Context(), p)
			require.NoError(t, end(t.Context()))
			require.NoError(t, answer.err)
			assert.Contains(t, f.onCreate, answer.code, answer.body)
			assert.LessOrEqual(t, answer.took, longestAnswer)
			if answer.status == http.StatusServiceUnavailable {
				assert.NotEmpty(t, answer.header.Get("Retry-After"))
			}
			c.mischief.settle(t)
			count := readCensus(t, realm)
			count.checkAnswer(t, create, answer)

			// The circuit may be open for a moment.
			eventually(t, func() bool {
				answer = create.send(t.Context(), p)
				return answer.status == http.StatusCreated || answer.status == http.StatusOK
			}, 30*time.Second, 100*time.Millisecond, "%s %v", answer.body, answer.err)
			count = readCensus(t, realm)
			count.checkAnswer(t, create, answer)
		})
	}
}
