package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"user-sync-service/internal/domain"
)

// SetStatus switches the user's account on or off; when off, all sessions of the user
// are ended too. It returns NotFound, ProtectedUser, ReadOnlyUser, and InvalidField when the
// realm's rules refuse the user's present data; after the last two, an account that was to be
// switched off is still on, but its sessions have ended. Actors cannot switch themselves off.
//
// It writes even when the account is in that state already: enabling also lifts a lock
// after failed sign-ins, and disabling again ends sessions that an earlier attempt
// may have left.
func (s *Service) SetStatus(ctx context.Context, attempt *Attempt, username domain.Username, enabled bool) error {
	after := fields{domain.FieldEnabled: enabled}
	attempt.note(nil, after) // also where the target is refused
	lane := writes
	if !enabled {
		lane = urgent
	}
	user, err := s.target(ctx, attempt, lane, username)
	if err != nil {
		return err
	}
	before := fields{domain.FieldEnabled: user.Enabled}
	attempt.note(before, after)
	if !enabled {
		if err := notSelf(attempt, user); err != nil {
			return err
		}
	}
	return s.write(ctx, attempt, before, after, func() error {
		err := s.Provider.SetEnabled(ctx, user.ID, enabled)
		switch {
		case enabled:
			return mendFirst(err, "Nothing was changed: the user's %s %s first.")
		case err != nil:
			return s.stillOn(ctx, attempt, user.ID, err)
		}
		if user.Enabled {
			s.Observer.Disabled()
		}
		if err := s.Provider.EndSessions(ctx, user.ID); err != nil {
			return &domain.Error{
				Kind:    domain.AsError(err).Kind,
				Message: "The user is disabled now, but still has open sessions. Please disable again.",
				Err:     err,
			}
		}
		return nil
	})
}

// stillOn ends the sessions of a user whom the provider refused to switch off, for what that
// is worth: the user can sign in again. It returns the refusal with a sentence that says so.
func (s *Service) stillOn(ctx context.Context, attempt *Attempt, id domain.UserID, refused error) error {
	failure := *domain.AsError(refused)
	if failure.Kind != domain.ReadOnlyUser && failure.Kind != domain.InvalidField {
		return refused
	}
	if err := s.Provider.EndSessions(ctx, id); err != nil {
		return failedWith(errors.Join(err, refused), "The account is still on, and may still have open sessions. Please try again.")
	}
	on := attempt.event.Before[domain.FieldEnabled]
	attempt.note(attempt.event.Before, fields{domain.FieldEnabled: on, domain.FieldSessionsRevoked: true})
	attempt.changed = true
	failure.Message = "The account is managed in a directory and still on; its sessions were ended."
	return mendFirst(&failure, "The account is still on, its sessions ended: its %s %s first.")
}

// mendFirst gives a refusal of the user's present data a sentence that says what to mend, and
// whether an edit can do that. Other errors stay as they are.
func mendFirst(err error, sentence string) error {
	if !errors.Is(err, domain.InvalidField) {
		return err
	}
	failure := *domain.AsError(err)
	broken, remedy := slices.Sorted(maps.Keys(failure.Fields)), "must be edited"
	for _, name := range broken {
		if !slices.Contains(append(domain.AllAttributes(), domain.EmailAddress, domain.FirstName, domain.LastName), domain.Attribute(name)) {
			remedy = "must be mended in the realm"
		}
	}
	failure.Message = fmt.Sprintf(sentence, cmp.Or(strings.Join(broken, ", "), "data"), remedy)
	return &failure
}
