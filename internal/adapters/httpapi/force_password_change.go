package httpapi

import (
	"context"

	"user-sync-service/internal/app"
)

// forcedBody is the JSON of a password change that is now required.
type forcedBody struct {
	Status   string `json:"status"`
	Message  string `json:"message"`
	Username string `json:"username"`
}

// forcePasswordChange handles "POST /users/{username}/force-password-change". It
// ignores the body.
func (a *api) forcePasswordChange(ctx context.Context, attempt *app.Attempt, user target, _ struct{}) (any, error) {
	already, err := a.Service.ForcePasswordChange(ctx, attempt, user.name)
	message := "User " + user.given + " will be required to change password on next login"
	if already {
		message = "User " + user.given + " already has password change required"
	}
	return forcedBody{Status: "success", Message: message, Username: user.given}, err
}
