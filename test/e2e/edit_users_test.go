package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// edit is one member of a body and what it makes of the user.
type edit struct {
	member string
	// next returns another value with each number, as it stands in JSON, and applies it.
	next func(number int, p *portrait) string
}

// edits has one for each member.
func edits() []edit {
	field := func(member, pattern string) edit {
		return edit{member, func(number int, p *portrait) string {
			p.User[member] = fmt.Sprintf(pattern, number)
			return strconv.Quote(fmt.Sprintf(pattern, number))
		}}
	}
	attribute := func(member, name, pattern string) edit {
		return edit{member, func(number int, p *portrait) string {
			value := fmt.Sprintf(pattern, number)
			p.set(name, value)
			if member == "userId" || member == "officeId" {
				return value
			}
			return strconv.Quote(value)
		}}
	}
	return []edit{
		field("email", "edited%d@bank.example"),
		field("firstName", "Édith %d"),
		field("lastName", "O'Edit-%d"),
		attribute("userId", "fineract_user_id", "%d"),
		attribute("officeId", "office_id", "%d"),
		attribute("officeName", "office_name", "Branch \"%d\" & Söhne"),
		attribute("employeeId", "employee_id", "EMP-%d"),
		attribute("mobileNumber", "mobile_number", "+254 700 %d"),
		{"role", func(number int, p *portrait) string {
			move := []struct{ fineract, role, group string }{
				{"Branch Manager", "branch-manager", "branch-managers"}, {"Accountant", "accountant", ""},
				{"KYC Manager", "KYC_MANAGER", ""}, {"Cashier", "teller", "tellers"}, {"Tea Taster", "staff", ""},
			}[number%5]
			p.move(move.role, move.group)
			p.set("fineract_role", move.fineract)
			return strconv.Quote(move.fineract)
		}},
	}
}

// editor changes users and keeps count, so that no value comes twice.
type editor struct {
	realm   *keycloaktest.Realm
	program *program
	number  int
}

// try sends some members and checks that they, and nothing else, have changed.
func (e *editor) try(t *testing.T, before portrait, some ...edit) (after portrait) {
	t.Helper()
	after = before.copied(t)
	var members []string
	for _, one := range some {
		e.number++
		members = append(members, strconv.Quote(one.member)+":"+one.next(1000+e.number, &after))
	}
	body := "{" + strings.Join(members, ",") + "}"
	answer := e.program.send(t, http.MethodPut, "/users/"+before.User["username"].(string), body)
	assert.Equal(t, http.StatusOK, answer.status, "%s: %s", body, answer.body)
	assertMembers(t, `{"status":"success","message":"<text>"}`, answer.body)
	assert.NotContains(t, answer.body, `"warnings"`)
	if !assert.Equal(t, after, portrayLike(t, e.realm, after), body) {
		return portray(t, e.realm, before.User["username"].(string))
	}
	return after
}

// The realm has users of every kind that an edit can meet.
func TestEdit(t *testing.T) {
	realm := employeesRealm(t, "edits")
	p := serveRealm(t, realm, realm.URL)
	t.Run("changes only what was sent", func(t *testing.T) { testPartialEdits(t, realm, p) })
	t.Run("of what is so already", func(t *testing.T) { testEditOfTheSame(t, realm, p) })
	t.Run("refused", func(t *testing.T) { testRefusedEdits(t, realm, p) })
	t.Run("moves the user", func(t *testing.T) { testMoves(t, realm, p) })
	t.Run("moves without a group", func(t *testing.T) { testMoveWithoutTheGroup(t, realm, p) })
	t.Run("moves when asked again", func(t *testing.T) { testInterruptedMove(t, realm) })
}

// An edit changes what it names and leaves everything else about the user as it was,
// whoever the user is: Keycloak wipes what an update leaves out, and unlocks whom it
// says to be enabled.
func testPartialEdits(t *testing.T, realm *keycloaktest.Realm, p *program) {
	t.Helper()
	e := &editor{realm: realm, program: p}
	for _, username := range []string{"locked", "plain", "away", "nameless", "busy", "rich"} {
		t.Run(username, func(t *testing.T) {
			before := portray(t, realm, username)
			for _, one := range edits() {
				before = e.try(t, before, one)
			}
			if username == "rich" {
				for i, one := range edits() {
					for _, other := range edits()[i+1:] {
						before = e.try(t, before, one, other)
					}
				}
			}
			e.try(t, before, edits()...)
		})
	}
	t.Run("passwords and sessions stay", func(t *testing.T) {
		for _, username := range []string{"plain", "busy", "locked"} {
			if username == "locked" {
				refused, err := realm.Login(t.Context(), username, chosenPassword)
				require.NoError(t, err)
				assert.NotEqual(t, http.StatusOK, refused.Status, "still locked")
				require.Equal(t, http.StatusOK, e.program.send(t, http.MethodPut, "/users/locked/status", `{"enabled":true}`).status)
			}
			grant, err := realm.Login(t.Context(), username, chosenPassword)
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, grant.Status, "%s: %s", username, grant.Description)
		}
	})
}

// The same value again, in whatever form, is no change.
func testEditOfTheSame(t *testing.T, realm *keycloaktest.Realm, p *program) {
	t.Helper()
	hire(t, p, "same", everyAttribute)
	before := portray(t, realm, "same")
	for _, body := range []string{
		`{"email":"` + addressOf("same") + `"}`, `{"email":"` + strings.ToUpper(addressOf("same")) + `"}`, `{"firstName":"Nora","lastName":"New"}`,
		`{` + everyAttribute[1:] + `}`, `{"role":"Cashier"}`,
		`{"userId":0,"firstName":"Nora"}`, // not known yet
		`{"enabled":false,"emailVerified":false,"requiredActions":[],"attributes":{},"groups":[],"firstName":"Nora"}`, // not by this route
		`{"username":"Same","firstName":"Nora"}`,
	} {
		answer := p.send(t, http.MethodPut, "/api/user-sync/users/SAME", body)
		assert.Equal(t, http.StatusOK, answer.status, "%s: %s", body, answer.body)
		assertPortrait(t, realm, before)
	}
	answer := p.send(t, http.MethodPut, "/users/same", `{"lastName":"","officeName":"","mobileNumber":""}`)
	assert.Equal(t, http.StatusOK, answer.status, answer.body)
	before.set("office_name", "")
	before.set("mobile_number", "")
	delete(before.User, "lastName")
	after := portray(t, realm, "same")
	if after.User["lastName"] == "" {
		delete(after.User, "lastName")
	}
	assert.Equal(t, before, after)
}

// What cannot be done as a whole is not done in part.
func testRefusedEdits(t *testing.T, realm *keycloaktest.Realm, p *program) {
	t.Helper()
	require.NoError(t, realm.DeleteRole(t.Context(), "Viewer"))
	hire(t, p, "target", everyAttribute)
	addRealmUser(t, realm, teller("other"))
	_, err := realm.CreateUser(t.Context(), map[string]any{"username": "named@bank.example", "enabled": true})
	require.NoError(t, err)
	before := portray(t, realm, "target")
	ledger := ledgerOf(t, realm)
	writes := len(ledger.writes(t))
	const rest = `,"firstName":"Changed","officeId":7,"role":"Branch Manager"}`
	for _, c := range []struct {
		name, username, body string
		status               int
		reply                string
	}{
		{"another's address", "target", `{"email":"other@bank.example"` + rest, 409, `{"status":"error","code":"email_conflict","message":"<text>"}`},
		{"another's address in capitals", "target", `{"email":"OTHER@bank.example"` + rest, 409, `{"status":"error","code":"email_conflict"}`},
		{"another's name as address", "target", `{"email":"named@bank.example"` + rest, 409, `{"status":"error","code":"email_conflict"}`},
		{"malformed address", "target", `{"email":"nobody"` + rest, 400, `{"code":"invalid_field","fields":{"email":"<text>"}}`},
		{"a value of the wrong form", "target", `{"employeeId":"E 7!"` + rest, 400, `{"code":"invalid_field","fields":{"employeeId":"<text>"}}`},
		{"a name that the realm refuses", "target", `{"lastName":"<b>"` + rest, 400, `{"code":"invalid_field","fields":{"lastName":"<text>"}}`},
		{"a role that the realm lacks", "target", `{"firstName":"Changed","officeId":7,"role":"Viewer"}`, 400,
			`{"status":"error","message":"The role 'Viewer' does not exist in the system."}`},
		{"another username", "target", `{"username":"renamed"` + rest, 400, `{"code":"invalid_field","fields":{"username":"<text>"}}`},
		{"nothing", "target", `{}`, 400, `{"status":"error","message":"<text>"}`},
		{"no JSON", "target", `{"firstName":`, 400, `{"code":"invalid_json"}`},
		{"wrong type", "target", `{"lastName":7` + rest, 400, `{"code":"invalid_field","fields":{"lastName":"<text>"}}`},
		{"nobody", "nobody", `{"firstName":"Changed"}`, 404, `{"status":"error","message":"User nobody not found"}`},
		{"protected", "service-account-" + realm.ClientID, `{"firstName":"Changed"}`, 403, `{"code":"protected_user"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := p.send(t, http.MethodPut, "/users/"+c.username, c.body)
			assert.Equal(t, c.status, answer.status, answer.body)
			assertMembers(t, c.reply, answer.body)
			assertPortrait(t, realm, before)
		})
	}
	ledger.unchanged(t, writes)
}
