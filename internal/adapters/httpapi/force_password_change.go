package httpapi

import (
	"net/http"

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
func (a *api) forcePasswordChange(_ http.ResponseWriter, r *http.Request, attempt *app.Attempt) (reply, error) {
	given, username, err := target(r)
	already := false
	if err == nil {
		already, err = a.Service.ForcePasswordChange(r.Context(), attempt, username)
	}
	if err != nil {
		return reply{}, naming(err, "User "+given+" not found")
	}
	message := "User " + given + " will be required to change password on next login"
	if already {
		message = "User " + given + " already has password change required"
	}
	return reply{status: http.StatusOK, body: forcedBody{Status: "success", Message: message, Username: given}}, nil
}
