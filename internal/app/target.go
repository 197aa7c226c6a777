package app

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"user-sync-service/internal/domain"
)

// target finds the user whom a write is about, once it is sure that the caller may
// still act and that the user is not protected. It returns NotFound, ProtectedUser,
// RightsHidden, and what confirming the caller returns, which goes first.
func (s *Service) target(ctx context.Context, attempt *Attempt, username domain.Username) (domain.User, error) {
	attempt.event.TargetUsername = username.String()
	if err := s.Guard.CheckName(username.String()); err != nil {
		return domain.User{}, err
	}
	var user domain.User
	err := s.whileConfirming(ctx, attempt, func() (err error) {
		if user, err = s.Provider.FindUser(ctx, username); err != nil {
			return err
		}
		attempt.event.TargetID = user.ID
		return s.unprotected(ctx, user)
	})
	return user, err
}

// unprotected returns ProtectedUser when anything protects the user whom the provider
// has found, and RightsHidden when that cannot be told.
func (s *Service) unprotected(ctx context.Context, user domain.User) error {
	// Also by the name that the provider has, which may differ in letter case.
	if err := s.Guard.CheckName(user.Username); err != nil {
		return err
	}
	privileges, groups, err := s.held(ctx, user.ID, s.Guard.ProtectedRoles, len(s.Guard.ProtectedGroups) > 0)
	if err != nil {
		return err
	}
	return cmp.Or(s.Guard.CheckGroups(groups), s.Guard.CheckPrivileges(privileges))
}

// held returns which of the roles the user effectively holds and, where they matter, the
// user's groups.
func (s *Service) held(ctx context.Context, id domain.UserID, of []domain.RealmRole, groupsMatter bool) (privileges domain.Privileges, groups []domain.Group, err error) {
	err, groupsErr := sideBySide(func() (err error) {
		privileges, err = s.Provider.Privileges(ctx, id, of)
		return err
	}, func() (err error) {
		if groupsMatter {
			groups, err = s.Provider.Groups(ctx, id)
		}
		return err
	})
	return privileges, groups, errors.Join(err, groupsErr)
}

// notSelf returns ProtectedUser when the target is the actor. Administrators who lock
// themselves out cannot undo it.
func notSelf(attempt *Attempt, user domain.User) error {
	if attempt.event.Actor.Is(user) {
		return &domain.Error{Kind: domain.ProtectedUser, Message: "You cannot do this to your own account.", Err: errors.New("the target is the actor")}
	}
	return nil
}

// whileConfirming does work that writes nothing, and meanwhile confirms that the caller
// may still act. When both fail, the caller is told about the caller.
func (s *Service) whileConfirming(ctx context.Context, attempt *Attempt, work func() error) error {
	if attempt.confirm == nil {
		return work()
	}
	var actor domain.Actor
	err, confirmErr := sideBySide(work, func() (err error) {
		actor, err = attempt.confirm(ctx)
		return err
	})
	attempt.event.Actor = actor
	if confirmErr != nil {
		return confirmErr
	}
	return err
}

// sideBySide calls both at once and waits for both, even when one panics. A panic of the
// second is raised again here, where it is recovered: in its own goroutine it would end
// the program.
func sideBySide(first, second func() error) (firstErr, secondErr error) {
	var panicked any
	var running sync.WaitGroup
	running.Go(func() {
		defer func() { panicked = recover() }()
		secondErr = second()
	})
	defer func() {
		running.Wait()
		if panicked != nil {
			panic(panicked)
		}
	}()
	firstErr = first()
	return
}
