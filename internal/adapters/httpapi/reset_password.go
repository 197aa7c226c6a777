package httpapi

import "net/http"

// resetBody is the JSON of a reset mail that was sent.
type resetBody struct {
	Status   string `json:"status"`
	Message  string `json:"message"`
	Username string `json:"username"`
	Email    string `json:"email"`
}

// resetPassword handles "POST /users/{username}/reset-password". It ignores the body.
func (a *api) resetPassword(w http.ResponseWriter, r *http.Request) {
	given, username, err := target(r)
	var email string
	if err == nil {
		email, err = a.Service.ResetPassword(r.Context(), username)
	}
	if err != nil {
		writeError(w, r, naming(err, "User "+given+" not found"))
		return
	}
	writeJSON(w, http.StatusOK, resetBody{
		Status:   "success",
		Message:  "Password reset email sent to " + email,
		Username: given,
		Email:    email,
	})
}
