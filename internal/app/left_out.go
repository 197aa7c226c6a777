package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"user-sync-service/internal/domain"
)

// What the realm leaves out of a change does not undo the change: the administrator is
// told, and the audit log does not name it.

// leftOut returns a sentence for all that the created user was left without.
func (s *Service) leftOut(ctx context.Context, attempt *Attempt, user domain.NewUser, created domain.CreatedUser) []string {
	var warnings []string
	if created.MissingGroup != "" {
		user.Assignment.Group = ""
		warnings = append(warnings, s.warnOfMissingGroup(ctx, attempt, created.MissingGroup))
	}
	for _, action := range user.RequiredActions {
		if !slices.Contains(created.RequiredActions, action) {
			s.Log.WarnContext(ctx, "the realm lacks a required action or has switched it off, the user was left without it",
				"required_action", string(action), "request_id", attempt.event.RequestID)
			warnings = append(warnings, fmt.Sprintf("The required action '%s' is not available and was left out.", action))
		}
	}
	user.RequiredActions = created.RequiredActions
	for _, name := range created.Unstored {
		delete(user.Attributes, name)
	}
	attempt.note(nil, createdFields(user))
	return append(warnings, warningsOfUnstored(created.Unstored)...)
}

// warnOfMissingGroup tells the operators that the realm lacks a group of the role map,
// and returns the sentence for the administrator.
func (s *Service) warnOfMissingGroup(ctx context.Context, attempt *Attempt, group domain.Group) string {
	s.Log.WarnContext(ctx, "the realm lacks a mapped group, the user was left without it",
		"group", string(group), "request_id", attempt.event.RequestID)
	return fmt.Sprintf("The group '%s' does not exist and was left out.", group)
}

// warningsOfUnstored returns the sentence for attributes that the realm does not keep,
// none for none. They are no news for the operators, who decide what their realm keeps.
func warningsOfUnstored(unstored []domain.Attribute) []string {
	if len(unstored) == 0 {
		return nil
	}
	names := make([]string, 0, len(unstored))
	for _, name := range unstored {
		names = append(names, string(name))
	}
	return []string{"attributes not stored: " + strings.Join(names, ", ")}
}

// createdFields is what the audit log says of a new user.
func createdFields(user domain.NewUser) fields {
	created := fields{
		domain.FieldEmail:           user.Email.String(),
		domain.FieldFirstName:       user.FirstName,
		domain.FieldLastName:        user.LastName,
		domain.FieldEnabled:         true,
		domain.FieldEmailVerified:   user.EmailVerified,
		domain.FieldRequiredActions: user.RequiredActions,
		domain.FieldRealmRole:       user.Assignment.Role,
	}
	if user.Assignment.Group != "" {
		created[domain.FieldGroup] = user.Assignment.Group
	}
	for name, value := range user.Attributes {
		created[string(name)] = value
	}
	return created
}
