package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// write is a change that Keycloak has made for the service's account, by its admin events.
type write struct {
	Time           int64  // milliseconds since 1970
	OperationType  string // CREATE, UPDATE, DELETE or ACTION
	ResourceType   string
	ResourcePath   string // users/<id>, users/<id>/logout, ...
	Representation string
}

// at is when Keycloak made the change.
func (w write) at() time.Time { return time.UnixMilli(w.Time) }

// target is the id of the user who was changed.
func (w write) target() string {
	path := strings.Split(w.ResourcePath, "/")
	if len(path) < 2 || path[0] != "users" {
		return ""
	}
	return path[1]
}

// kind is the change without the id of the user.
func (w write) kind() string {
	return w.OperationType + " " + strings.Replace(w.ResourcePath, w.target(), "{id}", 1)
}

// ledger looks up what the service has written in a realm.
type ledger struct {
	realm   *keycloaktest.Realm
	account string // the id of the service's own user
}

func ledgerOf(t *testing.T, realm *keycloaktest.Realm) ledger {
	t.Helper()
	return ledger{realm, userID(t, realm, "service-account-"+realm.ClientID)}
}

// writes are the changes since the realm exists, the oldest first. Keycloak notes them
// together with the change itself.
func (l ledger) writes(t *testing.T) []write {
	t.Helper()
	query := url.Values{"authUser": {l.account}, "direction": {"asc"}, "max": {"100000"}}
	var writes []write
	require.NoError(t, l.realm.Call(t.Context(), http.MethodGet, "/admin-events?"+query.Encode(), nil, &writes))
	return writes
}

// unchanged checks that nothing has been written since there were as many writes.
func (l ledger) unchanged(t *testing.T, before int) {
	t.Helper()
	writes := l.writes(t)
	if len(writes) != before {
		t.Errorf("written nonetheless: %v", writes[before:])
	}
}
