package porttest_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"user-sync-service/internal/domain"
)

// alterUnassigned makes Unassign take altered assignments away.
func alterUnassigned(f *faulty, alter func(id domain.UserID, assignment *domain.Assignment)) {
	f.unassign = func(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
		alter(id, &assignment)
		return f.Provider.Unassign(ctx, id, assignment)
	}
}

// afterUnassign makes Unassign go on after a success.
func afterUnassign(f *faulty, next func(ctx context.Context, id domain.UserID, assignment domain.Assignment) error) {
	f.unassign = func(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
		if err := f.Provider.Unassign(ctx, id, assignment); err != nil {
			return err
		}
		return next(ctx, id, assignment)
	}
}

// beforeUnassign makes Unassign look at a user who exists first, and return what is
// wrong.
func beforeUnassign(f *faulty, look func(user domain.User, held domain.Memberships, in []domain.Group, assignment domain.Assignment) error) {
	f.unassign = func(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
		if user := f.userWithID(id); user.Username != "" {
			held, _ := f.Provider.Memberships(context.WithoutCancel(ctx), id)
			if err := look(user, held, f.groupsOf(id), assignment); err != nil {
				return err
			}
		}
		return f.Provider.Unassign(ctx, id, assignment)
	}
}

// missingOf reports whether the realm lacks a part of the assignment.
func missingOf(assignment domain.Assignment) bool {
	return assignment.Role == "astronaut" || assignment.Group == "astronauts"
}

func brokenUnassigns() []brokenProvider {
	return slices.Concat(incompleteUnassigns(), meddlingUnassigns(), mistakenUnassigns())
}

// incompleteUnassigns are providers that take less away than was asked for.
func incompleteUnassigns() []brokenProvider {
	const takesAll, sameTime = "Unassign/TakesTheRoleAndTheGroup", "Unassign/TakesWhatIsTakenAtTheSameTime"
	const userLacks, realmLacks = "Unassign/PassesOverWhatTheUserLacks", "Unassign/PassesOverWhatTheRealmLacks"
	return []brokenProvider{
		{
			name: "takes the role but not the group",
			fault: func(f *faulty) {
				alterUnassigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Role != "" {
						a.Group = ""
					}
				})
			},
			breaks: []string{takesAll, sameTime, userLacks, realmLacks, "Unassign/LeavesTheRestAlone"},
		},
		{
			name: "takes the group but not the role",
			fault: func(f *faulty) {
				alterUnassigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Group != "" {
						a.Role = ""
					}
				})
			},
			breaks: []string{takesAll, sameTime, userLacks, realmLacks, "Unassign/LeavesTheRestAlone", roleHolds},
		},
		{
			name: "takes no role without a group",
			fault: func(f *faulty) {
				alterUnassigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Group == "" {
						a.Role = ""
					}
				})
			},
			breaks: []string{"Unassign/TakesEitherAlone", "Unassign/LeavesARoleOfAGroup", "EveryMethod/WorksForManyCallersAtOnce"},
		},
		{
			name: "takes no group without a role",
			fault: func(f *faulty) {
				alterUnassigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Role == "" {
						a.Group = ""
					}
				})
			},
			breaks: []string{"Unassign/TakesEitherAlone"},
		},
		{
			name: "takes nothing when the user lacks a half of it",
			fault: func(f *faulty) {
				alterUnassigned(f, func(id domain.UserID, a *domain.Assignment) {
					held, _ := f.Provider.Memberships(context.Background(), id)
					if a.Role != "" && a.Group != "" && !missingOf(*a) && slices.Contains(held.Roles, a.Role) != slices.Contains(f.groupsOf(id), a.Group) {
						*a = domain.Assignment{}
					}
				})
			},
			breaks: []string{userLacks},
		},
		{
			name: "takes nothing when the realm lacks a half of it",
			fault: func(f *faulty) {
				alterUnassigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if missingOf(*a) {
						*a = domain.Assignment{}
					}
				})
			},
			breaks: []string{realmLacks},
		},
		{
			name: "refuses to take something at the same time",
			fault: func(f *faulty) {
				var busy sync.Map // by user: true while something is taken
				f.unassign = func(ctx context.Context, id domain.UserID, a domain.Assignment) error {
					if _, other := busy.LoadOrStore(id, true); other {
						return &domain.Error{Kind: domain.Overloaded}
					}
					defer busy.Delete(id)
					time.Sleep(time.Millisecond) // In a bubble: until every caller is here.
					return f.Provider.Unassign(ctx, id, a)
				}
			},
			breaks: []string{sameTime},
		},
	}
}

// meddlingUnassigns are providers that do more than was asked for.
func meddlingUnassigns() []brokenProvider {
	const rest = "Unassign/LeavesTheRestAlone"
	after := func(next func(f *faulty, ctx context.Context, id domain.UserID) error) func(*faulty) {
		return func(f *faulty) {
			afterUnassign(f, func(ctx context.Context, id domain.UserID, a domain.Assignment) error {
				if a.Role != "teller" || a.Group != "tellers" {
					return nil
				}
				return next(f, ctx, id)
			})
		}
	}
	return []brokenProvider{
		{
			name: "drops the required actions of those who lose something",
			fault: after(func(f *faulty, ctx context.Context, id domain.UserID) error {
				return f.Provider.SetRequiredActions(ctx, id, nil)
			}),
			breaks: []string{rest},
		},
		{
			name: "enables those who lose something",
			fault: after(func(f *faulty, ctx context.Context, id domain.UserID) error {
				return f.Provider.SetEnabled(ctx, id, true)
			}),
			breaks: []string{rest},
		},
		{
			name: "ends the sessions of those who lose something",
			fault: after(func(f *faulty, ctx context.Context, id domain.UserID) error {
				return f.Provider.EndSessions(ctx, id)
			}),
			breaks: []string{rest},
		},
		{
			name: "locks those who lose something",
			fault: after(func(f *faulty, _ context.Context, id domain.UserID) error {
				return f.Lock(f.userWithID(id).Username)
			}),
			breaks: []string{rest},
		},
		{
			name: "takes a right from everybody",
			fault: after(func(f *faulty, ctx context.Context, _ domain.UserID) error {
				for _, user := range f.Users() {
					if err := f.Provider.Unassign(ctx, user.ID, domain.Assignment{Role: "teller"}); err != nil {
						return err
					}
				}
				return nil
			}),
			breaks: []string{rest},
		},
		{
			name: "takes every role with the group",
			fault: after(func(f *faulty, ctx context.Context, id domain.UserID) error {
				return f.Provider.Unassign(ctx, id, domain.Assignment{Role: "auditor"})
			}),
			breaks: []string{"Unassign/TakesTheRoleAndTheGroup", rest},
		},
		{
			name: "takes the groups by which a user holds the role",
			fault: func(f *faulty) {
				beforeUnassign(f, func(user domain.User, held domain.Memberships, in []domain.Group, a domain.Assignment) error {
					for _, group := range in {
						if a.Role == "auditor" && !slices.Contains(held.Roles, a.Role) && group != "tellers" {
							return f.Provider.Unassign(context.Background(), user.ID, domain.Assignment{Group: group})
						}
					}
					return nil
				})
			},
			breaks: []string{"Unassign/LeavesARoleOfAGroup"},
		},
		{
			name: "takes the groups below a group",
			fault: func(f *faulty) {
				alterUnassigned(f, func(_ domain.UserID, a *domain.Assignment) {
					if a.Group == "head" {
						a.Group = "head/board"
					}
				})
			},
			breaks: []string{"Unassign/LeavesARoleOfAGroup"},
		},
		{
			name: "takes the roles by which a user holds the role",
			fault: func(f *faulty) {
				afterUnassign(f, func(ctx context.Context, id domain.UserID, a domain.Assignment) error {
					if a.Role != "auditor" {
						return nil
					}
					return f.Provider.Unassign(ctx, id, domain.Assignment{Role: "chief"})
				})
			},
			breaks: []string{"Unassign/LeavesARoleWithinARole"},
		},
	}
}

// mistakenUnassigns are providers that answer what cannot be taken in a wrong way.
func mistakenUnassigns() []brokenProvider {
	return []brokenProvider{
		{
			name: "cannot take a role that the user lacks",
			fault: func(f *faulty) {
				beforeUnassign(f, func(_ domain.User, held domain.Memberships, _ []domain.Group, a domain.Assignment) error {
					if a.Role == "chief" && !slices.Contains(held.Roles, a.Role) {
						return &domain.Error{Kind: domain.UnknownRole}
					}
					return nil
				})
			},
			breaks: []string{"Unassign/PassesOverWhatTheUserLacks"},
		},
		{
			name: "cannot take a role that the realm lacks",
			fault: func(f *faulty) {
				beforeUnassign(f, func(_ domain.User, _ domain.Memberships, _ []domain.Group, a domain.Assignment) error {
					if a.Role == "astronaut" {
						return &domain.Error{Kind: domain.UnknownRole}
					}
					return nil
				})
			},
			breaks: []string{"Unassign/PassesOverWhatTheRealmLacks"},
		},
		{
			name: "cannot take a group that the realm lacks",
			fault: func(f *faulty) {
				beforeUnassign(f, func(_ domain.User, _ domain.Memberships, _ []domain.Group, a domain.Assignment) error {
					if a.Group == "astronauts" {
						return &domain.Error{Kind: domain.BadAnswer}
					}
					return nil
				})
			},
			breaks: []string{"Unassign/PassesOverWhatTheRealmLacks"},
		},
		{
			name:   "takes rights from users who do not exist",
			fault:  func(f *faulty) { f.unassign = ignoring(domain.NotFound, f.Provider.Unassign) },
			breaks: []string{"Unassign/ReturnsNotFoundForAnUnknownUser"},
		},
		{
			name: "does not look for the user when the realm lacks the role",
			fault: func(f *faulty) {
				f.unassign = func(ctx context.Context, id domain.UserID, a domain.Assignment) error {
					if err := f.Provider.Unassign(ctx, id, a); a.Role != "astronaut" {
						return err
					}
					return nil
				}
			},
			breaks: []string{"Unassign/ReturnsNotFoundForAnUnknownUser"},
		},
	}
}
