package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// An edit in the admin web app is an edit of the account, and of nothing beside what was
// edited.

func TestUpdateUser_ChangesOnlyWhatWasSent(t *testing.T) {
	for body, change := range map[string]func(*domain.User){
		`{"email":"new@bank.example"}`:   func(u *domain.User) { u.Email = "new@bank.example" },
		`{"firstName":"Änne"}`:           func(u *domain.User) { u.FirstName = "Änne" },
		`{"lastName":""}`:                func(u *domain.User) { u.LastName = "" },
		`{"officeId":2}`:                 func(u *domain.User) { u.Attributes[domain.OfficeID] = "2" },
		`{"officeId":""}`:                func(u *domain.User) { delete(u.Attributes, domain.OfficeID) },
		`{"officeName":" "}`:             func(u *domain.User) { delete(u.Attributes, domain.OfficeName) },
		`{"userId":7,"employeeId":"E1"}`: func(u *domain.User) { u.Attributes[domain.FineractUserID], u.Attributes[domain.EmployeeID] = "7", "E1" },
		`{"userId":0,"lastName":"New"}`:  func(u *domain.User) { u.LastName = "New" },
		`{"email":null,"role":null,"lastName":"New","officeId":null}`:      func(u *domain.User) { u.LastName = "New" },
		`{"username":"ines","lastName":"New"}`:                             func(u *domain.User) { u.LastName = "New" },
		`{"username":"INES","lastName":"New","enabled":false,"Email":"x"}`: func(u *domain.User) { u.LastName = "New" },
		`{"email":"INES@bank.example","lastName":"Old"}`:                   func(*domain.User) {},
	} {
		provider := newRealm(t)
		_, err := provider.AddUser(domain.User{
			Username: "ines", Email: "ines@bank.example", FirstName: "Ines", LastName: "Old", Enabled: true, RequiredActions: []domain.RequiredAction{domain.VerifyEmail},
			Attributes: domain.Attributes{domain.FineractUserID: "42", domain.OfficeID: "1", domain.OfficeName: "Head Office"}, Managed: true, TrustedID: true,
		}, "", domain.Assignment{Role: "teller", Group: "tellers"})
		require.NoError(t, err)
		want := userNamed(t, provider, "ines")
		a := newAPI(t, provider)

		answer := a.send(http.MethodPut, "/users/Ines", body)

		require.Equal(t, http.StatusOK, answer.status, "%s: %s", body, answer.body)
		assert.Equal(t, members{
			"status": "success", "message": "User Ines updated successfully", "username": "Ines", "keycloak_user_id": string(want.ID),
		}, answer.object(), body)
		change(&want)
		assert.Equal(t, want, userNamed(t, provider, "ines"), body)
		status := a.send(http.MethodGet, "/users/ines/keycloak-status", "").object()["keycloak_user"].(members)
		assert.Equal(t, []any{"teller"}, status["roles"], body)
		assert.Equal(t, []any{"tellers"}, status["groups"], body)
	}
}

func TestUpdateUser_TellsHowTheUserWasMoved(t *testing.T) {
	for name, test := range map[string]struct {
		in   domain.Assignment
		role string
		want members
	}{
		"to another job":        {domain.Assignment{Role: "teller", Group: "tellers"}, "Branch Manager", members{"assigned": members{"role": "branch-manager", "group": "branch-managers"}, "removed": members{"roles": []any{"teller"}, "groups": []any{"tellers"}}}},
		"to one without group":  {domain.Assignment{Role: "teller", Group: "tellers"}, "Accountant", members{"assigned": members{"role": "accountant"}, "removed": members{"roles": []any{"teller"}, "groups": []any{"tellers"}}}},
		"from nothing":          {domain.Assignment{}, "Accountant", members{"assigned": members{"role": "accountant"}, "removed": members{"roles": []any{}, "groups": []any{}}}},
		"out of another group":  {domain.Assignment{Role: "accountant", Group: "head-office"}, "Accountant", members{"removed": members{"roles": []any{}, "groups": []any{"head-office"}}}},
		"to what was there":     {domain.Assignment{Role: "teller", Group: "tellers"}, " cashier ", members{}},
		"to what nobody knows ": {domain.Assignment{Role: "staff"}, "Tea Maker", members{}},
	} {
		provider := newRealm(t)
		id := addIncomplete(t, provider, test.in)
		answer := newAPI(t, provider).send(http.MethodPut, "/users/ines", `{"role":"`+test.role+`"}`)
		require.Equal(t, http.StatusOK, answer.status, "%s: %s", name, answer.body)
		test.want["status"], test.want["message"], test.want["username"], test.want["keycloak_user_id"] = "success", "User ines updated successfully", "ines", string(id)
		assert.Equal(t, test.want, answer.object(), name)
	}
}

func TestUpdateUser_WarnsOfWhatTheRealmLacks(t *testing.T) {
	provider := memory.New(memory.Realm{Roles: []domain.RealmRole{"accountant", "teller"}, LacksAttributes: domain.AllAttributes()})
	id := addIncomplete(t, provider, domain.Assignment{Role: "accountant"})
	answer := newAPI(t, provider).send(http.MethodPut, "/users/ines", `{"role":"Cashier","officeName":"North"}`)
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	assert.Equal(t, members{
		"status": "success", "message": "User ines updated successfully", "username": "ines", "keycloak_user_id": string(id),
		"assigned": members{"role": "teller"}, "removed": members{"roles": []any{"accountant"}, "groups": []any{}},
		"warnings": []any{"attributes not stored: fineract_role, office_name", "The group 'tellers' does not exist and was left out."},
	}, answer.object())
}

func TestUpdateUser_RefusesWhatIsNoEdit(t *testing.T) {
	const nothing = "There is nothing to change: send at least one field, such as email or role."
	for body, test := range map[string]struct{ code, message string }{
		`{}`:                                     {"missing_field", nothing},
		`{"x":1,"Email":"new@bank.example"}`:     {"missing_field", nothing},
		`{"email":null,"role":null}`:             {"missing_field", nothing},
		`{"username":"anna"}`:                    {"missing_field", nothing},
		`{"userId":0}`:                           {"missing_field", nothing},
		`{"role":""}`:                            {"missing_field", "Role is required"},
		`{"role":" ","lastName":"New"}`:          {"missing_field", "Role is required"},
		`{"role":1}`:                             {"invalid_field", "The field 'role' must be a string."},
		`{"email":"","lastName":"New"}`:          {"invalid_field", "The field 'email' must not be empty."},
		`{"email":"nobody"}`:                     {"invalid_field", "The field 'email' must be an e-mail address."},
		`{"email":["new@bank.example"]}`:         {"invalid_field", "The field 'email' must be a string."},
		`{"lastName":false}`:                     {"invalid_field", "The field 'lastName' must be a string."},
		`{"lastName":"\ud800"}`:                  {"invalid_field", "The field 'lastName' contains a broken character."},
		`{"username":"dora","lastName":"New"}`:   {"invalid_field", "The field 'username' cannot be changed."},
		`{"username":"anna ","lastName":"New"}`:  {"invalid_field", "The field 'username' cannot be changed."},
		`{"username":"","lastName":"New"}`:       {"invalid_field", "The field 'username' cannot be changed."},
		`{"username":42,"lastName":"New"}`:       {"invalid_field", "The field 'username' must be a string."},
		`{"firstName":"<b>","lastName":"New"}`:   {"invalid_field", "The field 'firstName' contains a character that is not allowed."},
		`{"role":"Cashier","officeId":"second"}`: {"invalid_field", "The field 'officeId' must be a whole number, not below zero."},
	} {
		provider := newRealm(t)
		newAPI(t, provider).send(http.MethodPut, "/users/anna", body).failed(http.StatusBadRequest, test.code, test.message, body)
		untouched(t, provider)
		assert.LessOrEqual(t, len(test.message), 90)
	}
}

func TestUpdateUser_LooksAtTheBodyBeforeTheUser(t *testing.T) {
	a := newAPI(t, newRealm(t))
	for _, name := range []string{"nobody", "%00", "service-account-x"} {
		a.send(http.MethodPut, "/users/"+name, `{"role":""}`).failed(http.StatusBadRequest, "missing_field", "Role is required", name)
	}
	a.send(http.MethodPut, "/users/nobody", `{"role":"Cashier"}`).failed(http.StatusNotFound, "user_not_found", "User nobody not found")
}

func TestUpdateUser_RefusesAnAddressOfAnotherUser(t *testing.T) {
	provider := newRealm(t)
	newAPI(t, provider).send(http.MethodPut, "/users/anna", `{"email":"DORA@bank.example","lastName":"New"}`).
		failed(http.StatusConflict, "email_conflict", "This e-mail address belongs to another user.")
	untouched(t, provider)
}

func TestUpdateUser_MovesNobodyToMoreThanMapped(t *testing.T) {
	provider := newRealm(t)
	a := newAPI(t, provider, func(with *settings) { with.app.Guard.PrivilegedRoles = []domain.RealmRole{"loan-officer"} })
	a.send(http.MethodPut, "/users/anna", edit).
		failed(http.StatusForbidden, "privilege_escalation", "Nothing was changed: the user would also get the role 'loan-officer'.")
	untouched(t, provider)
}

func TestUpdateUser_ActorsCannotChangeTheirOwnRole(t *testing.T) {
	provider := newRealm(t)
	a := newAPI(t, provider, enforcing)
	a.sendAsActor("anna", http.MethodPut, "/users/anna", edit).failed(http.StatusForbidden, "protected_user", "You cannot do this to your own account.")
	untouched(t, provider)
	answer := a.sendAsActor("anna", http.MethodPut, "/users/anna", `{"role":"Cashier","lastName":"Edited"}`)
	assert.Equal(t, http.StatusOK, answer.status, answer.body)
	assert.Equal(t, "Edited", userNamed(t, provider, "anna").LastName)
}

// Between two steps the administrator must learn that there is one left.
func TestUpdateUser_SaysThatItIsIncomplete(t *testing.T) {
	for _, method := range []string{"Assign", "Unassign"} {
		provider := newRealm(t)
		failures := failing{provider, map[string]error{method: failureOf(domain.Unavailable)}}
		a := newAPI(t, failures)
		a.send(http.MethodPut, "/users/anna", edit).
			failed(http.StatusServiceUnavailable, "provider_unavailable", "The change is incomplete. Please send it again.", method)
		delete(failures.errs, method)
		answer := a.send(http.MethodPut, "/users/anna", edit)
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		status := a.send(http.MethodGet, "/users/anna/keycloak-status", "").object()["keycloak_user"].(members)
		assert.Equal(t, fmt.Sprint([]any{"loan-officer"}, []any{"loan-officers"}, "Edited"), fmt.Sprint(status["roles"], status["groups"], status["lastName"]), method)
	}
}
