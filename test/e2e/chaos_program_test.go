//go:build chaos

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"user-sync-service/test/keycloaktest"
)

// The budgets of programs under faults: short, so that many faults fit into a minute.
const (
	briefCall    = time.Second
	briefRequest = 3 * time.Second
	// longestAnswer is what nobody waits longer for. The last second is for a test
	// machine that has other things to do; how late answers really were is logged.
	longestAnswer = briefRequest + time.Second + time.Second
)

// startBrief runs the program with short budgets, and without looking at callers unless
// the further variables say otherwise, and waits until it has reached Keycloak.
func startBrief(t *testing.T, realm *keycloaktest.Realm, keycloakURL string, further map[string]string) *program {
	t.Helper()
	environment := environmentFor(realm, keycloakURL)
	environment["KEYCLOAK_TIMEOUT"] = briefCall.String()
	environment["REQUEST_TIMEOUT"] = briefRequest.String()
	environment["AUTH_MODE"] = "off"
	environment["LOG_LEVEL"] = "info"
	maps.Copy(environment, further)
	p := startProgram(t, nil, environment)
	awaitHealth(t, p.URL, http.StatusOK)
	return p
}

// create is a creation that somebody asks for.
type create struct {
	username, email string
	role            string // Fineract's
	realmRole       string
	group           string // empty: none
	veteran         bool   // the username or the address is that of somebody who was there before
}

// newCreate is the creation of an employee, with a role that depends on the name.
func newCreate(username string) create {
	kinds := []create{
		{role: "Cashier", realmRole: "teller", group: "tellers"},
		{role: "Loan Officer", realmRole: "loan-officer", group: "loan-officers"},
		{role: "Viewer", realmRole: "Viewer"},
	}
	c := kinds[int(username[len(username)-1])%len(kinds)]
	c.username, c.email = username, username+"@bank.example"
	return c
}

// createAnswer is what came of it.
type createAnswer struct {
	reply
	err  error // no answer came
	took time.Duration

	code     string // "created", "exists", or that of an error
	password string
	drift    struct{ Role, Group string }
	repaired struct{ Role, Group string }
}

// send asks the program for the creation.
func (c create) send(ctx context.Context, p *program, header ...string) createAnswer {
	body := fmt.Sprintf(`{"username":%q,"email":%q,"role":%q}`, c.username, c.email, c.role)
	if p.token != "" {
		header = append(header, bearer(p.token))
	}
	begin := time.Now()
	var answer createAnswer
	answer.reply, answer.err = trySend(ctx, http.MethodPost, p.URL+syncPath, body, header...)
	answer.took = time.Since(begin)
	if answer.err != nil {
		return answer
	}
	var members struct {
		Status, Code    string
		Password        string `json:"temporary_password"`
		Drift, Repaired struct{ Role, Group string }
	}
	if answer.err = json.Unmarshal([]byte(answer.body), &members); answer.err != nil {
		return answer
	}
	answer.code, answer.password, answer.drift, answer.repaired = members.Code, members.Password, members.Drift, members.Repaired
	switch answer.status {
	case http.StatusCreated:
		answer.code = "created"
	case http.StatusOK:
		answer.code = members.Status
	}
	return answer
}
