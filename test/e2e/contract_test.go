package e2e

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// contractCase is one row of the HTTP contract. "{u}" stands for a username of the
// case's own wherever it occurs, "{U}" for the same in capitals.
type contractCase struct {
	name string
	// before prepares the realm.
	before func(t *testing.T, b backend, u string)

	caller             caller
	method, path, body string
	contentType        string // default application/json, "none" for no header

	status int
	// reply has the members that the answer must have. "<id>", "<password>" and
	// "<text>" stand for a UUID, a temporary password, and any text but none.
	reply string
	// header has lines "Name: value" that the answer must have.
	header []string
	// effect looks at the realm afterwards.
	effect func(t *testing.T, b backend, u string, answer reply)
}

func contractCases() []contractCase {
	var cases []contractCase
	for _, part := range [][]contractCase{createCases(), createRefusedCases(), resetCases(), statusCases(), forceCases(), updateCases(), logoutCases(), readCases(), accessCases(), protectedCases(), otherCases()} {
		cases = append(cases, part...)
	}
	return cases
}

// The in-memory provider answers the contract as Keycloak does, so it can be trusted in
// the tests that have no Keycloak.
func TestContract_OnMemory(t *testing.T) {
	testContract(t, memoryBackend(t))
}

func TestContract_OnKeycloak(t *testing.T) {
	testContract(t, keycloakBackend(t))
}

func testContract(t *testing.T, b backend) {
	document := openAPIOf(t, b.url)
	for _, c := range contractCases() {
		t.Run(c.name, func(t *testing.T) {
			u := "u" + strings.ToLower(rand.Text()[:12])
			if c.before != nil {
				c.before(t, b, u)
			}
			named := strings.NewReplacer("{u}", u, "{U}", strings.ToUpper(u))
			path := named.Replace(c.path)
			answer := c.send(t, b, path, named.Replace(c.body))

			assert.Equal(t, c.status, answer.status, answer.body)
			assertMembers(t, named.Replace(c.reply), answer.body)
			assert.NotEmpty(t, answer.header.Get("X-Request-Id"))
			for _, line := range c.header {
				name, value, _ := strings.Cut(line, ": ")
				assert.Equal(t, value, answer.header.Get(name), name)
			}
			document.check(t, c.method, path, answer)
			if c.effect != nil {
				c.effect(t, b, u, answer)
			}
		})
	}
}

func (c contractCase) send(t *testing.T, b backend, path, body string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), c.method, b.url+path, strings.NewReader(body))
	require.NoError(t, err)
	if token := b.tokens[c.caller]; token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	switch c.contentType {
	case "":
		request.Header.Set("Content-Type", "application/json")
	case "none":
	default:
		request.Header.Set("Content-Type", c.contentType)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{status: response.StatusCode, header: response.Header, body: string(answer)}
}

// assertMembers checks that got has every member of want; it may have more.
func assertMembers(t *testing.T, want, got string) {
	t.Helper()
	var wanted, object map[string]any
	require.NoError(t, json.Unmarshal([]byte(want), &wanted), want)
	require.NoError(t, json.Unmarshal([]byte(got), &object), got)
	assertObject(t, "", wanted, object)
}

func assertObject(t *testing.T, at string, wanted, got map[string]any) {
	t.Helper()
	for name, value := range wanted {
		text, _ := got[name].(string)
		switch value := value.(type) {
		case map[string]any:
			inner, _ := got[name].(map[string]any)
			assertObject(t, at+name+".", value, inner)
			continue
		case string:
			switch value {
			case "<id>":
				assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`, text, at+name)
				continue
			case "<password>":
				assertTemporaryPassword(t, text)
				continue
			case "<text>":
				assert.NotEmpty(t, text, at+name)
				continue
			}
		case []any:
			assert.ElementsMatch(t, value, got[name], at+name)
			continue
		}
		assert.Equal(t, value, got[name], at+name)
	}
}

// assertTemporaryPassword checks the contract's rules for temporary passwords.
func assertTemporaryPassword(t *testing.T, password string) {
	t.Helper()
	assert.GreaterOrEqual(t, len(password), 16)
	assert.Regexp(t, `^[a-zA-Z0-9!@#$%^&*]+$`, password)
	for _, class := range []string{`[a-z]`, `[A-Z]`, `[0-9]`, `[!@#$%^&*]`} {
		assert.Regexp(t, class, password)
	}
	for i := 1; i < len(password); i++ {
		assert.NotEqual(t, password[i-1], password[i], "equal neighbours")
	}
}

// teller is an enabled user of the realm.
func teller(u string) domain.User {
	return domain.User{Username: u, Email: u + "@bank.example", FirstName: "Tariq", LastName: "Teller", Enabled: true, EmailVerified: true}
}

// with returns a step that adds a user, changed by change.
func with(change func(*domain.User)) func(*testing.T, backend, string) {
	return func(t *testing.T, b backend, u string) {
		user := teller(u)
		change(&user)
		b.addUser(t, user)
	}
}

func exists(*domain.User)            {}
func disabled(user *domain.User)     { user.Enabled = false }
func unverified(user *domain.User)   { user.EmailVerified = false }
func withoutEmail(user *domain.User) { user.Email = "" }
func inCapitals(user *domain.User)   { user.Username = strings.ToUpper(user.Username) }
func mustChangePassword(user *domain.User) {
	user.RequiredActions = []domain.RequiredAction{domain.UpdatePassword}
}
func mustVerifyEmail(user *domain.User) {
	user.RequiredActions = []domain.RequiredAction{domain.VerifyEmail}
}

// unchanged checks that the user is still the one that with(change) added.
func unchanged(change func(*domain.User)) func(*testing.T, backend, string, reply) {
	return becomes(change, exists)
}

// becomes checks that the user that with(before) added differs by after, and by
// nothing else.
func becomes(before, after func(*domain.User)) func(*testing.T, backend, string, reply) {
	return func(t *testing.T, b backend, u string, _ reply) {
		t.Helper()
		user := teller(u)
		before(&user)
		after(&user)
		got, found := b.account(t, u)
		require.True(t, found)
		assert.Equal(t, account{
			ID: got.ID, Username: strings.ToLower(user.Username), Email: user.Email, FirstName: user.FirstName, LastName: user.LastName,
			Enabled: user.Enabled, EmailVerified: user.EmailVerified,
			RequiredActions: sortedText(user.RequiredActions), Roles: []string{"teller"}, Groups: []string{"tellers"},
		}, got)
	}
}

// absent checks that nobody has the username.
func absent(t *testing.T, b backend, u string, _ reply) {
	t.Helper()
	_, found := b.account(t, u)
	assert.False(t, found, "a user was created")
}
