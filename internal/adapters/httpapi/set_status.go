package httpapi

import (
	"net/http"

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
func (a *api) setStatus(w http.ResponseWriter, r *http.Request) {
	body, err := readObject(w, r)
	if err != nil {
		writeError(w, r, err)
		return
	}
	enabled, err := parseEnabled(body)
	if err != nil {
		writeError(w, r, err)
		return
	}
	given, username, err := target(r)
	if err == nil {
		err = a.Service.SetStatus(r.Context(), username, enabled)
	}
	if err != nil {
		writeError(w, r, naming(err, "User "+given+" not found"))
		return
	}
	word := "disabled"
	if enabled {
		word = "enabled"
	}
	writeJSON(w, http.StatusOK, setStatusBody{
		Status:          "success",
		Message:         "User " + given + " " + word + " successfully",
		Username:        given,
		Enabled:         enabled,
		SessionsRevoked: !enabled,
	})
}

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
	return false, &domain.Error{
		Kind:    domain.InvalidField,
		Message: "'enabled' must be a boolean value",
		Fields:  map[string]string{member: "must be true or false"},
	}
}
