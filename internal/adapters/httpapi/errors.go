package httpapi

import (
	"cmp"
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"user-sync-service/internal/domain"
)

// Kinds of failure that only this package knows.
const (
	missingField    domain.Kind = "missing_field"
	invalidJSON     domain.Kind = "invalid_json"
	bodyTooLarge    domain.Kind = "body_too_large"
	unsupportedType domain.Kind = "unsupported_media_type"
	noRoute         domain.Kind = "not_found"
	wrongMethod     domain.Kind = "method_not_allowed"
)

// retryAfter is when a caller may try again when the identity provider is away or slow, or
// has too much to do.
const retryAfter = 5 * time.Second

// errorRow is what a client gets for a kind of failure. The code is the kind's text.
type errorRow struct {
	status int
	// message is used where the error brings none of its own.
	message string
}

// errorTable is the one table of kinds. A kind that is missing here is a bug and answered
// as Internal.
func errorTable() map[domain.Kind]errorRow {
	return map[domain.Kind]errorRow{
		missingField:    {http.StatusBadRequest, "A required field is missing."},
		invalidJSON:     {http.StatusBadRequest, "The request body must be a JSON object."},
		bodyTooLarge:    {http.StatusRequestEntityTooLarge, "The request body is larger than 64 KiB."},
		unsupportedType: {http.StatusUnsupportedMediaType, "The request body must be sent as application/json."},
		noRoute:         {http.StatusNotFound, "There is no such address."},
		wrongMethod:     {http.StatusMethodNotAllowed, "This address does not support that method."},

		domain.InvalidField:        {http.StatusBadRequest, "A field has a value that is not allowed."},
		domain.UnknownRole:         {http.StatusBadRequest, "The role does not exist in the system."},
		domain.NoEmail:             {http.StatusBadRequest, "User has no email address configured"},
		domain.NotFound:            {http.StatusNotFound, "User not found"},
		domain.UsernameConflict:    {http.StatusConflict, "This username is another person's. Please tell your system administrator."},
		domain.EmailConflict:       {http.StatusConflict, "This e-mail address belongs to another user."},
		domain.UserDisabled:        {http.StatusConflict, "The user is disabled. Please enable the user first."},
		domain.ReadOnlyUser:        {http.StatusConflict, "This account is managed in a directory and cannot be changed here."},
		domain.ActionUnavailable:   {http.StatusConflict, "Users of this realm cannot be made to change their passwords."},
		domain.EmailDeliveryFailed: {http.StatusBadGateway, "The mail could not be sent. Please check the realm's SMTP settings."},
		domain.Unauthenticated:     {http.StatusUnauthorized, "You are not signed in any more. Please sign in again."},
		domain.Forbidden:           {http.StatusForbidden, "You do not have the right to do this."},
		domain.ProtectedUser:       {http.StatusForbidden, "This account is protected and cannot be changed here."},
		domain.PrivilegeEscalation: {http.StatusForbidden, "Nothing was changed: the user would also get other rights."},
		domain.RateLimited:         {http.StatusTooManyRequests, "Too many requests. Please wait a little."},
		domain.RightsHidden:        {http.StatusServiceUnavailable, "Administrators cannot be recognised, so nothing is changed. Please tell your operator."},
		domain.AuditUnavailable:    {http.StatusServiceUnavailable, "Changes cannot be put on record now, so none are made."},
		domain.Partial:             {http.StatusBadGateway, "The user may have been left incomplete. Please sync the user again."},
		domain.BadAnswer:           {http.StatusBadGateway, "The login system gave an invalid answer. Please try again later."},
		domain.Unavailable:         {http.StatusServiceUnavailable, "The login system cannot be reached. Please try again later."},
		domain.Overloaded:          {http.StatusServiceUnavailable, "Too many requests are under way. Please try again in a moment."},
		domain.Timeout:             {http.StatusGatewayTimeout, "The login system did not answer in time. Please check before you try again."},
		domain.PasswordRefused:     {http.StatusInternalServerError, "The login system refused the generated password. Nothing was created."},
		domain.UnsatisfiablePolicy: {http.StatusInternalServerError, "The realm's password policy cannot be met. Nothing was created."},
		domain.Internal:            {http.StatusInternalServerError, "Something went wrong on our side. Please tell your system administrator."},
	}
}

// errorBody is the JSON of every error.
type errorBody struct {
	Status    string            `json:"status"`
	Code      string            `json:"code"`
	Message   string            `json:"message"`
	Fields    map[string]string `json:"fields,omitempty"`
	RequestID string            `json:"request_id"`
}

// writeError answers with err and leaves it to the request's log line.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	writeErrorStatus(w, r, "error", err)
}

// writeErrorStatus is writeError for answers whose member "status" is another word.
func writeErrorStatus(w http.ResponseWriter, r *http.Request, status string, err error) {
	failure := domain.AsError(err)
	known, ok := errorTable()[failure.Kind]
	if !ok {
		failure = &domain.Error{Kind: domain.Internal, Err: failure}
		known = errorTable()[domain.Internal]
	}
	message, fields := cmp.Or(failure.Message, known.message), inMembers(failure.Fields)
	switch {
	case failure.Kind != domain.InvalidField || len(fields) == 0:
	case failure.Message == "":
		message = fieldsMessage(fields)
	default: // It names them as the identity provider does.
		for attribute := range failure.Fields {
			message = strings.ReplaceAll(message, attribute, memberOf(attribute))
		}
	}
	wait := failure.RetryAfter
	switch known.status {
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		wait = cmp.Or(wait, retryAfter)
	case http.StatusUnauthorized, http.StatusForbidden:
		challenge(w.Header(), known.status, failure)
	}
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	request := requestOf(r)
	request.failure = failure
	writeJSON(w, known.status, errorBody{
		Status:    status,
		Code:      failure.Kind.Error(),
		Message:   message,
		Fields:    fields,
		RequestID: request.id,
	})
}

// fieldsMessage is the sentence about fields that are not allowed. Of several it names
// the first in the alphabet; the answer lists all.
func fieldsMessage(fields map[string]string) string {
	first := slices.Min(slices.Collect(maps.Keys(fields)))
	if fields[first] == notBoolean {
		return "'" + first + "' must be a boolean value" // The contract fixes this one.
	}
	return "The field '" + first + "' " + fields[first] + "."
}

// inMembers gives the fields that the identity provider refuses the names that the
// request's body has for attributes.
func inMembers(fields map[string]string) map[string]string {
	if fields == nil {
		return nil
	}
	renamed := make(map[string]string, len(fields))
	for name, problem := range fields {
		renamed[memberOf(name)] = problem
	}
	return renamed
}

// challenge says what is wrong with the access token, for the developers of the caller (RFC
// 6750, section 3). Without a token there is nothing to say about it.
func challenge(header http.Header, status int, failure *domain.Error) {
	fault, told := errors.AsType[domain.TokenFault](failure)
	switch {
	case status == http.StatusForbidden && told:
		header.Set("WWW-Authenticate", `Bearer error="insufficient_scope", error_description="`+fault.Error()+`"`)
	case status == http.StatusUnauthorized && told:
		header.Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="`+fault.Error()+`"`)
	case status == http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	}
}

// memberOf returns the member of a request's body that is about the attribute or the field.
func memberOf(name string) string {
	for _, m := range append(attributeMembers(), attributeMember{member: "role", attribute: domain.FineractRoleName}) {
		if string(m.attribute) == name {
			return m.member
		}
	}
	return name
}
