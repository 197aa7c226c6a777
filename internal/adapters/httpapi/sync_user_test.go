package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// A 201 is a promise: the user exists with that role, that group and that password. A
// 200 lets the web app go on with the account, so it must be the employee's own.

func TestSyncUser_CreatesTheUserAsAnswered(t *testing.T) {
	provider := newRealm(t)
	a := newAPI(t, provider)

	answer := a.send(http.MethodPost, "/sync/user", employeeWith(t, members{"username": "Tariq.O", "firstName": "Tariq", "lastName": "Öz"}))

	require.Equal(t, http.StatusCreated, answer.status, answer.body)
	assert.Equal(t, "no-store", answer.header.Get("Cache-Control"))
	created := userNamed(t, provider, "tariq.o")
	object := answer.object()
	password := object["temporary_password"].(string)
	assert.Equal(t, members{
		"status":             "success",
		"message":            "User Tariq.O synced to Keycloak successfully",
		"keycloak_user_id":   string(created.ID),
		"temporary_password": password,
		"required_actions":   []any{"UPDATE_PASSWORD", "VERIFY_EMAIL", "webauthn-register"},
	}, object)
	assert.Equal(t, domain.User{
		ID: created.ID, Username: "tariq.o", Email: "tariq@bank.example", FirstName: "Tariq", LastName: "Öz", Enabled: true, EmailVerified: true,
		RequiredActions: []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor}, Attributes: domain.Attributes{domain.FineractRoleName: "Cashier"}, CreatedAt: created.CreatedAt, Managed: true, TrustedID: true,
	}, created)
	assert.GreaterOrEqual(t, len(password), 16)
	_, err := provider.SignIn("tariq.o", password)
	require.ErrorIs(t, err, memory.NotSetUp, "the password is not the user's")
	_, err = provider.SignIn("tariq.o", password+"x")
	require.ErrorIs(t, err, memory.WrongPassword)
}

func TestSyncUser_GivesTheMappedRoleAndGroup(t *testing.T) {
	for role, want := range map[string]struct{ roles, groups []any }{
		"Cashier":        {[]any{"teller"}, []any{"tellers"}},
		"  cashier ":     {[]any{"teller"}, []any{"tellers"}},
		"Super user":     {[]any{"Super User"}, []any{"head-office"}},
		"Manager":        {[]any{"Manager"}, []any{}},
		"Something new":  {[]any{"staff"}, []any{}},
		"admin' OR '1'=": {[]any{"staff"}, []any{}},
	} {
		a := newAPI(t, newRealm(t))
		answer := a.send(http.MethodPost, "/sync/user", employeeWith(t, members{"role": role}))
		require.Equal(t, http.StatusCreated, answer.status, "%s: %s", role, answer.body)
		user := a.send(http.MethodGet, "/users/tariq/keycloak-status", "").object()["keycloak_user"].(members)
		assert.Equal(t, want.roles, user["roles"], role)
		assert.Equal(t, want.groups, user["groups"], role)
	}
}

func TestSyncUser_WarnsOfAGroupThatTheRealmLacks(t *testing.T) {
	provider := memory.New(memory.Realm{Roles: []domain.RealmRole{"teller"}})
	answer := newAPI(t, provider).send(http.MethodPost, "/sync/user", employee)
	require.Equal(t, http.StatusCreated, answer.status, answer.body)
	assert.Equal(t, []any{"The group 'tellers' does not exist and was left out."}, answer.object()["warnings"])
}

func TestSyncUser_NamesARoleThatTheRealmLacks(t *testing.T) {
	provider := memory.New(memory.Realm{})
	newAPI(t, provider).send(http.MethodPost, "/sync/user", employee).
		failed(http.StatusBadRequest, "unknown_role", "The role 'teller' does not exist in the system.")
	assert.Empty(t, provider.Users())
}

func TestSyncUser_ReportsTheEmployeesOwnAccountAsExisting(t *testing.T) {
	for name, body := range map[string]string{
		"same address":             employeeWith(t, members{"username": "anna", "email": "anna@bank.example"}),
		"in another letter case":   employeeWith(t, members{"username": "ANNA", "email": "Anna@Bank.Example"}),
		"the account is disabled":  employeeWith(t, members{"username": "dora", "email": "dora@bank.example"}),
		"with other names and job": employeeWith(t, members{"username": "anna", "email": "anna@bank.example", "role": "Admin", "firstName": "X"}),
	} {
		provider := newRealm(t)
		before := provider.Users()
		answer := newAPI(t, provider).send(http.MethodPost, "/sync/user", body)
		require.Equal(t, http.StatusOK, answer.status, "%s: %s", name, answer.body)
		object := answer.object()
		delete(object, "drift") // Some have one; other tests look at it, and at warnings.
		delete(object, "warnings")
		message, _, _ := strings.Cut(object["message"].(string), ", but lacks ")
		object["message"] = message
		given := strings.Split(body, `"username":"`)[1]
		given, _, _ = strings.Cut(given, `"`)
		assert.Equal(t, members{
			"status":           "exists",
			"message":          "User " + given + " already exists in Keycloak",
			"keycloak_user_id": string(userNamed(t, provider, strings.ToLower(given)).ID),
		}, object, name)
		assert.Equal(t, before, provider.Users(), name)
	}
}

func TestSyncUser_RefusesAnotherPersonsNameOrAddress(t *testing.T) {
	for name, test := range map[string]struct {
		changed       members
		code, message string
	}{
		"name taken": {members{"username": "anna"}, "username_conflict",
			"This username is another person's. Please tell your system administrator."},
		"name taken, other case": {members{"username": "aNNa"}, "username_conflict",
			"This username is another person's. Please tell your system administrator."},
		"address taken":             {members{"email": "anna@bank.example"}, "email_conflict", "This e-mail address belongs to another user."},
		"address taken, other case": {members{"email": "ANNA@bank.example"}, "email_conflict", "This e-mail address belongs to another user."},
		"name taken, no address": {members{"username": "nomail"}, "username_conflict",
			"The account has no e-mail address. Please tell your system administrator."},
		"both taken, by two persons": {members{"username": "dora", "email": "anna@bank.example"}, "username_conflict",
			"This username is another person's. Please tell your system administrator."},
	} {
		provider := newRealm(t)
		before := provider.Users()
		newAPI(t, provider).send(http.MethodPost, "/sync/user", employeeWith(t, test.changed)).
			failed(http.StatusConflict, test.code, test.message, name)
		assert.Equal(t, before, provider.Users(), name)
	}
}

func TestSyncUser_SaysWhichFieldTheRealmRefuses(t *testing.T) {
	for field, test := range map[string]struct{ value, problem string }{
		"username":  {"ab", "must be 3 to 255 characters long"},
		"email":     {"müller@bank.example", "must be an e-mail address"},
		"firstName": {"<b>", "contains a character that is not allowed"},
		"lastName":  {"{}", "contains a character that is not allowed"},
	} {
		fields := refused(t, members{field: test.value}, "invalid_field", "The field '"+field+"' "+test.problem+".")
		assert.Equal(t, members{field: test.problem}, fields)
	}
}

func TestSyncUser_SaysWhenNoPasswordSuitsTheRealm(t *testing.T) {
	provider := newRealm(t)
	provider.SetPolicy(domain.PasswordPolicy{MaxLength: 8})
	newAPI(t, provider).send(http.MethodPost, "/sync/user", employee).failed(http.StatusInternalServerError,
		"unsatisfiable_password_policy", "The password policy allows 8 characters, but 16 are needed.")
	untouched(t, provider)
}

// simultaneously sends the bodies at once and counts the answers by status.
func simultaneously(t *testing.T, a *api, bodies []string) map[int]int {
	t.Helper()
	counts, mu := map[int]int{}, sync.Mutex{}
	var senders sync.WaitGroup
	for _, body := range bodies {
		senders.Go(func() {
			answer := a.send(http.MethodPost, "/sync/user", body)
			mu.Lock()
			defer mu.Unlock()
			counts[answer.status]++
		})
	}
	senders.Wait()
	return counts
}

func TestSyncUser_CreatesOneUserOfTwentySimultaneousRequests(t *testing.T) {
	var sameName, sameAddress []string
	for i := range 20 {
		sameName = append(sameName, employee)
		sameAddress = append(sameAddress, employeeWith(t, members{"username": fmt.Sprintf("tariq%d", i)}))
	}
	for name, test := range map[string]struct {
		bodies []string
		want   map[int]int
	}{
		"one username":               {sameName, map[int]int{http.StatusCreated: 1, http.StatusOK: 19}},
		"one address, twenty names ": {sameAddress, map[int]int{http.StatusCreated: 1, http.StatusConflict: 19}},
	} {
		provider := newRealm(t)
		assert.Equal(t, test.want, simultaneously(t, newAPI(t, provider), test.bodies), name)
		assert.Len(t, provider.Users(), 5, name)
	}
}
