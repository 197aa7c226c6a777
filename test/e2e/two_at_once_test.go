package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// facts are what Keycloak tells of a user, as text by name. Several values are separated
// by commas.
type facts map[string]string

// rival is one of two requests about the same user, and what is so once it was answered 200.
type rival struct {
	method, path, body string // the path below the user's
	makes              facts
}

func editing(body string, makes facts) rival {
	return rival{http.MethodPut, "", body, makes}
}

func move(fineract, role, group string) rival {
	return editing(`{"role":"`+fineract+`"}`, facts{"roles": role, "groups": group, "attributes.fineract_role": fineract, "sessions": "0"})
}

func disabling() rival {
	return rival{http.MethodPut, "/status", `{"enabled":false}`, facts{"enabled": "false", "sessions": "0"}}
}

func forcing() rival {
	return rival{http.MethodPost, "/force-password-change", "", facts{"requiredActions": "UPDATE_PASSWORD"}}
}

// pair is two requests that two administrators send at the same moment.
type pair struct {
	name     string
	disabled bool // the user is, at first
	rivals   [2]rival
}

func pairs() []pair {
	disable, force := disabling(), forcing()
	enable := rival{http.MethodPut, "/status", `{"enabled":true}`, facts{"enabled": "true"}}
	logOut := rival{http.MethodPost, "/logout", "", facts{"sessions": "0"}}
	rename := editing(`{"lastName":"Renamed"}`, facts{"lastName": "Renamed"})
	address := editing(`{"email":"{username}@new.example"}`, facts{"email": "{username}@new.example"})
	employee := func(number string) rival {
		return editing(`{"employeeId":"`+number+`"}`, facts{"attributes.employee_id": number})
	}
	office := editing(`{"officeId":5}`, facts{"attributes.office_id": "5"}) // It was another.
	mobile := editing(`{"mobileNumber":"+254 700"}`, facts{"attributes.mobile_number": "+254 700"})
	much := editing(`{"firstName":"Much","officeId":5,"employeeId":"E-5"}`,
		facts{"firstName": "Much", "attributes.office_id": "5", "attributes.employee_id": "E-5"})
	return []pair{
		{"a disable beside a rename", false, [2]rival{disable, rename}},
		{"a disable beside a new address", false, [2]rival{disable, address}},
		{"a disable beside a log-out", false, [2]rival{disable, logOut}},
		{"a disable beside a forced password change", false, [2]rival{disable, force}},
		{"a disable beside an edit of attributes", false, [2]rival{disable, much}},
		{"an enable beside a rename", true, [2]rival{enable, rename}},
		{"an enable beside an edit of attributes", true, [2]rival{enable, much}},
		{"two moves", false, [2]rival{move("Branch Manager", "branch-manager", "branch-managers"), move("Loan Officer", "loan-officer", "loan-officers")}},
		{"a move beside an edit of attributes", false, [2]rival{move("Branch Manager", "branch-manager", "branch-managers"), much}},
		{"the same new attribute twice", false, [2]rival{employee("E-1"), employee("E-1")}},
		{"one attribute, two values", false, [2]rival{employee("E-1"), employee("E-2")}},
		{"the same other value twice", false, [2]rival{office, office}},
		{"two attributes", false, [2]rival{employee("E-1"), mobile}},
		{"a name beside an attribute", false, [2]rival{rename, employee("E-1")}},
	}
}

// Whatever two administrators do to one user at the same moment: what was answered 200
// is so, as if one had come after the other, and the user can be disabled afterwards.
// It does not matter whether one copy of the service serves both.
func TestTwoAtOnce_BothAreTrue(t *testing.T) {
	rounds := numberFrom(t, "TWO_AT_ONCE_ROUNDS", 3)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "two", CheapHash: true})
	keepAttributes(t, realm)
	one, other := serveRealm(t, realm, realm.URL), serveRealm(t, realm, realm.URL)
	for name, programs := range map[string][2]*program{"one process": {one, one}, "two processes": {one, other}} {
		for i, p := range pairs() {
			t.Run(p.name+", "+name, func(t *testing.T) {
				t.Parallel()
				var faulty, incomplete int
				for round := range rounds {
					fault, half := p.meet(t, realm, programs, fmt.Sprintf("user-%d-%d-%s", i, round, name[:3]), round)
					if fault != "" {
						faulty++
						t.Logf("round %d: %s", round, fault)
					}
					incomplete += half
				}
				t.Logf("%d of %d rounds are faulty, and %d answers say that the change is incomplete", faulty, rounds, incomplete)
				assert.Zero(t, faulty, "faulty rounds")
				assert.LessOrEqual(t, incomplete, 1+rounds/20, "incomplete changes")
			})
		}
	}
}

// meet lets both requests of the pair meet at a user of their own. It returns what is
// wrong then, and how many answers say that the change is incomplete.
func (p pair) meet(t *testing.T, realm *keycloaktest.Realm, programs [2]*program, username string, round int) (fault string, incomplete int) {
	t.Helper()
	id := addCashier(t, realm, username, !p.disabled, map[string]any{"fineract_role": "Cashier", "office_id": "1"})
	before := factsOf(t, realm, id)
	answers := p.send(t, programs, username, round)
	after := factsOf(t, realm, id)

	var done [2]bool
	for i, answer := range answers {
		done[i] = answer.status == http.StatusOK
		if done[i] {
			continue
		}
		if answer.status != http.StatusConflict && answer.member(t, "code") != "partial" {
			return fmt.Sprintf("%d %s", answer.status, answer.body), incomplete
		}
		incomplete++
		t.Logf("round %d: incomplete: %d %s", round, answer.status, answer.body)
	}
	if difference := p.unexplained(username, before, after, done); difference != "" {
		return difference, incomplete
	}
	answer := programs[0].send(t, http.MethodPut, "/users/"+username+"/status", `{"enabled":false}`)
	after = factsOf(t, realm, id)
	if answer.status != http.StatusOK || after["enabled"] != "false" || after["sessions"] != "0" {
		return fmt.Sprintf("disabled afterwards: %d %s, %v", answer.status, answer.body, after), incomplete
	}
	return "", incomplete
}

// send sends both at the same moment, or one up to 5 ms later: which one and how much
// changes with the round.
func (p pair) send(t *testing.T, programs [2]*program, username string, round int) (answers [2]reply) {
	t.Helper()
	start := make(chan struct{})
	var errs [2]error
	var both sync.WaitGroup
	for i, r := range p.rivals {
		both.Go(func() {
			<-start
			if i == round%2 {
				time.Sleep(time.Duration(round/2%6) * time.Millisecond)
			}
			answers[i], errs[i] = programs[i].trySend(t.Context(), r.method, "/users/"+username+r.path, strings.ReplaceAll(r.body, "{username}", username))
		})
	}
	close(start)
	both.Wait()
	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	return answers
}

// unexplained returns what cannot come of those requests that are done, whichever was
// first. Of one that is not done only the other's part is known.
func (p pair) unexplained(username string, before, after facts, done [2]bool) (differences string) {
	unknown := func(name string) bool {
		for i, r := range p.rivals {
			value, mine := r.makes[name]
			others, same := p.rivals[1-i].makes[name]
			if mine && !done[i] && (!done[1-i] || !same || value != others) {
				return name != "roles" || after[name] != "" // Nobody is ever without a role.
			}
		}
		return false
	}
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		want := maps.Clone(before)
		for _, i := range order {
			maps.Copy(want, p.rivals[i].makes)
		}
		differences = ""
		for _, name := range slices.Sorted(maps.Keys(merged(want, after))) {
			wanted := strings.ReplaceAll(want[name], "{username}", username)
			if after[name] != wanted && !unknown(name) {
				differences += fmt.Sprintf("%s is %q instead of %q; ", name, after[name], wanted)
			}
		}
		if differences == "" {
			return ""
		}
	}
	return differences
}

func merged(a, b facts) facts {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// addCashier makes a cashier, who is logged in if enabled.
func addCashier(t *testing.T, realm *keycloaktest.Realm, username string, enabled bool, attributes map[string]any) (id string) {
	t.Helper()
	id, err := realm.CreateUser(t.Context(), map[string]any{
		"username": username, "email": username + "@bank.example", "firstName": "Tariq", "lastName": "Teller",
		"enabled": enabled, "emailVerified": true, "groups": []string{"/tellers"},
		"attributes":  attributes,
		"credentials": []any{map[string]any{"type": "password", "value": chosenPassword}},
	})
	require.NoError(t, err)
	require.NoError(t, realm.GrantRealmRole(t.Context(), id, "teller"))
	grant, err := realm.Login(t.Context(), username, chosenPassword)
	require.NoError(t, err)
	require.Equal(t, enabled, grant.Status == http.StatusOK, grant.Description)
	return id
}

// factsOf asks Keycloak for the user.
func factsOf(t *testing.T, realm *keycloaktest.Realm, id string) facts {
	t.Helper()
	var user struct {
		Enabled, EmailVerified               bool
		Username, Email, FirstName, LastName string
		RequiredActions                      []string
		Attributes                           map[string][]string
	}
	require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/users/"+id, nil, &user))
	roles, err := realm.RealmRoles(t.Context(), id)
	require.NoError(t, err)
	groups, err := realm.Groups(t.Context(), id)
	require.NoError(t, err)
	sessions, err := realm.Sessions(t.Context(), id)
	require.NoError(t, err)
	list := func(items []string) string { return strings.Join(slices.Sorted(slices.Values(items)), ",") }
	found := facts{
		"enabled": strconv.FormatBool(user.Enabled), "emailVerified": strconv.FormatBool(user.EmailVerified),
		"username": user.Username, "email": user.Email, "firstName": user.FirstName, "lastName": user.LastName,
		"requiredActions": list(user.RequiredActions), "groups": list(groups), "sessions": strconv.Itoa(sessions),
		"roles": list(slices.DeleteFunc(roles, func(role string) bool { return role == "default-roles-"+realm.Name })),
	}
	for name, values := range user.Attributes {
		found["attributes."+name] = list(values)
	}
	return found
}
