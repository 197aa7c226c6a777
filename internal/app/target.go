package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"user-sync-service/internal/domain"
)

// target finds the user whom a write is about, who is not protected. It returns NotFound,
// ProtectedUser, RightsHidden, and Overloaded when there is no place in the lane.
func (s *Service) target(ctx context.Context, attempt *Attempt, l lane, username domain.Username) (domain.User, error) {
	attempt.event.TargetUsername = username.String()
	if err := s.Guard.CheckName(username.String()); err != nil {
		return domain.User{}, err
	}
	if err := s.goIn(ctx, attempt, l, usualWeight); err != nil {
		return domain.User{}, err
	}
	user, err := s.Provider.FindUser(ctx, username)
	if err != nil {
		return domain.User{}, err
	}
	attempt.event.TargetID = user.ID
	err = s.unprotected(ctx, attempt, &user)
	return user, err
}

// unprotected returns ProtectedUser when anything protects the user whom the provider
// has found, and RightsHidden when that cannot be told. It finds out a hidden name that
// matters.
func (s *Service) unprotected(ctx context.Context, attempt *Attempt, user *domain.User) error {
	// Also by the name that the provider has, which may differ in letter case, and by the
	// address, which is the name in some realms.
	if err := cmp.Or(s.Guard.CheckName(user.Username), s.Guard.CheckName(user.Email)); err != nil {
		return err
	}
	if user.NameHidden {
		if err := s.uncover(ctx, attempt, user); err != nil {
			return err
		}
	}
	privileges, groups, err := s.held(ctx, user.ID, s.Guard.ProtectedRoles, len(s.Guard.ProtectedGroups) > 0)
	if err != nil {
		return err
	}
	return cmp.Or(s.Guard.CheckGroups(groups), s.Guard.CheckPrivileges(privileges))
}

// uncover looks whether the hidden name is a protected one or the actor's, and makes it the
// Username then. The provider does not show it, but finds by it.
func (s *Service) uncover(ctx context.Context, attempt *Attempt, user *domain.User) error {
	actor := attempt.event.Actor
	for _, name := range append(slices.Clone(s.Guard.ProtectedUsers), actor.Username, actor.Subject) {
		username, err := domain.ParseUsername(name)
		if err != nil {
			continue // Nobody can be called that.
		}
		found, err := s.Provider.FindUser(ctx, username)
		switch {
		case errors.Is(err, domain.NotFound):
		case err != nil:
			return err
		case found.ID == user.ID:
			user.Username = name
			return s.Guard.CheckName(name)
		}
	}
	return nil
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
