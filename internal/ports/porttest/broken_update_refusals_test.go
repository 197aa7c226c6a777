package porttest_test

import (
	"context"
	"errors"
	"maps"
	"strings"

	"user-sync-service/internal/domain"
)

// onUpdateError makes UpdateUser do something about a failure of the kind.
func onUpdateError(f *faulty, kind domain.Kind, react func(user domain.User, change domain.UserChange, err error) error) {
	f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
		unstored, err := f.Provider.UpdateUser(ctx, id, change)
		if errors.Is(err, kind) {
			return nil, react(f.userWithID(id), change, err)
		}
		return unstored, err
	}
}

// changesTheRest makes the change all the same, but for what was wrong with it.
func changesTheRest(f *faulty, leaveOut func(change *domain.UserChange)) func(domain.User, domain.UserChange, error) error {
	return func(user domain.User, change domain.UserChange, err error) error {
		change.Attributes = maps.Clone(change.Attributes)
		leaveOut(&change)
		_, _ = f.Provider.UpdateUser(context.Background(), user.ID, change)
		return err
	}
}

// mistakenUpdates are providers that err about users and their addresses.
func mistakenUpdates() []brokenProvider {
	return []brokenProvider{
		{
			name: "changes users who do not exist",
			fault: func(f *faulty) {
				onUpdateError(f, domain.NotFound, func(domain.User, domain.UserChange, error) error { return nil })
			},
			breaks: []string{"UpdateUser/ReturnsNotFoundForAnUnknownUser"},
		},
		{
			name: "does not look for the user when there is nothing to change",
			fault: func(f *faulty) {
				onUpdateError(f, domain.NotFound, func(_ domain.User, change domain.UserChange, err error) error {
					if change.IsEmpty() {
						return nil
					}
					return err
				})
			},
			breaks: []string{"UpdateUser/ReturnsNotFoundForAnUnknownUser"},
		},
		{
			name: "takes a taken address for a change that was made",
			fault: func(f *faulty) {
				onUpdateError(f, domain.EmailConflict, func(domain.User, domain.UserChange, error) error { return nil })
			},
			breaks: []string{takenEmail},
		},
		{
			name: "takes a taken address for an invalid one",
			fault: func(f *faulty) {
				onUpdateError(f, domain.EmailConflict, func(domain.User, domain.UserChange, error) error {
					return &domain.Error{Kind: domain.InvalidField, Fields: map[string]string{"email": "taken"}}
				})
			},
			breaks: []string{takenEmail},
		},
		{
			name: "compares changed addresses by letter case",
			fault: func(f *faulty) {
				onUpdateError(f, domain.EmailConflict, func(_ domain.User, change domain.UserChange, err error) error {
					if email := change.Email.String(); email != strings.ToLower(email) {
						return nil
					}
					return err
				})
			},
			breaks: []string{takenEmail},
		},
		{
			name: "changes the rest when the address is taken",
			fault: func(f *faulty) {
				onUpdateError(f, domain.EmailConflict, changesTheRest(f, func(change *domain.UserChange) { change.Email = nil }))
			},
			breaks: []string{takenEmail},
		},
		{
			name: "takes a user for another one by the address",
			fault: func(f *faulty) {
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					if change.Email != nil && change.Email.Matches(f.userWithID(id).Email) {
						return nil, &domain.Error{Kind: domain.EmailConflict}
					}
					return f.Provider.UpdateUser(ctx, id, change)
				}
			},
			breaks: []string{ownEmail, unverifies},
		},
	}
}

// mistakenRules are providers that err about the realm's rules.
func mistakenRules() []brokenProvider {
	const field, attribute, stays = "UpdateUser/NamesTheRefusedField", "UpdateUser/NamesTheRefusedAttribute", "UpdateUser/NamesARefusedFieldThatStays"
	return []brokenProvider{
		{
			name: "does not say which field of a change is invalid",
			fault: func(f *faulty) {
				onUpdateError(f, domain.InvalidField, func(domain.User, domain.UserChange, error) error {
					return &domain.Error{Kind: domain.InvalidField}
				})
			},
			breaks: []string{field, attribute, stays},
		},
		{
			name: "changes the rest when a name is refused",
			fault: func(f *faulty) {
				onUpdateError(f, domain.InvalidField, changesTheRest(f, func(change *domain.UserChange) { change.FirstName = nil }))
			},
			breaks: []string{field},
		},
		{
			name: "changes the rest when an attribute is refused",
			fault: func(f *faulty) {
				onUpdateError(f, domain.InvalidField, changesTheRest(f, func(change *domain.UserChange) {
					delete(change.Attributes, domain.FineractUserID)
				}))
			},
			breaks: []string{attribute},
		},
		{
			name: "names a refused attribute of a change otherwise",
			fault: func(f *faulty) {
				onUpdateError(f, domain.InvalidField, func(_ domain.User, _ domain.UserChange, err error) error {
					if refusesAttribute(err) {
						return &domain.Error{Kind: domain.InvalidField, Fields: map[string]string{"attributes": "wrong"}}
					}
					return err
				})
			},
			breaks: []string{attribute},
		},
		{
			name: "takes a field for sound that stays as it is",
			fault: func(f *faulty) {
				onUpdateError(f, domain.InvalidField, func(user domain.User, change domain.UserChange, err error) error {
					if user.FirstName == "<b>" && change.FirstName == nil {
						return nil
					}
					return err
				})
			},
			breaks: []string{stays},
		},
		{
			name: "refuses every change of a user against the rules",
			fault: func(f *faulty) {
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					if f.userWithID(id).FirstName == "<b>" {
						return nil, &domain.Error{Kind: domain.InvalidField, Fields: map[string]string{"firstName": "wrong"}}
					}
					return f.Provider.UpdateUser(ctx, id, change)
				}
			},
			breaks: []string{corrects},
		},
	}
}
