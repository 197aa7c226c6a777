package httpapi

import (
	"context"

	"user-sync-service/internal/app"
)

// forcePasswordChange handles "POST /users/{username}/force-password-change". It
// ignores the body.
func (a *api) forcePasswordChange(ctx context.Context, attempt *app.Attempt, user target, _ struct{}) (any, error) {
	already, err := a.Service.ForcePasswordChange(ctx, attempt, user.name)
	if already {
		return user.done("User " + user.given + " already has password change required"), err
	}
	return user.done("User " + user.given + " will be required to change password on next login"), err
}
