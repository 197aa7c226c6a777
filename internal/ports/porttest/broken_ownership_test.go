package porttest_test

import (
	"context"
	"maps"
	"slices"
	"sync"

	"user-sync-service/internal/domain"
)

// keptLists are lists that a provider shares with its callers, by user.
type keptLists[E any] struct{ lists sync.Map }

// use replaces list by the kept one of the same length; the first time it is kept.
func (k *keptLists[E]) use(id domain.UserID, list *[]E) {
	kept, ok := k.lists.LoadOrStore(id, *list)
	if ok && len(kept.([]E)) == len(*list) {
		*list = kept.([]E)
	}
}

// brokenOwnership are providers that share what they return, or are given, with their
// callers.
func brokenOwnership() []brokenProvider {
	const results, arguments = "EveryMethod/GivesResultsAway", "EveryMethod/LeavesArgumentsToTheCaller"
	return []brokenProvider{
		{
			name: "hands out its own required actions",
			fault: func(f *faulty) {
				kept := keptLists[domain.RequiredAction]{}
				alterFound(f, func(user *domain.User) { kept.use(user.ID, &user.RequiredActions) })
			},
			breaks: []string{results},
		},
		{
			name: "hands out its own roles",
			fault: func(f *faulty) {
				kept := keptLists[domain.RealmRole]{}
				alterMemberships(f, func(m *domain.Memberships) { kept.use("", &m.Roles) })
			},
			breaks: []string{results, "Assign/GivesTheRoleAndTheGroup"},
		},
		{
			name: "keeps the caller's required actions",
			fault: func(f *faulty) {
				var kept sync.Map // of lists, by user
				f.setRequiredActions = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
					err := f.Provider.SetRequiredActions(ctx, id, actions)
					if err == nil {
						kept.Store(id, actions)
					}
					return err
				}
				alterFound(f, func(user *domain.User) {
					if actions, ok := kept.Load(user.ID); ok {
						user.RequiredActions = slices.Clone(actions.([]domain.RequiredAction))
					}
				})
			},
			breaks: []string{arguments},
		},
		{
			name: "appends to the caller's required actions",
			fault: func(f *faulty) {
				alterNew(f, func(user *domain.NewUser) { _ = append(user.RequiredActions, "spoilt") })
			},
			breaks: []string{arguments},
		},
		{
			name: "hands out its own attributes",
			fault: func(f *faulty) {
				var kept sync.Map // of attributes, by user
				alterFound(f, func(user *domain.User) {
					shared, _ := kept.LoadOrStore(user.ID, user.Attributes)
					if len(shared.(domain.Attributes)) == len(user.Attributes) && !user.Managed {
						user.Attributes = shared.(domain.Attributes)
					}
				})
			},
			breaks: []string{
				results,
				"UpdateUser/ChangesEachFieldAlone",
				"UpdateUser/ChangesEverythingAtOnce",
				"UpdateUser/NamesAttributesThatTheRealmDoesNotKeep",
				"UpdateUser/LeavesTheRestAlone",
				"UpdateUser/LeavesALock",
				"UpdateUser/TakesTheUsersOwnEmail",
			},
		},
		{
			name: "hands out its own effective roles",
			fault: func(f *faulty) {
				kept := keptLists[domain.RealmRole]{}
				alterDetails(f, func(user domain.User, d *domain.AccountDetails) { kept.use(user.ID, &d.EffectiveRoles) })
			},
			breaks: []string{results},
		},
		{
			name: "hands out its own second factors",
			fault: func(f *faulty) {
				kept := keptLists[string]{}
				alterDetails(f, func(user domain.User, d *domain.AccountDetails) { kept.use(user.ID, &d.SecondFactors) })
			},
			breaks: []string{results},
		},
		{
			name: "hands out its own attributes that are not kept",
			fault: func(f *faulty) {
				kept := keptLists[domain.Attribute]{}
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					unstored, err := f.Provider.UpdateUser(ctx, id, change)
					if err == nil && len(unstored) > 1 {
						kept.use("", &unstored)
					}
					return unstored, err
				}
			},
			breaks: []string{results},
		},
		{
			name: "hands out its own attributes of new users that are not kept",
			fault: func(f *faulty) {
				kept := keptLists[domain.Attribute]{}
				afterCreate(f, func(_ context.Context, _ domain.NewUser, created *domain.CreatedUser) error {
					if len(created.Unstored) > 1 {
						kept.use("", &created.Unstored)
					}
					return nil
				})
			},
			breaks: []string{results},
		},
		{
			name: "keeps the caller's attributes",
			fault: func(f *faulty) {
				var kept sync.Map // of attributes, by username
				afterCreate(f, func(_ context.Context, user domain.NewUser, _ *domain.CreatedUser) error {
					kept.Store(user.Username.String(), user.Attributes)
					return nil
				})
				alterFound(f, func(user *domain.User) {
					given, _ := kept.Load(user.Username)
					for name, value := range maps.All(attributesIn(given)) {
						if value == "spoilt" {
							user.Attributes[name] = value
						}
					}
				})
			},
			breaks: []string{arguments},
		},
		{
			name: "keeps the caller's change",
			fault: func(f *faulty) {
				var kept sync.Map // of names, by user
				afterUpdate(f, func(_ context.Context, user domain.User, change domain.UserChange) error {
					kept.Store(user.ID, change.FirstName)
					return nil
				})
				alterFound(f, func(user *domain.User) {
					if name, _ := kept.Load(user.ID); name != nil && name.(*string) != nil {
						user.FirstName = *name.(*string)
					}
				})
			},
			breaks: []string{arguments},
		},
		{
			name: "cleans the caller's attributes",
			fault: func(f *faulty) {
				alterChange(f, func(_ domain.User, change *domain.UserChange) { delete(change.Attributes, domain.MobileNumber) })
			},
			breaks: []string{arguments, updateUnkept, results},
		},
	}
}

func attributesIn(kept any) domain.Attributes {
	attributes, _ := kept.(domain.Attributes)
	return attributes
}
