package porttest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"user-sync-service/internal/domain"
)

func brokenWrites() []brokenProvider {
	return slices.Concat(brokenSetEnabled(), brokenEndSessions(), brokenSetRequiredActions())
}

func brokenSetEnabled() []brokenProvider {
	return []brokenProvider{
		{
			name: "drops the required actions when it switches a user",
			fault: func(f *faulty) {
				f.setEnabled = func(ctx context.Context, id domain.UserID, enabled bool) error {
					time.Sleep(time.Millisecond) // In a bubble: until others have set them.
					if err := f.Provider.SetEnabled(ctx, id, enabled); err != nil {
						return err
					}
					return f.Provider.SetRequiredActions(ctx, id, nil)
				}
			},
			breaks: []string{"SetEnabled/LeavesTheRestAlone", "EveryMethod/WorksForManyCallersAtOnce", actionsHold},
		},
		{
			name: "never disables anybody",
			fault: func(f *faulty) {
				f.setEnabled = func(ctx context.Context, id domain.UserID, _ bool) error {
					return f.Provider.SetEnabled(ctx, id, true)
				}
			},
			breaks: []string{
				"SetEnabled/SwitchesTheAccount",
				"SetEnabled/KeepsADisabledUserOut",
				"EveryMethod/WorksForManyCallersAtOnce",
				switchHolds,
				oneValue,
				actionsHold,
				byAddressToo,
			},
		},
		{
			name: "disables on paper only",
			fault: func(f *faulty) {
				var disabled sync.Map // by user: true
				f.setEnabled = func(ctx context.Context, id domain.UserID, enabled bool) error {
					err := f.Provider.SetEnabled(ctx, id, true)
					disabled.Store(id, err == nil && !enabled)
					return err
				}
				alterFound(f, func(user *domain.User) {
					if off, _ := disabled.Load(user.ID); off == true {
						user.Enabled = false
					}
				})
			},
			breaks: []string{"SetEnabled/KeepsADisabledUserOut"},
		},
		{
			name: "writes nothing to a user who reads as enabled",
			fault: func(f *faulty) {
				f.setEnabled = func(ctx context.Context, id domain.UserID, enabled bool) error {
					if enabled && f.userWithID(id).Enabled {
						return f.Provider.Check(ctx)
					}
					return f.Provider.SetEnabled(ctx, id, enabled)
				}
			},
			breaks: []string{
				"SetEnabled/LiftsALock",
				"Details/TellsThatAUserIsLocked",
			},
		},
		{
			name: "fails when a user is switched to the present state",
			fault: func(f *faulty) {
				f.setEnabled = func(ctx context.Context, id domain.UserID, enabled bool) error {
					if !enabled && f.userWithID(id).Username != "" && !f.userWithID(id).Enabled {
						return &domain.Error{Kind: domain.UserDisabled}
					}
					return f.Provider.SetEnabled(ctx, id, enabled)
				}
			},
			breaks: []string{"SetEnabled/SwitchesTheAccount"},
		},
		{
			name:   "disables users who do not exist",
			fault:  func(f *faulty) { f.setEnabled = ignoring(domain.NotFound, f.Provider.SetEnabled) },
			breaks: []string{"SetEnabled/ReturnsNotFoundForAnUnknownUser"},
		},
		{
			name: "takes a user of a directory for one whose data are refused",
			fault: func(f *faulty) {
				f.setEnabled = func(ctx context.Context, id domain.UserID, enabled bool) error {
					err := f.Provider.SetEnabled(ctx, id, enabled)
					if errors.Is(err, domain.ReadOnlyUser) {
						return &domain.Error{Kind: domain.InvalidField}
					}
					return err
				}
			},
			breaks: []string{"EveryMethod/ReturnsReadOnlyUser"},
		},
		{
			name:   "disables users on paper whose data are refused",
			fault:  func(f *faulty) { f.setEnabled = ignoring(domain.InvalidField, f.Provider.SetEnabled) },
			breaks: []string{"SetEnabled/NamesARefusedFieldOfTheUser"},
		},
	}
}

func brokenEndSessions() []brokenProvider {
	return []brokenProvider{
		{
			name: "ends no sessions",
			fault: func(f *faulty) {
				f.endSessions = func(ctx context.Context, id domain.UserID) error {
					_, err := f.Provider.Memberships(ctx, id)
					return err
				}
			},
			breaks: []string{"EndSessions/EndsEverySession", "EndSessions/EndsTheSessionsOfADisabledUser"},
		},
		{
			name: "ends no sessions of disabled users",
			fault: func(f *faulty) {
				f.endSessions = func(ctx context.Context, id domain.UserID) error {
					if user := f.userWithID(id); user.Username != "" && !user.Enabled {
						return f.Provider.Check(ctx)
					}
					return f.Provider.EndSessions(ctx, id)
				}
			},
			breaks: []string{"EndSessions/EndsTheSessionsOfADisabledUser"},
		},
		{
			name: "ends everybody's sessions",
			fault: func(f *faulty) {
				f.endSessions = func(ctx context.Context, id domain.UserID) error {
					if err := f.Provider.EndSessions(ctx, id); err != nil {
						return err
					}
					for _, user := range f.Users() {
						if err := f.Provider.EndSessions(ctx, user.ID); err != nil {
							return err
						}
					}
					return nil
				}
			},
			breaks: []string{"EndSessions/SparesOtherUsers"},
		},
		{
			name: "locks users out when it ends their sessions",
			fault: func(f *faulty) {
				f.endSessions = func(ctx context.Context, id domain.UserID) error {
					if err := f.Provider.EndSessions(ctx, id); err != nil {
						return err
					}
					return f.Lock(f.userWithID(id).Username)
				}
			},
			breaks: []string{"EndSessions/LetsTheUserSignInAgain"},
		},
		{
			name: "ends the sessions of users who do not exist",
			fault: func(f *faulty) {
				f.endSessions = func(ctx context.Context, id domain.UserID) error {
					if err := f.Provider.Check(ctx); err != nil || f.userWithID(id).Username == "" {
						return err
					}
					return f.Provider.EndSessions(ctx, id)
				}
			},
			breaks: []string{"EndSessions/ReturnsNotFoundForAnUnknownUser"},
		},
	}
}

func brokenSetRequiredActions() []brokenProvider {
	return []brokenProvider{
		{
			name: "appends required actions",
			fault: func(f *faulty) {
				f.setRequiredActions = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
					return f.Provider.SetRequiredActions(ctx, id, append(f.userWithID(id).RequiredActions, actions...))
				}
			},
			breaks: []string{
				"SetRequiredActions/ReplacesTheList",
				"SetRequiredActions/ClearsWithAnEmptyList",
				"SetRequiredActions/LeavesTheRestAlone",
				"EveryMethod/WorksForManyCallersAtOnce",
				actionsHold,
			},
		},
		{
			name: "takes an empty list for nothing to do",
			fault: func(f *faulty) {
				f.setRequiredActions = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
					if len(actions) == 0 {
						return f.Provider.Check(ctx)
					}
					return f.Provider.SetRequiredActions(ctx, id, actions)
				}
			},
			breaks: []string{"SetRequiredActions/ClearsWithAnEmptyList"},
		},
		{
			name: "drops required actions that it does not know",
			fault: func(f *faulty) {
				f.setRequiredActions = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
					known := []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor}
					unknown := func(action domain.RequiredAction) bool { return !slices.Contains(known, action) }
					return f.Provider.SetRequiredActions(ctx, id, slices.DeleteFunc(slices.Clone(actions), unknown))
				}
			},
			breaks: []string{"SetRequiredActions/KeepsUnknownActions", "EveryMethod/WorksForManyCallersAtOnce"},
		},
		{
			name: "enables users when it writes their required actions",
			fault: func(f *faulty) {
				f.setRequiredActions = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
					time.Sleep(time.Millisecond) // In a bubble: until others have disabled the user.
					if err := f.Provider.SetRequiredActions(ctx, id, actions); err != nil {
						return err
					}
					return f.Provider.SetEnabled(ctx, id, true)
				}
			},
			breaks: []string{"SetRequiredActions/LeavesTheRestAlone", actionsHold},
		},
		{
			name:   "asks users who do not exist",
			fault:  func(f *faulty) { f.setRequiredActions = ignoring(domain.NotFound, f.Provider.SetRequiredActions) },
			breaks: []string{"SetRequiredActions/ReturnsNotFoundForAnUnknownUser"},
		},
		{
			name:   "asks users on paper whose data are refused",
			fault:  func(f *faulty) { f.setRequiredActions = ignoring(domain.InvalidField, f.Provider.SetRequiredActions) },
			breaks: []string{"SetRequiredActions/NamesARefusedFieldOfTheUser"},
		},
	}
}
