package keycloak_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// impatientIf is impatient where calls are to hang; elsewhere a busy machine could take
// longer.
func impatientIf(hangs bool) func(*keycloak.Config) {
	if hangs {
		return impatient
	}
	return func(*keycloak.Config) {}
}

// chain returns all that printing err, any error in its chain, and its message shows.
func chain(err error) string {
	if err == nil {
		return ""
	}
	text := fmt.Sprintf("%v %+v %#v %T\n", err, err, err, err)
	var e *domain.Error
	if errors.As(err, &e) {
		text += fmt.Sprintf("%s %v\n", e.Message, e.Fields)
	}
	// Not errors.As, which would look further down: the chain is walked here.
	if joined, ok := any(err).(interface{ Unwrap() []error }); ok {
		for _, cause := range joined.Unwrap() {
			text += chain(cause)
		}
	}
	return text + chain(errors.Unwrap(err))
}

// Errors are logged: no fault of Keycloak, its answers or the network may bring a
// person, a secret, a token or the address of a person's resource into one. Nor does
// anything go to the standard error beside the log.
func TestErrors_NameNobodyAndNoSecret(t *testing.T) {
	stderr := captureStderr(t)
	private := []string{
		stubSecret, "a%2541", callerToken, "eyJ", "Temp0rary", "token-", "Bearer", "present", "anna", "@", "bank.example", "http://", "/admin/", "username=",
	}
	tell := `present anna anna@bank.example <present@bank.example> "Temp0rary-Passw0rd" ` + callerToken
	type fault struct {
		name string
		with http.HandlerFunc
	}
	logIn := operation{name: "log in", route: "POST token", call: check}
	cases := []fault{
		{"closed", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"cut off", cutOff},
		{"hang", hang},
		{"page", saying(200, "text/html", tell)},
		{"text", saying(500, "text/plain", tell)},
		{"broken JSON", saying(200, "application/json", `[{"id":`+tell)},
		{"broken refusal", saying(500, "application/json", tell)},
		{"another refusal", saying(400, "application/json", `{"error":{"user":"present"}}`)},
		{"redirect", redirect(302)},
		{"Location", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/users?username=present", http.StatusMovedPermanently)
		}},
		{"addresses", saying(500, "application/json", `{"errorMessage":"Failed to send execute actions email: 550 <present@bank.example>: no mailbox; anna@bank.example, too"}`)},
		{"token", saying(400, "application/json", `{"error":"invalid_request","error_description":"the token (`+callerToken+`) is none"}`)},
		{"violation", saying(400, "application/json", `{"field":"email","errorMessage":"anna@bank.example is not of the bank","params":["anna@bank.example"]}`)},
		{"401", saying(401, "application/json", `{"error":"HTTP 401 Unauthorized"}`)},
		{"404", saying(404, "application/json", `{"error":"User not found"}`)},
	}
	subjects := newSubjects(t, append(operations(), logIn))
	var hanging sync.WaitGroup
	for _, c := range cases {
		for _, op := range append(operations(), logIn) {
			known := subjects[op.name]
			if slices.Contains([]string{"closed", "cut off", "hang"}, c.name) {
				// Not a known one, whose circuit they would open.
				s := newStub(t)
				known = subject{s, s.provider(t, impatientIf(c.name == "hang")), domain.UserID(s.plant(present()))}
			}
			tell := func() {
				heal := known.spoil(op.route, c.with)
				says := chain(op.run(t, known.provider, known.id))
				heal()
				assert.NotEmpty(t, says, "%s to %s", c.name, op.name)
				for _, text := range private {
					assert.NotContains(t, says, text, "%s to %s", c.name, op.name)
				}
			}
			if c.name == "hang" {
				hanging.Go(tell) // One after the other they would take long.
			} else {
				tell()
			}
		}
	}
	hanging.Wait()
	assert.Empty(t, stderr(), "something was written beside the log")
}

// captureStderr sends the standard error to a file until its text is asked for.
func captureStderr(t *testing.T) (text func() string) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	require.NoError(t, err)
	real := os.Stderr
	os.Stderr = file
	t.Cleanup(func() { os.Stderr = real; _ = file.Close() })
	return func() string {
		os.Stderr = real
		_, err := file.Seek(0, io.SeekStart)
		require.NoError(t, err)
		all, err := io.ReadAll(file)
		require.NoError(t, err)
		return string(all)
	}
}
