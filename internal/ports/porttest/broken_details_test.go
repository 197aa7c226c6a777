package porttest_test

import (
	"context"
	"slices"
	"time"

	"user-sync-service/internal/domain"
)

// alterDetails makes Details return altered details.
func alterDetails(f *faulty, alter func(user domain.User, details *domain.AccountDetails)) {
	f.details = func(ctx context.Context, id domain.UserID) (domain.AccountDetails, error) {
		details, err := f.Provider.Details(ctx, id)
		if err == nil {
			alter(f.userWithID(id), &details)
		}
		return details, err
	}
}

// onDetailsError makes Details do something about an error of the kind.
func onDetailsError(f *faulty, kind domain.Kind, react func(id domain.UserID, err error) (domain.AccountDetails, error)) {
	f.details = func(ctx context.Context, id domain.UserID) (domain.AccountDetails, error) {
		details, err := f.Provider.Details(ctx, id)
		if err != nil && domain.AsError(err).Kind == kind {
			return react(id, err)
		}
		return details, err
	}
}

func brokenDetails() []brokenProvider {
	return slices.Concat(brokenLocks(), brokenEffectiveRoles(), brokenCredentials())
}

func brokenLocks() []brokenProvider {
	return []brokenProvider{
		{
			name: "knows of no locks",
			fault: func(f *faulty) {
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) { d.Locked, d.LockedUntil = false, time.Time{} })
			},
			breaks: []string{"Details/TellsThatAUserIsLocked", "UpdateUser/LeavesALock"},
		},
		{
			name: "takes the beginning of a lock for its end",
			fault: func(f *faulty) {
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) {
					if d.Locked {
						d.LockedUntil = time.Now().Add(-time.Hour)
					}
				})
			},
			breaks: []string{"Details/TellsThatAUserIsLocked"},
		},
		{
			name: "takes no lock for one that ended when time began",
			fault: func(f *faulty) {
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) {
					if !d.Locked {
						d.LockedUntil = time.Unix(0, 0)
					}
				})
			},
			breaks: []string{"Details/TellsThatAUserIsLocked", "Details/TakesADisabledUserForUnlocked"},
		},
		{
			name: "takes everybody for locked once somebody is",
			fault: func(f *faulty) {
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) {
					for _, user := range f.Users() {
						details, _ := f.Provider.Details(context.Background(), user.ID)
						d.Locked = d.Locked || details.Locked
					}
				})
			},
			breaks: []string{"Details/TellsThatAUserIsLocked"},
		},
		{
			name: "takes disabled users for locked",
			fault: func(f *faulty) {
				alterDetails(f, func(user domain.User, d *domain.AccountDetails) { d.Locked = d.Locked || !user.Enabled })
			},
			breaks: []string{"Details/TakesADisabledUserForUnlocked", "SetEnabled/LeavesTheRestAlone"},
		},
		{
			name: "takes details that cannot be read for none",
			fault: func(f *faulty) {
				onDetailsError(f, domain.NotFound, func(domain.UserID, error) (domain.AccountDetails, error) {
					return domain.AccountDetails{}, nil
				})
			},
			breaks: []string{"Details/ReturnsNotFoundForAnUnknownUser"},
		},
		{
			name: "returns half of the details together with an error",
			fault: func(f *faulty) {
				onDetailsError(f, domain.NotFound, func(_ domain.UserID, err error) (domain.AccountDetails, error) {
					return domain.AccountDetails{HasPassword: true}, err
				})
			},
			breaks: []string{"Details/ReturnsNotFoundForAnUnknownUser"},
		},
	}
}

func brokenEffectiveRoles() []brokenProvider {
	return []brokenProvider{
		{
			name: "shows roles only that are given directly",
			fault: func(f *faulty) {
				alterDetails(f, func(user domain.User, d *domain.AccountDetails) {
					memberships, _ := f.Provider.Memberships(context.Background(), user.ID)
					d.EffectiveRoles = slices.Sorted(slices.Values(memberships.Roles))
				})
			},
			breaks: []string{"Details/ContainsEveryEffectiveRole"},
		},
		{
			name: "shows no roles that are given directly",
			fault: func(f *faulty) {
				alterDetails(f, func(user domain.User, d *domain.AccountDetails) {
					memberships, _ := f.Provider.Memberships(context.Background(), user.ID)
					d.EffectiveRoles = slices.DeleteFunc(d.EffectiveRoles, func(role domain.RealmRole) bool { return slices.Contains(memberships.Roles, role) })
				})
			},
			breaks: []string{
				"Details/ContainsEveryEffectiveRole",
				"Details/ContainsRealmRolesOnly",
				"Assign/LeavesTheRestAlone",
				"Assign/NamesAMissingGroupAndGoesOnWithoutIt",
				"Unassign/LeavesTheRestAlone",
				"EveryMethod/WorksForManyCallersAtOnce",
			},
		},
		{
			name: "shows the roles of everybody",
			fault: func(f *faulty) {
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) {
					for _, user := range f.Users() {
						details, _ := f.Provider.Details(context.Background(), user.ID)
						d.EffectiveRoles = append(d.EffectiveRoles, details.EffectiveRoles...)
					}
					slices.Sort(d.EffectiveRoles)
					d.EffectiveRoles = slices.Compact(d.EffectiveRoles)
				})
			},
			breaks: []string{"Details/HoldsNoRolesOfOthers"},
		},
		{
			name: "shows the roles in the order of their becoming",
			fault: func(f *faulty) {
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) { slices.Reverse(d.EffectiveRoles) })
			},
			breaks: []string{"Details/OrdersTheRoles"},
		},
		{
			name: "shows a role twice that is held twice",
			fault: func(f *faulty) {
				alterDetails(f, func(user domain.User, d *domain.AccountDetails) {
					if memberships, _ := f.Provider.Memberships(context.Background(), user.ID); len(memberships.Roles) > 2 && len(memberships.Groups) == 0 {
						d.EffectiveRoles = append(d.EffectiveRoles, d.EffectiveRoles...)
						slices.Sort(d.EffectiveRoles)
					}
				})
			},
			breaks: []string{"Details/OrdersTheRoles"},
		},
		{
			name: "shows rights to administer as roles of the realm",
			fault: func(f *faulty) {
				alterDetails(f, func(user domain.User, d *domain.AccountDetails) {
					rights, _ := f.held(context.Background(), user.ID, nil)
					d.EffectiveRoles = append(d.EffectiveRoles, rights...)
				})
			},
			breaks: []string{"Details/ContainsRealmRolesOnly"},
		},
	}
}

func brokenCredentials() []brokenProvider {
	return []brokenProvider{
		{
			name: "takes everybody for one with a password",
			fault: func(f *faulty) {
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) { d.HasPassword = true })
			},
			breaks: []string{
				"Details/TellsWhetherThereIsAPassword",
				"Details/NamesTheSecondFactors",
				"CreateUser/MakesAUserWithoutAPassword",
			},
		},
		{
			name: "takes a temporary password for none",
			fault: func(f *faulty) {
				alterDetails(f, func(user domain.User, d *domain.AccountDetails) {
					d.HasPassword = d.HasPassword && !user.Requires(domain.UpdatePassword)
				})
			},
			breaks: []string{"Details/TellsWhetherThereIsAPassword"},
		},
		{
			name: "takes a second factor for a password",
			fault: func(f *faulty) {
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) {
					d.HasPassword = d.HasPassword || len(d.SecondFactors) > 0
				})
			},
			breaks: []string{"Details/NamesTheSecondFactors"},
		},
		{
			name: "takes what is still to be set up for a second factor",
			fault: func(f *faulty) {
				alterDetails(f, func(user domain.User, d *domain.AccountDetails) {
					if user.Requires(domain.RegisterSecondFactor) {
						d.SecondFactors = append(d.SecondFactors, "webauthn")
					}
				})
			},
			breaks: []string{"Details/FindsNoSecondFactorOfANewUser"},
		},
		{
			name: "takes a password for a second factor",
			fault: func(f *faulty) {
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) {
					if d.HasPassword {
						d.SecondFactors = append(d.SecondFactors, "password")
					}
				})
			},
			breaks: []string{"Details/FindsNoSecondFactorOfANewUser", "Details/NamesTheSecondFactors"},
		},
		{
			name: "knows of no second factors",
			fault: func(f *faulty) {
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) { d.SecondFactors = nil })
			},
			breaks: []string{"Details/NamesTheSecondFactors"},
		},
		{
			name: "names every device",
			fault: func(f *faulty) {
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) {
					d.SecondFactors = append(d.SecondFactors, d.SecondFactors...)
				})
			},
			breaks: []string{"Details/NamesTheSecondFactors"},
		},
	}
}
