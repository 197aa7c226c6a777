package httpapi

import (
	"net/http"
	"strings"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// updatedBody is the JSON of a user who was changed.
type updatedBody struct {
	Status   string          `json:"status"`
	Message  string          `json:"message"`
	Username string          `json:"username"`
	ID       domain.UserID   `json:"keycloak_user_id"`
	Assigned *assignmentBody `json:"assigned,omitempty"`
	Removed  *removedBody    `json:"removed,omitempty"`
	Warnings []string        `json:"warnings,omitempty"`
}

// removedBody is the JSON of what a user lost by a change of the role.
type removedBody struct {
	Roles  []domain.RealmRole `json:"roles"`
	Groups []domain.Group     `json:"groups"`
}

// updateUser handles "PUT /users/{username}". It looks at the body before the user.
func (a *api) updateUser(w http.ResponseWriter, r *http.Request, attempt *app.Attempt) (reply, error) {
	body, err := readObject(w, r)
	if err != nil {
		return reply{}, err
	}
	given, username, targetErr := target(r)
	in, err := parseUpdateUser(body, given)
	if err != nil {
		return reply{}, err
	}
	var result app.UpdateUserResult
	if err = targetErr; err == nil {
		result, err = a.Service.UpdateUser(r.Context(), attempt, username, in)
	}
	if err != nil {
		return reply{}, naming(err, "User "+given+" not found")
	}
	return reply{status: http.StatusOK, body: updatedBody{
		Status:   "success",
		Message:  "User " + given + " updated successfully",
		Username: given,
		ID:       result.ID,
		Assigned: assignmentBodyOf(result.Assigned),
		Removed:  removedBodyOf(result),
		Warnings: result.Warnings,
	}}, nil
}

// removedBodyOf returns nil when the user was not moved to another role or group.
func removedBodyOf(result app.UpdateUserResult) *removedBody {
	if result.Assigned.IsEmpty() && len(result.RemovedRoles) == 0 && len(result.RemovedGroups) == 0 {
		return nil
	}
	return &removedBody{Roles: orEmpty(result.RemovedRoles), Groups: orEmpty(result.RemovedGroups)}
}

// parseUpdateUser looks at the members in the order of parseSyncUser. Absent and null
// are the same: what is not there stays as it is. The username is the path's.
func parseUpdateUser(body object, username string) (in app.UpdateUserInput, err error) {
	if named, there, err := body.text("username"); err != nil {
		return in, err
	} else if there && !strings.EqualFold(named, username) {
		return in, invalidMember("username", "cannot be changed")
	}
	if in.Change.Email, err = body.optionalEmail(); err != nil {
		return in, err
	}
	if in.FineractRole, _, err = body.role(); err != nil {
		return in, err
	}
	if in.Change.FirstName, err = body.optionalText("firstName"); err != nil {
		return in, err
	}
	if in.Change.LastName, err = body.optionalText("lastName"); err != nil {
		return in, err
	}
	if in.Change.Attributes, err = body.attributes(); err != nil {
		return in, err
	}
	if in.Change.IsEmpty() && in.FineractRole == "" {
		return in, &domain.Error{Kind: missingField, Message: "There is nothing to change: send at least one field, such as email or role."}
	}
	return in, nil
}

// optionalText returns nil for a member that is not there.
func (o object) optionalText(member string) (*string, error) {
	text, there, err := o.text(member)
	if err != nil || !there {
		return nil, err
	}
	return &text, nil
}

// optionalEmail returns nil when there is no member "email".
func (o object) optionalEmail() (*domain.Email, error) {
	text, err := o.optionalText("email")
	if err != nil || text == nil {
		return nil, err
	}
	email, err := domain.ParseEmail(*text)
	if err != nil {
		return nil, err
	}
	return &email, nil
}
