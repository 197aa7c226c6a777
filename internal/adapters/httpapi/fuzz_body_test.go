package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// sent is a body as somebody else reads it: with encoding/json alone.
func sent(body string) map[string]any {
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var members map[string]any
	if decoder.Decode(&members) != nil {
		return nil
	}
	return members
}

// Whatever the body is: the answer is one of the contract, in JSON and no fault of
// ours, and who was created or changed is exactly who was sent.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		employee,
		`{"username":"tariq","email":"tariq@bank.example","role":"Admin","firstName":"Tariq","lastName":"Öz","userId":42,"officeName":null}`,
		`{"username":"Service-Account-X","email":"x@bank.example","role":"Cashier"}`,
		`{"username":"tar\u0069q","email":"t\u0061riq@bank.example","role":"Cashier"}`,
		`{"username":"tariq","username":"breakglass","email":"a@b.c","email":"d@e.f","role":"Cashier"}`,
		`{"username":"tariq","Username":"breakglass","email":"a@b.c","role":"Cashier"}`,
		`{"username":"tar\ud800iq","email":"a@b.c","role":"Cashier"}`,
		`{"username":"tariq\u0000","email":"a@b.c","role":"Cashier"}`,
		`{"username":"anna","email":"anna@bank.example","role":""}`,
		`{"username":["tariq"],"email":{},"role":1e999}`,
		"{\"username\":\"tari\xff\",\"email\":\"a@b.c\",\"role\":\"Cashier\"}",
		`{"username":"tariq","email":"Tariq <a@b.c>","role":"Cashier"}`,
		`{"enabled":true}`, `{"enabled":false}`, `{"enabled":null}`, `{"enabled":"true"}`, `{"enabled":1}`, `{"enabled":true,"enabled":false}`,
		`{"Enabled":true}`, `{"enabled": true }`, `{"enabled":true}{}`, `{"enabled":[true]}`, `{"\u0065nabled":true}`,
		"", "null", "[]", "{}", "\ufeff{}", "{", `{"a":` + strings.Repeat("[", 2000), `{"x":1e999,"enabled":true}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		a, provider := newFuzzedRealm(t)
		before := provider.Users()
		send := func(method, target string) reply {
			request := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
			request.Header.Set("Content-Type", jsonType)
			request.Header.Set("Authorization", "Bearer asha")
			answer := a.do(request) // It also holds the answer against the document.
			assert.True(t, json.Valid([]byte(answer.body)), answer.body)
			assert.Less(t, answer.status, 500, answer.body)
			return answer
		}

		answer := send(http.MethodPost, "/sync/user")
		after := provider.Users()
		if answer.status == http.StatusCreated {
			read := sent(body)
			created := provider.created[len(provider.created)-1]
			require.NotNil(t, read)
			assert.Equal(t, read["username"], created.Username.String())
			assert.Equal(t, read["email"], created.Email.String())
			role, _ := read["role"].(string)
			assert.Equal(t, domain.DefaultRoleMap().Assign(role), created.Assignment)
			assert.Len(t, after, len(before)+1)
		} else {
			assert.Equal(t, before, after)
		}
		assert.Empty(t, provider.protectedWrites())

		answer = send(http.MethodPut, "/users/anna/status")
		if answer.status == http.StatusOK {
			enabled, ok := sent(body)["enabled"].(bool)
			assert.True(t, ok, body)
			assert.Equal(t, enabled, userNamed(t, provider.Provider, "anna").Enabled)
		} else {
			assert.Equal(t, after, provider.Users())
		}
		assert.NotContains(t, a.log.String(), `"msg":"panic"`)
	})
}
