package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// attempt is a request for a protected route. "{u}" stands for the username of the user
// who is acted upon, "{new}" for that of a user to create.
type attempt struct {
	action, method, path, body string
	success                    int
}

// attempts has one for each protected route. In this order all of them can succeed.
func attempts() []attempt {
	return []attempt{
		{"sync_user", http.MethodPost, "/sync/user", `{"username":"{new}","email":"{new}@bank.example","role":"Cashier"}`, http.StatusCreated},
		{"reset_password", http.MethodPost, "/users/{u}/reset-password", "", http.StatusOK},
		{"set_status", http.MethodPut, "/users/{u}/status", `{"enabled":true}`, http.StatusOK},
		{"force_password_change", http.MethodPost, "/users/{u}/force-password-change", "", http.StatusOK},
		{"get_status", http.MethodGet, "/users/{u}/keycloak-status", "", http.StatusOK},
		{"update_user", http.MethodPut, "/users/{u}", `{"lastName":"Edited"}`, http.StatusOK},
		{"end_sessions", http.MethodPost, "/users/{u}/logout", "", http.StatusOK},
	}
}

// writeAttempts are those that change something, in the same order.
func writeAttempts() []attempt {
	return slices.DeleteFunc(attempts(), func(a attempt) bool { return !a.writes() })
}

func (a attempt) writes() bool { return a.action != "get_status" }

// on fills in the usernames.
func (a attempt) on(user, newcomer string) attempt {
	named := strings.NewReplacer("{u}", user, "{new}", newcomer)
	a.path, a.body = named.Replace(a.path), named.Replace(a.body)
	return a
}

// sendWith sends the request with header lines "Name: value".
func (a attempt) sendWith(t *testing.T, p *program, header ...string) reply {
	t.Helper()
	return send(t, a.method, p.URL+a.path, a.body, header...)
}

// bearer is the header line with an access token.
func bearer(token string) string { return "Authorization: Bearer " + token }

// verdict is what is said to a request: a code of ours, or none when it succeeds.
type verdict struct {
	status int
	code   string
}

// The verdicts on callers.
var (
	granted         = verdict{} // the route's own status
	unauthenticated = verdict{http.StatusUnauthorized, "unauthenticated"}
	unavailable     = verdict{http.StatusServiceUnavailable, "provider_unavailable"}
	forbidden       = verdict{http.StatusForbidden, "forbidden"}
	protectedUser   = verdict{http.StatusForbidden, "protected_user"}
	rightsHidden    = verdict{http.StatusServiceUnavailable, "rights_hidden"}
	rateLimited     = verdict{http.StatusTooManyRequests, "rate_limited"}
)

// assertVerdict checks an answer to the attempt.
func assertVerdict(t *testing.T, want verdict, a attempt, answer reply) {
	t.Helper()
	if want == granted {
		assert.Equal(t, a.success, answer.status, "%s %s: %s", a.method, a.path, answer.body)
		return
	}
	assert.Equal(t, want.status, answer.status, "%s %s: %s", a.method, a.path, answer.body)
	assert.Equal(t, "application/json", answer.header.Get("Content-Type"))
	assert.Equal(t, want.code, answer.member(t, "code"), "%s %s: %s", a.method, a.path, answer.body)
	assert.NotEmpty(t, answer.member(t, "message"))
	if want.status == http.StatusUnauthorized {
		assert.True(t, strings.HasPrefix(answer.header.Get("WWW-Authenticate"), "Bearer"))
	}
	switch want.status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		assert.NotEmpty(t, answer.header.Get("Retry-After"))
	}
}

// metric returns the value of a series, by its name and labels as they are printed; 0
// when there is none.
func metric(t *testing.T, p *program, series string) string {
	t.Helper()
	metrics := send(t, http.MethodGet, p.URL+"/metrics", "")
	require.Equal(t, http.StatusOK, metrics.status)
	for line := range strings.Lines(metrics.body) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok && name+"}" == series {
			return value
		}
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == series {
			return value
		}
	}
	return "0"
}
