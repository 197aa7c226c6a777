package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"user-sync-service/test/keycloaktest"
)

// However much one caller reads, others change what they have to: none of them is refused.
func TestAdmission_ReadersTakeNoWritesAway(t *testing.T) {
	const readers, each = 250, 5
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "readers", CheapHash: true})
	addRealmUser(t, realm, teller("present"))
	p := serveWith(t, realm, environmentFor(realm, realm.URL))
	reader := bearer(administrator(t, realm))

	// write creates some users and switches them off, and returns how long each took.
	write := func(name string) (took []time.Duration) {
		for i := range each {
			user := fmt.Sprintf("%s%d", name, i)
			begun := time.Now()
			created := send(t, http.MethodPost, p.URL+syncPath, fmt.Sprintf(`{"username":%q,"email":"%[1]s@bank.example","role":"Cashier"}`, user), bearer(p.token))
			disabled := send(t, http.MethodPut, p.URL+"/users/"+user+"/status", `{"enabled":false}`, bearer(p.token))
			took = append(took, time.Since(begun))
			assert.Equal(t, []int{http.StatusCreated, http.StatusOK}, []int{created.status, disabled.status}, "%s %s", created.body, disabled.body)
		}
		slices.Sort(took)
		return took
	}
	quiet := write("quiet")
	var stop atomic.Bool
	var reading sync.WaitGroup
	var read, refused atomic.Int64
	for range readers {
		reading.Go(func() {
			for !stop.Load() {
				answer, err := trySend(t.Context(), http.MethodGet, p.URL+"/users/present/keycloak-status", "", reader)
				if err == nil && answer.status == http.StatusOK {
					read.Add(1)
				} else {
					refused.Add(1)
				}
			}
		})
	}
	eventually(t, func() bool { return read.Load() > readers/5 }, time.Minute, 10*time.Millisecond)
	busy := write("busy")
	stop.Store(true)
	reading.Wait()
	t.Logf("RESULT create and disable: median %s, longest %s alone; %s, %s beside %d readers, of whom %d were answered and %d refused",
		quiet[each/2], quiet[each-1], busy[each/2], busy[each-1], readers, read.Load(), refused.Load())
}
