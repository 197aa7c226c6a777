package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// policyRealm is a realm that changes its password policy from test to test.
type policyRealm struct {
	*keycloaktest.Realm
	token string // of an administrator, whose password need not fit the policies
}

func newPolicyRealm(t *testing.T) policyRealm {
	t.Helper()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "policies"})
	return policyRealm{realm, administrator(t, realm)}
}

// serve starts a program that knows no other policy yet, behind a gateway.
func (r policyRealm) serve(t *testing.T, policy string) (*program, *gateway) {
	t.Helper()
	const cheapHash = " and hashIterations(1)"
	require.NoError(t, r.UpdateRealm(t.Context(), map[string]any{"passwordPolicy": policy + cheapHash}))
	g := newGateway(t, r.URL)
	p := startProgram(t, nil, environmentFor(r.Realm, g.URL))
	p.token = r.token
	awaitHealth(t, p.URL, http.StatusOK)
	p.awaitKeys(t)
	g.taken()
	return p, g
}

// createAll makes employees, who can sign in as far as to the change of the password. No
// password is refused.
func (r policyRealm) createAll(t *testing.T, p *program, g *gateway) {
	t.Helper()
	const creates = 5
	for range creates {
		username := newName()
		answer := p.send(t, http.MethodPost, syncPath, cashier(username))
		require.Equal(t, http.StatusCreated, answer.status, answer.body)
		r.assertTemporary(t, username, answer.member(t, "temporary_password"))
	}
	assertNoneRefused(t, g, creates)
}

func newName() string { return "employee-" + strings.ToLower(rand.Text()) }

// assertTemporary checks that the password is right, and must be changed.
func (r policyRealm) assertTemporary(t *testing.T, username, password string) {
	t.Helper()
	grant, err := r.Login(t.Context(), username, password)
	require.NoError(t, err)
	assert.Equal(t, "Account is not fully set up", grant.Description)
}

const unreadRule = "a rule of the password policy cannot be read"

func TestPasswordPolicies_AreMetAtOnce(t *testing.T) {
	realm := newPolicyRealm(t)
	for name, policy := range map[string]string{
		"a length":              "length(8)",
		"a maximum and counts":  "maxLength(20) and digits(4) and specialChars(4)",
		"look-aheads":           `regexPattern(^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[@$!%*?&])[A-Za-z\d@$!%*?&]{8,}$)`,
		"nothing of the person": "notEmail(undefined) and notContainsUsername(undefined)",
		"letters and digits":    "regexPattern([a-zA-Z0-9]+) and digits(3)",
		"longer by a pattern":   "length(8) and regexPattern(^.{40,}$)",
		"very long":             "length(500) and notContainsUsername(undefined)",
		"rules without bearing": "passwordHistory(3) and forceExpiredPasswordChange(30) and recoveryCodesWarningThreshold(4) and maxAuthAge(300)",
	} {
		t.Run(name, func(t *testing.T) {
			if server := keycloakServer(t); !server.KnowsPolicy(policy) {
				t.Skipf("Keycloak %s does not know all of %s", server.Version, policy)
			}
			p, g := realm.serve(t, policy)
			realm.createAll(t, p, g)
			assert.NotContains(t, p.log(), unreadRule)
		})
	}
}

// Such a pattern is for Keycloak alone; this one takes every password.
func TestPasswordPolicies_APatternOfJavaOnlyIsLoggedOnce(t *testing.T) {
	realm := newPolicyRealm(t)
	p, g := realm.serve(t, `regexPattern([!-~&&[^ ]]+)`)
	realm.createAll(t, p, g)
	assert.Equal(t, 1, strings.Count(p.log(), unreadRule))
}

// blacklisted is a password on a list that only the server has.
const blacklisted, blacklist = "correct-horse-battery-staple", "forbidden.txt"

// addBlacklist skips the test where the server's files are out of reach.
func addBlacklist(t *testing.T) {
	t.Helper()
	err := keycloakServer(t).AddPasswordBlacklist(blacklist, blacklisted)
	if errors.Is(err, keycloaktest.ErrUnavailable) {
		keycloaktest.Announce(fmt.Sprintf("LEFT OUT: %s. %v", t.Name(), err))
		t.Skip("needs a Keycloak that the tests have started: ", err)
	}
	require.NoError(t, err)
}

func TestPasswordPolicies_ABlacklistIsMetAtOnce(t *testing.T) {
	addBlacklist(t)
	realm := newPolicyRealm(t)
	p, g := realm.serve(t, "passwordBlacklist("+blacklist+")")
	realm.createAll(t, p, g)
	assert.NotContains(t, p.log(), unreadRule)
}

// A password that is on the list is followed by another one, and by no more than two.
func TestPasswordPolicies_ABlacklistedPasswordIsFollowedByAnother(t *testing.T) {
	addBlacklist(t)
	realm := newPolicyRealm(t)
	p, g := realm.serve(t, "passwordBlacklist("+blacklist+")")
	keycloak := proxyTo(t, realm.URL)
	for _, c := range []struct {
		refusals int32
		status   int
	}{{1, http.StatusCreated}, {2, http.StatusCreated}, {3, http.StatusInternalServerError}} {
		var tries atomic.Int32
		g.breakWith(func(w http.ResponseWriter, r *http.Request) {
			if isCreation(r.Method, r.URL.Path) && tries.Add(1) <= c.refusals {
				usePassword(t, r, blacklisted)
			}
			keycloak(w, r)
		})
		username := newName()
		answer := p.send(t, http.MethodPost, syncPath, cashier(username))
		assert.Equal(t, c.status, answer.status, answer.body)
		assert.Equal(t, min(3, c.refusals+1), tries.Load())
		if c.status == http.StatusCreated {
			realm.assertTemporary(t, username, answer.member(t, "temporary_password"))
			continue
		}
		assert.Equal(t, "password_refused", answer.member(t, "code"))
		_, found := realmAccount(t, realm.Realm, username)
		assert.False(t, found)
	}
}

// usePassword puts another password into a creation on its way to Keycloak.
func usePassword(t *testing.T, r *http.Request, password string) {
	var user map[string]any
	if assert.NoError(t, json.NewDecoder(r.Body).Decode(&user)) {
		user["credentials"].([]any)[0].(map[string]any)["value"] = password
	}
	body, err := json.Marshal(user)
	assert.NoError(t, err)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

// The rule is named in words that can be passed on, and Keycloak is not asked for a user.
func TestPasswordPolicies_ContradictoryOnesAreNamed(t *testing.T) {
	realm := newPolicyRealm(t)
	for policy, says := range map[string]string{
		"length(30) and maxLength(20)":                      "The password policy's minimum length (30) is above its maximum length (20).",
		"maxLength(20) and digits(11) and specialChars(10)": "The password policy's minimum counts add up to 21, above its maximum length (20).",
		"maxLength(15)": "The password policy allows 15 characters, but 16 are needed.",
		"length(5000)":  "The password policy's minimum length (5000) is too long, 1024 are possible.",
		"specialChars(1) and regexPattern(^[a-zA-Z0-9]{8,}$)": "The password policy has a regular expression that no generated password fits.",
	} {
		t.Run(policy, func(t *testing.T) {
			p, g := realm.serve(t, policy)
			username := newName()
			answer := p.send(t, http.MethodPost, syncPath, cashier(username))
			assert.Equal(t, http.StatusInternalServerError, answer.status, answer.body)
			assert.Equal(t, "unsatisfiable_password_policy", answer.member(t, "code"))
			assert.Equal(t, says, answer.member(t, "message"))
			assertNoneRefused(t, g, 0)
			_, found := realmAccount(t, realm.Realm, username)
			assert.False(t, found)
		})
	}
}
