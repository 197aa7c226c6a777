package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// outcome is what the contract says of a failure. It is written down here once more
// on purpose: a change of the table in errors.go is a change of the contract.
type outcome struct {
	status int
	code   string
}

// contracted returns the contract's answer to a provider's failure.
func contracted() map[error]outcome {
	return map[error]outcome{
		domain.Unavailable:         {503, "provider_unavailable"},
		context.Canceled:           {503, "provider_unavailable"},
		context.DeadlineExceeded:   {503, "provider_unavailable"},
		domain.Overloaded:          {503, "overloaded"},
		domain.RightsHidden:        {503, "rights_hidden"},
		domain.Timeout:             {504, "provider_timeout"},
		domain.BadAnswer:           {502, "bad_gateway"},
		domain.Internal:            {500, "internal"},
		errForeign:                 {500, "internal"},
		domain.NotFound:            {404, "user_not_found"},
		domain.UnknownRole:         {400, "unknown_role"},
		domain.InvalidField:        {400, "invalid_field"},
		domain.NoEmail:             {400, "no_email"},
		domain.UsernameConflict:    {409, "username_conflict"},
		domain.EmailConflict:       {409, "email_conflict"},
		domain.UserDisabled:        {409, "user_disabled"},
		domain.ActionUnavailable:   {409, "action_unavailable"},
		domain.ReadOnlyUser:        {409, "read_only_user"},
		domain.EmailDeliveryFailed: {502, "email_delivery_failed"},
		domain.Partial:             {502, "partial"},
		domain.PasswordRefused:     {500, "password_refused"},
	}
}

// errForeign is an error that is none of ours.
var errForeign = errors.New("an error of a library")

// everyMethod are the failures that every method of the port may have.
var everyMethod = []error{
	domain.Unavailable, domain.Timeout, domain.Overloaded, domain.BadAnswer, domain.Internal, context.Canceled, context.DeadlineExceeded, errForeign,
}

// edit takes all steps that an edit can have.
const edit = `{"role":"Loan Officer","lastName":"Edited"}`

// routesToFail are, for each method that a use case calls, the request that reaches it
// and the failures that the port promises beside the common ones.
var routesToFail = []struct {
	method, verb, target, body string
	kinds                      []error
}{
	{"RightsOf", http.MethodPost, "/sync/user", employee, []error{domain.UnknownRole}},
	{"DefaultRights", http.MethodPost, "/sync/user", employee, nil},
	{"PasswordPolicy", http.MethodPost, "/sync/user", employee, nil},
	{"CreateUser", http.MethodPost, "/sync/user", employee, []error{
		domain.UnknownRole, domain.UsernameConflict, domain.EmailConflict, domain.InvalidField, domain.PasswordRefused, domain.Partial,
	}},
	{"FindUser", http.MethodPost, "/sync/user", incomplete, nil},
	{"Privileges", http.MethodPost, "/sync/user", incomplete, nil},
	{"Groups", http.MethodPost, "/sync/user", incomplete, nil},
	{"RightsOf", http.MethodPost, "/sync/user", incomplete, nil},
	{"Assign", http.MethodPost, "/sync/user", incomplete, nil},
	{"FindUser", http.MethodPost, "/users/anna/reset-password", "", []error{domain.NotFound}},
	{"Privileges", http.MethodPost, "/users/anna/reset-password", "", []error{domain.NotFound}},
	{"Groups", http.MethodPost, "/users/anna/reset-password", "", []error{domain.NotFound}},
	{"SendActionsMail", http.MethodPost, "/users/anna/reset-password", "", []error{
		domain.NotFound, domain.NoEmail, domain.UserDisabled, domain.EmailDeliveryFailed,
	}},
	{"FindUser", http.MethodPut, "/users/anna/status", `{"enabled":false}`, []error{domain.NotFound}},
	{"Privileges", http.MethodPut, "/users/anna/status", `{"enabled":false}`, []error{domain.NotFound}},
	{"Groups", http.MethodPut, "/users/anna/status", `{"enabled":true}`, []error{domain.NotFound}},
	{"SetEnabled", http.MethodPut, "/users/anna/status", `{"enabled":false}`, []error{domain.NotFound, domain.InvalidField, domain.ReadOnlyUser, domain.Partial}},
	{"EndSessions", http.MethodPut, "/users/anna/status", `{"enabled":false}`, []error{domain.NotFound}},
	{"FindUser", http.MethodPost, "/users/anna/force-password-change", "", []error{domain.NotFound}},
	{"Privileges", http.MethodPost, "/users/anna/force-password-change", "", []error{domain.NotFound}},
	{"Groups", http.MethodPost, "/users/anna/force-password-change", "", []error{domain.NotFound}},
	{"ActionAvailable", http.MethodPost, "/users/anna/force-password-change", "", nil},
	{"ActionAvailable", http.MethodPost, "/users/anna/reset-password", "", nil},
	{"SetRequiredActions", http.MethodPost, "/users/anna/force-password-change", "", []error{domain.NotFound, domain.InvalidField, domain.ReadOnlyUser, domain.Partial}},
	{"FindUser", http.MethodGet, "/users/anna/keycloak-status", "", []error{domain.NotFound}},
	{"Memberships", http.MethodGet, "/users/anna/keycloak-status", "", []error{domain.NotFound}},
	{"Details", http.MethodGet, "/users/anna/keycloak-status?detail=full", "", []error{domain.NotFound}},
	{"FindUser", http.MethodPut, "/users/anna", edit, []error{domain.NotFound}},
	{"Privileges", http.MethodPut, "/users/anna", edit, []error{domain.NotFound}},
	{"Groups", http.MethodPut, "/users/anna", edit, []error{domain.NotFound}},
	{"RightsOf", http.MethodPut, "/users/anna", edit, []error{domain.UnknownRole}},
	{"Memberships", http.MethodPut, "/users/anna", edit, []error{domain.NotFound}},
	{"UpdateUser", http.MethodPut, "/users/anna", edit, []error{domain.NotFound, domain.EmailConflict, domain.InvalidField, domain.ReadOnlyUser, domain.Partial}},
	{"Assign", http.MethodPut, "/users/anna", edit, []error{domain.NotFound, domain.UnknownRole}},
	{"Unassign", http.MethodPut, "/users/anna", edit, []error{domain.NotFound}},
	{"FindUser", http.MethodPost, "/users/anna/logout", "", []error{domain.NotFound}},
	{"Privileges", http.MethodPost, "/users/anna/logout", "", []error{domain.NotFound}},
	{"Groups", http.MethodPost, "/users/anna/logout", "", []error{domain.NotFound}},
	{"EndSessions", http.MethodPost, "/users/anna/logout", "", []error{domain.NotFound}},
}

// protectingGroups makes the groups of targets count.
func protectingGroups(with *settings) { with.app.Guard.ProtectedGroups = []domain.Group{"board"} }

// cause is what must not leave the service except in its log.
const cause = "GET http://keycloak.internal: refused"

// failureOf dresses a failure up as an adapter returns it.
func failureOf(err error) error {
	if kind, ok := errors.AsType[domain.Kind](err); ok {
		return &domain.Error{Kind: kind, Err: errors.New(cause)}
	}
	return fmt.Errorf("%s: %w", cause, err)
}

func TestProviderErrors_AreAnsweredAsTheContractSays(t *testing.T) {
	want := contracted()
	for _, route := range routesToFail {
		for _, err := range slices.Concat(everyMethod, route.kinds) {
			t.Run(fmt.Sprintf("%s in %s %s: %v", route.method, route.verb, route.target, err), func(t *testing.T) {
				provider := newRealm(t)
				addIncomplete(t, provider)
				a := newAPI(t, failing{provider, map[string]error{route.method: failureOf(err)}}, protectingGroups, repairing)

				answer := a.send(route.verb, route.target, route.body)

				object := answer.object()
				got := outcome{answer.status, object["code"].(string)}
				if route.method == "SendActionsMail" && err == domain.Timeout { //nolint:errorlint // It is from the table.
					err = domain.EmailDeliveryFailed // What does not answer is the mail server.
				}
				assert.Equal(t, want[err], got)
				assert.NotContains(t, answer.body, "keycloak.internal")
				assert.LessOrEqual(t, utf8.RuneCountInString(object["message"].(string)), 90)
				assert.Equal(t, answer.status == http.StatusServiceUnavailable || answer.status == http.StatusGatewayTimeout, answer.header.Get("Retry-After") != "")
				assert.Contains(t, a.log.String(), cause, "the cause is lost")
			})
		}
	}
}

func TestProviderErrors_OfAUserWhoVanishesNameTheUserAsGiven(t *testing.T) {
	for method, target := range map[string]string{
		"Privileges":         "POST /users/ANNA/reset-password",
		"SendActionsMail":    "POST /users/ANNA/reset-password",
		"SetEnabled":         "PUT /users/ANNA/status",
		"EndSessions":        "PUT /users/ANNA/status",
		"SetRequiredActions": "POST /users/ANNA/force-password-change",
		"UpdateUser":         "PUT /users/ANNA",
		"Unassign":           "PUT /users/ANNA",
	} {
		a := newAPI(t, failing{newRealm(t), map[string]error{method: failureOf(domain.NotFound)}})
		var verb, path string
		_, err := fmt.Sscan(target, &verb, &path)
		require.NoError(t, err)
		body := map[string]string{"PUT /users/ANNA/status": `{"enabled":false}`, "PUT /users/ANNA": edit}[target]
		a.send(verb, path, body).failed(http.StatusNotFound, "user_not_found", "User ANNA not found", target)
	}
	a := newAPI(t, failing{newRealm(t), map[string]error{"Memberships": failureOf(domain.NotFound)}})
	answer := a.send(http.MethodGet, "/users/ANNA/keycloak-status", "")
	answer.failed(http.StatusNotFound, "user_not_found", "User ANNA not found in Keycloak")
	assert.Equal(t, "not_found", answer.object()["status"])
}

// The administrator must learn that the user is half done: disabled, with sessions.
func TestProviderErrors_AfterADisableSayThatSessionsAreLeft(t *testing.T) {
	provider := newRealm(t)
	a := newAPI(t, failing{provider, map[string]error{"EndSessions": failureOf(domain.Timeout)}})
	a.send(http.MethodPut, "/users/anna/status", `{"enabled":false}`).failed(http.StatusGatewayTimeout, "provider_timeout",
		"The user is disabled now, but still has open sessions. Please disable again.")
	assert.False(t, userNamed(t, provider, "anna").Enabled)
}

// refusingOnce is a provider whose password policy has just changed: it refuses the
// first password.
type refusingOnce struct {
	*memory.Provider
	refused bool
}

func (r *refusingOnce) CreateUser(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
	if !r.refused {
		r.refused = true
		return domain.CreatedUser{}, &domain.Error{Kind: domain.PasswordRefused}
	}
	return r.Provider.CreateUser(ctx, user)
}

func TestProviderErrors_OfOnePasswordAreNotTheCallers(t *testing.T) {
	provider := &refusingOnce{Provider: newRealm(t)}
	answer := newAPI(t, provider).send(http.MethodPost, "/sync/user", employee)
	require.Equal(t, http.StatusCreated, answer.status, answer.body)
	_, err := provider.SignIn("tariq", answer.object()["temporary_password"].(string))
	assert.ErrorIs(t, err, memory.NotSetUp, "the password in the answer is the refused one")
}
