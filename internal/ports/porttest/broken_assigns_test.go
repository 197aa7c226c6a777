package porttest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"user-sync-service/internal/domain"
)

// alterAssigned makes Assign give altered assignments.
func alterAssigned(f *faulty, alter func(id domain.UserID, assignment *domain.Assignment)) {
	f.assign = func(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
		alter(id, &assignment)
		return f.Provider.Assign(ctx, id, assignment)
	}
}

// afterAssign makes Assign go on after a success.
func afterAssign(f *faulty, next func(ctx context.Context, id domain.UserID, assignment domain.Assignment) error) {
	f.assign = func(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
		missing, err := f.Provider.Assign(ctx, id, assignment)
		if err == nil {
			err = next(ctx, id, assignment)
		}
		return missing, err
	}
}

// onAssignError makes Assign go on after a failure of the kind.
func onAssignError(f *faulty, kind domain.Kind, next func(ctx context.Context, id domain.UserID, assignment domain.Assignment, err error) (domain.Group, error)) {
	f.assign = func(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
		missing, err := f.Provider.Assign(ctx, id, assignment)
		if errors.Is(err, kind) {
			return next(ctx, id, assignment, err)
		}
		return missing, err
	}
}

func brokenAssigns() []brokenProvider {
	return slices.Concat(incompleteAssigns(), meddlingAssigns(), mistakenAssigns())
}

// incompleteAssigns are providers that give less than was asked for.
func incompleteAssigns() []brokenProvider {
	const giveAll, many = "Assign/GivesTheRoleAndTheGroup", "EveryMethod/WorksForManyCallersAtOnce"
	return []brokenProvider{
		{
			name: "gives the role but not the group",
			fault: func(f *faulty) {
				alterAssigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Role != "" && a.Group != "astronauts" {
						a.Group = ""
					}
				})
			},
			breaks: []string{giveAll, "Assign/LeavesTheRestAlone", "Assign/KeepsWhatIsGivenAtTheSameTime"},
		},
		{
			name: "gives the group but not the role",
			fault: func(f *faulty) {
				alterAssigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Group != "" && a.Group != "astronauts" && a.Role != "astronaut" {
						a.Role = ""
					}
				})
			},
			breaks: []string{giveAll, "Assign/LeavesTheRestAlone", "Assign/KeepsWhatIsGivenAtTheSameTime", roleHolds},
		},
		{
			name: "gives no role without a group",
			fault: func(f *faulty) {
				alterAssigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Group == "" && a.Role != "astronaut" {
						a.Role = ""
					}
				})
			},
			breaks: []string{"Assign/GivesEitherAlone", "Assign/KeepsWhatIsGivenAtTheSameTime", many},
		},
		{
			name: "gives no group without a role",
			fault: func(f *faulty) {
				alterAssigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Role == "" && a.Group != "astronauts" {
						a.Group = ""
					}
				})
			},
			breaks: []string{"Assign/GivesEitherAlone", "Assign/KeepsWhatIsGivenAtTheSameTime"},
		},
		{
			name: "gives a role of its own with a group alone",
			fault: func(f *faulty) {
				alterAssigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Role == "" && a.Group != "astronauts" {
						a.Role = "teller"
					}
				})
			},
			breaks: []string{"Assign/GivesEitherAlone"},
		},
		{
			name: "gives a group of its own with a role alone",
			fault: func(f *faulty) {
				alterAssigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Role == "teller" && a.Group == "" {
						a.Group = "tellers"
					}
				})
			},
			breaks: []string{"Assign/GivesEitherAlone"},
		},
		{
			name: "puts users into the parent of a nested group",
			fault: func(f *faulty) {
				alterAssigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Group == "head/board" {
						a.Group = "head"
					}
				})
			},
			breaks: []string{giveAll, "Assign/KeepsWhatIsGivenAtTheSameTime"},
		},
		{
			name: "forgets what is given to a user at the same time",
			fault: func(f *faulty) {
				var busy sync.Map // by user: true while one is given something
				f.assign = func(ctx context.Context, id domain.UserID, a domain.Assignment) (domain.Group, error) {
					if _, other := busy.LoadOrStore(id, true); other {
						return "", f.Provider.Check(ctx)
					}
					defer busy.Delete(id)
					time.Sleep(time.Millisecond) // In a bubble: until every caller is here.
					return f.Provider.Assign(ctx, id, a)
				}
			},
			breaks: []string{"Assign/KeepsWhatIsGivenAtTheSameTime"},
		},
		{
			name: "refuses to give something at the same time",
			fault: func(f *faulty) {
				var busy sync.Map
				f.assign = func(ctx context.Context, id domain.UserID, a domain.Assignment) (domain.Group, error) {
					if _, other := busy.LoadOrStore(id, true); other {
						return "", &domain.Error{Kind: domain.Overloaded}
					}
					defer busy.Delete(id)
					time.Sleep(time.Millisecond)
					return f.Provider.Assign(ctx, id, a)
				}
			},
			breaks: []string{"Assign/KeepsWhatIsGivenAtTheSameTime"},
		},
	}
}

// meddlingAssigns are providers that do more than was asked for.
func meddlingAssigns() []brokenProvider {
	return []brokenProvider{
		{
			name: "refuses what a user has already",
			fault: func(f *faulty) {
				var oneByOne sync.Mutex
				f.assign = func(ctx context.Context, id domain.UserID, a domain.Assignment) (domain.Group, error) {
					oneByOne.Lock()
					defer oneByOne.Unlock()
					held, _ := f.Provider.Memberships(ctx, id)
					if a.Role != "" && slices.Contains(held.Roles, a.Role) {
						return "", &domain.Error{Kind: domain.UsernameConflict}
					}
					return f.Provider.Assign(ctx, id, a)
				}
			},
			breaks: []string{"Assign/ChangesNothingForAUserWhoHasIt", "Assign/KeepsWhatIsGivenAtTheSameTime"},
		},
		{
			name: "gives a second time something else",
			fault: func(f *faulty) {
				alterAssigned(f, func(id domain.UserID, a *domain.Assignment) {
					held, _ := f.Provider.Memberships(context.Background(), id)
					if a.Role != "" && slices.Contains(held.Roles, a.Role) {
						a.Role = otherRole
					}
				})
			},
			breaks: []string{"Assign/ChangesNothingForAUserWhoHasIt"},
		},
		{
			name: "drops the required actions of those who get something",
			fault: func(f *faulty) {
				afterAssign(f, func(ctx context.Context, id domain.UserID, a domain.Assignment) error {
					if a.Group == "astronauts" {
						return nil
					}
					return f.Provider.SetRequiredActions(ctx, id, nil)
				})
			},
			breaks: []string{"Assign/ChangesNothingForAUserWhoHasIt", "Assign/LeavesTheRestAlone"},
		},
		{
			name: "enables those who get something",
			fault: func(f *faulty) {
				afterAssign(f, func(ctx context.Context, id domain.UserID, _ domain.Assignment) error {
					return f.Provider.SetEnabled(ctx, id, true)
				})
			},
			breaks: []string{"Assign/LeavesTheRestAlone"},
		},
		{
			name: "ends the sessions of those who get something",
			fault: func(f *faulty) {
				afterAssign(f, func(ctx context.Context, id domain.UserID, _ domain.Assignment) error {
					return f.Provider.EndSessions(ctx, id)
				})
			},
			breaks: []string{"Assign/LeavesTheRestAlone"},
		},
		{
			name: "locks those who get something",
			fault: func(f *faulty) {
				afterAssign(f, func(_ context.Context, id domain.UserID, _ domain.Assignment) error {
					return f.Lock(f.userWithID(id).Username)
				})
			},
			breaks: []string{
				"Assign/LeavesTheRestAlone",
				"Assign/ChangesNothingForAUserWhoHasIt",
				"Assign/NamesAMissingGroupAndGoesOnWithoutIt",
			},
		},
		{
			name: "takes the other roles of disabled users who get something",
			fault: func(f *faulty) {
				var replaced sync.Map // by user: true
				alterAssigned(f, func(id domain.UserID, _ *domain.Assignment) {
					if user := f.userWithID(id); user.Username != "" && !user.Enabled {
						replaced.Store(id, true)
					}
				})
				f.memberships = func(ctx context.Context, id domain.UserID) (domain.Memberships, error) {
					memberships, err := f.Provider.Memberships(ctx, id)
					if _, fewer := replaced.Load(id); fewer {
						memberships.Roles = slices.DeleteFunc(memberships.Roles, func(role domain.RealmRole) bool { return role != "teller" })
					}
					return memberships, err
				}
			},
			breaks: []string{"Assign/LeavesTheRestAlone"},
		},
	}
}

// mistakenAssigns are providers that answer what cannot be given in a wrong way.
func mistakenAssigns() []brokenProvider {
	return []brokenProvider{
		{
			name: "leaves a missing group out of assignments in silence",
			fault: func(f *faulty) {
				f.assign = func(ctx context.Context, id domain.UserID, a domain.Assignment) (domain.Group, error) {
					_, err := f.Provider.Assign(ctx, id, a)
					return "", err
				}
			},
			breaks: []string{"Assign/NamesAMissingGroupAndGoesOnWithoutIt"},
		},
		{
			name: "gives no role with a missing group",
			fault: func(f *faulty) {
				alterAssigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Group == "astronauts" && a.Role != "astronaut" {
						a.Role = ""
					}
				})
			},
			breaks: []string{"Assign/NamesAMissingGroupAndGoesOnWithoutIt"},
		},
		{
			name: "fails for a missing group",
			fault: func(f *faulty) {
				f.assign = func(ctx context.Context, id domain.UserID, a domain.Assignment) (domain.Group, error) {
					missing, err := f.Provider.Assign(ctx, id, a)
					if missing != "" {
						return "", &domain.Error{Kind: domain.BadAnswer}
					}
					return missing, err
				}
			},
			breaks: []string{"Assign/NamesAMissingGroupAndGoesOnWithoutIt"},
		},
		{
			name: "names a group as missing that is not",
			fault: func(f *faulty) {
				f.assign = func(ctx context.Context, id domain.UserID, a domain.Assignment) (domain.Group, error) {
					missing, err := f.Provider.Assign(ctx, id, a)
					if err == nil {
						missing = a.Group
					}
					return missing, err
				}
			},
			breaks: []string{
				"FindUser/KnowsTheUsersItHasCreated",
				"FindUser/TakesNobodyElsesUserForItsOwn",
				"Assign/GivesTheRoleAndTheGroup",
				"Assign/GivesEitherAlone",
				"Assign/ChangesNothingForAUserWhoHasIt",
				"Assign/LeavesTheRestAlone",
			},
		},
		{
			name: "gives the group before it looks at the role",
			fault: func(f *faulty) {
				onAssignError(f, domain.UnknownRole, func(ctx context.Context, id domain.UserID, a domain.Assignment, err error) (domain.Group, error) {
					_, _ = f.Provider.Assign(ctx, id, domain.Assignment{Group: a.Group})
					return "", err
				})
			},
			breaks: []string{"Assign/GivesNothingForAnUnknownRole"},
		},
		{
			name: "takes an unknown role for nothing to give",
			fault: func(f *faulty) {
				onAssignError(f, domain.UnknownRole, func(context.Context, domain.UserID, domain.Assignment, error) (domain.Group, error) { return "", nil })
			},
			breaks: []string{"Assign/GivesNothingForAnUnknownRole"},
		},
		{
			name: "names a missing group together with an error",
			fault: func(f *faulty) {
				onAssignError(f, domain.UnknownRole, func(_ context.Context, _ domain.UserID, a domain.Assignment, err error) (domain.Group, error) {
					return a.Group, err
				})
			},
			breaks: []string{"Assign/GivesNothingForAnUnknownRole"},
		},
		{
			name: "gives roles to users who do not exist",
			fault: func(f *faulty) {
				onAssignError(f, domain.NotFound, func(context.Context, domain.UserID, domain.Assignment, error) (domain.Group, error) { return "", nil })
			},
			breaks: []string{"Assign/ReturnsNotFoundForAnUnknownUser"},
		},
		{
			name: "takes a user who does not exist for a missing group",
			fault: func(f *faulty) {
				onAssignError(f, domain.NotFound, func(_ context.Context, _ domain.UserID, a domain.Assignment, err error) (domain.Group, error) {
					if a.Role == "" {
						return a.Group, nil
					}
					return "", err
				})
			},
			breaks: []string{"Assign/ReturnsNotFoundForAnUnknownUser"},
		},
	}
}
