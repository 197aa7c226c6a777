package httpapi

import (
	"context"
	"net/http"
	"time"

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
	*detailsBody                            // nil: not asked for
}

// detailsBody are the members of a user that are there only when they were asked for.
type detailsBody struct {
	Locked         bool               `json:"locked"`
	LockedUntil    *string            `json:"lockedUntil"`
	CreatedAt      *string            `json:"createdAt"`
	Attributes     domain.Attributes  `json:"attributes"`
	EffectiveRoles []domain.RealmRole `json:"effectiveRoles"`
	HasPassword    bool               `json:"hasPassword"`
	SecondFactors  []string           `json:"secondFactors"`
}

// getStatus handles "GET /users/{username}/keycloak-status", with "?detail=full" for all
// that there is to know.
func (a *api) getStatus(ctx context.Context, attempt *app.Attempt, user target, detailed bool) (any, error) {
	status, err := a.Service.GetStatus(ctx, attempt, user.name, detailed)
	return statusBody{Status: "success", User: userBodyOf(status)}, err
}

// readDetail reads the parameter "detail".
func readDetail(_ http.ResponseWriter, r *http.Request, _ target) (detailed bool, err error) {
	const parameter = "detail"
	switch values := r.URL.Query()[parameter]; {
	case len(values) == 0:
		return false, nil
	case len(values) == 1 && values[0] == "full":
		return true, nil
	}
	return false, invalidMember(parameter, "must be full, or absent")
}

func userBodyOf(status app.Status) userBody {
	user := status.User
	body := userBody{
		ID:              user.ID,
		Username:        user.Username,
		Email:           user.Email,
		FirstName:       user.FirstName,
		LastName:        user.LastName,
		Enabled:         user.Enabled,
		EmailVerified:   user.EmailVerified,
		RequiredActions: orEmpty(user.RequiredActions),
		Roles:           orEmpty(status.Memberships.Roles),
		Groups:          []string{},
	}
	for _, group := range status.Memberships.Groups {
		body.Groups = append(body.Groups, group.Name())
	}
	if status.Details != nil {
		body.detailsBody = detailsBodyOf(user, *status.Details)
	}
	return body
}

func detailsBodyOf(user domain.User, details domain.AccountDetails) *detailsBody {
	body := detailsBody{
		Locked:         details.Locked,
		LockedUntil:    timeOrNull(details.LockedUntil),
		CreatedAt:      timeOrNull(user.CreatedAt),
		Attributes:     user.Attributes,
		EffectiveRoles: orEmpty(details.EffectiveRoles),
		HasPassword:    details.HasPassword,
		SecondFactors:  orEmpty(details.SecondFactors),
	}
	if body.Attributes == nil {
		body.Attributes = domain.Attributes{} // {} rather than null
	}
	return &body
}

// timeOrNull returns a time as RFC 3339 in UTC, and nil for the zero time and for years
// that RFC 3339 does not have: a lock until then has no end.
func timeOrNull(t time.Time) *string {
	const lastYear = 9999
	if t = t.UTC(); t.IsZero() || t.Year() > lastYear {
		return nil
	}
	return new(t.Format(time.RFC3339Nano))
}
