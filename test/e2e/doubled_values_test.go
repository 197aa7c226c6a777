package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// Keycloak may hold a value twice where the user profile allows one, and then refuses
// each write of that user. Whatever is asked for is done all the same, and the values
// are mended on the way, also such as the service knows nothing of. Only those that the
// profile requires may stay: Keycloak does not let them be taken away for a moment.
func TestDoubledValues_DoNotHinderAWrite(t *testing.T) {
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "doubled", CheapHash: true})
	keepAttributes(t, realm)
	require.NoError(t, realm.DeclareAttributes(t.Context(), "badge", "grade")) // The bank's own.
	p := serveRealm(t, realm, realm.URL)
	required := map[string]bool{"employee_id": true, "grade": true}
	require.NoError(t, realm.ChangeProfile(t.Context(), func(profile map[string]any) {
		for _, attribute := range profile["attributes"].([]any) {
			if attribute := attribute.(map[string]any); required[attribute["name"].(string)] {
				attribute["required"] = map[string]any{"roles": []string{"admin"}}
			}
		}
	}))
	for _, doubled := range []string{"office_id", "badge", "employee_id", "grade"} {
		for name, request := range map[string]rival{
			"disable":               disabling(),
			"force":                 forcing(),
			"rename":                editing(`{"lastName":"Renamed"}`, facts{"lastName": "Renamed"}),
			"edit of an attribute":  editing(`{"officeName":"HQ"}`, facts{"attributes.office_name": "HQ"}),
			"edit to another value": editing(`{"officeId":77,"employeeId":"77"}`, facts{"attributes.office_id": "77", "attributes.employee_id": "77"}),
			"edit to the value":     editing(`{"officeId":{value},"employeeId":"{value}"}`, facts{"attributes.office_id": "{value}", "attributes.employee_id": "{value}"}),
			"move":                  move("Branch Manager", "branch-manager", "branch-managers"),
		} {
			t.Run(doubled+", "+name, func(t *testing.T) {
				t.Parallel()
				username := doubled + "-" + strings.ReplaceAll(name, " ", "-")
				id := addCashier(t, realm, username, true, map[string]any{"fineract_role": "Cashier", "office_id": "1", "employee_id": "1", "badge": "1", "grade": "1"})
				value := double(t, realm, id, doubled)
				want := factsOf(t, realm, id)
				want["attributes."+doubled] = value
				for name, made := range request.makes {
					want[name] = strings.ReplaceAll(made, "{value}", value)
				}
				answer := p.send(t, request.method, "/users/"+username+request.path, strings.ReplaceAll(request.body, "{value}", value))
				assert.Equal(t, http.StatusOK, answer.status, answer.body)
				got := factsOf(t, realm, id)
				if twice := value + "," + value; required[doubled] && got["attributes."+doubled] == twice {
					got["attributes."+doubled] = value
				}
				assert.Equal(t, want, got)
			})
		}
	}
}

// double makes Keycloak hold a value of an attribute twice, by two updates at once, and
// returns it.
func double(t *testing.T, realm *keycloaktest.Realm, id, attribute string) (value string) {
	t.Helper()
	var user map[string]any
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/users/"+id, nil, &user))
	for attempt := range 200 {
		value = strconv.Itoa(5 + attempt%2)
		user["attributes"].(map[string]any)[attribute] = []string{value}
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { _ = realm.UpdateUser(t.Context(), id, user) }) // One may be refused.
		}
		both.Wait()
		if factsOf(t, realm, id)["attributes."+attribute] == value+","+value {
			return value
		}
	}
	require.Fail(t, "no value is there twice")
	return ""
}
