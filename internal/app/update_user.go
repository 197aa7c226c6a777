package app

import (
	"context"
	"errors"
	"maps"
	"slices"
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
// A move that takes something away ends the user's sessions, whose tokens still have it. A
// new address counts as verified only if those of new users do.
//
// It returns NotFound, ProtectedUser, also for a new address of a user with a privileged
// role, Forbidden when the role is not the actor's to give, UnknownRole when the realm lacks
// the mapped role or the role map refuses the Fineract role, PrivilegeEscalation when it would grant more than the role map says,
// EmailConflict when the address belongs to another user, and InvalidField when the realm's
// rules refuse a field, or the new address could be taken for another one. A failure on the
// way says that the change is incomplete; to send it again is safe. Actors cannot change
// their own role.
func (s *Service) UpdateUser(ctx context.Context, attempt *Attempt, username domain.Username, in UpdateUserInput) (UpdateUserResult, error) {
	var assignment domain.Assignment
	if in.FineractRole != "" {
		var refused error
		assignment, refused = s.Roles.Assign(in.FineractRole)
		attempt.event.FineractRole, attempt.event.Assignment = in.FineractRole, assignment
		if refused != nil {
			return UpdateUserResult{}, refused
		}
	}
	if in.Change.Email != nil {
		if err := checkEmail(*in.Change.Email); err != nil {
			return UpdateUserResult{}, err
		}
	}
	user, err := s.target(ctx, attempt, writes, username)
	if err != nil {
		return UpdateUserResult{}, err
	}
	var move roleMove
	if in.FineractRole != "" {
		in.Change.Attributes = withRole(in.Change.Attributes, in.FineractRole)
		if err := s.checkGrant(ctx, assignment); err != nil {
			return UpdateUserResult{}, err
		}
		if move, err = s.wayTo(ctx, user.ID, roleMove{to: assignment, fineractRole: in.FineractRole}); err != nil {
			return UpdateUserResult{}, err
		}
	}
	change := differing(user, in.Change)
	change.Unverified = change.Email != nil && !s.EmailVerified
	before, after := changedFields(user, change, move)
	attempt.note(before, after)
	if err := s.mayChange(ctx, attempt, user, change, move); err != nil {
		return UpdateUserResult{}, err
	}
	result := UpdateUserResult{ID: user.ID}
	if change.IsEmpty() && move.isEmpty() {
		return result, nil
	}
	var unstored []domain.Attribute
	var missing domain.Group
	err = s.write(ctx, attempt, before, after, func() (err error) {
		unstored, missing, err = s.update(ctx, user.ID, change, &move)
		return err
	})
	if err != nil {
		return UpdateUserResult{}, err
	}
	change = stored(change, unstored)
	result.Warnings = warningsOfUnstored(unstored)
	if missing != "" {
		result.Warnings = append(result.Warnings, s.warnOfMissingGroup(ctx, attempt, missing))
	}
	// The realm may have kept nothing of it.
	attempt.note(changedFields(user, change, move))
	attempt.changed = !change.IsEmpty() || !move.isEmpty()
	result.Assigned, result.RemovedRoles, result.RemovedGroups = move.given, move.roles, move.groups
	return result, nil
}

// mayChange looks whether anything forbids the change of this user, or of this user by the
// actor. It returns ProtectedUser and Forbidden.
func (s *Service) mayChange(ctx context.Context, attempt *Attempt, user domain.User, change domain.UserChange, move roleMove) error {
	if !move.isEmpty() || namesAnotherRole(user, move.fineractRole) {
		if err := notSelf(attempt, user); err != nil {
			return err
		}
	}
	// Also when it only takes something away: the move may have to give it again.
	if !move.isEmpty() {
		if err := s.unlessReporting(ctx, attempt, s.mayGive(attempt, move.to)); err != nil {
			return err
		}
	}
	if change.Email != nil {
		return s.emailMayChange(ctx, user)
	}
	return nil
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

// differing returns the part of the change that is not so already.
func differing(user domain.User, change domain.UserChange) domain.UserChange {
	if change.Email != nil && change.Email.Matches(user.Email) {
		change.Email = nil
	}
	if change.FirstName != nil && *change.FirstName == user.FirstName {
		change.FirstName = nil
	}
	if change.LastName != nil && *change.LastName == user.LastName {
		change.LastName = nil
	}
	change.Attributes = maps.Clone(change.Attributes)
	maps.DeleteFunc(change.Attributes, func(name domain.Attribute, value string) bool { return value == user.Attributes[name] })
	return change
}

// changedFields is what the audit log says of a change; nil when it is none.
func changedFields(user domain.User, change domain.UserChange, move roleMove) (before, after fields) {
	before, after = fields{}, fields{}
	note := func(field string, was, is any) { before[field], after[field] = was, is }
	if change.Email != nil {
		note(domain.FieldEmail, user.Email, change.Email.String())
	}
	if change.Unverified && user.EmailVerified {
		note(domain.FieldEmailVerified, true, false)
	}
	if change.FirstName != nil {
		note(domain.FieldFirstName, user.FirstName, *change.FirstName)
	}
	if change.LastName != nil {
		note(domain.FieldLastName, user.LastName, *change.LastName)
	}
	for name, value := range change.Attributes {
		note(string(name), user.Attributes[name], value)
	}
	move.note(note)
	if move.takesAway() {
		after[domain.FieldSessionsRevoked] = true
	}
	if len(after) == 0 {
		return nil, nil
	}
	return before, after
}

// update makes the change: the data first, which the realm may refuse, then the move, then
// the end of sessions. It returns what the realm did not keep.
func (s *Service) update(ctx context.Context, id domain.UserID, change domain.UserChange, move *roleMove) (unstored []domain.Attribute, missing domain.Group, err error) {
	if !change.IsEmpty() {
		unstored, err = s.Provider.UpdateUser(ctx, id, change)
		if errors.Is(err, domain.ReadOnlyUser) && goesWithout(change, *move) {
			unstored, err = slices.Sorted(maps.Keys(change.Attributes)), nil
			change, move.unwritten = domain.UserChange{}, true
		}
		if err != nil {
			return nil, "", err
		}
	}
	missing, err = s.carryOut(ctx, id, move)
	if missing != "" {
		move.given.Group, move.to.Group = "", "" // The realm lacks it.
	}
	if err == nil && !move.isEmpty() {
		err = s.settleMove(ctx, id, move)
	}
	var endErr error
	if move.tookAway { // Also when it broke off: the next attempt may find nothing left to take.
		endErr = s.Provider.EndSessions(ctx, id)
	}
	switch {
	case err == nil && endErr != nil:
		err = failedWith(endErr, "The role is changed, but the user still has open sessions. Please log the user out.")
	case endErr != nil:
		err = failedWith(err, "The change is incomplete. Please send it again, and log the user out.")
	case errors.Is(err, domain.UnknownRole) && change.IsEmpty() && !move.tookAway:
		err = namingRole(err, move.given.Role) // Nothing was changed.
	case errors.Is(err, domain.ReadOnlyUser) && change.IsEmpty() && !move.tookAway: // The same.
	case errors.Is(err, domain.ReadOnlyUser):
		err = failedWith(err, "The role was not changed: this account is managed in a directory.")
	case err != nil && !errors.Is(err, domain.Partial):
		err = failedWith(err, "The change is incomplete. Please send it again.")
	}
	return unstored, missing, err
}

// goesWithout reports whether the rest of what was asked for can be done where the user's data
// cannot be written: a role is worth more than the attributes that go along with it.
func goesWithout(change domain.UserChange, move roleMove) bool {
	if change.Email != nil || change.FirstName != nil || change.LastName != nil {
		return false
	}
	_, names := change.Attributes[domain.FineractRoleName]
	return !move.isEmpty() || names && len(change.Attributes) == 1
}

// failedWith gives the error another sentence for the administrator.
func failedWith(err error, message string) error {
	return &domain.Error{Kind: domain.AsError(err).Kind, Message: message, Err: err}
}
