package porttest_test

import (
	"context"
	"slices"

	"user-sync-service/internal/domain"
)

// The required actions that the suite's realm lacks and has switched off.
const (
	lackedAction   domain.RequiredAction = "no-such-action"
	disabledAction domain.RequiredAction = "TERMS_AND_CONDITIONS"
)

// refusesAttribute reports whether CreateUser or UpdateUser has refused the attribute
// that the suite wants refused.
func refusesAttribute(err error) bool {
	return err != nil && domain.AsError(err).Fields[string(domain.FineractUserID)] != ""
}

// brokenAttributes are providers that create users with other attributes than they say.
func brokenAttributes() []brokenProvider {
	const unkept = "CreateUser/NamesAttributesThatTheRealmDoesNotKeep"
	return []brokenProvider{
		{
			name: "shows no attributes of users with nothing to do",
			fault: func(f *faulty) {
				alterFound(f, func(user *domain.User) {
					if len(user.RequiredActions) == 0 {
						user.Attributes = nil
					}
				})
			},
			breaks: []string{"FindUser/ReturnsTheAttributes", "UpdateUser/ChangesEverythingAtOnce", "UpdateUser/CorrectsARefusedField"},
		},
		{
			name:  "creates users without attributes",
			fault: func(f *faulty) { alterNew(f, func(user *domain.NewUser) { user.Attributes = nil }) },
			breaks: []string{
				"CreateUser/KeepsTheAttributes", unkept,
				"CreateUser/NamesTheRefusedAttribute",
				"EveryMethod/GivesResultsAway",
			},
		},
		{
			name: "forgets an attribute that comes alone",
			fault: func(f *faulty) {
				alterNew(f, func(user *domain.NewUser) {
					if len(user.Attributes) == 1 && user.Attributes[domain.FineractRoleName] != "" {
						user.Attributes = nil
					}
				})
			},
			breaks: []string{"CreateUser/KeepsTheAttributes"},
		},
		{
			name: "counts an empty attribute among those that are not kept",
			fault: func(f *faulty) {
				afterCreate(f, func(_ context.Context, user domain.NewUser, created *domain.CreatedUser) error {
					for name, value := range user.Attributes {
						if value == "" {
							created.Unstored = append(created.Unstored, name)
						}
					}
					return nil
				})
			},
			breaks: []string{"CreateUser/KeepsTheAttributes", unkept},
		},
		{
			name: "drops attributes of new users in silence",
			fault: func(f *faulty) {
				afterCreate(f, func(_ context.Context, _ domain.NewUser, created *domain.CreatedUser) error {
					created.Unstored = nil
					return nil
				})
			},
			breaks: []string{unkept, "EveryMethod/GivesResultsAway"},
		},
		{
			name: "names attributes that are not kept in no order",
			fault: func(f *faulty) {
				afterCreate(f, func(_ context.Context, _ domain.NewUser, created *domain.CreatedUser) error {
					slices.Reverse(created.Unstored)
					return nil
				})
			},
			breaks: []string{unkept},
		},
		{
			name: "refuses users with an attribute that is not kept",
			fault: func(f *faulty) {
				afterCreate(f, func(_ context.Context, _ domain.NewUser, created *domain.CreatedUser) error {
					if len(created.Unstored) == 0 {
						return nil
					}
					_ = f.DeleteUser(created.ID)
					*created = domain.CreatedUser{}
					return &domain.Error{Kind: domain.InvalidField}
				})
			},
			breaks: []string{unkept, "EveryMethod/GivesResultsAway", "EveryMethod/LeavesArgumentsToTheCaller"},
		},
		{
			name: "names a refused attribute of a new user otherwise",
			fault: func(f *faulty) {
				onRefusal(f, domain.InvalidField, func(_ domain.NewUser, err error) (domain.CreatedUser, error) {
					if refusesAttribute(err) {
						err = &domain.Error{Kind: domain.InvalidField, Fields: map[string]string{"attributes": "wrong"}}
					}
					return domain.CreatedUser{}, err
				})
			},
			breaks: []string{"CreateUser/NamesTheRefusedAttribute"},
		},
		{
			name: "leaves a user with a refused attribute behind",
			fault: func(f *faulty) {
				onRefusal(f, domain.InvalidField, func(user domain.NewUser, err error) (domain.CreatedUser, error) {
					if refusesAttribute(err) {
						f.leaveBehind(user)
					}
					return domain.CreatedUser{}, err
				})
			},
			breaks: []string{"CreateUser/NamesTheRefusedAttribute"},
		},
	}
}

func leaveOut[E comparable](list []E, entry E) []E {
	return slices.DeleteFunc(slices.Clone(list), func(e E) bool { return e == entry })
}

// storing makes CreateUser give the user an action that the realm lacks.
func storing(action domain.RequiredAction) func(*faulty) {
	return func(f *faulty) {
		afterCreate(f, func(ctx context.Context, user domain.NewUser, created *domain.CreatedUser) error {
			if !slices.Contains(user.RequiredActions, action) {
				return nil
			}
			return f.Provider.SetRequiredActions(ctx, created.ID, append(created.RequiredActions, action))
		})
	}
}

// refusing makes CreateUser refuse a user who shall have an action.
func refusing(action domain.RequiredAction) func(*faulty) {
	return func(f *faulty) {
		f.createUser = func(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
			if slices.Contains(user.RequiredActions, action) {
				return domain.CreatedUser{}, &domain.Error{Kind: domain.InvalidField}
			}
			return f.Provider.CreateUser(ctx, user)
		}
	}
}

// brokenActions are providers that create users with other required actions, or another
// password, than they say.
func brokenActions() []brokenProvider {
	const tells, unasked, asksNo = "CreateUser/TellsTheRequiredActions", "CreateUser/RequiresANewPasswordUnasked", "CreateUser/AsksNoNewPasswordOfAUserWithoutOne"
	const lacked, disabled = "CreateUser/LeavesOutActionsThatTheRealmLacks", "CreateUser/LeavesOutActionsThatAreSwitchedOff"
	return []brokenProvider{
		{
			name: "tells the actions that were asked for",
			fault: func(f *faulty) {
				afterCreate(f, func(_ context.Context, user domain.NewUser, created *domain.CreatedUser) error {
					created.RequiredActions = user.RequiredActions
					return nil
				})
			},
			breaks: []string{tells, unasked, lacked, disabled},
		},
		{
			name: "tells of no second factor that is to be set up",
			fault: func(f *faulty) {
				afterCreate(f, func(_ context.Context, _ domain.NewUser, created *domain.CreatedUser) error {
					created.RequiredActions = leaveOut(created.RequiredActions, domain.RegisterSecondFactor)
					return nil
				})
			},
			breaks: []string{tells},
		},
		{
			name: "takes every action for available",
			fault: func(f *faulty) {
				f.actionAvailable = func(context.Context, domain.RequiredAction) (bool, error) { return true, nil }
			},
			breaks: []string{"ActionAvailable/TellsWhatTheRealmAsksFor", "ActionAvailable/ObeysAnEndedContext"},
		},
		{name: "stores actions that the realm lacks", fault: storing(lackedAction), breaks: []string{lacked}},
		{name: "stores actions that are switched off", fault: storing(disabledAction), breaks: []string{disabled}},
		{name: "refuses actions that the realm lacks", fault: refusing(lackedAction), breaks: []string{lacked}},
		{name: "refuses actions that are switched off", fault: refusing(disabledAction), breaks: []string{disabled}},
		{
			name: "asks for no new password beside another action",
			fault: func(f *faulty) {
				afterCreate(f, func(ctx context.Context, user domain.NewUser, created *domain.CreatedUser) error {
					if len(user.RequiredActions) != 1 || user.RequiredActions[0] != domain.VerifyEmail {
						return nil
					}
					created.RequiredActions = user.RequiredActions
					return f.Provider.SetRequiredActions(ctx, created.ID, user.RequiredActions)
				})
			},
			breaks: []string{unasked},
		},
		{
			name: "asks everybody for a new password",
			fault: func(f *faulty) {
				afterCreate(f, func(ctx context.Context, _ domain.NewUser, created *domain.CreatedUser) error {
					if slices.Contains(created.RequiredActions, domain.UpdatePassword) {
						return nil
					}
					created.RequiredActions = append(created.RequiredActions, domain.UpdatePassword)
					return f.Provider.SetRequiredActions(ctx, created.ID, created.RequiredActions)
				})
			},
			breaks: []string{asksNo, lacked, disabled},
		},
		{
			name: "asks for a first password beside another action",
			fault: func(f *faulty) {
				afterCreate(f, func(ctx context.Context, user domain.NewUser, created *domain.CreatedUser) error {
					if !user.Password.IsEmpty() || !slices.Equal(created.RequiredActions, []domain.RequiredAction{domain.VerifyEmail}) {
						return nil
					}
					created.RequiredActions = append(created.RequiredActions, domain.UpdatePassword)
					return f.Provider.SetRequiredActions(ctx, created.ID, created.RequiredActions)
				})
			},
			breaks: []string{asksNo},
		},
		{
			name: "gives a password to users without one",
			fault: func(f *faulty) {
				f.createUser = func(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
					without := user.Password.IsEmpty()
					if without {
						user.Password = domain.NewSecret("Another-PASSWORD-0123")
					}
					created, err := f.Provider.CreateUser(ctx, user)
					if err != nil || !without || slices.Contains(user.RequiredActions, domain.UpdatePassword) {
						return created, err
					}
					created.RequiredActions = leaveOut(created.RequiredActions, domain.UpdatePassword)
					return created, f.Provider.SetRequiredActions(ctx, created.ID, created.RequiredActions)
				}
			},
			breaks: []string{"CreateUser/MakesAUserWithoutAPassword"},
		},
		{
			name: "refuses users without a password",
			fault: func(f *faulty) {
				f.createUser = func(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
					if user.Password.IsEmpty() {
						return domain.CreatedUser{}, &domain.Error{Kind: domain.PasswordRefused}
					}
					return f.Provider.CreateUser(ctx, user)
				}
			},
			breaks: []string{tells, lacked, disabled, "CreateUser/MakesAUserWithoutAPassword", asksNo},
		},
	}
}
