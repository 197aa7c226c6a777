package adminapi

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// ruleCase is an answer that one rule of the table is for. Most bodies have been seen on
// a Keycloak, the versions are in the comments.
type ruleCase struct {
	rule answerRule
	op   operation
	code int
	body string
}

const conflict, badRequest, notFound = http.StatusConflict, http.StatusBadRequest, http.StatusNotFound

func ruleCases() []ruleCase {
	return []ruleCase{
		{answerRule{opLogin, badRequest, "", domain.Internal}, opLogin, badRequest, `{"error":"invalid_request","error_description":"Unexpected error when authenticating client"}`},
		{answerRule{opLogin, 401, "", secretRefused}, opLogin, 401, `{"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}`},
		{answerRule{opIntrospectToken, 401, "", secretRefused}, opIntrospectToken, 401, `{"error":"invalid_request","error_description":"Authentication failed."}`},       // 26.4
		{answerRule{opIntrospectToken, 401, "", secretRefused}, opIntrospectToken, 401, `{"error":"invalid_client","error_description":"Client authentication failed."}`}, // 26.7
		{answerRule{opGetAdministration, 403, "HTTP 403 Forbidden", administrationHidden}, opGetAdministration, 403, `{"error":"HTTP 403 Forbidden"}`},
		{answerRule{opGetAdministration, notFound, "Client not found", administrationHidden}, opGetAdministration, notFound, `{"error":"Client not found"}`},
		{answerRule{opGetRoleParts, 403, "HTTP 403 Forbidden", partsHidden}, opGetRoleParts, 403, `{"error":"HTTP 403 Forbidden"}`},
		{answerRule{opGetRoleParts, 403, "unknown_error", partsHidden}, opGetRoleParts, 403, `{"error":"unknown_error"}`}, // 24
		{answerRule{"", notFound, "Could not find group by id", groupGone}, opGetGroupRoles, notFound, `{"error":"Could not find group by id"}`},
		{answerRule{"", notFound, "Could not find group by id", groupGone}, opGetAdministration, notFound, `{"error":"Could not find group by id"}`},
		{answerRule{"", 401, "", loginStale}, opFindUser, 401, `{"error":"HTTP 401 Unauthorized"}`},
		{answerRule{"", 403, "", domain.Internal}, opAssignRole, 403, `{"error":"unknown_error"}`},          // 24
		{answerRule{"", 403, "", domain.Internal}, opAssignRole, 403, `{"error":"HTTP 403 Forbidden"}`},     // 25 and later
		{answerRule{"", 403, "", domain.Internal}, opLogin, 403, `{"error":"access_denied"}`},               // the realm is off
		{answerRule{"", 403, "", domain.Internal}, opFindUser, 403, `<html>blocked by the firewall</html>`}, // not Keycloak's own
		{answerRule{"", 403, "", domain.Internal}, opGetAdministration, 403, `<html>blocked by the firewall</html>`},
		{answerRule{"", 403, "", domain.Internal}, opGetRoleParts, 403, `<html>blocked by the firewall</html>`},
		{answerRule{"", 403, "", domain.Internal}, opIntrospectToken, 403, `{"error":"invalid_request","error_description":"Client not allowed."}`}, // a public client
		{answerRule{"", badRequest, "", domain.Internal}, opIntrospectToken, badRequest, `{"error":"invalid_request","error_description":"Unsupported token type."}`},
		{answerRule{"", notFound, "Realm does not exist", domain.Internal}, opIntrospectToken, notFound, `{"error":"Realm does not exist"}`},
		{answerRule{"", notFound, "Realm does not exist", domain.Internal}, opLogin, notFound, `{"error":"Realm does not exist"}`},
		{answerRule{"", notFound, "Realm not found", domain.Internal}, opFindUser, notFound, `{"error":"Realm not found."}`},
		{answerRule{opGetRole, notFound, "Could not find role", roleGone}, opGetRole, notFound, `{"error":"Could not find role","error_description":"For more on this error consult the server log at the debug level."}`},
		{answerRule{opGetGroup, notFound, "Group path does not exist", groupGone}, opGetGroup, notFound, `{"error":"Group path does not exist"}`},
		{answerRule{opJoinGroup, conflict, "", givenMeanwhile}, opJoinGroup, conflict, `{"error":"conflict","error_description":"Duplicate resource error"}`},
		{answerRule{opUpdateUser, conflict, "", conflictUnclear}, opUpdateUser, conflict, `{"error":"conflict","error_description":"Duplicate resource error"}`},
		{answerRule{opAssignRole, conflict, "", givenMeanwhile}, opAssignRole, conflict, `{"error":"conflict","error_description":"Duplicate resource error"}`},
		{answerRule{opJoinGroup, notFound, "Group not found", groupGone}, opJoinGroup, notFound, `{"error":"Group not found"}`},
		{answerRule{opAssignRole, notFound, "Role not found", roleGone}, opAssignRole, notFound, `{"error":"Role not found"}`},
		{answerRule{"", notFound, "User not found", domain.NotFound}, opUpdateUser, notFound, `{"error":"User not found"}`},
		{answerRule{"", notFound, "User not found", domain.NotFound}, opSendActionsMail, notFound, `{"error":"User not found"}`},
		{answerRule{opCreateUser, conflict, "User exists with same username or email", conflictUnclear}, opCreateUser, conflict, `{"errorMessage":"User exists with same username or email"}`},
		{answerRule{opCreateUser, conflict, "User exists with same username", domain.UsernameConflict}, opCreateUser, conflict, `{"errorMessage":"User exists with same username"}`},
		{answerRule{opCreateUser, conflict, "User exists with same email", domain.EmailConflict}, opCreateUser, conflict, `{"errorMessage":"User exists with same email"}`},
		{answerRule{opCreateUser, conflict, "", conflictUnclear}, opCreateUser, conflict, `{"error":"unknown_error"}`},                                                // 25
		{answerRule{opCreateUser, conflict, "", conflictUnclear}, opCreateUser, conflict, `{"error":"unknown_error","error_description":"Duplicate resource error"}`}, // 26.0
		{answerRule{opCreateUser, conflict, "", conflictUnclear}, opCreateUser, conflict, `{"error":"conflict","error_description":"Duplicate resource error"}`},      // 26.4
		{answerRule{opCreateUser, badRequest, "Could not create user", conflictUnclear}, opCreateUser, badRequest, `{"errorMessage":"Could not create user"}`},
		{answerRule{opCreateUser, badRequest, "Password policy not met", domain.PasswordRefused}, opCreateUser, badRequest, `{"errorMessage":"Password policy not met"}`}, // 24
		{answerRule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused}, opCreateUser, badRequest, `{"error":"invalidPasswordMinLengthMessage","error_description":"Invalid password: minimum length 12."}`},
		{answerRule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused}, opCreateUser, badRequest, `{"error":"invalidPasswordMinUpperCaseCharsMessage"}`},
		{answerRule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused}, opCreateUser, badRequest, `{"error":"invalidPasswordMinLowerCaseCharsMessage"}`},
		{answerRule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused}, opCreateUser, badRequest, `{"error":"invalidPasswordMinDigitsMessage"}`},
		{answerRule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused}, opCreateUser, badRequest, `{"error":"invalidPasswordMinSpecialCharsMessage"}`},
		{answerRule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused}, opCreateUser, badRequest, `{"error":"invalidPasswordNotUsernameMessage"}`},
		{answerRule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused}, opCreateUser, badRequest, `{"error":"invalidPasswordHistoryMessage"}`},
		{answerRule{opCreateUser, badRequest, "User name is missing", domain.InvalidField}, opCreateUser, badRequest, `{"errorMessage":"User name is missing"}`},
		{answerRule{opCreateUser, 500, "", creationFailed}, opCreateUser, 500, `{"error":"unknown_error"}`},
		{answerRule{opSendActionsMail, badRequest, "User is disabled", domain.UserDisabled}, opSendActionsMail, badRequest, `{"errorMessage":"User is disabled"}`},
		{answerRule{opSendActionsMail, badRequest, "User email missing", domain.NoEmail}, opSendActionsMail, badRequest, `{"errorMessage":"User email missing"}`},
		{answerRule{opSendActionsMail, 500, "Failed to send", domain.EmailDeliveryFailed}, opSendActionsMail, 500, `{"errorMessage":"Failed to send execute actions email"}`},
		{answerRule{opSendActionsMail, 500, "Failed to send", domain.EmailDeliveryFailed}, opSendActionsMail, 500, `{"errorMessage":"Failed to send execute actions email: Invalid sender address 'null'. Please check the configuration."}`},
		{answerRule{"", 429, "", domain.Unavailable}, opLogin, 429, ``},
		{answerRule{"", 502, "", domain.Unavailable}, opFindUser, 502, `<html>bad gateway</html>`},
		{answerRule{"", 503, "", domain.Unavailable}, opCreateUser, 503, ``},
		{answerRule{"", 504, "", domain.Timeout}, opSendActionsMail, 504, ``},
		{answerRule{"", badRequest, "", domain.Internal}, opCreateUser, badRequest, `{"error":"unable to read contents from stream"}`},
		{answerRule{"", badRequest, "", domain.Internal}, opSendActionsMail, badRequest, `{"errorMessage":"Invalid redirect uri."}`},
		{answerRule{opAssignRole, badRequest, "Could not add user role mappings", assignmentFailed}, opAssignRole, badRequest, `{"error":"invalid_request","error_description":"Could not add user role mappings!"}`},
		{answerRule{opUnassignRole, notFound, "Role not found", roleGone}, opUnassignRole, notFound, `{"error":"Role not found"}`},
		{answerRule{opLeaveGroup, notFound, "Group not found", groupGone}, opLeaveGroup, notFound, `{"error":"Group not found"}`},
		{answerRule{opChangeUser, conflict, "User exists with same email", domain.EmailConflict}, opChangeUser, conflict, `{"errorMessage":"User exists with same email"}`},
		{answerRule{opChangeUser, conflict, "", conflictUnclear}, opChangeUser, conflict, `{"errorMessage":"User exists with same username or email"}`},
		{answerRule{opChangeUser, conflict, "", conflictUnclear}, opChangeUser, conflict, `{"error":"conflict","error_description":"Duplicate resource error"}`},
		{answerRule{"", badRequest, "", domain.Internal}, opAssignRole, badRequest, `{"error":"invalid_request"}`},
		{answerRule{"", notFound, "User not found", domain.NotFound}, opGetUser, notFound, `{"error":"User not found"}`},
		{answerRule{"", notFound, "User not found", domain.NotFound}, opGetCredentials, notFound, `{"error":"User not found","error_description":"For more on this error consult the server log at the debug level."}`}, // 24
		{answerRule{"", 0, "", domain.BadAnswer}, opDeleteUser, conflict, `{"errorMessage":"User exists with same email"}`},
		{answerRule{"", 0, "", domain.BadAnswer}, opFindUser, 500, `{"error":"unknown_error"}`},
		{answerRule{"", 0, "", domain.BadAnswer}, opSendActionsMail, 500, `{"error":"unknown_error"}`},
		{answerRule{"", 0, "", domain.BadAnswer}, opFindUser, notFound, `<html>no such backend</html>`},
		{answerRule{"", 0, "", domain.BadAnswer}, opFindUser, notFound, `User not found`},
		{answerRule{"", 0, "", domain.BadAnswer}, opFindUser, notFound, `null`},
		// The text of one call's rule means nothing in the answer to another call.
		{answerRule{"", 0, "", domain.BadAnswer}, opUpdateUser, notFound, `{"error":"Role not found"}`},
		{answerRule{"", 0, "", domain.BadAnswer}, opGetGroup, notFound, `{"error":"Group not found"}`},
		{answerRule{"", 0, "", domain.BadAnswer}, opGetRoleParts, notFound, `{"error":"Could not find role with id"}`},
		{answerRule{"", 0, "", domain.BadAnswer}, opGetRole, notFound, `{"error":"Group path does not exist"}`},
	}
}

func TestAnswerRules_EachMeansWhatItsLineSays(t *testing.T) {
	for _, c := range ruleCases() {
		x := &exchange{status: c.code, body: []byte(c.body)}
		err := classify(t.Context(), c.op, x, errors.New("from gocloak"))
		require.ErrorIs(t, err, c.rule.kind, "%s %d %s", c.op, c.code, c.body)
		assert.Equal(t, c.rule.kind, domain.AsError(err).Kind, "%s %d %s", c.op, c.code, c.body)
	}
}

// A rule without a case here is a rule that nobody has seen work, and one that an
// earlier rule hides never will.
func TestAnswerRules_EachHasACaseThatReachesIt(t *testing.T) {
	reached := make(map[answerRule]bool)
	for _, c := range ruleCases() {
		reached[c.rule] = true
	}
	for _, rule := range answerRules() {
		assert.True(t, reached[rule], "no case for the rule %+v", rule)
		delete(reached, rule)
	}
	assert.Empty(t, reached, "cases for rules that are not in the table")
}

func TestFieldProblems_AreInOurWords(t *testing.T) {
	for key, want := range map[string]string{
		"error-user-attribute-required":       "is required",
		"error-invalid-length":                "is too short or too long",
		"error-invalid-length-too-short":      "is too short or too long",
		"error-invalid-length-too-long":       "is too short or too long",
		"error-username-invalid-character":    "contains a character that is not allowed",
		"error-person-name-invalid-character": "contains a character that is not allowed",
		"error-invalid-email":                 "must be an e-mail address",
		"error-user-attribute-read-only":      "must not be changed",
		"Ask Heidi (4711) first!":             "is not allowed by the rules of the realm",
	} {
		body := `{"errors":[{"field":"lastName","errorMessage":"` + key + `","params":["lastName",3,255]}]}`
		err := classify(t.Context(), opUpdateUser, &exchange{status: 400, body: []byte(body)}, errors.New("from gocloak"))
		require.ErrorIs(t, err, domain.InvalidField, key)
		assert.Equal(t, map[string]string{"lastName": want}, domain.AsError(err).Fields, key)
		assert.Equal(t, "The field 'lastName' "+want+".", domain.AsError(err).Message, key)
	}
}
