package httpapi_test

import (
	"errors"
	"net/http"
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
		want members
	}{
		"nothing":         {reporting, whole, members{}},
		"nothing, repair": {repairing, whole, members{}},
		"both":            {reporting, domain.Assignment{}, members{"drift": members{"role": "teller", "group": "tellers"}}},
		"the role":        {reporting, group, members{"drift": members{"role": "teller"}}},
		"the group":       {reporting, role, members{"drift": members{"group": "tellers"}}},
		"both, repair":    {repairing, domain.Assignment{}, members{"repaired": members{"role": "teller", "group": "tellers"}}},
		"role, repair":    {repairing, group, members{"repaired": members{"role": "teller"}}},
		"group, repair":   {repairing, role, members{"repaired": members{"group": "tellers"}}},
	} {
		provider := newRealm(t)
		id := addIncomplete(t, provider, test.in)
		a := newAPI(t, provider, test.mode)

		answer := a.send(http.MethodPost, "/sync/user", incomplete)

		require.Equal(t, http.StatusOK, answer.status, "%s: %s", name, answer.body)
		test.want["status"], test.want["keycloak_user_id"] = "exists", string(id)
		test.want["message"] = "User ines already exists in Keycloak"
		assert.Equal(t, test.want, answer.object(), name)
	}
}

func TestSyncUser_WarnsOfAGroupThatTheRealmLacksInARepair(t *testing.T) {
	provider := memory.New(memory.Realm{Roles: []domain.RealmRole{"teller"}})
	id := addIncomplete(t, provider)
	answer := newAPI(t, provider, repairing).send(http.MethodPost, "/sync/user", incomplete)
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	assert.Equal(t, members{
		"status": "exists", "message": "User ines already exists in Keycloak", "keycloak_user_id": string(id),
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
