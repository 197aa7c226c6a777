package httpapi

import (
	"cmp"
	"maps"
	"net/http"
	"unicode/utf8"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// syncedBody is the JSON of a user that was created or found.
type syncedBody struct {
	Status            string                  `json:"status"`
	Message           string                  `json:"message"`
	ID                domain.UserID           `json:"keycloak_user_id"`
	TemporaryPassword shownSecret             `json:"temporary_password,omitzero"`
	RequiredActions   []domain.RequiredAction `json:"required_actions,omitzero"` // nil: of a user who existed
	EmailSentTo       string                  `json:"email_sent_to,omitempty"`
	Warnings          []string                `json:"warnings,omitempty"`
	Drift             *assignmentBody         `json:"drift,omitempty"`
	Repaired          *assignmentBody         `json:"repaired,omitempty"`
}

// assignmentBody is the JSON of what an existing user lacks, or was given.
type assignmentBody struct {
	Role  domain.RealmRole `json:"role,omitempty"`
	Group domain.Group     `json:"group,omitempty"`
}

// assignmentBodyOf returns nil for nothing.
func assignmentBodyOf(assignment domain.Assignment) *assignmentBody {
	if assignment.IsEmpty() {
		return nil
	}
	return &assignmentBody{Role: assignment.Role, Group: assignment.Group}
}

// syncUser handles "POST /sync/user".
func (a *api) syncUser(w http.ResponseWriter, r *http.Request, attempt *app.Attempt) (reply, error) {
	in, err := readSyncUser(w, r)
	if err != nil {
		return reply{}, err
	}
	result, err := a.Service.SyncUser(r.Context(), attempt, in)
	if err != nil {
		return reply{}, err
	}
	body := syncedBody{
		Status:            "exists",
		Message:           existsMessage(in.Username, result.Drift),
		ID:                result.ID,
		TemporaryPassword: shownSecret{result.Password},
		EmailSentTo:       result.EmailSentTo,
		Warnings:          result.Warnings,
		Drift:             assignmentBodyOf(result.Drift),
		Repaired:          assignmentBodyOf(result.Repaired),
	}
	if !result.Created {
		return reply{status: http.StatusOK, body: body}, nil
	}
	body.Status, body.Message = "success", "User "+in.Username.String()+" synced to Keycloak successfully"
	if result.MailProblem != "" && result.Password.IsEmpty() {
		body.Message += ", but the mail " + result.MailProblem
	}
	body.RequiredActions = orEmpty(result.RequiredActions)
	return reply{status: http.StatusCreated, body: body}, nil
}

// existsMessage is all that the web app shows of a user who exists, so it goes on with what
// the user lacks. The group stands behind the role where its toast has room for both.
func existsMessage(username domain.NewUsername, drift domain.Assignment) string {
	const room = 90 // characters
	message := "User " + username.String() + " already exists in Keycloak"
	role, group := "the role "+string(drift.Role), "the group "+string(drift.Group)
	both := message + ", but lacks " + role + " and " + group
	switch {
	case drift.IsEmpty():
		return message
	case drift.Role == "":
		return message + ", but lacks " + group
	case drift.Group == "" || utf8.RuneCountInString(both) > room:
		return message + ", but lacks " + role
	}
	return both
}

// readSyncUser looks at the members in the order that the contract fixes: username,
// email, role, then the others. Members it does not know are ignored.
func readSyncUser(w http.ResponseWriter, r *http.Request) (in app.SyncUserInput, err error) {
	body, err := readObject(w, r)
	if err != nil {
		return in, err
	}
	username, email := body.required("username"), body.required("email")
	in.Username = parsed(body, username, domain.ParseNewUsername)
	in.Email = parsed(body, email, domain.ParseEmail)
	in.FineractRole = body.role(true)
	in.FirstName = *cmp.Or(body.name("firstName"), new(""))
	in.LastName = *cmp.Or(body.name("lastName"), new(""))
	in.Attributes = body.attributes()
	// A new user has nothing to take away.
	maps.DeleteFunc(in.Attributes, func(_ domain.Attribute, value string) bool { return value == "" })
	return in, body.err
}
