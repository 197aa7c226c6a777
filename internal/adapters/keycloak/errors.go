package keycloak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	"user-sync-service/internal/domain"
)

// operation names a call to Keycloak in errors and logs, and selects the rules for its
// answers.
type operation string

const (
	opLogin             operation = "log in"
	opIntrospectToken   operation = "introspect token"
	opGetRealm          operation = "get realm"
	opGetRole           operation = "get role"
	opGetRoleParts      operation = "get role parts"
	opGetGroup          operation = "get group"
	opGetGroupRoles     operation = "get group roles"
	opGetOwnRoles       operation = "get own roles"
	opGetAdministration operation = "get administration rights"
	opFindUser          operation = "find user"
	opGetUser           operation = "get user"
	opGetUserProfile    operation = "get user profile"
	opGetActions        operation = "get required actions"
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

// Kinds that the use cases never see: they steer this adapter only.
const (
	// roleGone: Keycloak does not know the role that was to be read or assigned.
	roleGone domain.Kind = "role_gone"
	// groupGone: Keycloak does not know the group.
	groupGone domain.Kind = "group_gone"
	// loginStale: Keycloak no longer accepts the access token.
	loginStale domain.Kind = "login_stale"
	// secretRefused: Keycloak does not accept the secret of the service's own client.
	secretRefused domain.Kind = "secret_refused"
	// creationFailed: Keycloak answered 500 to a creation and made nobody.
	creationFailed domain.Kind = "creation_failed"
	// conflictUnclear: the write lost a race, Keycloak does not say against what.
	conflictUnclear domain.Kind = "conflict_unclear"
	// givenMeanwhile: somebody gave the user the same at the same moment.
	givenMeanwhile domain.Kind = "given_meanwhile"
	// assignmentFailed: the role could not be given, as when somebody gave it at the same
	// moment.
	assignmentFailed domain.Kind = "assignment_failed"
	// partsHidden: Keycloak does not show us what a role contains.
	partsHidden domain.Kind = "parts_hidden"
	// administrationHidden: Keycloak does not show us the rights in the administration
	// client, or it has another one by now.
	administrationHidden domain.Kind = "administration_hidden"
)

// answerRule says what an answer means. The first rule that fits counts.
type answerRule struct {
	op     operation // empty: any
	status int       // 0: any
	says   string    // how one of the answer's texts begins; empty: whatever it says
	kind   domain.Kind
}

// answerRules returns the one table of what Keycloak's refusals mean. The texts are
// those of Keycloak 24 to 26; an answer without them is not Keycloak's own, so a 404 of
// a gateway never reads as "no such user".
func answerRules() []answerRule {
	return []answerRule{
		{opLogin, http.StatusBadRequest, "", domain.Internal},
		{opLogin, http.StatusUnauthorized, "", secretRefused},
		{opIntrospectToken, http.StatusUnauthorized, "", secretRefused},
		{"", http.StatusUnauthorized, "", loginStale},
		// Only in Keycloak's own words: a gateway's 403 says nothing about the realm.
		{opGetAdministration, http.StatusForbidden, "HTTP 403 Forbidden", administrationHidden},
		{opGetAdministration, http.StatusNotFound, "Client not found", administrationHidden},
		{opGetRoleParts, http.StatusForbidden, "HTTP 403 Forbidden", partsHidden},
		{opGetRoleParts, http.StatusForbidden, "unknown_error", partsHidden},
		{"", http.StatusForbidden, "", domain.Internal},
		{"", http.StatusNotFound, "Realm does not exist", domain.Internal},
		{"", http.StatusNotFound, "Realm not found", domain.Internal},
		{opGetRole, http.StatusNotFound, "Could not find role", roleGone},
		{opGetGroup, http.StatusNotFound, "Group path does not exist", groupGone},
		{"", http.StatusNotFound, "Could not find group by id", groupGone},
		{opJoinGroup, http.StatusConflict, "", givenMeanwhile},
		{opAssignRole, http.StatusConflict, "", givenMeanwhile},
		{opJoinGroup, http.StatusNotFound, "Group not found", groupGone},
		{opAssignRole, http.StatusNotFound, "Role not found", roleGone},
		{opAssignRole, http.StatusBadRequest, "Could not add user role mappings", assignmentFailed},
		{opUnassignRole, http.StatusNotFound, "Role not found", roleGone},
		{opLeaveGroup, http.StatusNotFound, "Group not found", groupGone},
		{"", http.StatusNotFound, "User not found", domain.NotFound},
		// The losers of a race get texts that do not say what they lost on.
		{opCreateUser, http.StatusConflict, "User exists with same username or email", conflictUnclear},
		{opCreateUser, http.StatusConflict, "User exists with same username", domain.UsernameConflict},
		{opCreateUser, http.StatusConflict, "User exists with same email", domain.EmailConflict},
		{opCreateUser, http.StatusConflict, "", conflictUnclear},
		{opCreateUser, http.StatusBadRequest, "Could not create user", conflictUnclear},
		{opUpdateUser, http.StatusConflict, "", conflictUnclear},
		{opChangeUser, http.StatusConflict, "User exists with same email", domain.EmailConflict},
		{opChangeUser, http.StatusConflict, "", conflictUnclear},
		{opCreateUser, http.StatusBadRequest, "Password policy not met", domain.PasswordRefused},
		{opCreateUser, http.StatusBadRequest, "invalidPassword", domain.PasswordRefused},
		{opCreateUser, http.StatusBadRequest, "User name is missing", domain.InvalidField},
		{opCreateUser, http.StatusInternalServerError, "", creationFailed},
		{opSendActionsMail, http.StatusBadRequest, "User is disabled", domain.UserDisabled},
		{opSendActionsMail, http.StatusBadRequest, "User email missing", domain.NoEmail},
		{opSendActionsMail, http.StatusInternalServerError, "Failed to send", domain.EmailDeliveryFailed},
		{"", http.StatusTooManyRequests, "", domain.Unavailable},
		{"", http.StatusBadGateway, "", domain.Unavailable},
		{"", http.StatusServiceUnavailable, "", domain.Unavailable},
		{"", http.StatusGatewayTimeout, "", domain.Timeout},
		{"", http.StatusBadRequest, "", domain.Internal},
		{"", 0, "", domain.BadAnswer},
	}
}

// classify turns the outcome of one call into a domain error, or nil. Err is what
// gocloak returned; ctx is the call's context.
func classify(ctx context.Context, op operation, x *exchange, err error) error {
	switch {
	case err == nil && x.err == nil && x.status < http.StatusMultipleChoices:
		return nil
	case x.notAnAnswer:
		return &domain.Error{Kind: domain.BadAnswer, Err: fmt.Errorf("%s: %w", op, x.err)}
	case x.err != nil:
		return &domain.Error{Kind: connectionKind(ctx, x.err), Err: fmt.Errorf("%s: %w", op, x.err)}
	case x.status == 0 && ctx.Err() != nil:
		return &domain.Error{Kind: connectionKind(ctx, ctx.Err()), Err: fmt.Errorf("%s: %w", op, context.Cause(ctx))}
	case x.status == 0:
		// gocloak gave up before it sent anything.
		return &domain.Error{Kind: domain.Internal, Err: fmt.Errorf("%s: the request could not be made", op)}
	case x.status < http.StatusMultipleChoices:
		return &domain.Error{Kind: domain.BadAnswer, Err: fmt.Errorf("%s: an answer of another shape", op)}
	}

	var answer errorAnswer
	// A body that is not Keycloak's says nothing, and then the rules without a text fit.
	_ = json.Unmarshal(x.body, &answer)
	cause := fmt.Errorf("%s: status %d: %s", op, x.status, answer.forLog())
	if fields := answer.fields(); x.status == http.StatusBadRequest && len(fields) > 0 {
		return &domain.Error{Kind: domain.InvalidField, Message: fieldsMessage(fields), Fields: fields, Err: cause}
	}
	for _, rule := range answerRules() {
		if (rule.op == "" || rule.op == op) && (rule.status == 0 || rule.status == x.status) && answer.says(rule.says) {
			return &domain.Error{Kind: rule.kind, Err: cause}
		}
	}
	return &domain.Error{Kind: domain.BadAnswer, Err: cause}
}

// connectionKind says what a failed connection means. That the caller has left is not
// Keycloak's fault; that the time for the call is over is.
func connectionKind(ctx context.Context, err error) domain.Kind {
	if callerGone(ctx) {
		return domain.Unavailable
	}
	var timeout net.Error
	if ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return domain.Timeout
	}
	return domain.Unavailable
}
