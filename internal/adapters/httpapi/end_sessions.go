package httpapi

import (
	"context"

	"user-sync-service/internal/app"
)

// endSessions handles "POST /users/{username}/logout". It ignores the body.
func (a *api) endSessions(ctx context.Context, attempt *app.Attempt, user target, _ struct{}) (any, error) {
	err := a.Service.EndSessions(ctx, attempt, user.name)
	body := user.done("All sessions of user " + user.given + " were ended")
	body.SessionsRevoked = true
	return body, err
}
