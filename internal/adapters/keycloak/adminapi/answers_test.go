package adminapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// ruleCase is an answer that one rule of the table is for. Most bodies have been seen on
// a Keycloak, the versions are in the comments.
type ruleCase struct {
	rule rule
	op   operation
	code int
	body string
}

const conflict, badRequest, notFound = http.StatusConflict, http.StatusBadRequest, http.StatusNotFound

func ruleCases() []ruleCase {
	return []ruleCase{
		{rule{opLogin, badRequest, "invalid_client", domain.Internal, OtherCredentials}, opLogin, badRequest, `{"error":"invalid_client","error_description":"Parameter client_assertion_type is missing"}`},
		{rule{opLogin, notFound, "", domain.BadAnswer, WrongAddress}, opLogin, notFound, `{"error":"Unable to find matching target resource method"}`},
		{rule{opGetRealm, 403, "HTTP 403 Forbidden", domain.Internal, RightMissing}, opGetRealm, 403, `{"error":"HTTP 403 Forbidden"}`},
		{rule{opGetRealm, 403, "unknown_error", domain.Internal, RightMissing}, opGetRealm, 403, `{"error":"unknown_error"}`}, // 24
		{rule{opFindUser, 403, "HTTP 403 Forbidden", domain.Internal, RightMissing}, opFindUser, 403, `{"error":"HTTP 403 Forbidden"}`},
		{rule{opFindUser, 403, "unknown_error", domain.Internal, RightMissing}, opFindUser, 403, `{"error":"unknown_error"}`}, // 24
		{rule{opLogin, badRequest, "", domain.Internal, ""}, opLogin, badRequest, `{"error":"invalid_request","error_description":"Unexpected error when authenticating client"}`},
		{rule{opLogin, 401, "unauthorized_client", domain.Internal, SecretRefused}, opLogin, 401, `{"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}`},
		{rule{opLogin, 401, "invalid_client", domain.Internal, ClientUnknown}, opLogin, 401, `{"error":"invalid_client","error_description":"Invalid client or Invalid client credentials"}`},
		{rule{opLogin, 401, "Public client", domain.Internal, ClientPublic}, opLogin, 401, `{"error":"unauthorized_client","error_description":"Public client not allowed to retrieve service account"}`},
		{rule{opLogin, 401, "Client not enabled to retrieve service account", domain.Internal, NoServiceAccount}, opLogin, 401, `{"error":"unauthorized_client","error_description":"Client not enabled to retrieve service account"}`},
		{rule{opLogin, 401, "invalid_request", domain.Internal, AccountDisabled}, opLogin, 401, `{"error":"invalid_request","error_description":"User 'service-account-bank' disabled"}`},
		{rule{"", 401, "", domain.Internal, badLogin}, opLogin, 401, `<html>sign in to the gateway</html>`},
		{rule{"", 401, "", domain.Internal, badLogin}, opIntrospectToken, 401, `{"error":"invalid_request","error_description":"Authentication failed."}`},       // 26.4
		{rule{"", 401, "", domain.Internal, badLogin}, opIntrospectToken, 401, `{"error":"invalid_client","error_description":"Client authentication failed."}`}, // 26.7
		{rule{opGetAdministration, 403, "HTTP 403 Forbidden", domain.BadAnswer, Hidden}, opGetAdministration, 403, `{"error":"HTTP 403 Forbidden"}`},
		{rule{opGetAdministration, notFound, "Client not found", domain.BadAnswer, Hidden}, opGetAdministration, notFound, `{"error":"Client not found"}`},
		{rule{opGetRoleParts, 403, "HTTP 403 Forbidden", domain.BadAnswer, Hidden}, opGetRoleParts, 403, `{"error":"HTTP 403 Forbidden"}`},
		{rule{opGetRoleParts, 403, "unknown_error", domain.BadAnswer, Hidden}, opGetRoleParts, 403, `{"error":"unknown_error"}`}, // 24
		{rule{"", notFound, "Could not find group by id", domain.BadAnswer, Missing}, opGetGroupRoles, notFound, `{"error":"Could not find group by id"}`},
		{rule{"", notFound, "Could not find group by id", domain.BadAnswer, Missing}, opGetAdministration, notFound, `{"error":"Could not find group by id"}`},
		{rule{"", 401, "", domain.Internal, badLogin}, opFindUser, 401, `{"error":"HTTP 401 Unauthorized"}`},
		{rule{"", 403, "", domain.Internal, ""}, opAssignRole, 403, `{"error":"unknown_error"}`},      // 24
		{rule{"", 403, "", domain.Internal, ""}, opAssignRole, 403, `{"error":"HTTP 403 Forbidden"}`}, // 25 and later
		{rule{opLogin, 403, "access_denied", domain.Internal, RealmDisabled}, opLogin, 403, `{"error":"access_denied","error_description":"Realm not enabled"}`},
		{rule{"", 403, "", domain.Internal, ""}, opLogin, 403, `<html>blocked by the firewall</html>`},
		{rule{"", 403, "", domain.Internal, ""}, opFindUser, 403, `<html>blocked by the firewall</html>`}, // not Keycloak's own
		{rule{"", 403, "", domain.Internal, ""}, opGetAdministration, 403, `<html>blocked by the firewall</html>`},
		{rule{"", 403, "", domain.Internal, ""}, opGetRoleParts, 403, `<html>blocked by the firewall</html>`},
		{rule{"", 403, "", domain.Internal, ""}, opIntrospectToken, 403, `{"error":"invalid_request","error_description":"Client not allowed."}`}, // a public client
		{rule{"", badRequest, "", domain.Internal, ""}, opIntrospectToken, badRequest, `{"error":"invalid_request","error_description":"Unsupported token type."}`},
		{rule{"", notFound, "Realm does not exist", domain.Internal, RealmUnknown}, opIntrospectToken, notFound, `{"error":"Realm does not exist"}`},
		{rule{"", notFound, "Realm does not exist", domain.Internal, RealmUnknown}, opLogin, notFound, `{"error":"Realm does not exist"}`},
		{rule{"", notFound, "Realm not found", domain.Internal, RealmUnknown}, opFindUser, notFound, `{"error":"Realm not found."}`},
		{rule{opGetRole, notFound, "Could not find role", domain.UnknownRole, Missing}, opGetRole, notFound, `{"error":"Could not find role","error_description":"For more on this error consult the server log at the debug level."}`},
		{rule{opGetGroup, notFound, "Group path does not exist", domain.BadAnswer, Missing}, opGetGroup, notFound, `{"error":"Group path does not exist"}`},
		{rule{opJoinGroup, conflict, "", domain.BadAnswer, given}, opJoinGroup, conflict, `{"error":"conflict","error_description":"Duplicate resource error"}`},
		{rule{opUpdateUser, conflict, "", domain.BadAnswer, Met}, opUpdateUser, conflict, `{"error":"conflict","error_description":"Duplicate resource error"}`},
		{rule{opAssignRole, conflict, "", domain.BadAnswer, given}, opAssignRole, conflict, `{"error":"conflict","error_description":"Duplicate resource error"}`},
		{rule{opJoinGroup, notFound, "Group not found", domain.BadAnswer, Missing}, opJoinGroup, notFound, `{"error":"Group not found"}`},
		{rule{opAssignRole, notFound, "Role not found", domain.UnknownRole, Missing}, opAssignRole, notFound, `{"error":"Role not found"}`},
		{rule{"", notFound, "User not found", domain.NotFound, ""}, opUpdateUser, notFound, `{"error":"User not found"}`},
		{rule{"", notFound, "User not found", domain.NotFound, ""}, opSendActionsMail, notFound, `{"error":"User not found"}`},
		{rule{opFindUser, badRequest, "Blocking invalid query parameter value", domain.NotFound, ""}, opFindUser, badRequest, `{"error":"Blocking invalid query parameter value"}`},
		{rule{opCreateUser, conflict, "User exists with same username or email", domain.BadAnswer, Met}, opCreateUser, conflict, `{"errorMessage":"User exists with same username or email"}`},
		{rule{opCreateUser, conflict, "User exists with same username", domain.UsernameConflict, ""}, opCreateUser, conflict, `{"errorMessage":"User exists with same username"}`},
		{rule{opCreateUser, conflict, "User exists with same email", domain.EmailConflict, ""}, opCreateUser, conflict, `{"errorMessage":"User exists with same email"}`},
		{rule{opCreateUser, conflict, "", domain.BadAnswer, Met}, opCreateUser, conflict, `{"error":"unknown_error"}`},                                                // 25
		{rule{opCreateUser, conflict, "", domain.BadAnswer, Met}, opCreateUser, conflict, `{"error":"unknown_error","error_description":"Duplicate resource error"}`}, // 26.0
		{rule{opCreateUser, conflict, "", domain.BadAnswer, Met}, opCreateUser, conflict, `{"error":"conflict","error_description":"Duplicate resource error"}`},      // 26.4
		{rule{opCreateUser, badRequest, "Could not create user", domain.BadAnswer, Met}, opCreateUser, badRequest, `{"errorMessage":"Could not create user"}`},
		{rule{opCreateUser, badRequest, "Password policy not met", domain.PasswordRefused, ""}, opCreateUser, badRequest, `{"errorMessage":"Password policy not met"}`}, // 24
		{rule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused, ""}, opCreateUser, badRequest, `{"error":"invalidPasswordMinLengthMessage","error_description":"Invalid password: minimum length 12."}`},
		{rule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused, ""}, opCreateUser, badRequest, `{"error":"invalidPasswordMinUpperCaseCharsMessage"}`},
		{rule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused, ""}, opCreateUser, badRequest, `{"error":"invalidPasswordMinLowerCaseCharsMessage"}`},
		{rule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused, ""}, opCreateUser, badRequest, `{"error":"invalidPasswordMinDigitsMessage"}`},
		{rule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused, ""}, opCreateUser, badRequest, `{"error":"invalidPasswordMinSpecialCharsMessage"}`},
		{rule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused, ""}, opCreateUser, badRequest, `{"error":"invalidPasswordNotUsernameMessage"}`},
		{rule{opCreateUser, badRequest, "invalidPassword", domain.PasswordRefused, ""}, opCreateUser, badRequest, `{"error":"invalidPasswordHistoryMessage"}`},
		{rule{opCreateUser, badRequest, "User name is missing", domain.InvalidField, ""}, opCreateUser, badRequest, `{"errorMessage":"User name is missing"}`},
		{rule{opCreateUser, 500, "", domain.BadAnswer, Failed}, opCreateUser, 500, `{"error":"unknown_error"}`},
		{rule{opSendActionsMail, badRequest, "User is disabled", domain.UserDisabled, ""}, opSendActionsMail, badRequest, `{"errorMessage":"User is disabled"}`},
		{rule{opSendActionsMail, badRequest, "User email missing", domain.NoEmail, ""}, opSendActionsMail, badRequest, `{"errorMessage":"User email missing"}`},
		{rule{opSendActionsMail, 500, "Failed to send", domain.EmailDeliveryFailed, ""}, opSendActionsMail, 500, `{"errorMessage":"Failed to send execute actions email"}`},
		{rule{opSendActionsMail, 500, "Failed to send", domain.EmailDeliveryFailed, ""}, opSendActionsMail, 500, `{"errorMessage":"Failed to send execute actions email: Invalid sender address 'null'. Please check the configuration."}`},
		// Users of a directory.
		{rule{"", badRequest, "The user is read-only. The user storage provider", domain.Unavailable, directoryAway}, opUpdateUser, badRequest, `{"errorMessage":"The user is read-only. The user storage provider 'ldap' is currently unavailable. Check the server logs for more details."}`},
		{rule{"", badRequest, "The user is read-only", domain.ReadOnlyUser, ""}, opUpdateUser, badRequest, `{"errorMessage":"The user is read-only. Not possible to write 'enabled' when updating user 'anna'."}`},
		{rule{"", badRequest, "User is read only", domain.ReadOnlyUser, ""}, opUpdateUser, badRequest, `{"errorMessage":"User is read only!"}`}, // 24
		{rule{"", badRequest, "Federated storage is not writable", domain.ReadOnlyUser, ""}, opChangeUser, badRequest, `{"errorMessage":"Federated storage is not writable"}`},
		{rule{"", badRequest, "Could not update user", domain.Internal, Failed}, opUpdateUser, badRequest, `{"errorMessage":"Could not update user!"}`},
		{rule{opTryDirectory, 500, "unknown_error", domain.Unavailable, directoryAway}, opTryDirectory, 500, `{"error":"unknown_error"}`},
		{rule{opFindUser, badRequest, "unknown_error", domain.Internal, Failed}, opFindUser, badRequest, `{"error":"unknown_error","error_description":"Cannot parse the JSON"}`},
		{rule{"", 429, "", domain.Unavailable, ""}, opLogin, 429, ``},
		{rule{"", 502, "", domain.Unavailable, ""}, opFindUser, 502, `<html>bad gateway</html>`},
		{rule{"", 503, "", domain.Unavailable, ""}, opCreateUser, 503, ``},
		{rule{"", 504, "", domain.Timeout, ""}, opSendActionsMail, 504, ``},
		{rule{"", badRequest, "", domain.Internal, ""}, opCreateUser, badRequest, `{"error":"unable to read contents from stream"}`},
		{rule{"", badRequest, "", domain.Internal, ""}, opSendActionsMail, badRequest, `{"errorMessage":"Invalid redirect uri."}`},
		{rule{opAssignRole, badRequest, "Could not add user role mappings", domain.Internal, Met}, opAssignRole, badRequest, `{"error":"invalid_request","error_description":"Could not add user role mappings!"}`},
		{rule{opUnassignRole, notFound, "Role not found", domain.BadAnswer, Missing}, opUnassignRole, notFound, `{"error":"Role not found"}`},
		{rule{opLeaveGroup, notFound, "Group not found", domain.BadAnswer, Missing}, opLeaveGroup, notFound, `{"error":"Group not found"}`},
		{rule{opChangeUser, conflict, "User exists with same email", domain.EmailConflict, ""}, opChangeUser, conflict, `{"errorMessage":"User exists with same email"}`},
		{rule{opChangeUser, conflict, "", domain.BadAnswer, Met}, opChangeUser, conflict, `{"errorMessage":"User exists with same username or email"}`},
		{rule{opChangeUser, conflict, "", domain.BadAnswer, Met}, opChangeUser, conflict, `{"error":"conflict","error_description":"Duplicate resource error"}`},
		{rule{"", badRequest, "", domain.Internal, ""}, opAssignRole, badRequest, `{"error":"invalid_request"}`},
		{rule{"", notFound, "User not found", domain.NotFound, ""}, opGetUser, notFound, `{"error":"User not found"}`},
		{rule{"", notFound, "User not found", domain.NotFound, ""}, opGetCredentials, notFound, `{"error":"User not found","error_description":"For more on this error consult the server log at the debug level."}`}, // 24
		{rule{"", 0, "", domain.BadAnswer, ""}, opDeleteUser, conflict, `{"errorMessage":"User exists with same email"}`},
		{rule{"", 0, "", domain.BadAnswer, ""}, opFindUser, 500, `{"error":"unknown_error"}`},
		{rule{"", 0, "", domain.BadAnswer, ""}, opSendActionsMail, 500, `{"error":"unknown_error"}`},
		{rule{"", 0, "", domain.BadAnswer, ""}, opFindUser, notFound, `<html>no such backend</html>`},
		{rule{"", 0, "", domain.BadAnswer, ""}, opFindUser, notFound, `User not found`},
		{rule{"", 0, "", domain.BadAnswer, ""}, opFindUser, notFound, `null`},
		// The text of one call's rule means nothing in the answer to another call.
		{rule{"", 0, "", domain.BadAnswer, ""}, opUpdateUser, notFound, `{"error":"Role not found"}`},
		{rule{"", 0, "", domain.BadAnswer, ""}, opGetGroup, notFound, `{"error":"Group not found"}`},
		{rule{"", 0, "", domain.BadAnswer, ""}, opGetRoleParts, notFound, `{"error":"Could not find role with id"}`},
		{rule{"", 0, "", domain.BadAnswer, ""}, opGetRole, notFound, `{"error":"Group path does not exist"}`},
	}
}

func answered(op operation, status int, body string) *exchange {
	return &exchange{op: op, status: status, body: []byte(body)}
}

func TestAnswerRules_EachMeansWhatItsLineSays(t *testing.T) {
	for _, c := range ruleCases() {
		err := classify(t.Context(), answered(c.op, c.code, c.body), errors.New("from gocloak"))
		require.ErrorIs(t, err, c.rule.kind, "%s %d %s", c.op, c.code, c.body)
		assert.Equal(t, c.rule.kind, domain.AsError(err).Kind, "%s %d %s", c.op, c.code, c.body)
		assert.Equal(t, c.rule.reason, err.Reason, "%s %d %s", c.op, c.code, c.body)
		fault, told := errors.AsType[domain.SetupFault](err)
		assert.Equal(t, c.rule.reason.isSetupFault(), told, "%s %d %s", c.op, c.code, c.body)
		assert.True(t, !told || string(fault) == string(c.rule.reason), "%s", fault)
	}
}

// A rule without a case here is a rule that nobody has seen work, and one that an
// earlier rule hides never will.
func TestAnswerRules_EachHasACaseThatReachesIt(t *testing.T) {
	reached := make(map[rule]bool)
	for _, c := range ruleCases() {
		reached[c.rule] = true
	}
	for _, rule := range rules() {
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
		err := classify(t.Context(), answered(opUpdateUser, badRequest, body), errors.New("from gocloak"))
		require.ErrorIs(t, err, domain.InvalidField, key)
		assert.Equal(t, map[string]string{"lastName": want}, domain.AsError(err).Fields, key)
	}
}

// A 4xx is Keycloak's or a gateway's word that nothing was done. After a 5xx that is known
// for one call alone, something may have been.
func TestOutcome_OfEachSortOfEnd(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	late, cancel := WithTimeout(t.Context(), 0)
	defer cancel()
	cut := &exchange{op: opCreateUser, status: 201, err: io.ErrUnexpectedEOF, connection: connectionGot}
	page := &exchange{op: opCreateUser, status: 200, err: errors.New("status 200 for a write"), notAnAnswer: true}
	redirect := &exchange{op: opCreateUser, status: 302, err: errors.New("a redirect"), notAnAnswer: true}
	lost := errors.New("connection lost")
	for name, c := range map[string]struct {
		ctx     context.Context
		x       *exchange
		outcome Outcome
		code    string
		fault   bool
	}{
		"a refusal":                       {t.Context(), answered(opCreateUser, badRequest, `{"error":"no"}`), Refused, "400", false},
		"a creation that was rolled back": {t.Context(), answered(opCreateUser, 500, `{"error":"unknown_error"}`), Refused, "500", false},
		"a mail that could not be sent":   {t.Context(), answered(opSendActionsMail, 500, `{"errorMessage":"Failed to send execute actions email"}`), Refused, "500", false},
		"another 500":                     {t.Context(), answered(opAssignRole, 500, `{"error":"unknown_error"}`), Unknown, "500", false},
		"a gateway without Keycloak":      {t.Context(), answered(opCreateUser, 503, ``), Unknown, "503", true},
		"too many requests":               {t.Context(), answered(opCreateUser, 429, ``), Refused, "429", false},
		"an answer cut short":             {t.Context(), cut, Unknown, unreachable, true},
		"a page":                          {t.Context(), page, Unknown, "200", false},
		"a redirect":                      {t.Context(), redirect, Refused, "302", false},
		"no connection":                   {t.Context(), &exchange{op: opCreateUser, err: lost, connection: connectionWanted}, NotSent, unreachable, true},
		"a lost connection":               {t.Context(), &exchange{op: opCreateUser, err: lost, connection: connectionGot}, Unknown, unreachable, true},
		"a caller who left":               {gone, &exchange{op: opCreateUser, err: context.Canceled, connection: connectionGot}, Unknown, cancelled, false},
		"no answer in time":               {late, &exchange{op: opCreateUser, err: context.DeadlineExceeded, connection: connectionGot}, Unknown, timedOut, true},
		"what could not be sent":          {t.Context(), &exchange{op: opCreateUser}, NotSent, unreachable, false},
	} {
		failure := classify(c.ctx, c.x, lost)
		require.NotNil(t, failure, name)
		assert.Equal(t, c.outcome, failure.Outcome, name)
		assert.Equal(t, c.outcome, OutcomeOf(fmt.Errorf("wrapped: %w", failure)), name)
		assert.Equal(t, c.code, failure.Code, name)
		assert.Equal(t, c.fault, failure.isFault(), name)
	}
	assert.Nil(t, classify(t.Context(), answered(opCreateUser, 201, ""), nil))
	assert.Equal(t, Done, OutcomeOf(nil))
}
