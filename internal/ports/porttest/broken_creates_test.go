package porttest_test

import (
	"context"
	"errors"
	"time"

	"user-sync-service/internal/domain"
)

// alterNew makes CreateUser create altered users.
func alterNew(f *faulty, alter func(*domain.NewUser)) {
	f.createUser = func(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
		alter(&user)
		return f.Provider.CreateUser(ctx, user)
	}
}

// afterCreate makes CreateUser go on after a success.
func afterCreate(f *faulty, next func(ctx context.Context, user domain.NewUser, created *domain.CreatedUser) error) {
	f.createUser = func(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
		created, err := f.Provider.CreateUser(ctx, user)
		if err == nil {
			err = next(ctx, user, &created)
		}
		return created, err
	}
}

// checkThenCreate makes CreateUser look first whether the user exists, so that many
// callers may have looked before one of them creates. What lost the race decides what
// those get who are late.
func checkThenCreate(f *faulty, lost func(user domain.NewUser, conflict error) (domain.CreatedUser, error)) {
	f.createUser = func(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
		for _, existing := range f.Users() {
			if user.Username.Matches(existing.Username) || user.Email.Matches(existing.Email) {
				return f.Provider.CreateUser(ctx, user) // It names the conflict.
			}
		}
		time.Sleep(time.Millisecond) // In a bubble: until every caller is here.
		created, err := f.Provider.CreateUser(ctx, user)
		if errors.Is(err, domain.UsernameConflict) || errors.Is(err, domain.EmailConflict) {
			return lost(user, err)
		}
		return created, err
	}
}

func brokenCreates() []brokenProvider {
	return []brokenProvider{
		{
			name: "creates disabled users",
			fault: func(f *faulty) {
				afterCreate(f, func(ctx context.Context, _ domain.NewUser, created *domain.CreatedUser) error {
					return f.Provider.SetEnabled(ctx, created.ID, false)
				})
			},
			breaks: []string{
				"CreateUser/MakesAnEnabledUser",
				"CreateUser/NamesAMissingGroupAndGoesOnWithoutIt",
				"CreateUser/MakesThePasswordTemporary",
				"EveryMethod/WorksForManyCallersAtOnce",
			},
		},
		{
			name:  "creates users without names",
			fault: func(f *faulty) { alterNew(f, func(user *domain.NewUser) { user.FirstName, user.LastName = "", "" }) },
			breaks: []string{
				"CreateUser/MakesAnEnabledUser",
				"CreateUser/NamesTheRefusedField",
				"CreateUser/LeavesNothingBehindForARefusedField",
			},
		},
		{
			name:   "creates users with a verified address always",
			fault:  func(f *faulty) { alterNew(f, func(user *domain.NewUser) { user.EmailVerified = true }) },
			breaks: []string{"CreateUser/MakesAnEnabledUser"},
		},
		{
			name: "returns another id",
			fault: func(f *faulty) {
				afterCreate(f, func(_ context.Context, _ domain.NewUser, created *domain.CreatedUser) error {
					created.ID = ""
					return nil
				})
			},
			breaks: []string{
				"FindUser/TakesNamesLiterally",
				"CreateUser/MakesAnEnabledUser",
				"CreateUser/AssignsTheRole",
				"CreateUser/AssignsTheGroup",
				"CreateUser/WorksWithoutAGroup",
				"CreateUser/NamesAMissingGroupAndGoesOnWithoutIt",
				"CreateUser/GivesAUsernameToOneOfMany",
				"CreateUser/GivesAnEmailToOneOfMany",
				"RightsOf/ForetellsWhatACreatedUserHolds",
				"EveryMethod/LeavesArgumentsToTheCaller",
				"EveryMethod/KeepsPasswordsOutOfResults",
				"EveryMethod/WorksForManyCallersAtOnce",
				"FindUser/KnowsTheUsersItHasCreated",
				"FindUser/KnowsWhenAUserWasCreated",
				"Details/TellsWhetherThereIsAPassword",
				"Details/FindsNoSecondFactorOfANewUser",
				"CreateUser/NamesAttributesThatTheRealmDoesNotKeep",
				"CreateUser/LeavesOutActionsThatTheRealmLacks",
				"CreateUser/LeavesOutActionsThatAreSwitchedOff",
				"CreateUser/MakesAUserWithoutAPassword",
				"UpdateUser/LeavesTheRestAlone",
			},
		},
		{
			name:  "creates users with no action but the password",
			fault: func(f *faulty) { alterNew(f, func(user *domain.NewUser) { user.RequiredActions = nil }) },
			breaks: []string{
				"CreateUser/SetsTheRequiredActions",
				"CreateUser/NamesAMissingGroupAndGoesOnWithoutIt",
				"EveryMethod/LeavesArgumentsToTheCaller",
				"CreateUser/LeavesOutActionsThatTheRealmLacks",
				"CreateUser/LeavesOutActionsThatAreSwitchedOff",
				"CreateUser/AsksNoNewPasswordOfAUserWithoutOne",
			},
		},
		{
			name: "creates users without the role",
			fault: func(f *faulty) {
				alterNew(f, func(user *domain.NewUser) {
					if user.Assignment.Role == "teller" {
						user.Assignment.Role = otherRole
					}
				})
			},
			breaks: []string{
				"CreateUser/AssignsTheRole",
				"CreateUser/NamesAMissingGroupAndGoesOnWithoutIt",
				"RightsOf/ForetellsWhatACreatedUserHolds",
				"EveryMethod/WorksForManyCallersAtOnce",
				"CreateUser/NamesAttributesThatTheRealmDoesNotKeep",
				"CreateUser/LeavesOutActionsThatTheRealmLacks",
				"CreateUser/LeavesOutActionsThatAreSwitchedOff",
				"CreateUser/MakesAUserWithoutAPassword",
			},
		},
		{
			name:  "creates users without the group",
			fault: func(f *faulty) { alterNew(f, func(user *domain.NewUser) { user.Assignment.Group = "" }) },
			breaks: []string{
				"CreateUser/AssignsTheGroup",
				"CreateUser/NamesAMissingGroupAndGoesOnWithoutIt",
				"RightsOf/ForetellsWhatACreatedUserHolds",
				"EveryMethod/WorksForManyCallersAtOnce",
			},
		},
		{
			name: "takes no group for a missing one",
			fault: func(f *faulty) {
				f.createUser = func(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
					created, err := f.Provider.CreateUser(ctx, user)
					if err == nil && user.Assignment.Group == "" {
						created.MissingGroup = "none"
					}
					return created, err
				}
			},
			breaks: []string{"CreateUser/WorksWithoutAGroup"},
		},
		{
			name: "leaves a missing group out in silence",
			fault: func(f *faulty) {
				afterCreate(f, func(_ context.Context, _ domain.NewUser, created *domain.CreatedUser) error {
					created.MissingGroup = ""
					return nil
				})
			},
			breaks: []string{"CreateUser/NamesAMissingGroupAndGoesOnWithoutIt"},
		},
		{
			name: "leaves the role out with a missing group",
			fault: func(f *faulty) {
				alterNew(f, func(user *domain.NewUser) {
					if user.Assignment.Group == "astronauts" {
						user.Assignment.Role = otherRole
					}
				})
			},
			breaks: []string{"CreateUser/NamesAMissingGroupAndGoesOnWithoutIt", "RightsOf/ForetellsWhatACreatedUserHolds"},
		},
		{
			name: "makes passwords that last",
			fault: func(f *faulty) {
				afterCreate(f, func(ctx context.Context, user domain.NewUser, created *domain.CreatedUser) error {
					if len(user.RequiredActions) == 0 {
						return f.Provider.SetRequiredActions(ctx, created.ID, nil)
					}
					return nil
				})
			},
			breaks: []string{
				"CreateUser/MakesThePasswordTemporary",
				"CreateUser/TellsTheRequiredActions",
				"CreateUser/RequiresANewPasswordUnasked",
			},
		},
		{
			name: "sets another password",
			fault: func(f *faulty) {
				alterNew(f, func(user *domain.NewUser) {
					if !user.Password.IsEmpty() && user.Password.Reveal() != shortPassword {
						user.Password = domain.NewSecret("another-PASSWORD-0123-of-forty-characters")
					}
				})
			},
			breaks: []string{"CreateUser/MakesThePasswordTemporary", "PasswordPolicy/IsCurrentAfterARefusedPassword"},
		},
		{
			name: "fails for those who lose a race",
			fault: func(f *faulty) {
				checkThenCreate(f, func(domain.NewUser, error) (domain.CreatedUser, error) {
					return domain.CreatedUser{}, &domain.Error{Kind: domain.Internal}
				})
			},
			breaks: []string{"CreateUser/GivesAUsernameToOneOfMany", "CreateUser/GivesAnEmailToOneOfMany"},
		},
		{
			name: "tells those who lose a race that they won",
			fault: func(f *faulty) {
				checkThenCreate(f, func(user domain.NewUser, _ error) (domain.CreatedUser, error) {
					found, err := f.Provider.FindUser(context.Background(), user.Username.Username)
					if errors.Is(err, domain.NotFound) {
						return domain.CreatedUser{ID: f.Users()[0].ID}, nil
					}
					return domain.CreatedUser{ID: found.ID}, err
				})
			},
			breaks: []string{"CreateUser/GivesAUsernameToOneOfMany", "CreateUser/GivesAnEmailToOneOfMany"},
		},
		{
			name: "leaves users behind who lost a race for a username",
			fault: func(f *faulty) {
				checkThenCreate(f, func(user domain.NewUser, conflict error) (domain.CreatedUser, error) {
					if errors.Is(conflict, domain.UsernameConflict) {
						f.leaveBehind(user)
					}
					return domain.CreatedUser{}, conflict
				})
			},
			breaks: []string{"CreateUser/GivesAUsernameToOneOfMany"},
		},
		{
			name: "leaves users behind who lost a race for an address",
			fault: func(f *faulty) {
				checkThenCreate(f, func(user domain.NewUser, conflict error) (domain.CreatedUser, error) {
					if errors.Is(conflict, domain.EmailConflict) {
						f.leaveBehind(user)
					}
					return domain.CreatedUser{}, conflict
				})
			},
			breaks: []string{"CreateUser/GivesAnEmailToOneOfMany"},
		},
	}
}
