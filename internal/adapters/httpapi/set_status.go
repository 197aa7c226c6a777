package httpapi

import (
	"context"
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

// setStatus handles "PUT /users/{username}/status".
func (a *api) setStatus(ctx context.Context, attempt *app.Attempt, user target, enabled bool) (any, error) {
	err := a.Service.SetStatus(ctx, attempt, user.name, enabled)
	word := "disabled"
	if enabled {
		word = "enabled"
	}
	return setStatusBody{
		Status:          "success",
		Message:         "User " + user.given + " " + word + " successfully",
		Username:        user.given,
		Enabled:         enabled,
		SessionsRevoked: !enabled,
	}, err
}

func readEnabled(w http.ResponseWriter, r *http.Request, _ target) (enabled bool, err error) {
	const member = "enabled"
	body, err := readObject(w, r)
	if err != nil {
		return false, err
	}
	raw, there := body.members[member]
	switch {
	case !there:
		return false, &domain.Error{Kind: missingField, Message: "Missing 'enabled' field in request body"}
	case string(raw) != "true" && string(raw) != "false":
		return false, invalidMember(member, notBoolean)
	}
	return string(raw) == "true", nil
}
