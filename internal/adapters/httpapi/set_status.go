package httpapi

import (
	"net/http"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// setStatusBody is the JSON of a switched account.
type setStatusBody struct {
	Status          string `json:"status"`
	Message         string `json:"message"`
	Username        string `json:"username"`
	Enabled         bool   `json:"enabled"`
	SessionsRevoked bool   `json:"sessions_revoked,omitempty"`
}

// setStatus handles "PUT /users/{username}/status". It looks at the body before the
// user.
func (a *api) setStatus(w http.ResponseWriter, r *http.Request, attempt *app.Attempt) (reply, error) {
	body, err := readObject(w, r)
	if err != nil {
		return reply{}, err
	}
	enabled, err := parseEnabled(body)
	if err != nil {
		return reply{}, err
	}
	given, username, err := target(r)
	if err == nil {
		err = a.Service.SetStatus(r.Context(), attempt, username, enabled)
	}
	if err != nil {
		return reply{}, naming(err, "User "+given+" not found")
	}
	word := "disabled"
	if enabled {
		word = "enabled"
	}
	return reply{status: http.StatusOK, body: setStatusBody{
		Status:          "success",
		Message:         "User " + given + " " + word + " successfully",
		Username:        given,
		Enabled:         enabled,
		SessionsRevoked: !enabled,
	}}, nil
}

// notBoolean is the problem of a member that must be a boolean.
const notBoolean = "must be true or false"

func parseEnabled(body object) (bool, error) {
	const member = "enabled"
	raw, ok := body[member]
	switch {
	case !ok:
		return false, &domain.Error{Kind: missingField, Message: "Missing 'enabled' field in request body"}
	case string(raw) == "true":
		return true, nil
	case string(raw) == "false":
		return false, nil
	}
	return false, invalidMember(member, notBoolean)
}
