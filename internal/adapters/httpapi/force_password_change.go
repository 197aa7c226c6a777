package httpapi

import "net/http"

// forcedBody is the JSON of a password change that is now required.
type forcedBody struct {
	Status   string `json:"status"`
	Message  string `json:"message"`
	Username string `json:"username"`
}

// forcePasswordChange handles "POST /users/{username}/force-password-change". It
// ignores the body.
func (a *api) forcePasswordChange(w http.ResponseWriter, r *http.Request) {
	given, username, err := target(r)
	already := false
	if err == nil {
		already, err = a.Service.ForcePasswordChange(r.Context(), username)
	}
	if err != nil {
		writeError(w, r, naming(err, "User "+given+" not found"))
		return
	}
	message := "User " + given + " will be required to change password on next login"
	if already {
		message = "User " + given + " already has password change required"
	}
	writeJSON(w, http.StatusOK, forcedBody{Status: "success", Message: message, Username: given})
}
