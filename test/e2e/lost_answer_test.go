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
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// forRealmsWithAndWithoutAttributes runs a test with a program to which the answers to
// its creations are lost, and one that is in no trouble.
func forRealmsWithAndWithoutAttributes(t *testing.T, test func(t *testing.T, realm *keycloaktest.Realm, troubled, other *program)) {
	t.Helper()
	for _, keeps := range []bool{true, false} {
		t.Run(fmt.Sprintf("attributes kept %t", keeps), func(t *testing.T) {
			t.Parallel()
			realm := newRealm(t, keycloaktest.RealmOptions{Name: "lost", CheapHash: true})
			if keeps {
				keepAttributes(t, realm)
			}
			g := newGateway(t, realm.URL)
			// Only told: whoever loses a race would add a role of its own.
			report := map[string]string{"ON_EXISTING": "report"}
			troubled, other := serveSetting(t, realm, g.URL, report), serveSetting(t, realm, realm.URL, report)
			keycloak := proxyTo(t, realm.URL)
			lost := answerDropped(keycloak)
			g.breakWith(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/users") {
					lost(w, r)
					return
				}
				keycloak(w, r)
			})
			test(t, realm, troubled, other)
		})
	}
}

// A creation that Keycloak carries out and whose answer gets lost is finished all the
// same, whether or not the realm keeps a mark of it.
func TestLostAnswer_TheUserGetsTheRole(t *testing.T) {
	rounds := numberFrom(t, "LOST_ANSWER_ROUNDS", 5)
	forRealmsWithAndWithoutAttributes(t, func(t *testing.T, realm *keycloaktest.Realm, troubled, _ *program) {
		faulty := 0
		for round := range rounds {
			calm(t, troubled)
			username := fmt.Sprintf("lost%d", round)
			answer := troubled.send(t, http.MethodPost, syncPath, creation(username, "Cashier"))
			if fault := notCreatedWith(t, realm, username, answer, "teller", "tellers"); fault != "" {
				faulty++
				t.Logf("round %d: %s", round, fault)
			}
		}
		assert.Zero(t, faulty, "rounds of %d", rounds)
	})
}

// Two administrators create one employee at the same moment, with different roles, and
// the answer to one of them gets lost: one of the two has made the user, whose role and
// password are what the one was told, and the other made nothing.
func TestLostAnswer_OneOfTwoCreationsWins(t *testing.T) {
	rounds := numberFrom(t, "LOST_ANSWER_ROUNDS", 5)
	forRealmsWithAndWithoutAttributes(t, func(t *testing.T, realm *keycloaktest.Realm, troubled, other *program) {
		faulty, troubledWins := 0, 0
		for round := range rounds {
			calm(t, troubled)
			username := fmt.Sprintf("both%d", round)
			ask := func(p *program, role string, delay int) (answer reply, err error) {
				time.Sleep(time.Duration(delay) * time.Millisecond)
				return p.trySend(t.Context(), http.MethodPost, syncPath, creation(username, role))
			}
			var one, two reply
			var errOne, errTwo error
			var both sync.WaitGroup
			both.Go(func() { one, errOne = ask(troubled, "Cashier", round%3*2) })
			both.Go(func() { two, errTwo = ask(other, "Branch Manager", round/3%3*2) })
			both.Wait()
			require.NoError(t, errOne)
			require.NoError(t, errTwo)

			winner, loser, role, group := two, one, "branch-manager", "branch-managers"
			if one.status == http.StatusCreated {
				winner, loser, role, group = one, two, "teller", "tellers"
				troubledWins++
			}
			fault := notCreatedWith(t, realm, username, winner, role, group)
			if loser.status != http.StatusConflict && (loser.status != http.StatusOK || loser.member(t, "status") != "exists") {
				fault += fmt.Sprintf("the other: %d %s", loser.status, loser.body)
			}
			if fault != "" {
				faulty++
				t.Logf("round %d: %s", round, fault)
			}
		}
		t.Logf("the lost creation won %d rounds", troubledWins)
		assert.Zero(t, faulty, "rounds of %d", rounds)
	})
}

// calm makes some calls that succeed: when half of the latest fail, the circuit opens.
func calm(t *testing.T, p *program) {
	t.Helper()
	for range 3 {
		awaitCircuit(t, p)
	}
}

func creation(username, role string) string {
	return fmt.Sprintf(`{"username":%q,"email":"%s@bank.example","role":%q}`, username, username, role)
}

// notCreatedWith says why the answer is no true 201.
func notCreatedWith(t *testing.T, realm *keycloaktest.Realm, username string, answer reply, role, group string) (fault string) {
	t.Helper()
	user, found := realmAccount(t, realm, username)
	if found && (!slices.Equal(user.Roles, []string{role}) || !slices.Equal(user.Groups, []string{group})) {
		fault += fmt.Sprintf("the user has %q and %q; ", user.Roles, user.Groups)
	}
	if answer.status != http.StatusCreated {
		return fault + fmt.Sprintf("%d %s; ", answer.status, answer.body)
	}
	if user.ID != answer.member(t, "keycloak_user_id") {
		fault += "the user is another one; "
	}
	grant, err := realm.Login(t.Context(), username, answer.member(t, "temporary_password"))
	require.NoError(t, err)
	if grant.Description != "Account is not fully set up" {
		fault += "the password: " + grant.Description + "; "
	}
	return fault
}
