package porttest_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"user-sync-service/internal/domain"
)

// alterChange makes UpdateUser make altered changes.
func alterChange(f *faulty, alter func(user domain.User, change *domain.UserChange)) {
	f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
		alter(f.userWithID(id), &change)
		return f.Provider.UpdateUser(ctx, id, change)
	}
}

// afterUpdate makes UpdateUser go on after a success. It is given the user as before.
func afterUpdate(f *faulty, next func(ctx context.Context, user domain.User, change domain.UserChange) error) {
	f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
		user := f.userWithID(id)
		unstored, err := f.Provider.UpdateUser(ctx, id, change)
		if err == nil {
			err = next(ctx, user, change)
		}
		return unstored, err
	}
}

// The clauses by which most faults of UpdateUser show.
const (
	eachAlone, atOnce = "UpdateUser/ChangesEachFieldAlone", "UpdateUser/ChangesEverythingAtOnce"
	namesAway         = "UpdateUser/TakesNamesAway"
	attributesAway    = "UpdateUser/TakesAttributesAway"
	updateUnkept      = "UpdateUser/NamesAttributesThatTheRealmDoesNotKeep"
	updateRest        = "UpdateUser/LeavesTheRestAlone"
	keepsLock         = "UpdateUser/LeavesALock"
	unverifies        = "UpdateUser/MakesANewEmailUnverified"
	takenEmail        = "UpdateUser/RefusesATakenEmail"
	ownEmail          = "UpdateUser/TakesTheUsersOwnEmail"
	corrects          = "UpdateUser/CorrectsARefusedField"
	manyCallers       = "EveryMethod/WorksForManyCallersAtOnce"
)

func brokenUpdates() []brokenProvider {
	return slices.Concat(incompleteUpdates(), meddlingUpdates(), mistakenUpdates(), mistakenRules())
}

// incompleteUpdates are providers that change something else than was asked for.
func incompleteUpdates() []brokenProvider {
	return []brokenProvider{
		{
			name: "takes names that are not named for empty",
			fault: func(f *faulty) {
				alterChange(f, func(_ domain.User, change *domain.UserChange) {
					if change.FirstName == nil {
						time.Sleep(time.Millisecond) // In a bubble: until others have named it.
						change.FirstName = new("")
					}
				})
			},
			breaks: []string{
				eachAlone,
				editHolds,
				"UpdateUser/ChangesNothingUnnamed",
				namesAway,
				attributesAway,
				updateUnkept,
				"UpdateUser/TakesTheUsersOwnEmail",
				"UpdateUser/NamesARefusedFieldThatStays",
			},
		},
		{
			name: "replaces all attributes by those that are named",
			fault: func(f *faulty) {
				alterChange(f, func(user domain.User, change *domain.UserChange) {
					replaced := maps.Clone(change.Attributes)
					for name := range user.Attributes {
						if _, named := replaced[name]; len(replaced) > 0 && !named {
							replaced[name] = ""
						}
					}
					change.Attributes = replaced
				})
			},
			breaks: []string{eachAlone, attributesAway, updateUnkept, editHolds},
		},
		{
			name: "takes the attributes away with a name that changes",
			fault: func(f *faulty) {
				alterChange(f, func(user domain.User, change *domain.UserChange) {
					if change.LastName != nil && change.Attributes == nil {
						change.Attributes = domain.Attributes{}
						for name := range user.Attributes {
							change.Attributes[name] = ""
						}
					}
				})
			},
			breaks: []string{eachAlone, namesAway},
		},
		{
			name: "changes no name together with the address",
			fault: func(f *faulty) {
				alterChange(f, func(_ domain.User, change *domain.UserChange) {
					if change.Email != nil && change.FirstName != nil && *change.FirstName != "<b>" {
						change.FirstName = nil
					}
				})
			},
			breaks: []string{atOnce, updateRest, keepsLock, ownEmail, corrects},
		},
		{
			name: "leaves a new address verified",
			fault: func(f *faulty) {
				alterChange(f, func(_ domain.User, change *domain.UserChange) { change.Unverified = false })
			},
			breaks: []string{unverifies},
		},
		{
			name: "takes an empty change for a mistake",
			fault: func(f *faulty) {
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					if change.IsEmpty() && f.userWithID(id).Username != "" {
						return nil, &domain.Error{Kind: domain.InvalidField}
					}
					return f.Provider.UpdateUser(ctx, id, change)
				}
			},
			breaks: []string{"UpdateUser/ChangesNothingUnnamed"},
		},
		{
			name: "takes an empty name for nothing to change",
			fault: func(f *faulty) {
				alterChange(f, func(_ domain.User, change *domain.UserChange) {
					if change.LastName != nil && *change.LastName == "" {
						change.LastName = nil
					}
				})
			},
			breaks: []string{namesAway},
		},
		{
			name: "takes an empty attribute for nothing to change",
			fault: func(f *faulty) {
				alterChange(f, func(_ domain.User, change *domain.UserChange) {
					change.Attributes = maps.Clone(change.Attributes)
					maps.DeleteFunc(change.Attributes, func(_ domain.Attribute, value string) bool { return value == "" })
				})
			},
			breaks: []string{attributesAway},
		},
		{
			name: "counts an attribute to be taken away among those that are not kept",
			fault: func(f *faulty) {
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					unstored, err := f.Provider.UpdateUser(ctx, id, change)
					if value, named := change.Attributes[domain.MobileNumber]; err == nil && named && value == "" {
						unstored = append(unstored, domain.MobileNumber)
					}
					return unstored, err
				}
			},
			breaks: []string{attributesAway},
		},
		{
			name: "drops changed attributes in silence",
			fault: func(f *faulty) {
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					_, err := f.Provider.UpdateUser(ctx, id, change)
					return nil, err
				}
			},
			breaks: []string{updateUnkept, "EveryMethod/GivesResultsAway"},
		},
		{
			name: "names changed attributes that are not kept in no order",
			fault: func(f *faulty) {
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					unstored, err := f.Provider.UpdateUser(ctx, id, change)
					slices.Reverse(unstored)
					return unstored, err
				}
			},
			breaks: []string{updateUnkept},
		},
	}
}

// meddlingUpdates are providers that do more than was asked for.
func meddlingUpdates() []brokenProvider {
	return []brokenProvider{
		{
			name: "takes a new address for one that is not verified",
			fault: func(f *faulty) {
				var renewed sync.Map // by user: true
				afterUpdate(f, func(_ context.Context, user domain.User, change domain.UserChange) error {
					if change.Email != nil && !change.Email.Matches(user.Email) {
						renewed.Store(user.ID, true)
					}
					return nil
				})
				alterFound(f, func(user *domain.User) {
					if _, other := renewed.Load(user.ID); other {
						user.EmailVerified = false
					}
				})
			},
			breaks: []string{eachAlone, atOnce, updateRest, keepsLock, corrects},
		},
		{
			name: "enables disabled users whom it changes",
			fault: func(f *faulty) {
				afterUpdate(f, func(ctx context.Context, user domain.User, _ domain.UserChange) error {
					time.Sleep(time.Millisecond) // In a bubble: until others have disabled the user.
					if f.userWithID(user.ID).Enabled {
						return nil
					}
					return f.Provider.SetEnabled(ctx, user.ID, true)
				})
			},
			breaks: []string{updateRest, switchHolds},
		},
		{
			name: "takes the other roles of users whom it changes",
			fault: func(f *faulty) {
				afterUpdate(f, func(ctx context.Context, user domain.User, _ domain.UserChange) error {
					return f.Provider.Unassign(ctx, user.ID, domain.Assignment{Role: "auditor"})
				})
			},
			breaks: []string{updateRest, manyCallers},
		},
		{
			name: "changes everybody",
			fault: func(f *faulty) {
				afterUpdate(f, func(ctx context.Context, _ domain.User, change domain.UserChange) error {
					for _, user := range f.Users() {
						_, _ = f.Provider.UpdateUser(ctx, user.ID, domain.UserChange{FirstName: change.FirstName})
					}
					return nil
				})
			},
			breaks: []string{updateRest},
		},
		{
			name: "ends the sessions of users whom it changes",
			fault: func(f *faulty) {
				afterUpdate(f, func(ctx context.Context, user domain.User, _ domain.UserChange) error {
					return f.Provider.EndSessions(ctx, user.ID)
				})
			},
			breaks: []string{"UpdateUser/LeavesSignInsAlone"},
		},
		{
			name: "writes a locked user back as a disabled one",
			fault: func(f *faulty) {
				afterUpdate(f, func(ctx context.Context, user domain.User, _ domain.UserChange) error {
					if details, _ := f.Provider.Details(ctx, user.ID); !details.Locked {
						return nil
					}
					return f.Provider.SetEnabled(ctx, user.ID, false)
				})
			},
			breaks: []string{keepsLock},
		},
		{
			name: "keeps the old address for the user",
			fault: func(f *faulty) {
				afterUpdate(f, func(_ context.Context, user domain.User, change domain.UserChange) error {
					if change.Email != nil && user.Email != "" && !change.Email.Matches(user.Email) {
						_, err := f.AddUser(domain.User{Username: "rest-of-" + user.Email, Email: user.Email}, "")
						return err
					}
					return nil
				})
			},
			breaks: []string{"UpdateUser/FreesTheOldEmail"},
		},
	}
}
