package httpapi

import (
	"context"

	"user-sync-service/internal/app"
)

// endedBody is the JSON of sessions that were ended.
type endedBody struct {
	Status          string `json:"status"`
	Message         string `json:"message"`
	Username        string `json:"username"`
	SessionsRevoked bool   `json:"sessions_revoked"`
}

// endSessions handles "POST /users/{username}/logout". It ignores the body.
func (a *api) endSessions(ctx context.Context, attempt *app.Attempt, user target, _ struct{}) (any, error) {
	err := a.Service.EndSessions(ctx, attempt, user.name)
	return endedBody{
		Status:          "success",
		Message:         "All sessions of user " + user.given + " were ended",
		Username:        user.given,
		SessionsRevoked: true,
	}, err
}
