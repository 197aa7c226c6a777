package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"user-sync-service/internal/domain"
)

// roleMove is a user's way from one assignment to another.
type roleMove struct {
	// to is where it leads, as fineractRole says.
	to           domain.Assignment
	fineractRole string
	// given is what the user lacks of the new assignment. Only what the user holds
	// directly counts: what comes by something else may be about to go.
	given domain.Assignment
	// roles and groups are to be taken away: all others that the role map can give.
	roles  []domain.RealmRole
	groups []domain.Group
	// heldRoles and heldGroups are what the user holds directly before.
	heldRoles  []domain.RealmRole
	heldGroups []domain.Group
	// unwritten tells that the user's data cannot be written, so not the Fineract role either.
	unwritten bool
	// tookAway tells that something was, or may have been, taken away.
	tookAway bool
}

func (m roleMove) isEmpty() bool {
	return m.given.IsEmpty() && !m.takesAway()
}

func (m roleMove) takesAway() bool { return len(m.roles) > 0 || len(m.groups) > 0 }

// wayTo finds out what it takes, or still takes, to make the move.
func (s *Service) wayTo(ctx context.Context, id domain.UserID, move roleMove) (roleMove, error) {
	memberships, err := s.Provider.Memberships(ctx, id)
	if err != nil {
		return roleMove{}, err
	}
	to, roles, groups := move.to, memberships.Roles, memberships.Groups
	move = roleMove{to: to, fineractRole: move.fineractRole, given: lacking(to, roles, groups), heldRoles: roles, heldGroups: groups}
	for _, other := range s.Roles.Assignments() {
		if other.Role != to.Role && slices.Contains(roles, other.Role) && !slices.Contains(move.roles, other.Role) {
			move.roles = append(move.roles, other.Role)
		}
		if other.Group != to.Group && slices.Contains(groups, other.Group) && !slices.Contains(move.groups, other.Group) {
			move.groups = append(move.groups, other.Group)
		}
	}
	return move, nil
}

// note tells what the move changes, for the audit log.
func (m roleMove) note(note func(field string, before, after any)) {
	if m.given.Role != "" || len(m.roles) > 0 {
		note(domain.FieldRealmRoles, m.heldRoles, afterMove(m.heldRoles, m.roles, m.given.Role))
	}
	if m.given.Group != "" || len(m.groups) > 0 {
		note(domain.FieldGroups, m.heldGroups, afterMove(m.heldGroups, m.groups, m.given.Group))
	}
}

// afterMove returns what is held after some was taken away and one, if any, was given.
func afterMove[T ~string](held, removed []T, given T) []T {
	left := slices.DeleteFunc(slices.Clone(held), func(item T) bool { return slices.Contains(removed, item) })
	if given != "" {
		left = append(left, given)
	}
	return left
}

// carryOut gives before it takes away, so that a move that is cut off leaves nobody
// without any role. It returns the group when the realm lacks it.
func (s *Service) carryOut(ctx context.Context, id domain.UserID, move *roleMove) (missing domain.Group, err error) {
	if !move.given.IsEmpty() {
		missing, err = s.Provider.Assign(ctx, id, move.given)
		if err != nil {
			return "", err
		}
		if move.given.Role != "" || missing == "" { // Else nothing was given.
			s.tellPrivileges("moved", move.to)
		}
	}
	move.tookAway = move.takesAway()
	for _, role := range move.roles {
		if err := s.Provider.Unassign(ctx, id, domain.Assignment{Role: role}); err != nil {
			return "", err
		}
	}
	for _, group := range move.groups {
		if err := s.Provider.Unassign(ctx, id, domain.Assignment{Group: group}); err != nil {
			return "", err
		}
	}
	return missing, nil
}

// mostMoves is how often a move is carried out before it counts as incomplete.
const mostMoves = 6

// settleMove looks whether the user is where the move leads, and sees to it. Of two moves
// of one user at the same moment, each takes away only what it has seen, so that both
// would stay. The one that stands first in the role map goes on at once; the other gives
// it time to end, and follows.
func (s *Service) settleMove(ctx context.Context, id domain.UserID, move *roleMove) error {
	for round := 0; ; round++ {
		rest, err := s.wayTo(ctx, id, *move)
		if err != nil || rest.isEmpty() {
			return err
		}
		if round == mostMoves {
			return incomplete(rest)
		}
		if !s.goesFirst(rest) {
			if err := pause(ctx, 200*time.Millisecond+rand.N(300*time.Millisecond)); err != nil { //nolint:gosec // A pause is no secret.
				return err
			}
			if rest, err = s.wayTo(ctx, id, *move); err != nil {
				return err
			}
		}
		// The other move has written its own.
		if !move.unwritten {
			if _, err := s.Provider.UpdateUser(ctx, id, domain.UserChange{Attributes: withRole(nil, move.fineractRole)}); err != nil {
				return err
			}
		}
		_, err = s.carryOut(ctx, id, &rest)
		move.roles, move.groups = union(move.roles, rest.roles), union(move.groups, rest.groups)
		move.tookAway = move.tookAway || rest.tookAway
		if err != nil {
			return err
		}
	}
}

// goesFirst reports whether where the move leads stands before all that is in its way.
func (s *Service) goesFirst(move roleMove) bool {
	for _, assignment := range s.Roles.Assignments() {
		if assignment.Role == move.to.Role && assignment.Group == move.to.Group {
			return true
		}
		if slices.Contains(move.roles, assignment.Role) || slices.Contains(move.groups, assignment.Group) {
			return false
		}
	}
	return false
}

// union returns what is in one of the lists, each once.
func union[T comparable](list, more []T) []T {
	for _, item := range more {
		if !slices.Contains(list, item) {
			list = append(list, item)
		}
	}
	return list
}

// incomplete says what is left of the roles that the role map names.
func incomplete(rest roleMove) error {
	var left []string
	for _, role := range append(rest.roles, rest.to.Role) {
		if role != rest.given.Role {
			left = append(left, string(role))
		}
	}
	return &domain.Error{
		Kind:    domain.Partial,
		Message: fmt.Sprintf("The role change is incomplete, the user has: %s. Please send it again.", cmp.Or(strings.Join(left, ", "), "none")),
		Err:     errors.New("another move of the same user undid it each time"),
	}
}

// pause waits, and returns Unavailable when ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return domain.AsError(ctx.Err())
	}
}
