package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"user-sync-service/internal/domain"
)

// mayGive returns Forbidden when the assignment is privileged and the actor holds none of
// the roles that make it so: nobody makes others what they are not themselves. Callers
// pass it to unlessReporting.
func (s *Service) mayGive(attempt *Attempt, assignment domain.Assignment) error {
	holds := func(role domain.RealmRole) bool { return slices.Contains(attempt.event.Actor.Roles, string(role)) }
	if s.Access.Mode == Off || len(assignment.Privileged) == 0 || slices.ContainsFunc(assignment.Privileged, holds) {
		return nil
	}
	return &domain.Error{
		Kind:    domain.Forbidden,
		Message: fmt.Sprintf("Only an administrator may give the role '%s'.", assignment.Role),
		Err:     fmt.Errorf("the actor holds none of %q", assignment.Privileged),
	}
}

// emailMayChange returns ProtectedUser when the user holds a privileged role, in whatever
// way: who changes the address and follows the link of a reset is that user. Rights to
// administer the provider have been looked at with the target. That a user is promoted
// between this and the change is no harm: it could have come a moment later.
func (s *Service) emailMayChange(ctx context.Context, user domain.User) error {
	details, err := s.Provider.Details(ctx, user.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(details.EffectiveRoles, s.Guard.IsPrivileged) {
		return &domain.Error{
			Kind:    domain.ProtectedUser,
			Message: "An administrator's e-mail address cannot be changed here.",
			Err:     errors.New("the target holds a privileged role"),
		}
	}
	return nil
}
