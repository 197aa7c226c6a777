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
		if !slices.Contains(created.RequiredActions, action) && action != domain.UpdatePassword {
			s.Log.WarnContext(ctx, "the realm lacks a required action or has switched it off, the user was left without it",
				"required_action", string(action), "request_id", attempt.event.RequestID)
			warnings = append(warnings, fmt.Sprintf("The required action '%s' is not available and was left out.", action))
		}
	}
	if created.PasswordLasts {
		s.Log.WarnContext(ctx, "the realm lacks the required action UPDATE_PASSWORD or has switched it off, so that nobody has to change a password",
			"request_id", attempt.event.RequestID)
		if s.Delivery.showsPassword() {
			warnings = append(warnings, "The required action 'UPDATE_PASSWORD' is not available: the password need not be changed.")
		}
		if s.Delivery.sendsMail() {
			warnings = append(warnings, linkLeadsNowhere)
		}
	}
	user.RequiredActions = created.RequiredActions
	after := createdFields(user)
	for _, name := range created.Unstored {
		delete(after, auditName(name))
	}
	attempt.note(nil, after)
	warnings = append(warnings, warningsOfUnstored(created.Unstored)...)
	if len(created.AskedFor) > 0 {
		warnings = append(warnings, "The user will be asked for: "+listed(created.AskedFor))
	}
	return warnings
}

// linkLeadsNowhere is the sentence about a mail whose link is to lead to a new password, where
// the realm has that switched off.
const linkLeadsNowhere = "The required action 'UPDATE_PASSWORD' is not available: the mail leads to no password."

// auditName is what the audit log calls a field or an attribute.
func auditName(name domain.Attribute) string {
	switch name {
	case domain.EmailAddress:
		return domain.FieldEmail
	case domain.FirstName:
		return domain.FieldFirstName
	case domain.LastName:
		return domain.FieldLastName
	default:
		return string(name)
	}
}

// stored returns what the realm keeps of the change.
func stored(change domain.UserChange, unstored []domain.Attribute) domain.UserChange {
	for _, name := range unstored {
		switch name {
		case domain.EmailAddress:
			change.Email, change.Unverified = nil, false
		case domain.FirstName:
			change.FirstName = nil
		case domain.LastName:
			change.LastName = nil
		default:
			delete(change.Attributes, name)
		}
	}
	return change
}

// warnOfMissingGroup tells the operators that the realm lacks a group of the role map,
// and returns the sentence for the administrator.
func (s *Service) warnOfMissingGroup(ctx context.Context, attempt *Attempt, group domain.Group) string {
	s.Log.WarnContext(ctx, "the realm lacks a mapped group, the user was left without it",
		"group", string(group), "request_id", attempt.event.RequestID)
	return fmt.Sprintf("The group '%s' does not exist and was left out.", group)
}

// warningsOfUnstored returns the sentence for what the realm does not keep, none for none. They are no news for the operators, who decide what their realm keeps.
func warningsOfUnstored(unstored []domain.Attribute) []string {
	if len(unstored) == 0 {
		return nil
	}
	return []string{"attributes not stored: " + listed(unstored)}
}

func listed(attributes []domain.Attribute) string {
	names := make([]string, 0, len(attributes))
	for _, name := range attributes {
		names = append(names, string(name))
	}
	return strings.Join(names, ", ")
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
