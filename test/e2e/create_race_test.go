package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

const simultaneous = 20

// createAtOnce sends all bodies at the same moment and returns the answers by status.
func createAtOnce(t *testing.T, p *program, bodies []string) map[int][]reply {
	t.Helper()
	start := make(chan struct{})
	answers := make([]reply, len(bodies))
	errs := make([]error, len(bodies))
	var all sync.WaitGroup
	for i, body := range bodies {
		all.Go(func() {
			<-start
			answers[i], errs[i] = p.trySend(t.Context(), http.MethodPost, syncPath, body)
		})
	}
	close(start)
	all.Wait()
	byStatus := make(map[int][]reply)
	for i, answer := range answers {
		require.NoError(t, errs[i])
		byStatus[answer.status] = append(byStatus[answer.status], answer)
	}
	return byStatus
}

// An administrator who clicks twice, or two who create the same employee, get one user
// and no error. Keycloak's own answers to the losers of such a race mislead.
func TestCreate_OneOfTwentyAtOnceWins(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "race", CheapHash: true})
	environment := environmentFor(realm, realm.URL)
	// However slow the machine is, nobody is refused for it.
	environment["REQUEST_TIMEOUT"], environment["SHUTDOWN_TIMEOUT"] = "60s", "70s"
	p := serveWith(t, realm, environment)

	for round := range 10 {
		t.Run(fmt.Sprintf("one username, round %d", round), func(t *testing.T) {
			name := fmt.Sprintf("racer%d", round)
			bodies := make([]string, simultaneous)
			for i := range bodies {
				bodies[i] = fmt.Sprintf(`{"username":%q,"email":"%s@bank.example","role":"Cashier"}`, name, name)
			}
			answers := createAtOnce(t, p, bodies)
			require.Len(t, answers[http.StatusCreated], 1, "%v", answers)
			require.Len(t, answers[http.StatusOK], simultaneous-1, "%v", answers)

			id := answers[http.StatusCreated][0].member(t, "keycloak_user_id")
			for _, loser := range answers[http.StatusOK] {
				assert.Equal(t, id, loser.member(t, "keycloak_user_id"))
			}
			user, found := realmAccount(t, realm, name)
			require.True(t, found)
			assert.Equal(t, id, user.ID)
			assert.Equal(t, []string{"teller"}, user.Roles)
			assert.Equal(t, []string{"tellers"}, user.Groups)
		})
		t.Run(fmt.Sprintf("one e-mail address, round %d", round), func(t *testing.T) {
			email := fmt.Sprintf("shared%d@bank.example", round)
			bodies := make([]string, simultaneous)
			for i := range bodies {
				bodies[i] = fmt.Sprintf(`{"username":"sharer%d-%d","email":%q,"role":"Cashier"}`, round, i, email)
			}
			answers := createAtOnce(t, p, bodies)
			require.Len(t, answers[http.StatusCreated], 1, "%v", answers)
			require.Len(t, answers[http.StatusConflict], simultaneous-1, "%v", answers)
			for _, loser := range answers[http.StatusConflict] {
				assert.Equal(t, "email_conflict", loser.member(t, "code"))
			}
			count, err := realm.CountByEmail(t.Context(), email)
			require.NoError(t, err)
			assert.Equal(t, 1, count)
		})
	}
}

// While the winner of a race is at work, Keycloak 24.0 already refuses the losers and shows
// nobody yet. Who is seen before the time is up exists; else the caller is to come again.
func TestCreate_LostToSomebodyWhoIsNotSeenYet(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "unseen", CheapHash: true})
	g := newGateway(t, realm.URL)
	environment := environmentFor(realm, g.URL)
	environment["KEYCLOAK_TIMEOUT"], environment["REQUEST_TIMEOUT"] = "1s", "3s"
	p := serveWith(t, realm, environment)
	keycloak, refused := proxyTo(t, realm.URL), make(chan struct{}, 1)
	g.breakWith(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/users") {
			status(http.StatusConflict, "application/json", `{"errorMessage":"User exists with same username or email"}`)(w, r)
			refused <- struct{}{}
			return
		}
		keycloak(w, r)
	})
	create := func(name string) <-chan reply {
		answered := make(chan reply, 1)
		go func() {
			answer, _ := p.trySend(t.Context(), http.MethodPost, syncPath, creation(name, "Cashier"))
			answered <- answer
		}()
		<-refused
		return answered
	}
	answered := create("winner")
	addRealmUser(t, realm, teller("winner"))
	answer := <-answered
	assert.Equal(t, http.StatusOK, answer.status, answer.body)

	answer = <-create("nobody")
	assert.Equal(t, http.StatusServiceUnavailable, answer.status, answer.body)
	assert.NotEmpty(t, answer.header.Get("Retry-After"))
}
