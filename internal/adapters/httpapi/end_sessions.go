package httpapi

import (
	"net/http"

	"user-sync-service/internal/app"
)

// endedBody is the JSON of sessions that were ended.
type endedBody struct {
	Status          string `json:"status"`
	Message         string `json:"message"`
	Username        string `json:"username"`
	SessionsRevoked bool   `json:"sessions_revoked"`
}

// endSessions handles "POST /users/{username}/logout". It ignores the body.
func (a *api) endSessions(_ http.ResponseWriter, r *http.Request, attempt *app.Attempt) (reply, error) {
	given, username, err := target(r)
	if err == nil {
		err = a.Service.EndSessions(r.Context(), attempt, username)
	}
	if err != nil {
		return reply{}, naming(err, "User "+given+" not found")
	}
	return reply{status: http.StatusOK, body: endedBody{
		Status:          "success",
		Message:         "All sessions of user " + given + " were ended",
		Username:        given,
		SessionsRevoked: true,
	}}, nil
}
