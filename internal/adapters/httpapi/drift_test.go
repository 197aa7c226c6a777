package httpapi_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// The answer for a user who exists is fixed by the contract; what the user lacks, and
// what it was given, are members beside that.

// incomplete is a cashier whom addIncomplete puts into the realm.
const incomplete = `{"username":"ines","email":"ines@bank.example","role":"Cashier"}`

// addIncomplete adds a user whom the service created, but not to the end.
func addIncomplete(t *testing.T, provider *memory.Provider, in ...domain.Assignment) domain.UserID {
	t.Helper()
	id, err := provider.AddUser(domain.User{Username: "ines", Email: "ines@bank.example", Enabled: true, Managed: true}, "", in...)
	require.NoError(t, err)
	return id
}

// repairing gives users what they lack.
func repairing(with *settings) { with.app.Repair = true }

// reporting does not, as is the default.
func reporting(*settings) {}

func TestSyncUser_TellsWhatAnExistingUserLacksAndWasGiven(t *testing.T) {
	role, group := domain.Assignment{Role: "teller"}, domain.Assignment{Group: "tellers"}
	whole := domain.Assignment{Role: "teller", Group: "tellers"}
	for name, test := range map[string]struct {
		mode func(*settings)
		in   domain.Assignment
		lack string // how the message goes on
		want members
	}{
		"nothing":         {reporting, whole, "", members{}},
		"nothing, repair": {repairing, whole, "", members{}},
		"both":            {reporting, domain.Assignment{}, ", but lacks the role teller and the group tellers", members{"drift": members{"role": "teller", "group": "tellers"}}},
		"the role":        {reporting, group, ", but lacks the role teller", members{"drift": members{"role": "teller"}}},
		"the group":       {reporting, role, ", but lacks the group tellers", members{"drift": members{"group": "tellers"}}},
		"both, repair":    {repairing, domain.Assignment{}, "", members{"repaired": members{"role": "teller", "group": "tellers"}}},
		"role, repair":    {repairing, group, "", members{"repaired": members{"role": "teller"}}},
		"group, repair":   {repairing, role, "", members{"repaired": members{"group": "tellers"}}},
	} {
		provider := newRealm(t)
		id := addIncomplete(t, provider, test.in)
		a := newAPI(t, provider, test.mode)

		answer := a.send(http.MethodPost, "/sync/user", incomplete)

		require.Equal(t, http.StatusOK, answer.status, "%s: %s", name, answer.body)
		test.want["status"], test.want["keycloak_user_id"] = "exists", string(id)
		test.want["message"] = "User ines already exists in Keycloak" + test.lack
		assert.Equal(t, test.want, answer.object(), name)
	}
}

// The toast of the web app has room for 90 characters.
func TestSyncUser_ALongMessageTellsOfTheRoleAlone(t *testing.T) {
	provider := newRealm(t)
	addIncomplete(t, provider)
	answer := newAPI(t, provider).send(http.MethodPost, "/sync/user", strings.Replace(incomplete, "Cashier", "Account Manager", 1))
	assert.Equal(t, "User ines already exists in Keycloak, but lacks the role account-manager", answer.object()["message"])
	assert.Equal(t, members{"role": "account-manager", "group": "account-managers"}, answer.object()["drift"])
}

func TestSyncUser_WarnsOfAGroupThatTheRealmLacksInARepair(t *testing.T) {
	provider := memory.New(memory.Realm{Roles: []domain.RealmRole{"teller"}})
	id := addIncomplete(t, provider)
	answer := newAPI(t, provider, repairing).send(http.MethodPost, "/sync/user", incomplete)
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	assert.Equal(t, members{
		"status": "exists", "message": "User ines already exists in Keycloak, but lacks the group tellers", "keycloak_user_id": string(id),
		"warnings": []any{"The group 'tellers' does not exist and was left out."},
		"drift":    members{"group": "tellers"},
		"repaired": members{"role": "teller"},
	}, answer.object())
}

// A repair is a change like any other: the administrator must not hear of it as done.
func TestSyncUser_ARepairThatCannotBeRecordedIsNoSuccess(t *testing.T) {
	full := &domain.Error{Kind: domain.AuditUnavailable, Err: errors.New("no space left on device")}
	provider := newRealm(t)
	addIncomplete(t, provider)
	a := newAPI(t, provider, repairing)
	a.audit.recordErr = full
	a.send(http.MethodPost, "/sync/user", incomplete).
		failed(http.StatusServiceUnavailable, "audit_unavailable", "The change was made, but could not be put on record. Please report this.")
	a.send(http.MethodPost, "/sync/user", incomplete).
		failed(http.StatusServiceUnavailable, "audit_unavailable", "Changes cannot be put on record now, so none are made.", "there is none to make any more")
}
