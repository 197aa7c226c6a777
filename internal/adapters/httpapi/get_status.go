package httpapi

import (
	"errors"
	"net/http"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// statusBody is the JSON of an account's state.
type statusBody struct {
	Status string   `json:"status"`
	User   userBody `json:"keycloak_user"`
}

// userBody is a user as the web app reads it: absent text is "", an empty list [].
type userBody struct {
	ID              domain.UserID           `json:"id"`
	Username        string                  `json:"username"`
	Email           string                  `json:"email"`
	FirstName       string                  `json:"firstName"`
	LastName        string                  `json:"lastName"`
	Enabled         bool                    `json:"enabled"`
	EmailVerified   bool                    `json:"emailVerified"`
	RequiredActions []domain.RequiredAction `json:"requiredActions"`
	Roles           []domain.RealmRole      `json:"roles"`
	Groups          []string                `json:"groups"`
}

// getStatus handles "GET /users/{username}/keycloak-status".
func (a *api) getStatus(_ http.ResponseWriter, r *http.Request, attempt *app.Attempt) (reply, error) {
	given, username, err := target(r)
	var status app.Status
	if err == nil {
		status, err = a.Service.GetStatus(r.Context(), attempt, username)
	}
	switch {
	case errors.Is(err, domain.NotFound):
		return reply{errorStatus: "not_found"}, naming(err, "User "+given+" not found in Keycloak")
	case err != nil:
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: statusBody{Status: "success", User: userBodyOf(status)}}, nil
}

func userBodyOf(status app.Status) userBody {
	user := status.User
	return userBody{
		ID:              user.ID,
		Username:        user.Username,
		Email:           user.Email,
		FirstName:       user.FirstName,
		LastName:        user.LastName,
		Enabled:         user.Enabled,
		EmailVerified:   user.EmailVerified,
		RequiredActions: orEmpty(user.RequiredActions),
		Roles:           orEmpty(status.Memberships.Roles),
		Groups:          orEmpty(status.Memberships.Groups),
	}
}

// orEmpty returns a list that encodes as [] rather than null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
