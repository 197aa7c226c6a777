package httpapi

import (
	"context"
	"net/http"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// setStatus handles "PUT /users/{username}/status".
func (a *api) setStatus(ctx context.Context, attempt *app.Attempt, user target, enabled bool) (any, error) {
	err := a.Service.SetStatus(ctx, attempt, user.name, enabled)
	word := "disabled"
	if enabled {
		word = "enabled"
	}
	body := user.done("User " + user.given + " " + word + " successfully")
	body.Enabled, body.SessionsRevoked = &enabled, !enabled
	return body, err
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
