//go:build chaos

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// After a quiet time the first token of all is refused if the realm has dropped its key
// meanwhile; nobody has come before it to have the keys fetched anew.
func TestChaos_QuietTimeForgetsDroppedKeys(t *testing.T) {
	const quiet = 330 * time.Second
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "quiet", CheapHash: true})
	key := plantKey(t, realm, 50)
	p := serveRealm(t, realm, realm.URL)
	addRealmUser(t, realm, teller("target"))
	token := key.sign(t, claimsOf(t, p.token).with(claims{"exp": time.Now().Add(time.Hour).Unix()}), nil)
	read := attempts()[4].on("target", "")
	assertVerdict(t, granted, read, read.sendWith(t, p, bearer(token)))
	removeKey(t, realm, key.id)
	due := time.Now().Add(quiet)
	t.Parallel() // The other tests run meanwhile.
	time.Sleep(time.Until(due))
	assertVerdict(t, unauthenticated, read, read.sendWith(t, p, bearer(token)))
	grant, err := realm.NewActor(t.Context(), "late", "admin")
	require.NoError(t, err)
	assertVerdict(t, granted, read, read.sendWith(t, p, bearer(grant.AccessToken)))
}
