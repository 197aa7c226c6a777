package app

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"user-sync-service/internal/domain"
)

// complete finds out what the existing user lacks of the assignment, and gives it where
// that is wanted, safe and the actor's to give; else it tells, with a sentence why. An
// effective role counts as held, a group only by its own path. Nothing is ever taken away.
func (s *Service) complete(ctx context.Context, attempt *Attempt, user domain.User, assignment domain.Assignment) (SyncUserResult, error) {
	held, groups, err := s.held(ctx, user.ID, []domain.RealmRole{assignment.Role}, assignment.Group != "")
	if err != nil {
		return SyncUserResult{}, err
	}
	told := SyncUserResult{ID: user.ID, Drift: lacking(assignment, held.Roles, groups)}
	if told.Drift.IsEmpty() {
		return told, nil
	}
	result := told
	err = s.mayRepair(ctx, attempt, user, assignment)
	if err == nil && s.Repair {
		result, err = s.repair(ctx, attempt, user.ID, told.Drift)
	}
	switch failure := domain.AsError(err); {
	case err == nil:
		return result, nil
	case slices.Contains([]domain.Kind{domain.UnknownRole, domain.PrivilegeEscalation, domain.ProtectedUser, domain.Forbidden, domain.RightsHidden, domain.ReadOnlyUser}, failure.Kind):
		// The caller has asked for the account, which exists, and for no repair.
		attempt.note(nil, nil)
		told.Warnings = []string{cmp.Or(failure.Message, "Nothing was added: the account is managed in a directory.")}
		return told, nil
	}
	return SyncUserResult{}, err
}

// mayRepair returns why the user must not be given the assignment, as an error with a
// sentence for the administrator. Where no repair is wanted, only the assignment is
// looked at.
func (s *Service) mayRepair(ctx context.Context, attempt *Attempt, user domain.User, assignment domain.Assignment) error {
	if err := s.checkGrant(ctx, assignment); err != nil || !s.Repair {
		return err
	}
	err := user.ManagedErr
	switch {
	case err != nil:
	case !user.Managed:
		err = &domain.Error{Kind: domain.ProtectedUser, Message: "Nothing was added: this service did not make the account."}
	default:
		switch err = s.unprotected(ctx, attempt, &user); {
		case attempt.event.Actor.Is(user):
			err = &domain.Error{Kind: domain.ProtectedUser, Message: "Nothing was added: it is your own account."}
		case errors.Is(err, domain.ProtectedUser):
			err = &domain.Error{Kind: domain.ProtectedUser, Message: "Nothing was added: the user is protected.", Err: err}
		case errors.Is(err, domain.RightsHidden):
			err = &domain.Error{Kind: domain.RightsHidden, Message: "Nothing was added: administrators cannot be recognised.", Err: err}
		}
	}
	if err != nil {
		return err
	}
	return s.unlessReporting(ctx, attempt, s.mayGive(attempt, assignment))
}

// lacking returns what of the assignment is not held.
func lacking(assignment domain.Assignment, roles []domain.RealmRole, groups []domain.Group) (missing domain.Assignment) {
	if !slices.Contains(roles, assignment.Role) {
		missing.Role = assignment.Role
	}
	if !slices.Contains(groups, assignment.Group) {
		missing.Group = assignment.Group
	}
	return missing
}

// repair gives the user what it lacks. A group that the realm lacks stays away.
func (s *Service) repair(ctx context.Context, attempt *Attempt, id domain.UserID, lacking domain.Assignment) (SyncUserResult, error) {
	var missing domain.Group
	err := s.write(ctx, attempt, nil, addedFields(lacking), func() (err error) {
		missing, err = s.Provider.Assign(ctx, id, lacking)
		return err
	})
	if err != nil {
		return SyncUserResult{}, namingRole(err, lacking.Role)
	}
	result := SyncUserResult{ID: id, Repaired: lacking}
	if missing != "" {
		result.Repaired.Group, result.Drift.Group = "", missing
		result.Warnings = []string{s.warnOfMissingGroup(ctx, attempt, missing)}
		attempt.event.After, attempt.changed = addedFields(result.Repaired), !result.Repaired.IsEmpty()
	}
	return result, nil
}

// addedFields is what the audit log says of what a user was given; nil for nothing.
func addedFields(added domain.Assignment) fields {
	if added.IsEmpty() {
		return nil
	}
	given := fields{}
	if added.Role != "" {
		given[domain.FieldAddedRealmRole] = added.Role
	}
	if added.Group != "" {
		given[domain.FieldAddedGroup] = added.Group
	}
	return given
}
