package httpapi

import (
	"context"

	"user-sync-service/internal/app"
)

// resetPassword handles "POST /users/{username}/reset-password". It ignores the body.
func (a *api) resetPassword(ctx context.Context, attempt *app.Attempt, user target, _ struct{}) (any, error) {
	email, warnings, err := a.Service.ResetPassword(ctx, attempt, user.name)
	body := user.done("Password reset email sent to " + email)
	body.Email, body.Warnings = email, warnings
	return body, err
}
