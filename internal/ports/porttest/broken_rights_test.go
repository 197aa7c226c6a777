package porttest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"user-sync-service/internal/domain"
)

// alterGroups makes Groups return altered lists.
func alterGroups(f *faulty, alter func(id domain.UserID, groups []domain.Group) []domain.Group) {
	f.groups = func(ctx context.Context, id domain.UserID) ([]domain.Group, error) {
		groups, err := f.Provider.Groups(ctx, id)
		if err == nil {
			groups = alter(id, groups)
		}
		return groups, err
	}
}

// alterPrivileges makes Privileges return altered lists.
func alterPrivileges(f *faulty, alter func(id domain.UserID, asked, held []domain.RealmRole) []domain.RealmRole) {
	f.privileges = func(ctx context.Context, id domain.UserID, asked []domain.RealmRole) ([]domain.RealmRole, error) {
		held, err := f.held(ctx, id, asked)
		if err == nil {
			held = alter(id, asked, held)
		}
		return held, err
	}
}

// losePrivilege makes Privileges overlook the role auditor of the users who match.
func losePrivilege(f *faulty, matches func(roles []domain.RealmRole, groups []domain.Group) bool) {
	alterPrivileges(f, func(id domain.UserID, _, held []domain.RealmRole) []domain.RealmRole {
		memberships, _ := f.Provider.Memberships(context.Background(), id)
		groups, _ := f.Provider.Groups(context.Background(), id)
		if matches(memberships.Roles, groups) {
			return without(held, "auditor")
		}
		return held
	})
}

// alterRights makes RightsOf return altered rights.
func alterRights(f *faulty, alter func(assignment domain.Assignment, rights *domain.Rights)) {
	f.rightsOf = func(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
		rights, err := f.Provider.RightsOf(ctx, assignment)
		if err == nil {
			alter(assignment, &rights)
		}
		return rights, err
	}
}

// alterJudged makes RightsOf judge altered assignments.
func alterJudged(f *faulty, alter func(*domain.Assignment)) {
	f.rightsOf = func(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
		alter(&assignment)
		return f.Provider.RightsOf(ctx, assignment)
	}
}

func without(roles []domain.RealmRole, role domain.RealmRole) []domain.RealmRole {
	return slices.DeleteFunc(roles, func(held domain.RealmRole) bool { return held == role })
}

func brokenRights() []brokenProvider {
	return slices.Concat(brokenGroups(), brokenPrivileges(), overeagerPrivileges(), brokenRightsOf(), brokenDefaults(), brokenRightsManners())
}

func brokenGroups() []brokenProvider {
	return []brokenProvider{
		{
			name: "names groups without their path",
			fault: func(f *faulty) {
				alterGroups(f, func(_ domain.UserID, groups []domain.Group) []domain.Group {
					for i, group := range groups {
						groups[i] = domain.Group(group.Name())
					}
					return groups
				})
			},
			breaks: []string{
				"Groups/ReturnsPaths",
				"Assign/GivesTheRoleAndTheGroup",
				"Assign/KeepsWhatIsGivenAtTheSameTime",
				"Unassign/TakesTheRoleAndTheGroup",
				"Unassign/TakesEitherAlone",
				"Unassign/LeavesARoleOfAGroup",
			},
		},
		{
			name: "writes a slash before the path",
			fault: func(f *faulty) {
				alterGroups(f, func(_ domain.UserID, groups []domain.Group) []domain.Group {
					for i, group := range groups {
						groups[i] = "/" + group
					}
					return groups
				})
			},
			breaks: []string{
				"Groups/ReturnsPaths",
				"EveryMethod/WorksForManyCallersAtOnce",
				"Assign/GivesTheRoleAndTheGroup",
				"Assign/GivesEitherAlone",
				"Assign/LeavesTheRestAlone",
				"Assign/KeepsWhatIsGivenAtTheSameTime",
				"Unassign/TakesTheRoleAndTheGroup",
				"Unassign/TakesEitherAlone",
				"Unassign/LeavesTheRestAlone",
				"Unassign/PassesOverWhatTheUserLacks",
				"Unassign/PassesOverWhatTheRealmLacks",
				"Unassign/LeavesARoleOfAGroup",
				"Unassign/LeavesARoleWithinARole",
			},
		},
		{
			name: "lists the parents of the groups",
			fault: func(f *faulty) {
				alterGroups(f, func(_ domain.UserID, groups []domain.Group) []domain.Group {
					if slices.Contains(groups, "head/board") {
						groups = append(groups, "head")
					}
					return groups
				})
			},
			breaks: []string{
				"Groups/ReturnsPaths",
				"Assign/GivesTheRoleAndTheGroup",
				"Assign/KeepsWhatIsGivenAtTheSameTime",
				"Unassign/TakesTheRoleAndTheGroup",
				"Unassign/TakesEitherAlone",
				"Unassign/LeavesARoleOfAGroup",
			},
		},
		{
			name: "lists the groups of everybody",
			fault: func(f *faulty) {
				alterGroups(f, func(domain.UserID, []domain.Group) []domain.Group { return []domain.Group{"head/board", "tellers"} })
			},
			breaks: []string{
				"Groups/HoldsNothingOfOthers",
				"Assign/GivesTheRoleAndTheGroup",
				"Assign/GivesEitherAlone",
				"Assign/LeavesTheRestAlone",
				"Unassign/TakesTheRoleAndTheGroup",
				"Unassign/TakesEitherAlone",
				"Unassign/LeavesTheRestAlone",
				"Unassign/PassesOverWhatTheUserLacks",
				"Unassign/PassesOverWhatTheRealmLacks",
				"Unassign/LeavesARoleOfAGroup",
				"Unassign/LeavesARoleWithinARole",
				"Unassign/TakesWhatIsTakenAtTheSameTime",
			},
		},
		{
			name: "takes groups that cannot be read for none",
			fault: func(f *faulty) {
				f.groups = func(ctx context.Context, id domain.UserID) ([]domain.Group, error) {
					groups, _ := f.Provider.Groups(ctx, id)
					return groups, nil
				}
			},
			breaks: []string{"Groups/ReturnsNotFoundForAnUnknownUser", "Groups/ObeysAnEndedContext"},
		},
	}
}

// brokenPrivileges are providers that overlook what a user holds.
func brokenPrivileges() []brokenProvider {
	return []brokenProvider{
		{
			name: "sees roles only that are given directly",
			fault: func(f *faulty) {
				alterPrivileges(f, func(id domain.UserID, asked, _ []domain.RealmRole) []domain.RealmRole {
					memberships, _ := f.Provider.Memberships(context.Background(), id)
					return slices.DeleteFunc(memberships.Roles, func(role domain.RealmRole) bool { return !slices.Contains(asked, role) })
				})
			},
			breaks: []string{
				"Privileges/FindsARoleWithinARole",
				"Privileges/FindsARoleOfAGroup",
				"Privileges/FindsARoleOfAParentGroup",
				"Privileges/NamesAskedRolesOnly",
				"Privileges/NamesRightsToAdminister",
				"Privileges/IsCurrent",
				"RightsOf/ForetellsWhatACreatedUserHolds",
				"Unassign/LeavesARoleOfAGroup",
				"Unassign/LeavesARoleWithinARole",
			},
		},
		{
			name: "overlooks roles that are given directly",
			fault: func(f *faulty) {
				losePrivilege(f, func(roles []domain.RealmRole, _ []domain.Group) bool { return slices.Contains(roles, "auditor") })
			},
			breaks: []string{"Privileges/FindsARoleOfTheUser"},
		},
		{
			name: "does not open the roles of a user",
			fault: func(f *faulty) {
				losePrivilege(f, func(roles []domain.RealmRole, _ []domain.Group) bool { return slices.Contains(roles, "chief") })
			},
			breaks: []string{
				"Privileges/FindsARoleWithinARole",
				"Privileges/NamesAskedRolesOnly",
				"Privileges/IsCurrent",
				"RightsOf/ForetellsWhatACreatedUserHolds",
				"Unassign/LeavesARoleWithinARole",
			},
		},
		{
			name: "overlooks the groups of a user",
			fault: func(f *faulty) {
				losePrivilege(f, func(_ []domain.RealmRole, groups []domain.Group) bool {
					return slices.Contains(groups, "head") || slices.Contains(groups, "head/board")
				})
			},
			breaks: []string{
				"Privileges/FindsARoleOfAGroup",
				"Privileges/FindsARoleOfAParentGroup",
				"RightsOf/ForetellsWhatACreatedUserHolds",
				"Unassign/LeavesARoleOfAGroup",
			},
		},
		{
			name: "overlooks the parents of a user's groups",
			fault: func(f *faulty) {
				losePrivilege(f, func(_ []domain.RealmRole, groups []domain.Group) bool { return slices.Contains(groups, "head/board") })
			},
			breaks: []string{
				"Privileges/FindsARoleOfAParentGroup",
				"RightsOf/ForetellsWhatACreatedUserHolds",
				"Unassign/LeavesARoleOfAGroup",
			},
		},
		{
			name: "does not look for rights to administer when no role is asked for",
			fault: func(f *faulty) {
				alterPrivileges(f, func(_ domain.UserID, asked, held []domain.RealmRole) []domain.RealmRole {
					if len(asked) == 0 {
						return nil
					}
					return held
				})
			},
			breaks: []string{"Privileges/NamesRightsToAdminister"},
		},
		{
			name: "does not look for rights to administer when the user holds an asked role",
			fault: func(f *faulty) {
				alterPrivileges(f, func(_ domain.UserID, _, held []domain.RealmRole) []domain.RealmRole {
					if len(held) > 1 {
						return without(held, "view-users")
					}
					return held
				})
			},
			breaks: []string{"Privileges/NamesRightsToAdminister"},
		},
		{
			name: "remembers for ever that nobody holds a role",
			fault: func(f *faulty) {
				var unheld sync.Map // by the roles asked for: true
				alterPrivileges(f, func(_ domain.UserID, asked, held []domain.RealmRole) []domain.RealmRole {
					if len(held) == 0 {
						unheld.Store(fmt.Sprint(asked), true)
					}
					if _, ok := unheld.Load(fmt.Sprint(asked)); ok {
						return nil
					}
					return held
				})
			},
			breaks: []string{"Privileges/IsCurrent", "Assign/NamesAMissingGroupAndGoesOnWithoutIt"},
		},
		{
			name: "remembers for ever what a user holds",
			fault: func(f *faulty) {
				var kept sync.Map // of privileges, by user and asked roles
				f.privileges = func(ctx context.Context, id domain.UserID, asked []domain.RealmRole) ([]domain.RealmRole, error) {
					key := fmt.Sprint(id, asked)
					if held, ok := kept.Load(key); ok {
						return slices.Clone(held.([]domain.RealmRole)), nil
					}
					held, err := f.held(ctx, id, asked)
					if err == nil {
						kept.Store(key, slices.Clone(held))
					}
					return held, err
				}
			},
			breaks: []string{
				"Privileges/IsCurrent",
				"Assign/LeavesTheRestAlone",
				"Assign/NamesAMissingGroupAndGoesOnWithoutIt",
				"Unassign/LeavesTheRestAlone",
			},
		},
		{
			name: "takes privileges that cannot be read for none",
			fault: func(f *faulty) {
				f.privileges = func(ctx context.Context, id domain.UserID, asked []domain.RealmRole) ([]domain.RealmRole, error) {
					held, _ := f.held(ctx, id, asked)
					return held, nil
				}
			},
			breaks: []string{
				"Privileges/IsCurrent",
				"Privileges/ReturnsNotFoundForAnUnknownUser",
				"Privileges/ObeysAnEndedContext",
			},
		},
		{
			name: "asks nothing when no role is asked for",
			fault: func(f *faulty) {
				f.privileges = func(ctx context.Context, id domain.UserID, asked []domain.RealmRole) ([]domain.RealmRole, error) {
					held, err := f.held(ctx, id, asked)
					if len(asked) == 0 && errors.Is(err, domain.NotFound) {
						return nil, nil
					}
					return held, err
				}
			},
			breaks: []string{"Privileges/ReturnsNotFoundForAnUnknownUser"},
		},
	}
}

// overeagerPrivileges are providers that say too much of what a user holds.
func overeagerPrivileges() []brokenProvider {
	return []brokenProvider{
		{
			name: "takes every role that exists for held",
			fault: func(f *faulty) {
				alterPrivileges(f, func(_ domain.UserID, asked, held []domain.RealmRole) []domain.RealmRole {
					for _, role := range asked {
						if slices.Contains([]domain.RealmRole{"auditor", "chief"}, role) && !slices.Contains(held, role) {
							held = append(held, role)
						}
					}
					return held
				})
			},
			breaks: []string{
				"Privileges/FindsARoleOfTheUser",
				"Privileges/IsEmptyForAPlainUser",
				"Privileges/NamesRightsToAdminister",
				"Privileges/IsCurrent",
				"RightsOf/ForetellsWhatACreatedUserHolds",
				"Unassign/TakesTheRoleAndTheGroup",
			},
		},
		{
			name: "takes a role that does not exist for held",
			fault: func(f *faulty) {
				alterPrivileges(f, func(_ domain.UserID, asked, held []domain.RealmRole) []domain.RealmRole {
					if slices.Contains(asked, "astronaut") {
						held = append(held, "astronaut")
					}
					return held
				})
			},
			breaks: []string{"Privileges/PassesOverAMissingRole"},
		},
		{
			name: "cannot ask for a role that does not exist",
			fault: func(f *faulty) {
				f.privileges = func(ctx context.Context, id domain.UserID, asked []domain.RealmRole) ([]domain.RealmRole, error) {
					held, err := f.held(ctx, id, asked)
					if err == nil && slices.Contains(asked, "astronaut") {
						return nil, &domain.Error{Kind: domain.UnknownRole}
					}
					return held, err
				}
			},
			breaks: []string{"Privileges/PassesOverAMissingRole"},
		},
		{
			name: "names every role of the user",
			fault: func(f *faulty) {
				alterPrivileges(f, func(id domain.UserID, _, _ []domain.RealmRole) []domain.RealmRole {
					held, _ := f.held(context.Background(), id, []domain.RealmRole{"teller", otherRole, "auditor", "chief", "watcher"})
					return held
				})
			},
			breaks: []string{
				"Privileges/FindsARoleWithinARole",
				"Privileges/FindsARoleOfTheUser",
				"Privileges/FindsARoleOfAGroup",
				"Privileges/FindsARoleOfAParentGroup",
				"Privileges/IsEmptyForAPlainUser",
				"Privileges/NamesAskedRolesOnly",
				"Privileges/PassesOverAMissingRole",
				"Privileges/TellsRolesApartByLetterCase",
				"Privileges/NamesRightsToAdminister",
				"Privileges/IsCurrent",
				"Details/ContainsRealmRolesOnly",
				"Unassign/LeavesARoleOfAGroup",
				"Unassign/LeavesARoleWithinARole",
			},
		},
		{
			name: "names what an asked role contains",
			fault: func(f *faulty) {
				alterPrivileges(f, func(_ domain.UserID, _, held []domain.RealmRole) []domain.RealmRole {
					if slices.Contains(held, "chief") && !slices.Contains(held, "auditor") {
						held = append(held, "auditor")
					}
					return held
				})
			},
			breaks: []string{"Privileges/NamesAskedRolesOnly"},
		},
		{
			name: "does not tell roles apart by letter case",
			fault: func(f *faulty) {
				f.privileges = func(ctx context.Context, id domain.UserID, asked []domain.RealmRole) ([]domain.RealmRole, error) {
					var lower []domain.RealmRole
					for _, role := range asked {
						lower = append(lower, domain.RealmRole(strings.ToLower(string(role))))
					}
					return f.held(ctx, id, lower)
				}
			},
			breaks: []string{"Privileges/TellsRolesApartByLetterCase"},
		},
	}
}

func brokenRightsOf() []brokenProvider {
	return []brokenProvider{
		{
			name: "leaves the assigned role out",
			fault: func(f *faulty) {
				alterRights(f, func(assignment domain.Assignment, rights *domain.Rights) {
					rights.Roles = without(rights.Roles, assignment.Role)
				})
			},
			breaks: []string{
				"RightsOf/ContainsTheRole",
				"RightsOf/ContainsNothingElse",
				"RightsOf/NamesRightsToAdminister",
				"RightsOf/ForetellsWhatACreatedUserHolds",
				"EveryMethod/WorksForManyCallersAtOnce",
			},
		},
		{
			name: "replaces a composite role by its contents",
			fault: func(f *faulty) {
				alterRights(f, func(_ domain.Assignment, rights *domain.Rights) { rights.Roles = without(rights.Roles, "chief") })
			},
			breaks: []string{"RightsOf/ContainsTheRole", "RightsOf/ForetellsWhatACreatedUserHolds"},
		},
		{
			name: "does not open an assigned role",
			fault: func(f *faulty) {
				alterRights(f, func(assignment domain.Assignment, rights *domain.Rights) {
					if assignment.Role == "chief" {
						rights.Roles = without(rights.Roles, "auditor")
					}
				})
			},
			breaks: []string{"RightsOf/ContainsRolesWithinTheRole", "RightsOf/ForetellsWhatACreatedUserHolds"},
		},
		{
			name:  "overlooks the assigned group",
			fault: func(f *faulty) { alterJudged(f, func(assignment *domain.Assignment) { assignment.Group = "" }) },
			breaks: []string{
				"RightsOf/ContainsRolesOfTheGroup",
				"RightsOf/ContainsRolesOfParentGroups",
				"RightsOf/ForetellsWhatACreatedUserHolds",
			},
		},
		{
			name: "overlooks groups that are not nested",
			fault: func(f *faulty) {
				alterJudged(f, func(assignment *domain.Assignment) {
					if !strings.Contains(string(assignment.Group), "/") {
						assignment.Group = ""
					}
				})
			},
			breaks: []string{"RightsOf/ContainsRolesOfTheGroup"},
		},
		{
			name: "overlooks the parents of the assigned group",
			fault: func(f *faulty) {
				alterJudged(f, func(assignment *domain.Assignment) {
					if strings.Contains(string(assignment.Group), "/") {
						assignment.Group = ""
					}
				})
			},
			breaks: []string{"RightsOf/ContainsRolesOfParentGroups", "RightsOf/ForetellsWhatACreatedUserHolds"},
		},
		{
			name: "takes every group for the carrying one",
			fault: func(f *faulty) {
				alterJudged(f, func(assignment *domain.Assignment) {
					if assignment.Group == "tellers" {
						assignment.Group = "head"
					}
				})
			},
			breaks: []string{"RightsOf/ContainsNothingElse", "RightsOf/ForetellsWhatACreatedUserHolds"},
		},
		{
			name: "gives every role something more",
			fault: func(f *faulty) {
				alterRights(f, func(_ domain.Assignment, rights *domain.Rights) {
					rights.Roles = append(rights.Roles, otherRole)
				})
			},
			breaks: []string{"RightsOf/ContainsNothingElse"},
		},
		{
			name: "takes every role for a composite one that it cannot open",
			fault: func(f *faulty) {
				alterRights(f, func(assignment domain.Assignment, rights *domain.Rights) {
					rights.Unseen = append(rights.Unseen, assignment.Role)
				})
			},
			breaks: []string{"RightsOf/ContainsNothingElse"},
		},
		{
			name: "takes allowed roles for given ones",
			fault: func(f *faulty) {
				alterRights(f, func(assignment domain.Assignment, rights *domain.Rights) {
					rights.Roles = append(rights.Roles, assignment.Privileged...)
				})
			},
			breaks: []string{"RightsOf/ContainsNothingElse"},
		},
		{
			name: "takes a missing group for another one",
			fault: func(f *faulty) {
				alterRights(f, func(assignment domain.Assignment, rights *domain.Rights) {
					if assignment.Group == "astronauts" {
						rights.Roles = append(rights.Roles, otherRole)
					}
				})
			},
			breaks: []string{"RightsOf/TakesAMissingGroupForNone"},
		},
		{
			name: "cannot judge a missing group",
			fault: func(f *faulty) {
				f.rightsOf = func(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
					rights, err := f.Provider.RightsOf(ctx, assignment)
					if err == nil && assignment.Group == "astronauts" {
						return domain.Rights{}, &domain.Error{Kind: domain.NotFound}
					}
					return rights, err
				}
			},
			breaks: []string{
				"RightsOf/TakesAMissingGroupForNone",
				"RightsOf/ForetellsWhatACreatedUserHolds",
				"EveryMethod/KeepsPasswordsOutOfResults", // It looks at rights with a missing group.
			},
		},
		{
			name: "takes a missing role for one without contents",
			fault: func(f *faulty) {
				f.rightsOf = func(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
					rights, err := f.Provider.RightsOf(ctx, assignment)
					if errors.Is(err, domain.UnknownRole) {
						return domain.Rights{Roles: []domain.RealmRole{assignment.Role}}, nil
					}
					return rights, err
				}
			},
			breaks: []string{"RightsOf/ReturnsUnknownRole"},
		},
		{
			name: "returns rights of the group together with an error",
			fault: func(f *faulty) {
				f.rightsOf = func(ctx context.Context, assignment domain.Assignment) (domain.Rights, error) {
					rights, err := f.Provider.RightsOf(ctx, assignment)
					if err != nil && assignment.Group == "head/board" {
						rights.Roles = []domain.RealmRole{"auditor"}
					}
					return rights, err
				}
			},
			breaks: []string{"RightsOf/ReturnsUnknownRole"},
		},
		{
			name: "hides the rights to administer",
			fault: func(f *faulty) {
				alterRights(f, func(_ domain.Assignment, rights *domain.Rights) { rights.Administration = nil })
			},
			breaks: []string{"RightsOf/NamesRightsToAdminister"},
		},
		{
			name: "takes rights to administer for ordinary roles",
			fault: func(f *faulty) {
				alterRights(f, func(_ domain.Assignment, rights *domain.Rights) {
					rights.Roles = append(rights.Roles, rights.Administration...)
					rights.Administration = nil
				})
			},
			breaks: []string{"RightsOf/NamesRightsToAdminister"},
		},
		{
			name: "puts users into another group than it judges",
			fault: func(f *faulty) {
				alterNew(f, func(user *domain.NewUser) {
					if user.Assignment.Group == "head/board" {
						user.Assignment.Group = ""
					}
				})
			},
			breaks: []string{"RightsOf/ForetellsWhatACreatedUserHolds"},
		},
	}
}

func brokenDefaults() []brokenProvider {
	gives := func(rights domain.Rights) func(f *faulty) {
		return func(f *faulty) {
			f.defaultRights = func(ctx context.Context) (domain.Rights, error) {
				if _, err := f.Provider.DefaultRights(ctx); err != nil {
					return domain.Rights{}, err
				}
				return rights, nil
			}
		}
	}
	return []brokenProvider{
		{
			name:   "overlooks what every user gets",
			fault:  gives(domain.Rights{}),
			breaks: []string{"DefaultRights/ContainWhatAUserHoldsUnasked"},
		},
		{
			name:   "takes every role for one that every user gets",
			fault:  gives(domain.Rights{Roles: []domain.RealmRole{"everybody", "auditor"}}),
			breaks: []string{"DefaultRights/ContainNothingElse"},
		},
	}
}

func brokenRightsManners() []brokenProvider {
	return []brokenProvider{
		{
			name: "hands out its own groups",
			fault: func(f *faulty) {
				kept := keptLists[domain.Group]{}
				alterGroups(f, func(id domain.UserID, groups []domain.Group) []domain.Group {
					kept.use(id, &groups)
					return groups
				})
			},
			breaks: []string{"EveryMethod/GivesResultsAway"},
		},
		{
			name: "hands out its own privileges",
			fault: func(f *faulty) {
				kept := keptLists[domain.RealmRole]{}
				alterPrivileges(f, func(id domain.UserID, asked, held []domain.RealmRole) []domain.RealmRole {
					kept.use(id+domain.UserID(fmt.Sprint(asked)), &held)
					return held
				})
			},
			breaks: []string{"EveryMethod/GivesResultsAway"},
		},
		{
			name: "hands out its own rights",
			fault: func(f *faulty) {
				kept := keptLists[domain.RealmRole]{}
				alterRights(f, func(assignment domain.Assignment, rights *domain.Rights) {
					kept.use(domain.UserID(fmt.Sprint(assignment)), &rights.Roles)
				})
			},
			breaks: []string{"EveryMethod/GivesResultsAway"},
		},
		{
			name: "hands out its own rights to administer",
			fault: func(f *faulty) {
				kept := keptLists[domain.RealmRole]{}
				alterRights(f, func(assignment domain.Assignment, rights *domain.Rights) {
					kept.use(domain.UserID(fmt.Sprint(assignment)), &rights.Administration)
				})
			},
			breaks: []string{"EveryMethod/GivesResultsAway"},
		},
		{
			name: "sorts the caller's roles",
			fault: func(f *faulty) {
				alterPrivileges(f, func(_ domain.UserID, asked, held []domain.RealmRole) []domain.RealmRole {
					slices.Sort(asked)
					return held
				})
			},
			breaks: []string{"EveryMethod/LeavesArgumentsToTheCaller"},
		},
		{
			name: "keeps the caller's roles",
			fault: func(f *faulty) {
				var kept sync.Map // of lists of roles, by what they held
				f.privileges = func(ctx context.Context, id domain.UserID, asked []domain.RealmRole) ([]domain.RealmRole, error) {
					first, _ := kept.LoadOrStore(fmt.Sprint(asked), asked)
					return f.held(ctx, id, first.([]domain.RealmRole))
				}
			},
			breaks: []string{"EveryMethod/LeavesArgumentsToTheCaller"},
		},
		{
			name: "appends to the caller's privileged roles",
			fault: func(f *faulty) {
				alterJudged(f, func(assignment *domain.Assignment) { _ = append(assignment.Privileged, "spoilt") })
			},
			breaks: []string{"EveryMethod/LeavesArgumentsToTheCaller"},
		},
		{
			name: "leaks passwords in groups",
			fault: func(f *faulty) {
				last := lastPassword[domain.Group](f)
				alterGroups(f, func(_ domain.UserID, groups []domain.Group) []domain.Group { return append(groups, last()...) })
			},
			breaks: []string{"EveryMethod/KeepsPasswordsOutOfResults"},
		},
		{
			name: "leaks passwords in privileges",
			fault: func(f *faulty) {
				last := lastPassword[domain.RealmRole](f)
				alterPrivileges(f, func(_ domain.UserID, _, held []domain.RealmRole) []domain.RealmRole { return append(held, last()...) })
			},
			breaks: []string{"EveryMethod/KeepsPasswordsOutOfResults", "RightsOf/ForetellsWhatACreatedUserHolds"},
		},
		{
			name: "leaks passwords in rights",
			fault: func(f *faulty) {
				last := lastPassword[domain.RealmRole](f)
				alterRights(f, func(_ domain.Assignment, rights *domain.Rights) { rights.Roles = append(rights.Roles, last()...) })
			},
			breaks: []string{"EveryMethod/KeepsPasswordsOutOfResults"},
		},
		{
			name: "names users in errors of their groups",
			fault: func(f *faulty) {
				f.groups = func(ctx context.Context, id domain.UserID) ([]domain.Group, error) {
					groups, err := f.Provider.Groups(ctx, id)
					return groups, f.naming(id, err)
				}
			},
			breaks: []string{"EveryMethod/KeepsPeopleOutOfErrors"},
		},
		{
			name: "names users in errors of their privileges",
			fault: func(f *faulty) {
				f.privileges = func(ctx context.Context, id domain.UserID, asked []domain.RealmRole) ([]domain.RealmRole, error) {
					held, err := f.held(ctx, id, asked)
					return held, f.naming(id, err)
				}
			},
			breaks: []string{"EveryMethod/KeepsPeopleOutOfErrors"},
		},
	}
}
