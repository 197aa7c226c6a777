package httpapi

import (
	"context"

	"user-sync-service/internal/app"
)

// resetBody is the JSON of a reset mail that was sent.
type resetBody struct {
	Status   string `json:"status"`
	Message  string `json:"message"`
	Username string `json:"username"`
	Email    string `json:"email"`
}

// resetPassword handles "POST /users/{username}/reset-password". It ignores the body.
func (a *api) resetPassword(ctx context.Context, attempt *app.Attempt, user target, _ struct{}) (any, error) {
	email, err := a.Service.ResetPassword(ctx, attempt, user.name)
	return resetBody{Status: "success", Message: "Password reset email sent to " + email, Username: user.given, Email: email}, err
}
