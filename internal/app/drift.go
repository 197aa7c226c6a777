package app

import (
	"context"
	"errors"
	"slices"

	"user-sync-service/internal/domain"
)

// complete finds out what the existing user lacks of the assignment, and gives it where
// that is wanted and safe: not to a protected user, nor to actors themselves. An effective
// role counts as held, a group only by its own path. Nothing is ever taken away.
func (s *Service) complete(ctx context.Context, attempt *Attempt, user domain.User, assignment domain.Assignment) (SyncUserResult, error) {
	roles, groups, err := s.held(ctx, user.ID, []domain.RealmRole{assignment.Role}, assignment.Group != "")
	if err != nil {
		return SyncUserResult{}, err
	}
	told := SyncUserResult{ID: user.ID, Drift: lacking(assignment, roles, groups)}
	if told.Drift.IsEmpty() || !s.Repair || !user.Managed || attempt.event.Actor.Is(user) {
		return told, nil
	}
	err = s.unprotected(ctx, user)
	switch {
	case errors.Is(err, domain.ProtectedUser):
		return told, nil
	case err != nil:
		return SyncUserResult{}, err
	}
	return s.repair(ctx, attempt, user.ID, told.Drift)
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
