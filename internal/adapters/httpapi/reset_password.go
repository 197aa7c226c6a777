package httpapi

import (
	"net/http"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// resetBody is the JSON of a reset mail that was sent.
type resetBody struct {
	Status   string `json:"status"`
	Message  string `json:"message"`
	Username string `json:"username"`
	Email    string `json:"email"`
}

// resetPassword handles "POST /users/{username}/reset-password". It ignores the body.
func (a *api) resetPassword(w http.ResponseWriter, r *http.Request, attempt *app.Attempt) (reply, error) {
	given, username, err := target(r)
	if err != nil {
		return reply{}, naming(err, "User "+given+" not found")
	}
	giveBack, err := a.limits.admitMail(w, username)
	if err != nil {
		return reply{}, err
	}
	email, err := a.Service.ResetPassword(r.Context(), attempt, username)
	if err != nil {
		// Without a change in the event it has not come to a mail.
		if attempt.Event.After == nil || !mayHaveBeenSent(domain.AsError(err).Kind) {
			giveBack()
		}
		return reply{}, naming(err, "User "+given+" not found")
	}
	return reply{status: http.StatusOK, body: resetBody{
		Status:   "success",
		Message:  "Password reset email sent to " + email,
		Username: given,
		Email:    email,
	}}, nil
}

// mayHaveBeenSent reports whether a failure leaves open if a mail went out.
func mayHaveBeenSent(kind domain.Kind) bool {
	switch kind {
	case domain.Unavailable, domain.Timeout, domain.BadAnswer, domain.Internal:
		return true
	default:
		return false
	}
}
