package httpapi_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/rolemap"
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
		`{"username":"Anna","email":"New@bank.example","role":"Tea Maker","firstName":"","lastName":"New","userId":9223372036854775807,"officeId":"007","officeName":" x ","employeeId":"","mobileNumber":"+1"}`,
		`{"userId":0,"officeId":0}`, `{"userId":1e3}`, `{"officeId":-1}`, `{"userId":"00","officeName":"\t"}`, `{"userId":1.0,"lastName":"New"}`, `{"role":" Cashier\n"}`,
		`{"enabled":true}`, `{"enabled":false}`, `{"enabled":null}`, `{"enabled":"true"}`, `{"enabled":1}`, `{"enabled":true,"enabled":false}`,
		`{"Enabled":true}`, `{"enabled": true }`, `{"enabled":true}{}`, `{"enabled":[true]}`, `{"\u0065nabled":true}`,
		`{"employeeId":3,"mobileNumber":-0,"officeName":1.50}`, `{"employeeId":1e3,"mobileNumber":-12.5E-3,"officeName":1e999999999}`, `{"officeName":true}`,
		"{\"username\":\"bo\u200bss\",\"email\":\"boss@bank.example\",\"role\":\"Cashier\"}", `{"firstName":"\u0639\u06cc\u200c\u0631","lastName":"\u200c"}`,
		`{"lastName":"New","x":{"y":[{"z":1,"z":2}]}}`, `{"lastName":"New","x":[[[[[[[[1]]]]]]]]}`,
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
			mapped, err := rolemap.Default().Assign(role)
			require.NoError(t, err)
			assert.Equal(t, mapped, created.Assignment)
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
		before, was := provider.Users(), userNamed(t, provider.Provider, "anna")
		if answer = send(http.MethodPut, "/users/anna"); answer.status != http.StatusOK {
			assert.Equal(t, before, provider.Users())
		} else {
			assertEdited(t, was, userNamed(t, provider.Provider, "anna"), sent(body))
		}
		assert.Empty(t, provider.protectedWrites())
		assert.NotContains(t, a.log.String(), `"msg":"panic"`)
	})
}

// assertEdited checks a user against the body of an edit, which somebody else has read.
func assertEdited(t *testing.T, was, is domain.User, read map[string]any) {
	t.Helper()
	want := was
	want.Attributes = domain.Attributes{}
	maps.Copy(want.Attributes, was.Attributes)
	if email, ok := read["email"].(string); ok {
		want.Email = strings.ToLower(email)
	}
	for member, name := range map[string]*string{"firstName": &want.FirstName, "lastName": &want.LastName} {
		if text, ok := read[member].(string); ok {
			*name = text
		}
	}
	for member, attribute := range map[string]domain.Attribute{
		"userId": domain.FineractUserID, "officeId": domain.OfficeID, "officeName": domain.OfficeName, "employeeId": domain.EmployeeID, "mobileNumber": domain.MobileNumber,
		"role": domain.FineractRoleName,
	} {
		text, ok := read[member].(string)
		if number, isNumber := read[member].(json.Number); isNumber {
			text, ok = number.String(), true
			if attribute == domain.OfficeName || attribute == domain.EmployeeID || attribute == domain.MobileNumber {
				sent, _ := new(big.Rat).SetString(text)
				kept, isPlain := new(big.Rat).SetString(is.Attributes[attribute])
				assert.True(t, isPlain && kept.Cmp(sent) == 0 && !strings.ContainsAny(is.Attributes[attribute], "eE/"), "%q for %s", is.Attributes[attribute], text)
				text = is.Attributes[attribute]
			}
		}
		switch digits := strings.TrimLeft(text, "0"); {
		case !ok, attribute == domain.FineractUserID && digits == "" && text != "":
		case strings.TrimSpace(text) == "":
			delete(want.Attributes, attribute)
		case attribute == domain.FineractRoleName:
			want.Attributes[attribute] = strings.TrimSpace(text)
		case attribute == domain.FineractUserID, attribute == domain.OfficeID:
			want.Attributes[attribute] = cmp.Or(digits, "0")
		default:
			want.Attributes[attribute] = text
		}
	}
	if len(is.Attributes) == 0 {
		is.Attributes = domain.Attributes{}
	}
	assert.Equal(t, want, is)
}
