package httpapi_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// The web app shows what it reads here without a check.

func TestGetStatus_ShowsTheWholeUser(t *testing.T) {
	provider := newRealm(t)
	for _, given := range []string{"anna", "ANNA"} {
		answer := newAPI(t, provider).send(http.MethodGet, "/users/"+given+"/keycloak-status", "")
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		assert.Equal(t, members{"status": "success", "keycloak_user": members{
			"id":              string(userNamed(t, provider, "anna").ID),
			"username":        "anna",
			"email":           "anna@bank.example",
			"firstName":       "Anna",
			"lastName":        "Moyo",
			"enabled":         true,
			"emailVerified":   true,
			"requiredActions": []any{"VERIFY_EMAIL"},
			"roles":           []any{"teller"},
			"groups":          []any{"tellers"},
		}}, answer.object())
	}
}

// The web app shows a group by its own name, not by its path.
func TestGetStatus_ShowsANestedGroupByItsName(t *testing.T) {
	provider := memory.New(memory.Realm{Groups: []domain.Group{"branches/north"}})
	_, err := provider.AddUser(domain.User{Username: "anna", Enabled: true}, "", domain.Assignment{Group: "branches/north"})
	require.NoError(t, err)
	answer := newAPI(t, provider).send(http.MethodGet, "/users/anna/keycloak-status", "")
	assert.Equal(t, []any{"north"}, answer.object()["keycloak_user"].(members)["groups"])
}

// The web app calls methods of these lists and texts; null would end it.
func TestGetStatus_ShowsAbsentListsAndTextsAsEmpty(t *testing.T) {
	provider := newRealm(t)
	answer := newAPI(t, provider).send(http.MethodGet, "/users/nomail/keycloak-status", "")
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	assert.Equal(t, members{
		"id":              string(userNamed(t, provider, "nomail").ID),
		"username":        "nomail",
		"email":           "",
		"firstName":       "",
		"lastName":        "",
		"enabled":         true,
		"emailVerified":   false,
		"requiredActions": []any{},
		"roles":           []any{},
		"groups":          []any{},
	}, answer.object()["keycloak_user"])
}

// Here alone the word in "status" is another one.
func TestGetStatus_SaysNotFoundInItsOwnWords(t *testing.T) {
	answer := newAPI(t, newRealm(t)).send(http.MethodGet, "/users/Nobody/keycloak-status", "")
	answer.failed(http.StatusNotFound, "user_not_found", "User Nobody not found in Keycloak")
	assert.Equal(t, "not_found", answer.object()["status"])
}

// The web app in production asks without the parameter, so not a byte may differ.
func TestGetStatus_ThePlainAnswerIsAsEver(t *testing.T) {
	provider := newRealm(t)
	a := newAPI(t, failing{provider, map[string]error{"Details": domain.Internal}}) // It is not asked.
	answer := a.send(http.MethodGet, "/users/anna/keycloak-status", "")
	assert.Equal(t, `{"status":"success","keycloak_user":{"id":"`+string(userNamed(t, provider, "anna").ID)+`","username":"anna","email":"anna@bank.example",`+
		`"firstName":"Anna","lastName":"Moyo","enabled":true,"emailVerified":true,"requiredActions":["VERIFY_EMAIL"],"roles":["teller"],"groups":["tellers"]}}`+"\n", answer.body)
}

// detailed is a provider that knows more of users than the one in memory.
type detailed struct {
	*memory.Provider
	createdAt time.Time
	details   domain.AccountDetails
}

func (d detailed) FindUser(ctx context.Context, username domain.Username) (domain.User, error) {
	user, err := d.Provider.FindUser(ctx, username)
	user.CreatedAt = d.createdAt
	return user, err
}

func (d detailed) Details(context.Context, domain.UserID) (domain.AccountDetails, error) {
	return d.details, nil
}

func TestGetStatus_ShowsTheDetailsThatAreAskedFor(t *testing.T) {
	east := time.FixedZone("EAT", 3*60*60)
	for name, test := range map[string]struct {
		attributes domain.Attributes
		createdAt  time.Time
		details    domain.AccountDetails
		want       members
	}{
		"nothing": {nil, time.Time{}, domain.AccountDetails{}, members{
			"locked": false, "lockedUntil": nil, "createdAt": nil, "attributes": members{}, "effectiveRoles": []any{}, "hasPassword": false, "secondFactors": []any{},
		}},
		"everything": {
			domain.Attributes{domain.FineractUserID: "42", domain.OfficeName: "Head Office"},
			time.Date(2026, time.March, 2, 11, 30, 12, 345e6, east),
			domain.AccountDetails{
				Locked: true, LockedUntil: time.Date(2026, time.March, 1, 2, 15, 0, 0, east), EffectiveRoles: []domain.RealmRole{"cash-desk", "teller"},
				HasPassword: true, SecondFactors: []string{"otp", "webauthn"},
			}, members{
				"locked": true, "lockedUntil": "2026-02-28T23:15:00Z", "createdAt": "2026-03-02T08:30:12.345Z",
				"attributes":     members{"fineract_user_id": "42", "office_name": "Head Office"},
				"effectiveRoles": []any{"cash-desk", "teller"}, "hasPassword": true, "secondFactors": []any{"otp", "webauthn"},
			},
		},
		"locked for good": {nil, time.Time{}, domain.AccountDetails{Locked: true}, members{
			"locked": true, "lockedUntil": nil, "createdAt": nil, "attributes": members{}, "effectiveRoles": []any{}, "hasPassword": false, "secondFactors": []any{},
		}},
		"locked beyond the years that there are": {nil, time.Time{}, domain.AccountDetails{Locked: true, LockedUntil: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}, members{
			"locked": true, "lockedUntil": nil, "createdAt": nil, "attributes": members{}, "effectiveRoles": []any{}, "hasPassword": false, "secondFactors": []any{},
		}},
	} {
		provider := newRealm(t)
		_, err := provider.AddUser(domain.User{Username: "ines", Attributes: test.attributes, Enabled: true}, "")
		require.NoError(t, err)
		a := newAPI(t, detailed{provider, test.createdAt, test.details})
		plain := a.send(http.MethodGet, "/users/ines/keycloak-status", "").object()["keycloak_user"].(members)

		answer := a.send(http.MethodGet, "/users/ines/keycloak-status?detail=full", "")

		require.Equal(t, http.StatusOK, answer.status, answer.body)
		for member, value := range plain {
			test.want[member] = value
		}
		assert.Equal(t, test.want, answer.object()["keycloak_user"], name)
	}
}

func TestGetStatus_KnowsOneWordForDetail(t *testing.T) {
	a := newAPI(t, newRealm(t))
	for _, query := range []string{"detail=", "detail", "detail=Full", "detail=full%20", "detail=true", "detail=full&detail=full", "detail=full&detail=none", "detail=%66%75%6c"} {
		for _, name := range []string{"anna", "nobody"} { // The parameter is looked at first.
			answer := a.send(http.MethodGet, "/users/"+name+"/keycloak-status?"+query, "")
			answer.failed(http.StatusBadRequest, "invalid_field", "The field 'detail' must be full, or absent.", query)
			assert.Equal(t, "error", answer.object()["status"])
			assert.Equal(t, members{"detail": "must be full, or absent"}, answer.object()["fields"])
		}
	}
	for _, query := range []string{"detail=full", "x=1&detail=full", "detail=%66ull", "Detail=some&detail=full"} {
		assert.Contains(t, a.send(http.MethodGet, "/users/anna/keycloak-status?"+query, "").body, `"effectiveRoles"`, query)
	}
	answer := a.send(http.MethodGet, "/users/Nobody/keycloak-status?detail=full", "")
	answer.failed(http.StatusNotFound, "user_not_found", "User Nobody not found in Keycloak")
	assert.Equal(t, "not_found", answer.object()["status"])
}
