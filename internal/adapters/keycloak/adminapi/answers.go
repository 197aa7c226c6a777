package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"user-sync-service/internal/domain"
)

// operation names a call in errors and logs, and selects the rules for its answers.
type operation string

const (
	opLogin             operation = "log in"
	opIntrospectToken   operation = "introspect token"
	opTryToken          operation = "try token"
	opGetRealm          operation = "get realm"
	opGetRole           operation = "get role"
	opGetRoles          operation = "get roles"
	opGetClients        operation = "get clients"
	opGetRoleParts      operation = "get role parts"
	opGetGroup          operation = "get group"
	opGetDefaultGroups  operation = "get default groups"
	opGetGroupRoles     operation = "get group roles"
	opGetOwnRoles       operation = "get own roles"
	opGetAdministration operation = "get administration rights"
	opFindUser          operation = "find user"
	opGetUser           operation = "get user"
	opGetUserProfile    operation = "get user profile"
	opGetActions        operation = "get required actions"
	opGetDirectories    operation = "get directories"
	opTryDirectory      operation = "try directory"
	opGetLock           operation = "get lock"
	opGetCredentials    operation = "get credentials"
	opCreateUser        operation = "create user"
	opAssignRole        operation = "assign role"
	opDeleteUser        operation = "delete user"
	opGetUserRoles      operation = "get user roles"
	opGetUserGroups     operation = "get user groups"
	opUpdateUser        operation = "update user"
	opChangeUser        operation = "change user"
	opJoinGroup         operation = "join group"
	opUnassignRole      operation = "unassign role"
	opLeaveGroup        operation = "leave group"
	opEndSessions       operation = "end sessions"
	opSendActionsMail   operation = "send actions mail"
)

// name is the operation as metrics and traces call it.
func (op operation) name() string { return strings.ReplaceAll(string(op), " ", "_") }

// isIdempotent reports whether a second call changes nothing that the first has not
// changed. A user may be there already, a mail may have gone out.
func (op operation) isIdempotent() bool { return op != opCreateUser && op != opSendActionsMail }

// writes reports whether the call succeeds as writes do: with 201 or 204.
func (op operation) writes() bool {
	switch op {
	case opCreateUser, opAssignRole, opDeleteUser, opUpdateUser, opChangeUser, opJoinGroup, opUnassignRole, opLeaveGroup, opEndSessions, opSendActionsMail:
		return true
	default:
		return false
	}
}

// rule says what an answer means. The first rule that fits counts.
type rule struct {
	op     operation // empty: any
	status int       // 0: any
	says   string    // how one of the answer's texts begins; empty: whatever it says
	kind   domain.Kind
	reason Reason
}

// rules returns the one table of what Keycloak's refusals mean. The texts are those of
// Keycloak 24 to 26; an answer without them is not Keycloak's own, so a 404 of a gateway
// never reads as "no such user".
func rules() []rule {
	return []rule{
		{opLogin, http.StatusBadRequest, "invalid_client", domain.Internal, OtherCredentials},
		{opLogin, http.StatusBadRequest, "", domain.Internal, ""},
		{opLogin, http.StatusForbidden, "access_denied", domain.Internal, RealmDisabled},
		{opLogin, http.StatusUnauthorized, "invalid_client", domain.Internal, ClientUnknown},
		{opLogin, http.StatusUnauthorized, "Public client", domain.Internal, ClientPublic},
		{opLogin, http.StatusUnauthorized, "Client not enabled to retrieve service account", domain.Internal, NoServiceAccount},
		{opLogin, http.StatusUnauthorized, "unauthorized_client", domain.Internal, SecretRefused},
		{opLogin, http.StatusUnauthorized, "invalid_request", domain.Internal, AccountDisabled},
		{"", http.StatusUnauthorized, "", domain.Internal, badLogin},
		// Only in Keycloak's own words: a gateway's 403 says nothing about the realm.
		{opGetAdministration, http.StatusForbidden, "HTTP 403 Forbidden", domain.BadAnswer, Hidden},
		{opGetAdministration, http.StatusNotFound, "Client not found", domain.BadAnswer, Hidden},
		{opGetRoleParts, http.StatusForbidden, "HTTP 403 Forbidden", domain.BadAnswer, Hidden},
		{opGetRoleParts, http.StatusForbidden, "unknown_error", domain.BadAnswer, Hidden},
		{opGetRealm, http.StatusForbidden, "HTTP 403 Forbidden", domain.Internal, RightMissing},
		{opGetRealm, http.StatusForbidden, "unknown_error", domain.Internal, RightMissing},
		{opFindUser, http.StatusForbidden, "HTTP 403 Forbidden", domain.Internal, RightMissing},
		{opFindUser, http.StatusForbidden, "unknown_error", domain.Internal, RightMissing},
		{"", http.StatusForbidden, "", domain.Internal, ""},
		{"", http.StatusNotFound, "Realm does not exist", domain.Internal, RealmUnknown},
		{"", http.StatusNotFound, "Realm not found", domain.Internal, RealmUnknown},
		{opLogin, http.StatusNotFound, "", domain.BadAnswer, WrongAddress},
		{opGetRole, http.StatusNotFound, "Could not find role", domain.UnknownRole, Missing},
		{opGetGroup, http.StatusNotFound, "Group path does not exist", domain.BadAnswer, Missing},
		{"", http.StatusNotFound, "Could not find group by id", domain.BadAnswer, Missing},
		{opJoinGroup, http.StatusConflict, "", domain.BadAnswer, given},
		{opAssignRole, http.StatusConflict, "", domain.BadAnswer, given},
		{opAssignRole, http.StatusBadRequest, "Could not add user role mappings", domain.Internal, Met},
		{opJoinGroup, http.StatusNotFound, "Group not found", domain.BadAnswer, Missing},
		{opAssignRole, http.StatusNotFound, "Role not found", domain.UnknownRole, Missing},
		{opUnassignRole, http.StatusNotFound, "Role not found", domain.BadAnswer, Missing},
		{opLeaveGroup, http.StatusNotFound, "Group not found", domain.BadAnswer, Missing},
		{"", http.StatusNotFound, "User not found", domain.NotFound, ""},
		// Before 26.4, when a directory is away.
		{opFindUser, http.StatusBadRequest, "unknown_error", domain.Internal, Failed},
		// Since 26.7 to names with control characters, which no user can get there.
		{opFindUser, http.StatusBadRequest, "Blocking invalid query parameter value", domain.NotFound, ""},
		// The losers of a race get texts that do not say what they lost on.
		{opCreateUser, http.StatusConflict, "User exists with same username or email", domain.BadAnswer, Met},
		{opCreateUser, http.StatusConflict, "User exists with same username", domain.UsernameConflict, ""},
		{opCreateUser, http.StatusConflict, "User exists with same email", domain.EmailConflict, ""},
		{opCreateUser, http.StatusConflict, "", domain.BadAnswer, Met},
		{opCreateUser, http.StatusBadRequest, "Could not create user", domain.BadAnswer, Met},
		// About users of a directory; which words depends on the mode and the version.
		{"", http.StatusBadRequest, "The user is read-only. The user storage provider", domain.Unavailable, directoryAway},
		{"", http.StatusBadRequest, "The user is read-only", domain.ReadOnlyUser, ""},
		{"", http.StatusBadRequest, "User is read only", domain.ReadOnlyUser, ""},
		{"", http.StatusBadRequest, "Federated storage is not writable", domain.ReadOnlyUser, ""},
		{"", http.StatusBadRequest, "Could not update user", domain.Internal, Failed}, // in 24, and others
		{opTryDirectory, http.StatusInternalServerError, "unknown_error", domain.Unavailable, directoryAway},
		{opUpdateUser, http.StatusConflict, "", domain.BadAnswer, Met},
		{opChangeUser, http.StatusConflict, "User exists with same email", domain.EmailConflict, ""},
		{opChangeUser, http.StatusConflict, "", domain.BadAnswer, Met},
		{opCreateUser, http.StatusBadRequest, "Password policy not met", domain.PasswordRefused, ""},
		{opCreateUser, http.StatusBadRequest, "invalidPassword", domain.PasswordRefused, ""},
		{opCreateUser, http.StatusBadRequest, "User name is missing", domain.InvalidField, ""},
		{opCreateUser, http.StatusInternalServerError, "", domain.BadAnswer, Failed},
		{opSendActionsMail, http.StatusBadRequest, "User is disabled", domain.UserDisabled, ""},
		{opSendActionsMail, http.StatusBadRequest, "User email missing", domain.NoEmail, ""},
		{opSendActionsMail, http.StatusInternalServerError, "Failed to send", domain.EmailDeliveryFailed, ""},
		{"", http.StatusTooManyRequests, "", domain.Unavailable, ""},
		{"", http.StatusBadGateway, "", domain.Unavailable, ""},
		{"", http.StatusServiceUnavailable, "", domain.Unavailable, ""},
		{"", http.StatusGatewayTimeout, "", domain.Timeout, ""},
		{"", http.StatusBadRequest, "", domain.Internal, ""},
		{"", 0, "", domain.BadAnswer, ""},
	}
}

// classify says how a try failed, or returns nil. Err is what gocloak returned.
func classify(ctx context.Context, x *exchange, err error) *Error {
	fail := func(kind domain.Kind, code string, cause error) *Error {
		failure := &Error{Outcome: Unknown, Code: code, err: &domain.Error{Kind: kind, Err: fmt.Errorf("%s: %w", x.op, cause)}}
		if x.unsent() {
			failure.Outcome = NotSent
		}
		return failure
	}
	status := strconv.Itoa(x.status)
	switch {
	case err == nil && x.err == nil && x.status < http.StatusMultipleChoices:
		return nil
	case x.notAnAnswer:
		failure := fail(domain.BadAnswer, status, x.err)
		if x.status >= http.StatusMultipleChoices {
			failure.Outcome = Refused // a redirect
		}
		return failure
	case x.err != nil:
		kind, code := connectionFailure(ctx, x.err)
		return fail(kind, code, x.err)
	case x.status == 0 && ctx.Err() != nil:
		kind, code := connectionFailure(ctx, ctx.Err())
		return fail(kind, code, context.Cause(ctx))
	case x.status == 0:
		failure := fail(domain.Internal, unreachable, errors.New("the request could not be made"))
		failure.Outcome = NotSent // gocloak gave up before it sent anything.
		return failure
	case x.status < http.StatusMultipleChoices:
		return fail(domain.BadAnswer, status, errors.New("an answer of another shape"))
	}
	return x.refused(status)
}

// refused says what an answer means that is no success.
func (x *exchange) refused(status string) *Error {
	said := x.said()
	failed := &domain.Error{Err: fmt.Errorf("%s: status %s: %s", x.op, status, said.forLog())}
	failure := &Error{Outcome: Refused, Code: status, err: failed}
	if fields := said.fields(); x.status == http.StatusBadRequest && len(fields) > 0 {
		failed.Kind, failed.Fields = domain.InvalidField, fields
		switch {
		case said.isDoubled():
			failure.Reason = Doubled
		case said.isReadOnly():
			failure.Reason = ReadOnly
		}
		return failure
	}
	for _, rule := range rules() {
		if (rule.op == "" || rule.op == x.op) && (rule.status == 0 || rule.status == x.status) && said.says(rule.says) {
			failed.Kind, failure.Reason = rule.kind, rule.reason
			if rule.reason.isSetupFault() {
				failed.Err = fmt.Errorf("%w: %w", domain.SetupFault(rule.reason), failed.Err)
			}
			if rule.reason == directoryAway {
				failed.Message = "The directory of this account cannot be reached. Please try again later."
			}
			break
		}
	}
	// Keycloak, or a gateway before it, may have done its work and failed afterwards.
	if x.status >= http.StatusInternalServerError && failure.Reason == "" && Unclear(failed) {
		failure.Outcome = Unknown
	}
	return failure
}

// said is what the body of a refusal says: nothing if it is not Keycloak's own, and then the
// rules without a text fit.
func (x *exchange) said() (said refusal) {
	_ = json.Unmarshal(x.body, &said)
	return said
}

// connectionFailure says what a failed connection means. That the caller has left is not
// Keycloak's fault; that the time for the call is over is.
func connectionFailure(ctx context.Context, err error) (domain.Kind, string) {
	if callerGone(ctx) {
		return domain.Unavailable, cancelled
	}
	var timeout net.Error
	if ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return domain.Timeout, timedOut
	}
	return domain.Unavailable, unreachable
}
