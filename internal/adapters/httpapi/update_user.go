package httpapi

import (
	"context"
	"net/http"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// updatedBody is the JSON of a user who was changed.
type updatedBody struct {
	doneBody
	ID       domain.UserID   `json:"keycloak_user_id"`
	Assigned *assignmentBody `json:"assigned,omitempty"`
	Removed  *removedBody    `json:"removed,omitempty"`
}

// removedBody is the JSON of what a user lost by a change of the role.
type removedBody struct {
	Roles  []domain.RealmRole `json:"roles"`
	Groups []domain.Group     `json:"groups"`
}

// updateUser handles "PUT /users/{username}".
func (a *api) updateUser(ctx context.Context, attempt *app.Attempt, user target, in app.UpdateUserInput) (any, error) {
	result, err := a.Service.UpdateUser(ctx, attempt, user.name, in)
	body := updatedBody{
		doneBody: user.done("User " + user.given + " updated successfully"),
		ID:       result.ID,
		Assigned: assignmentBodyOf(result.Assigned),
		Removed:  removedBodyOf(result),
	}
	body.Warnings = result.Warnings
	return body, err
}

// removedBodyOf returns nil when the user was not moved to another role or group.
func removedBodyOf(result app.UpdateUserResult) *removedBody {
	if result.Assigned.IsEmpty() && len(result.RemovedRoles) == 0 && len(result.RemovedGroups) == 0 {
		return nil
	}
	return &removedBody{Roles: orEmpty(result.RemovedRoles), Groups: orEmpty(result.RemovedGroups)}
}

// readUpdateUser looks at the members in the order of readSyncUser. Absent and null are
// the same: what is not there stays as it is. The username is the path's.
func readUpdateUser(w http.ResponseWriter, r *http.Request, user target) (in app.UpdateUserInput, err error) {
	body, err := readObject(w, r)
	if err != nil {
		return in, err
	}
	if named := body.text("username"); named != nil && *named != user.given && !user.name.Matches(*named) {
		body.refuse("username", "cannot be changed")
	}
	if email := body.text("email"); email != nil {
		in.Change.Email = new(parsed(body, *email, domain.ParseEmail))
	}
	in.FineractRole = body.role(false)
	in.Change.FirstName, in.Change.LastName = body.name("firstName"), body.name("lastName")
	in.Change.Attributes = body.attributes()
	if in.Change.IsEmpty() && in.FineractRole == "" {
		body.fail(&domain.Error{Kind: missingField, Message: "There is nothing to change: send at least one field, such as email or role."})
	}
	return in, body.err
}
