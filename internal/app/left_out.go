package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"user-sync-service/internal/domain"
)

// What the realm has left out of a change does not undo it, but must not pass in
// silence: the administrator is told in sentences, and the audit log does not name it.

// leftOut returns a sentence for all that the created user was left without, and takes
// it out of the event.
func (s *Service) leftOut(ctx context.Context, attempt *Attempt, user domain.NewUser, created domain.CreatedUser) []string {
	var warnings []string
	if created.MissingGroup != "" {
		delete(attempt.Event.After, "group")
		warnings = append(warnings, s.warnOfMissingGroup(ctx, attempt, created.MissingGroup))
	}
	attempt.Event.After["required_actions"] = created.RequiredActions
	for _, action := range user.RequiredActions {
		if !slices.Contains(created.RequiredActions, action) {
			s.Log.WarnContext(ctx, "the realm lacks a required action or has switched it off, the user was left without it",
				"required_action", string(action), "request_id", attempt.Event.RequestID)
			warnings = append(warnings, fmt.Sprintf("The required action '%s' is not available and was left out.", action))
		}
	}
	return append(warnings, warningsOfUnstored(attempt, created.Unstored)...)
}

// warnOfMissingGroup tells the operators that the realm lacks a group of the role map,
// and returns the sentence for the administrator.
func (s *Service) warnOfMissingGroup(ctx context.Context, attempt *Attempt, group domain.Group) string {
	s.Log.WarnContext(ctx, "the realm lacks a mapped group, the user was left without it",
		"group", string(group), "request_id", attempt.Event.RequestID)
	return fmt.Sprintf("The group '%s' does not exist and was left out.", group)
}

// warningsOfUnstored returns the sentence for attributes that the realm does not keep,
// none for none, and takes them out of the event. They are no news for the operators,
// who decide what their realm keeps.
func warningsOfUnstored(attempt *Attempt, unstored []domain.Attribute) []string {
	if len(unstored) == 0 {
		return nil
	}
	names := make([]string, 0, len(unstored))
	for _, name := range unstored {
		delete(attempt.Event.Before, string(name))
		delete(attempt.Event.After, string(name))
		names = append(names, string(name))
	}
	return []string{"attributes not stored: " + strings.Join(names, ", ")}
}

// createdFields is what the audit log says of a new user.
func createdFields(user domain.NewUser) map[string]any {
	fields := map[string]any{
		"email":            user.Email.String(),
		"first_name":       user.FirstName,
		"last_name":        user.LastName,
		"enabled":          true,
		"email_verified":   user.EmailVerified,
		"required_actions": user.RequiredActions,
		"realm_role":       user.Assignment.Role,
	}
	if user.Assignment.Group != "" {
		fields["group"] = user.Assignment.Group
	}
	for name, value := range user.Attributes {
		fields[string(name)] = value
	}
	return fields
}
