package app

import (
	"context"
	"errors"
	"maps"
	"strings"

	"user-sync-service/internal/domain"
)

// UpdateUserInput is what to change of a user; what is nil or empty stays as it is.
type UpdateUserInput struct {
	// Change is without the Fineract role.
	Change       domain.UserChange
	FineractRole string
}

// UpdateUserResult says what became of the user.
type UpdateUserResult struct {
	ID domain.UserID
	// Assigned is what the user lacked and was given, the other two are what was taken
	// away. All are empty when the role was not to change, or was the user's before.
	Assigned      domain.Assignment
	RemovedRoles  []domain.RealmRole
	RemovedGroups []domain.Group
	Warnings      []string // sentences for the administrator
}

// UpdateUser changes the user's data, and moves the user from the role and the group of
// an earlier Fineract role to those of another one. Only what the role map names is ever
// taken away. What the user has already is not written, and when that is all, nothing is.
//
// It returns NotFound, ProtectedUser, UnknownRole when the realm lacks the mapped role,
// PrivilegeEscalation when it would grant more than the role map says, EmailConflict when
// the address belongs to another user, and InvalidField when the realm's rules refuse a
// field. A failure on the way says that the change is incomplete; to send it again is
// safe. Actors cannot change their own role.
func (s *Service) UpdateUser(ctx context.Context, attempt *Attempt, username domain.Username, in UpdateUserInput) (UpdateUserResult, error) {
	if in.FineractRole != "" {
		attempt.Event.FineractRole, attempt.Event.Assignment = in.FineractRole, s.Roles.Assign(in.FineractRole)
	}
	user, err := s.target(ctx, attempt, username)
	if err != nil {
		return UpdateUserResult{}, err
	}
	var move roleMove
	if in.FineractRole != "" {
		in.Change.Attributes = withRole(in.Change.Attributes, in.FineractRole)
		if move, err = s.planMove(ctx, user.ID, attempt.Event.Assignment); err != nil {
			return UpdateUserResult{}, err
		}
	}
	change := differing(&attempt.Event, user, in.Change)
	move.note(&attempt.Event)
	if !move.isEmpty() || namesAnotherRole(user, in.FineractRole) {
		if err := notSelf(attempt, user); err != nil {
			return UpdateUserResult{}, err
		}
	}
	if attempt.Event.After == nil {
		return UpdateUserResult{ID: user.ID}, nil
	}
	if err := s.reserve(ctx); err != nil {
		return UpdateUserResult{}, err
	}
	return s.update(ctx, attempt, user.ID, change, move)
}

// withRole returns the attributes with the Fineract role among them.
func withRole(attributes domain.Attributes, fineractRole string) domain.Attributes {
	all := domain.Attributes{domain.FineractRoleName: fineractRole}
	maps.Copy(all, attributes)
	return all
}

// namesAnotherRole reports whether the user's Fineract role, where the realm keeps it, is
// another one. Two of them may well stand for the same role and group.
func namesAnotherRole(user domain.User, fineractRole string) bool {
	present := user.Attributes[domain.FineractRoleName]
	return fineractRole != "" && present != "" && !strings.EqualFold(present, fineractRole)
}

// differing returns the part of the change that is not so already, and notes it in the
// event.
func differing(event *domain.AuditEvent, user domain.User, change domain.UserChange) domain.UserChange {
	var rest domain.UserChange
	if change.Email != nil && !change.Email.Matches(user.Email) {
		rest.Email = change.Email
		noteChange(event, "email", user.Email, change.Email.String())
	}
	if change.FirstName != nil && *change.FirstName != user.FirstName {
		rest.FirstName = change.FirstName
		noteChange(event, "first_name", user.FirstName, *change.FirstName)
	}
	if change.LastName != nil && *change.LastName != user.LastName {
		rest.LastName = change.LastName
		noteChange(event, "last_name", user.LastName, *change.LastName)
	}
	for name, value := range change.Attributes {
		if present := user.Attributes[name]; value != present {
			if rest.Attributes == nil {
				rest.Attributes = domain.Attributes{}
			}
			rest.Attributes[name] = value
			noteChange(event, string(name), present, value)
		}
	}
	return rest
}

// noteChange puts a field that changes into the event.
func noteChange(event *domain.AuditEvent, field string, before, after any) {
	if event.After == nil {
		event.Before, event.After = map[string]any{}, map[string]any{}
	}
	event.Before[field], event.After[field] = before, after
}

// update makes the change: the data first, which the realm may refuse, then the move.
func (s *Service) update(ctx context.Context, attempt *Attempt, id domain.UserID, change domain.UserChange, move roleMove) (UpdateUserResult, error) {
	result := UpdateUserResult{ID: id}
	if !change.IsEmpty() {
		unstored, err := s.Provider.UpdateUser(ctx, id, change)
		if err != nil {
			return UpdateUserResult{}, err
		}
		result.Warnings = warningsOfUnstored(attempt, unstored)
	}
	missing, err := s.carryOut(ctx, id, move)
	switch {
	case errors.Is(err, domain.UnknownRole) && change.IsEmpty():
		return UpdateUserResult{}, namingRole(err, move.given.Role) // Nothing was changed.
	case err != nil:
		return UpdateUserResult{}, &domain.Error{
			Kind:    domain.AsError(err).Kind,
			Message: "The change is incomplete. Please send it again.",
			Err:     err,
		}
	}
	if missing != "" {
		result.Warnings = append(result.Warnings, s.warnOfMissingGroup(ctx, attempt, missing))
		move.given.Group = ""
		delete(attempt.Event.Before, "groups")
		delete(attempt.Event.After, "groups")
		move.note(&attempt.Event)
	}
	if len(attempt.Event.After) == 0 {
		attempt.Event.Before, attempt.Event.After = nil, nil // The realm has kept nothing of it.
	}
	result.Assigned, result.RemovedRoles, result.RemovedGroups = move.given, move.roles, move.groups
	return result, nil
}
