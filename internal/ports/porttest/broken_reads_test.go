package porttest_test

import (
	"context"
	"errors"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"user-sync-service/internal/domain"
)

// findFirst makes FindUser return the first user who matches.
func findFirst(f *faulty, matches func(user domain.User, name string) bool) {
	f.findUser = func(ctx context.Context, username domain.Username) (domain.User, error) {
		found, err := f.Provider.FindUser(ctx, username)
		if !errors.Is(err, domain.NotFound) {
			return found, err
		}
		for _, user := range f.Users() {
			if matches(user, strings.ToLower(username.String())) {
				return user, nil
			}
		}
		return domain.User{}, err
	}
}

// alterFound makes FindUser return altered users.
func alterFound(f *faulty, alter func(*domain.User)) {
	f.findUser = func(ctx context.Context, username domain.Username) (domain.User, error) {
		user, err := f.Provider.FindUser(ctx, username)
		if err == nil {
			alter(&user)
		}
		return user, err
	}
}

// alterMemberships makes Memberships return altered lists.
func alterMemberships(f *faulty, alter func(*domain.Memberships)) {
	f.memberships = func(ctx context.Context, id domain.UserID) (domain.Memberships, error) {
		memberships, err := f.Provider.Memberships(ctx, id)
		if err == nil {
			alter(&memberships)
		}
		return memberships, err
	}
}

func brokenReads() []brokenProvider {
	return []brokenProvider{
		{
			name: "finds users by the beginning of the name",
			fault: func(f *faulty) {
				findFirst(f, func(user domain.User, name string) bool { return strings.HasPrefix(user.Username, name) })
			},
			breaks: []string{"FindUser/FindsNoPartOfAName", byAddressToo},
		},
		{
			name: "finds users by any part of the name",
			fault: func(f *faulty) {
				findFirst(f, func(user domain.User, name string) bool { return strings.Contains(user.Username, name) })
			},
			breaks: []string{"FindUser/FindsNoPartOfAName", byAddressToo},
		},
		{
			name: "prefers longer names to the exact one",
			fault: func(f *faulty) {
				f.findUser = func(ctx context.Context, username domain.Username) (domain.User, error) {
					found, err := f.Provider.FindUser(ctx, username)
					for _, user := range f.Users() {
						if err == nil && strings.HasSuffix(user.Username, found.Username) {
							return user, nil
						}
					}
					return found, err
				}
			},
			breaks: []string{"FindUser/FindsNoPartOfAName"},
		},
		{
			name: "reads wildcards",
			fault: func(f *faulty) {
				findFirst(f, func(user domain.User, name string) bool {
					pattern := strings.NewReplacer("_", ".", "%", ".*", `\*`, ".*").Replace(regexp.QuoteMeta(name))
					return regexp.MustCompile("^(?:" + pattern + ")$").MatchString(user.Username)
				})
			},
			breaks: []string{"FindUser/ReadsNoPatterns"},
		},
		{
			name: "tells usernames apart by letter case",
			fault: func(f *faulty) {
				f.findUser = func(ctx context.Context, username domain.Username) (domain.User, error) {
					user, err := f.Provider.FindUser(ctx, username)
					if err == nil && user.Username != username.String() {
						return domain.User{}, &domain.Error{Kind: domain.NotFound}
					}
					return user, err
				}
			},
			breaks: []string{"FindUser/IgnoresLetterCase", byAddressToo},
		},
		{
			name: "finds users by e-mail address",
			fault: func(f *faulty) {
				findFirst(f, func(user domain.User, name string) bool { return user.Email == name })
			},
			breaks: []string{"FindUser/FindsNoEmailAddress"},
		},
		{
			name: "shows addresses in place of usernames, and believes them",
			fault: func(f *faulty) {
				f.findUser = func(ctx context.Context, username domain.Username) (domain.User, error) {
					user, err := f.Provider.FindUser(ctx, username)
					if err == nil && !username.Matches(user.Username) {
						return domain.User{}, &domain.Error{Kind: domain.NotFound}
					}
					return user, err
				}
			},
			breaks: []string{"FindUser/FindsUsersFromBeforeAddressesWereUsernames"},
		},
		{
			name: "reads names as paths",
			fault: func(f *faulty) {
				findFirst(f, func(user domain.User, name string) bool { return path.Clean("/"+name) == "/"+user.Username })
			},
			breaks: []string{"FindUser/TakesNamesLiterally"},
		},
		{
			name: "reads names as queries",
			fault: func(f *faulty) {
				findFirst(f, func(user domain.User, name string) bool {
					query, _ := url.ParseQuery("username=" + name)
					for _, value := range query["username"] {
						if value == user.Username {
							return true
						}
					}
					return false
				})
			},
			breaks: []string{"FindUser/TakesNamesLiterally"},
		},
		{
			name: "finds the zero user for a missing one",
			fault: func(f *faulty) {
				f.findUser = func(ctx context.Context, username domain.Username) (domain.User, error) {
					user, err := f.Provider.FindUser(ctx, username)
					if errors.Is(err, domain.NotFound) {
						return domain.User{}, nil
					}
					return user, err
				}
			},
			breaks: []string{
				"FindUser/ReturnsNotFoundForAMissingUser",
				"FindUser/FindsNoPartOfAName",
				"FindUser/ReadsNoPatterns",
				"FindUser/FindsNoEmailAddress",
				"FindUser/TakesNamesLiterally",
				"CreateUser/LeavesNothingBehindForAnUnknownRole",
				"CreateUser/LeavesNothingBehindForARefusedPassword",
				"CreateUser/LeavesNothingBehindForARefusedField",
				"CreateUser/LeavesNothingBehindForATakenEmail",
				"CreateUser/GivesAnEmailToOneOfMany",
				"CreateUser/ObeysAnEndedContext",
				"CreateUser/NamesTheRefusedAttribute",
				byAddressToo,
			},
		},
		{
			name: "returns a user together with an error",
			fault: func(f *faulty) {
				f.findUser = func(ctx context.Context, username domain.Username) (domain.User, error) {
					user, err := f.Provider.FindUser(ctx, username)
					if err != nil {
						user.Username = username.String()
					}
					return user, err
				}
			},
			breaks: []string{"FindUser/ReturnsNotFoundForAMissingUser"},
		},
		{
			name:   "reports every user as one with a verified address",
			fault:  func(f *faulty) { alterFound(f, func(user *domain.User) { user.EmailVerified = true }) },
			breaks: []string{"FindUser/ReturnsEveryField", "CreateUser/MakesAnEnabledUser", unverifies},
		},
		{
			name:  "forgets the last name",
			fault: func(f *faulty) { alterFound(f, func(user *domain.User) { user.LastName = "" }) },
			breaks: []string{
				"FindUser/ReturnsEveryField",
				"CreateUser/MakesAnEnabledUser",
				"UpdateUser/ChangesEachFieldAlone",
				"UpdateUser/ChangesEverythingAtOnce",
				"UpdateUser/NamesAttributesThatTheRealmDoesNotKeep",
				"UpdateUser/LeavesTheRestAlone",
				"UpdateUser/LeavesALock",
				"UpdateUser/TakesTheUsersOwnEmail",
				"UpdateUser/CorrectsARefusedField",
				"EveryMethod/WorksForManyCallersAtOnce",
				editHolds,
			},
		},
		{
			name:   "does not know when users were created",
			fault:  func(f *faulty) { alterFound(f, func(user *domain.User) { user.CreatedAt = time.Time{} }) },
			breaks: []string{"FindUser/KnowsWhenAUserWasCreated"},
		},
		{
			name: "takes milliseconds for seconds",
			fault: func(f *faulty) {
				alterFound(f, func(user *domain.User) { user.CreatedAt = time.Unix(user.CreatedAt.UnixMilli(), 0) })
			},
			breaks: []string{"FindUser/KnowsWhenAUserWasCreated"},
		},
		{
			name: "takes the last write for the creation",
			fault: func(f *faulty) {
				alterFound(f, func(user *domain.User) {
					if !user.Enabled {
						user.CreatedAt = user.CreatedAt.Add(time.Second)
					}
				})
			},
			breaks: []string{"FindUser/KnowsWhenAUserWasCreated", "SetEnabled/LeavesTheRestAlone"},
		},
		{
			name: "swallows errors of the memberships",
			fault: func(f *faulty) {
				f.memberships = func(ctx context.Context, id domain.UserID) (domain.Memberships, error) {
					memberships, _ := f.Provider.Memberships(ctx, id)
					return memberships, nil
				}
			},
			breaks: []string{"Memberships/ReturnsNotFoundForAnUnknownUser", "Memberships/ObeysAnEndedContext"},
		},
		{
			name: "swallows errors of the groups",
			fault: func(f *faulty) {
				f.memberships = func(ctx context.Context, id domain.UserID) (domain.Memberships, error) {
					memberships, err := f.Provider.Memberships(ctx, id)
					if errors.Is(err, domain.NotFound) {
						return domain.Memberships{Roles: []domain.RealmRole{otherRole}}, nil
					}
					return memberships, err
				}
			},
			breaks: []string{"Memberships/ReturnsNotFoundForAnUnknownUser"},
		},
		{
			name: "names groups without their path",
			fault: func(f *faulty) {
				alterMemberships(f, func(m *domain.Memberships) {
					for i, group := range m.Groups {
						m.Groups[i] = domain.Group(group.Name())
					}
				})
			},
			breaks: []string{"Memberships/ContainsRolesAndGroups"},
		},
		{
			name: "lists the roles of the realm",
			fault: func(f *faulty) {
				alterMemberships(f, func(m *domain.Memberships) { m.Roles = []domain.RealmRole{"teller", otherRole} })
			},
			breaks: []string{
				"Memberships/HoldsNothingOfOthers",
				"Assign/GivesTheRoleAndTheGroup",
				"Assign/GivesEitherAlone",
				"Assign/LeavesTheRestAlone",
				"Assign/NamesAMissingGroupAndGoesOnWithoutIt",
				"Assign/KeepsWhatIsGivenAtTheSameTime",
				"EveryMethod/WorksForManyCallersAtOnce",
				"Unassign/TakesTheRoleAndTheGroup",
				"Unassign/TakesEitherAlone",
				"Unassign/LeavesTheRestAlone",
				"Unassign/PassesOverWhatTheUserLacks",
				"Unassign/PassesOverWhatTheRealmLacks",
				"Unassign/LeavesARoleOfAGroup",
				"Unassign/LeavesARoleWithinARole",
				"Unassign/TakesWhatIsTakenAtTheSameTime",
				roleHolds,
			},
		},
		{
			name: "keeps a policy for ever",
			fault: func(f *faulty) {
				kept, _ := f.Provider.PasswordPolicy(context.Background())
				f.passwordPolicy = func(ctx context.Context) (domain.PasswordPolicy, error) {
					return kept, f.Provider.Check(ctx)
				}
			},
			breaks: []string{"PasswordPolicy/IsCurrentAfterARefusedPassword"},
		},
		{
			name: "knows of no policy",
			fault: func(f *faulty) {
				f.passwordPolicy = func(ctx context.Context) (domain.PasswordPolicy, error) {
					return domain.PasswordPolicy{}, f.Provider.Check(ctx)
				}
			},
			breaks: []string{"PasswordPolicy/AdmitsGeneratedPasswords", "PasswordPolicy/IsCurrentAfterARefusedPassword"},
		},
		{
			name: "does not accept its own credentials",
			fault: func(f *faulty) {
				f.check = func(ctx context.Context) error {
					if err := f.Provider.Check(ctx); err != nil {
						return err
					}
					return &domain.Error{Kind: domain.Internal}
				}
			},
			breaks: []string{"Check/AcceptsAWorkingProvider", "EveryMethod/WorksForManyCallersAtOnce"},
		},
	}
}
