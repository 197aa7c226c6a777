package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/adapters/memory"
)

// What a request body must be is one rule for all routes that read one.

const employee = `{"username":"tariq","email":"tariq@bank.example","role":"Cashier"}`

// withBody are the routes that read a body, each with one that it takes.
var withBody = []struct {
	method, target, body string
	status               int
}{
	{http.MethodPost, "/sync/user", employee, http.StatusCreated},
	{http.MethodPut, "/users/anna/status", `{"enabled":false}`, http.StatusOK},
	{http.MethodPut, "/users/anna", `{"lastName":"Edited"}`, http.StatusOK},
}

// sendAs sends a body under a content type; "" is a request without one.
func (a *api) sendAs(method, target, contentType, body string) reply {
	a.t.Helper()
	request := httptest.NewRequestWithContext(a.t.Context(), method, target, strings.NewReader(body))
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return a.do(request)
}

// untouched asserts that a request changed no user of a new realm.
func untouched(t *testing.T, provider *memory.Provider) {
	t.Helper()
	assert.Len(t, provider.Users(), 4)
	assert.True(t, userNamed(t, provider, "anna").Enabled)
	assert.Equal(t, "Moyo", userNamed(t, provider, "anna").LastName)
	assert.False(t, userNamed(t, provider, "dora").Enabled)
}

func TestBody_MustBeOneJSONObject(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":               "",
		"blanks":                " \n",
		"text":                  "enabled=true",
		"a list":                "[" + employee + "]",
		"null":                  "null",
		"a string":              `"enabled"`,
		"a number":              "1",
		"a boolean":             "true",
		"cut off":               strings.TrimSuffix(employee, "}"),
		"two objects":           employee + employee,
		"trailing text":         employee + " x",
		"a trailing comma":      `{"enabled":true,}`,
		"a comment":             `{"enabled":true/*yes*/}`,
		"single quotes":         `{'enabled':true}`,
		"a byte order mark":     "\ufeff" + employee,
		"invalid UTF-8":         strings.Replace(employee, "tariq", "tari\xff", 1),
		"invalid UTF-8 nearby":  strings.Replace(employee, "{", `{"note":"`+"\xc3\x28"+`",`, 1),
		"UTF-16":                "{\x00}\x00",
		"a control character":   strings.Replace(employee, "tariq", "tar\niq", 1),
		"a number for a member": `{1:true}`,
	} {
		for _, route := range withBody {
			provider := newRealm(t)
			answer := newAPI(t, provider).sendAs(route.method, route.target, jsonType, body)
			answer.failed(http.StatusBadRequest, "invalid_json", "The request body must be a JSON object.", "%s: %s", route.target, name)
			untouched(t, provider)
		}
	}
}

func TestBody_MayHaveBlanksAroundIt(t *testing.T) {
	for _, route := range withBody {
		answer := newAPI(t, newRealm(t)).sendAs(route.method, route.target, jsonType, "\r\n\t "+route.body+" \n")
		assert.Equal(t, route.status, answer.status, answer.body)
	}
}

func TestBody_MustBeDeclaredAsJSON(t *testing.T) {
	for contentType, taken := range map[string]bool{
		"application/json":                  true,
		"application/json; charset=utf-8":   true,
		"application/json;charset=UTF-8":    true,
		"Application/JSON":                  true,
		" application/json ":                true,
		"":                                  false,
		"text/plain":                        false,
		"text/plain; x=application/json":    false,
		"application/x-www-form-urlencoded": false,
		"application/json-patch+json":       false,
		"application/problem+json":          false,
		"application/jsonx":                 false,
		"application":                       false,
		"application/json, text/plain":      false,
		";":                                 false,
	} {
		for _, route := range withBody {
			provider := newRealm(t)
			answer := newAPI(t, provider).sendAs(route.method, route.target, contentType, route.body)
			if taken {
				assert.Equal(t, route.status, answer.status, "%s as %q: %s", route.target, contentType, answer.body)
				continue
			}
			answer.failed(http.StatusUnsupportedMediaType, "unsupported_media_type", "The request body must be sent as application/json.",
				"%s as %q", route.target, contentType)
			untouched(t, provider)
		}
	}
}

// Parsers disagree about the rest, and to disagree with a gateway is a way past it.
func TestBody_IsShallowAndSaysEachThingOnce(t *testing.T) {
	const twice, deep, many = "The request body has a member twice.", "The request body is nested too deeply.", "The request body has too many members."
	lists := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	var sixty strings.Builder
	for i := range 60 {
		fmt.Fprintf(&sixty, `"x%d":%d,`, i, i)
	}
	for unknown, message := range map[string]string{
		`"x":1,"X":2,"y":[{"x":1},{"x":2}],"z":{"x":{"x":1}},"":0,`: "",
		`"x":` + lists(7) + `,`:                           "",
		`"x":[` + strings.Repeat("0,", 20_000) + `0],`:    "",
		sixty.String():                                    "",
		`"x":1,"x":1,`:                                    twice,
		`"x":1,"\u0078":2,`:                               twice,
		`"y":[0,{"a":{"x":null,"z":[],"x":null}}],`:       twice,
		`"enabled":0,"enabled":0,`:                        twice,
		`"":0,"":0,`:                                      twice,
		`"x":` + lists(8) + `,`:                           deep,
		`"x":` + lists(10_000) + `,`:                      deep,
		`"x":` + strings.Repeat(`{"y":`, 10_000):          deep,
		`"x":` + strings.Repeat("[", 60_000):              deep,
		sixty.String() + `"y":{"a":1,"b":2,"c":3,"d":4},`: many,
	} {
		for _, route := range withBody {
			provider := newRealm(t)
			answer := newAPI(t, provider).send(route.method, route.target, "{"+unknown+route.body[1:])
			if message == "" {
				assert.Equal(t, route.status, answer.status, answer.body)
				continue
			}
			answer.failed(http.StatusBadRequest, "invalid_json", message, "%s: %.100s", route.target, unknown)
			untouched(t, provider)
		}
	}
}

func TestBody_MayHave64KibibytesAndNoByteMore(t *testing.T) {
	const limit = 64 << 10
	for _, route := range withBody {
		blanks := strings.Repeat(" ", limit-len(route.body))

		answer := newAPI(t, newRealm(t)).send(route.method, route.target, route.body+blanks)
		assert.Equal(t, route.status, answer.status, answer.body)

		provider := newRealm(t)
		newAPI(t, provider).send(route.method, route.target, route.body+blanks+" ").
			failed(http.StatusRequestEntityTooLarge, "body_too_large", "The request body is larger than 64 KiB.")
		untouched(t, provider)
	}
}

// broken is a body whose sender goes away.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, assert.AnError }

func TestBody_ThatBreaksOffIsNoJSON(t *testing.T) {
	for _, route := range withBody {
		provider := newRealm(t)
		request := httptest.NewRequestWithContext(t.Context(), route.method, route.target, broken{})
		request.Header.Set("Content-Type", jsonType)
		newAPI(t, provider).do(request).failed(http.StatusBadRequest, "invalid_json", "The request body could not be read.")
		untouched(t, provider)
	}
}

// The web app sends a body with some of them, and none with others.
func TestBody_IsIgnoredWhereNoneIsNeeded(t *testing.T) {
	for _, target := range []string{"/users/anna/reset-password", "/users/anna/force-password-change", "/users/anna/logout"} {
		for contentType, body := range map[string]string{"": "", jsonType: "{not JSON", "text/plain": "\xff\xff", "application/xml": "<a/>"} {
			answer := newAPI(t, newRealm(t)).sendAs(http.MethodPost, target, contentType, body)
			assert.Equal(t, http.StatusOK, answer.status, "%s with %q: %s", target, body, answer.body)
		}
	}
}

// encoding/json makes U+FFFD of half a surrogate pair without a word, and the user
// would bear a name that nobody typed.
func TestBody_BrokenCharactersByEscapeAreRefused(t *testing.T) {
	for member, escaped := range map[string]string{
		"username": `{"username":"tar\ud800iq","email":"tariq@bank.example","role":"Cashier"}`,
		"lastName": `{"username":"tariq","email":"tariq@bank.example","role":"Cashier","lastName":"Tell\udc00er"}`,
	} {
		provider := newRealm(t)
		answer := newAPI(t, provider).sendAs(http.MethodPost, "/sync/user", jsonType, escaped)
		answer.failed(http.StatusBadRequest, "invalid_field", "The field '"+member+"' contains a broken character.", member)
		untouched(t, provider)
	}
}
