package porttest_test

import (
	"context"
	"sync"

	"user-sync-service/internal/domain"
)

// forgetting makes FindUser forget of some users who has created them.
func forgetting(f *faulty, when func(forget func(domain.UserID))) {
	var lost sync.Map // by user: true
	when(func(id domain.UserID) { lost.Store(id, true) })
	alterFound(f, func(user *domain.User) {
		if _, forgotten := lost.Load(user.ID); forgotten {
			user.Managed = false
		}
	})
}

// brokenMarks are providers that err about who created a user.
func brokenMarks() []brokenProvider {
	return []brokenProvider{
		{
			name:   "knows none of its users",
			fault:  func(f *faulty) { alterFound(f, func(user *domain.User) { user.Managed = false }) },
			breaks: []string{"FindUser/KnowsTheUsersItHasCreated"},
		},
		{
			name:  "takes everybody's users for its own",
			fault: func(f *faulty) { alterFound(f, func(user *domain.User) { user.Managed = true }) },
			breaks: []string{
				"FindUser/ReturnsEveryField",
				"FindUser/TakesNobodyElsesUserForItsOwn",
			},
		},
		{
			name: "makes users its own by a write",
			fault: func(f *faulty) {
				var written sync.Map // by user: true
				f.setEnabled = func(ctx context.Context, id domain.UserID, enabled bool) error {
					if f.userWithID(id).Requires("CONFIGURE_TOTP") && len(f.groupsOf(id)) == 2 {
						written.Store(id, true)
					}
					return f.Provider.SetEnabled(ctx, id, enabled)
				}
				alterFound(f, func(user *domain.User) {
					if _, own := written.Load(user.ID); own {
						user.Managed = true
					}
				})
			},
			breaks: []string{"FindUser/TakesNobodyElsesUserForItsOwn"},
		},
		{
			name: "forgets its users when it writes their required actions",
			fault: func(f *faulty) {
				forgetting(f, func(forget func(domain.UserID)) {
					f.setRequiredActions = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
						forget(id)
						return f.Provider.SetRequiredActions(ctx, id, actions)
					}
				})
			},
			breaks: []string{"FindUser/KnowsTheUsersItHasCreated"},
		},
		{
			name: "forgets its users when it gives them something",
			fault: func(f *faulty) {
				forgetting(f, func(forget func(domain.UserID)) {
					afterAssign(f, func(_ context.Context, id domain.UserID, _ domain.Assignment) error {
						forget(id)
						return nil
					})
				})
			},
			breaks: []string{"FindUser/KnowsTheUsersItHasCreated"},
		},
		{
			name: "forgets its users when it takes something from them",
			fault: func(f *faulty) {
				forgetting(f, func(forget func(domain.UserID)) {
					afterUnassign(f, func(_ context.Context, id domain.UserID, _ domain.Assignment) error {
						forget(id)
						return nil
					})
				})
			},
			breaks: []string{"FindUser/KnowsTheUsersItHasCreated"},
		},
		{
			name: "forgets its users when it changes them",
			fault: func(f *faulty) {
				forgetting(f, func(forget func(domain.UserID)) {
					afterUpdate(f, func(_ context.Context, user domain.User, _ domain.UserChange) error {
						forget(user.ID)
						return nil
					})
				})
			},
			breaks: []string{"FindUser/KnowsTheUsersItHasCreated", updateRest},
		},
	}
}
