package httpapi

import (
	"net/http"

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
func (a *api) resetPassword(_ http.ResponseWriter, r *http.Request, attempt *app.Attempt) (reply, error) {
	given, username, err := target(r)
	var email string
	if err == nil {
		email, err = a.Service.ResetPassword(r.Context(), attempt, username)
	}
	if err != nil {
		return reply{}, naming(err, "User "+given+" not found")
	}
	return reply{status: http.StatusOK, body: resetBody{
		Status:   "success",
		Message:  "Password reset email sent to " + email,
		Username: given,
		Email:    email,
	}}, nil
}
