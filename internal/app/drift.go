package app

import (
	"context"
	"errors"
	"slices"

	"user-sync-service/internal/domain"
)

// complete finds out what the existing user lacks of the assignment, and gives it where
// that is wanted and safe. Nothing is ever taken away.
func (s *Service) complete(ctx context.Context, attempt *Attempt, user domain.User, assignment domain.Assignment) (SyncUserResult, error) {
	lacking, err := s.drift(ctx, user.ID, assignment)
	if err != nil {
		return SyncUserResult{}, err
	}
	told := SyncUserResult{ID: user.ID, Drift: lacking}
	if lacking.IsEmpty() {
		return told, nil
	}
	repairable, err := s.repairable(ctx, attempt, user)
	if err != nil {
		return SyncUserResult{}, err
	}
	if !repairable {
		return told, nil
	}
	return s.repair(ctx, attempt, user.ID, lacking)
}

// drift returns what the user lacks of the assignment. An effective role counts as held;
// a group only by its own path.
func (s *Service) drift(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Assignment, error) {
	var held []domain.RealmRole
	var groups []domain.Group
	err, groupsErr := sideBySide(func() (err error) {
		held, err = s.Provider.Privileges(ctx, id, []domain.RealmRole{assignment.Role})
		return err
	}, func() (err error) {
		if assignment.Group != "" {
			groups, err = s.Provider.Groups(ctx, id)
		}
		return err
	})
	if err := errors.Join(err, groupsErr); err != nil {
		return domain.Assignment{}, err
	}
	var lacking domain.Assignment
	if !slices.Contains(held, assignment.Role) {
		lacking.Role = assignment.Role
	}
	if !slices.Contains(groups, assignment.Group) {
		lacking.Group = assignment.Group
	}
	return lacking, nil
}

// repairable reports whether the user may be given what it lacks: not when the user is
// protected, nor when actors would give it to themselves.
func (s *Service) repairable(ctx context.Context, attempt *Attempt, user domain.User) (bool, error) {
	if !s.Repair || !user.Managed || attempt.event.Actor.Is(user) {
		return false, nil
	}
	err := s.unprotected(ctx, user)
	if errors.Is(err, domain.ProtectedUser) {
		return false, nil
	}
	return err == nil, err
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
