package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// A username is one segment of the path, decoded exactly once. Decoded twice, or not at
// all, it names another user.

// userRoutes are the routes of one user, with %s for the segment.
var userRoutes = []struct{ method, target, body string }{
	{http.MethodPost, "/users/%s/reset-password", ""},
	{http.MethodPut, "/users/%s/status", `{"enabled":true}`},
	{http.MethodPost, "/users/%s/force-password-change", ""},
	{http.MethodPut, "/users/%s", `{"lastName":"Edited"}`},
	{http.MethodPost, "/users/%s/logout", ""},
	{http.MethodGet, "/users/%s/keycloak-status", ""},
}

func TestPaths_NameTheUserThatTheSegmentSpells(t *testing.T) {
	for segment, name := range map[string]string{
		"anna":             "anna",
		"ANNA":             "ANNA",
		"%61nna":           "anna",
		"a%2Fb":            "a/b",
		"a%2fb":            "a/b",
		"a%252Fb":          "a%2Fb",
		"a%25252Fb":        "a%252Fb",
		"%61%252Fb":        "a%2Fb",
		"..":               "..",
		"%2e%2e":           "..",
		"..%2F..%2Fhealth": "../../health",
		".":                ".",
		"m%C3%BCller":      "müller",
		"müller":           "müller",
		"M%C3%9CLLER":      "MÜLLER",
		"anna.o'neil":      "anna.o'neil",
		"anna.o%27neil":    "anna.o'neil",
		"a+b@c.de":         "a+b@c.de",
		"a%2Bb%40c.de":     "a+b@c.de",
		"a;b=c":            "a;b=c",
		"a%3Fb%23c":        "a?b#c",
		"%7Busername%7D":   "{username}",
		"*":                "*",
		"100%25":           "100%",
		"<b>&quot;":        "<b>&quot;",
		"keycloak-status":  "keycloak-status",
		// What a new user may not be called, but one who exists may.
		"first%20last":                "first last",
		"%20lead":                     " lead",
		"trail%C2%A0":                 "trail\u00a0",
		"bo%E2%80%8Bss":               "bo\u200bss",
		"e%CC%81va":                   "e\u0301va",
		"a%0Ab%7F":                    "a\nb\x7f",
		"%EE%80%80%F3%A0%80%A1":       "\ue000\U000e0021",
		strings.Repeat("%C3%BC", 255): strings.Repeat("ü", 255),
	} {
		for _, before := range []string{"", prefix} {
			for _, route := range userRoutes {
				provider := newRealm(t)
				if !strings.EqualFold(name, "anna") {
					_, err := provider.AddUser(domain.User{Username: name, Email: "spelt@bank.example", Enabled: true}, "")
					require.NoError(t, err)
				}
				target := before + fmt.Sprintf(route.target, segment)

				answer := newAPI(t, provider).send(route.method, target, route.body)

				require.Equal(t, http.StatusOK, answer.status, "%s: %s", target, answer.body)
				object := answer.object()
				if user, ok := object["keycloak_user"].(members); ok {
					assert.Equal(t, string(userNamed(t, provider, strings.ToLower(name)).ID), user["id"], target)
				} else {
					assert.Equal(t, name, object["username"], target)
					assert.NotContains(t, answer.body, `\u003c`, "names stay readable")
				}
			}
		}
	}
}

// Each of these is close to a user who exists.
func TestPaths_NeverNameAnotherUser(t *testing.T) {
	for segment, given := range map[string]string{
		"":                       "",
		"ann":                    "ann",
		"anna%2F":                "anna/",
		"anna%00":                "anna\x00",
		"%00":                    "\x00",
		"anna%20":                "anna ",
		"%20anna":                " anna",
		"+anna":                  "+anna",
		"anna%0D%0AX-Evil:1":     "anna\r\nX-Evil:1",
		"%ff":                    "\ufffd",
		"anna%c3":                "anna\ufffd",
		"a%2561nna":              "a%61nna",
		"an*":                    "an*",
		"an%25":                  "an%",
		"anna@bank.example":      "anna@bank.example",
		"anna;x":                 "anna;x",
		"..%2Fusers%2Fanna":      "../users/anna",
		"%D0%B0nna":              "аnna", // the first letter is Cyrillic
		"anna%E2%80%8B":          "anna\u200b",
		strings.Repeat("a", 300): strings.Repeat("a", 300),
	} {
		for _, before := range []string{"", prefix} {
			for _, route := range userRoutes {
				provider := newRealm(t)
				users := provider.Users()
				sentence := "User " + given + " not found"
				if route.method == http.MethodGet {
					sentence += " in Keycloak"
				}
				code := "user_not_found"
				target := before + fmt.Sprintf(route.target, segment)
				if strings.HasSuffix(target, "/") {
					code, sentence = "not_found", "There is no such address."
				}

				newAPI(t, provider).send(route.method, target, route.body).
					failed(http.StatusNotFound, code, sentence, target)

				assert.Equal(t, users, provider.Users(), target)
				assert.Empty(t, provider.Mails(), target)
			}
		}
	}
}

// Keycloak takes an empty name for everybody.
func TestPaths_ThatNobodyCanHaveAreNotAskedFor(t *testing.T) {
	for _, segment := range []string{"%00", "anna%00", "%ff", strings.Repeat("a", 256)} {
		for _, route := range userRoutes {
			a := newAPI(t, failing{newRealm(t), map[string]error{"FindUser": domain.Internal}})
			assert.Equal(t, http.StatusNotFound, a.send(route.method, fmt.Sprintf(route.target, segment), route.body).status, route.target)
		}
	}
}
