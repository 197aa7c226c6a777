package app

import (
	"context"
	"slices"

	"user-sync-service/internal/domain"
)

// roleMove is a user's way from one assignment to another.
type roleMove struct {
	// given is what the user lacks of the new assignment. Only what the user holds
	// directly counts: what comes by something else may be about to go.
	given domain.Assignment
	// roles and groups are to be taken away: all others that the role map can give.
	roles  []domain.RealmRole
	groups []domain.Group
	// heldRoles and heldGroups are what the user holds directly before.
	heldRoles  []domain.RealmRole
	heldGroups []domain.Group
}

func (m roleMove) isEmpty() bool {
	return m.given.IsEmpty() && len(m.roles) == 0 && len(m.groups) == 0
}

// planMove finds out what it takes to move the user to the assignment, once it is sure
// that this grants nothing that the role map does not name.
func (s *Service) planMove(ctx context.Context, id domain.UserID, to domain.Assignment) (roleMove, error) {
	if err := s.checkGrant(ctx, to); err != nil {
		return roleMove{}, err
	}
	memberships, err := s.Provider.Memberships(ctx, id)
	if err != nil {
		return roleMove{}, err
	}
	move := roleMove{heldRoles: memberships.Roles, heldGroups: memberships.Groups}
	if !slices.Contains(move.heldRoles, to.Role) {
		move.given.Role = to.Role
	}
	if !slices.Contains(move.heldGroups, to.Group) {
		move.given.Group = to.Group
	}
	for _, other := range s.Roles.Assignments() {
		if other.Role != to.Role && slices.Contains(move.heldRoles, other.Role) && !slices.Contains(move.roles, other.Role) {
			move.roles = append(move.roles, other.Role)
		}
		if other.Group != to.Group && slices.Contains(move.heldGroups, other.Group) && !slices.Contains(move.groups, other.Group) {
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
func (s *Service) carryOut(ctx context.Context, id domain.UserID, move roleMove) (missing domain.Group, err error) {
	if !move.given.IsEmpty() {
		missing, err = s.Provider.Assign(ctx, id, move.given)
		if err != nil {
			return "", err
		}
	}
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
