package porttest_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"user-sync-service/internal/domain"
)

// allObeyContext are the clauses about an ended context.
func allObeyContext() []string {
	clauses := writesObeyContext()
	for _, method := range []string{"FindUser", "Memberships", "Groups", "Privileges", "RightsOf", "DefaultRights", "PasswordPolicy", "Details", "Check"} {
		clauses = append(clauses, method+"/ObeysAnEndedContext")
	}
	return clauses
}

func writesObeyContext() []string {
	var clauses []string
	for _, method := range []string{"CreateUser", "Assign", "Unassign", "UpdateUser", "SetEnabled", "EndSessions", "SetRequiredActions", "SendActionsMail"} {
		clauses = append(clauses, method+"/ObeysAnEndedContext")
	}
	return clauses
}

// around makes every method run inside wrap.
func around(f *faulty, wrap func(ctx context.Context, method func(context.Context) error) error) {
	p := f.Provider
	f.findUser = func(ctx context.Context, username domain.Username) (user domain.User, err error) {
		err = wrap(ctx, func(ctx context.Context) error { user, err = p.FindUser(ctx, username); return err })
		return user, err
	}
	f.memberships = func(ctx context.Context, id domain.UserID) (memberships domain.Memberships, err error) {
		err = wrap(ctx, func(ctx context.Context) error { memberships, err = p.Memberships(ctx, id); return err })
		return memberships, err
	}
	f.groups = func(ctx context.Context, id domain.UserID) (groups []domain.Group, err error) {
		err = wrap(ctx, func(ctx context.Context) error { groups, err = p.Groups(ctx, id); return err })
		return groups, err
	}
	f.privileges = func(ctx context.Context, id domain.UserID, roles []domain.RealmRole) (privileges []domain.RealmRole, err error) {
		err = wrap(ctx, func(ctx context.Context) error { privileges, err = f.held(ctx, id, roles); return err })
		return privileges, err
	}
	f.rightsOf = func(ctx context.Context, assignment domain.Assignment) (rights domain.Rights, err error) {
		err = wrap(ctx, func(ctx context.Context) error { rights, err = p.RightsOf(ctx, assignment); return err })
		return rights, err
	}
	f.defaultRights = func(ctx context.Context) (rights domain.Rights, err error) {
		err = wrap(ctx, func(ctx context.Context) error { rights, err = p.DefaultRights(ctx); return err })
		return rights, err
	}
	f.passwordPolicy = func(ctx context.Context) (policy domain.PasswordPolicy, err error) {
		err = wrap(ctx, func(ctx context.Context) error { policy, err = p.PasswordPolicy(ctx); return err })
		return policy, err
	}
	f.details = func(ctx context.Context, id domain.UserID) (details domain.AccountDetails, err error) {
		err = wrap(ctx, func(ctx context.Context) error { details, err = p.Details(ctx, id); return err })
		return details, err
	}
	f.check = func(ctx context.Context) error { return wrap(ctx, p.Check) }
	aroundWrites(f, wrap)
}

// aroundWrites makes every method that changes something run inside wrap.
func aroundWrites(f *faulty, wrap func(ctx context.Context, method func(context.Context) error) error) {
	p := f.Provider
	f.createUser = func(ctx context.Context, user domain.NewUser) (created domain.CreatedUser, err error) {
		err = wrap(ctx, func(ctx context.Context) error { created, err = p.CreateUser(ctx, user); return err })
		return created, err
	}
	f.assign = func(ctx context.Context, id domain.UserID, assignment domain.Assignment) (missing domain.Group, err error) {
		err = wrap(ctx, func(ctx context.Context) error { missing, err = p.Assign(ctx, id, assignment); return err })
		return missing, err
	}
	f.unassign = func(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
		return wrap(ctx, func(ctx context.Context) error { return p.Unassign(ctx, id, assignment) })
	}
	f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) (unstored []domain.Attribute, err error) {
		err = wrap(ctx, func(ctx context.Context) error { unstored, err = p.UpdateUser(ctx, id, change); return err })
		return unstored, err
	}
	f.setEnabled = func(ctx context.Context, id domain.UserID, enabled bool) error {
		return wrap(ctx, func(ctx context.Context) error { return p.SetEnabled(ctx, id, enabled) })
	}
	f.endSessions = func(ctx context.Context, id domain.UserID) error {
		return wrap(ctx, func(ctx context.Context) error { return p.EndSessions(ctx, id) })
	}
	f.setRequiredActions = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
		return wrap(ctx, func(ctx context.Context) error { return p.SetRequiredActions(ctx, id, actions) })
	}
	f.sendActionsMail = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
		return wrap(ctx, func(ctx context.Context) error { return p.SendActionsMail(ctx, id, actions, lifespan) })
	}
}

// leak makes CreateUser put something about the user into its errors.
func leak(format string, secret func(domain.NewUser) string) func(*faulty) {
	return func(f *faulty) {
		f.createUser = func(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
			created, err := f.Provider.CreateUser(ctx, user)
			if err != nil {
				err = fmt.Errorf(format, secret(user), err)
			}
			return created, err
		}
	}
}

func username(user domain.NewUser) string { return user.Username.String() }
func email(user domain.NewUser) string    { return user.Email.String() }
func password(user domain.NewUser) string { return user.Password.Reveal() }

// lastPassword makes CreateUser remember the last password. What it returns holds that
// one, or nothing.
func lastPassword[E ~string](f *faulty) func() []E {
	var last atomic.Value
	afterCreate(f, func(_ context.Context, user domain.NewUser, _ *domain.CreatedUser) error {
		last.Store(password(user))
		return nil
	})
	return func() []E {
		if text, ok := last.Load().(string); ok {
			return []E{E(text)}
		}
		return nil
	}
}

// naming adds the name of a user who exists to an error.
func (f *faulty) naming(id domain.UserID, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("user %q: %w", f.userWithID(id).Username, err)
}

func brokenManners() []brokenProvider {
	return []brokenProvider{
		{
			name: "ignores the context",
			fault: func(f *faulty) {
				around(f, func(ctx context.Context, method func(context.Context) error) error {
					return method(context.WithoutCancel(ctx))
				})
			},
			breaks: allObeyContext(),
		},
		{
			name: "takes a deadline for a provider that does not answer",
			fault: func(f *faulty) {
				around(f, func(ctx context.Context, method func(context.Context) error) error {
					if ctx.Err() == context.DeadlineExceeded {
						return &domain.Error{Kind: domain.Timeout, Err: ctx.Err()}
					}
					return method(ctx)
				})
			},
			breaks: allObeyContext(),
		},
		{
			name: "looks at the context when all is done",
			fault: func(f *faulty) {
				aroundWrites(f, func(ctx context.Context, method func(context.Context) error) error {
					if err := method(context.WithoutCancel(ctx)); err != nil {
						return err
					}
					return f.Provider.Check(ctx)
				})
			},
			breaks: writesObeyContext(),
		},
		{
			name: "serves one caller at a time",
			fault: func(f *faulty) {
				var busy atomic.Bool
				around(f, func(ctx context.Context, method func(context.Context) error) error {
					if !busy.CompareAndSwap(false, true) {
						return &domain.Error{Kind: domain.Internal}
					}
					defer busy.Store(false)
					time.Sleep(time.Millisecond) // In a bubble: until every caller has tried.
					return method(ctx)
				})
			},
			breaks: []string{
				"CreateUser/GivesAUsernameToOneOfMany",
				"CreateUser/GivesAnEmailToOneOfMany",
				"Assign/KeepsWhatIsGivenAtTheSameTime",
				"EveryMethod/WorksForManyCallersAtOnce",
				"Unassign/TakesWhatIsTakenAtTheSameTime",
				switchHolds,
				editHolds,
				oneValue,
				roleHolds,
				actionsHold,
			},
		},
		{
			name:   "leaks passwords in causes",
			fault:  leak("%s: %w", password),
			breaks: []string{"EveryMethod/KeepsPasswordsOutOfErrors"},
		},
		{
			name: "leaks passwords in messages",
			fault: func(f *faulty) {
				onRefusal(f, domain.PasswordRefused, func(user domain.NewUser, _ error) (domain.CreatedUser, error) {
					return domain.CreatedUser{}, &domain.Error{Kind: domain.PasswordRefused, Message: password(user) + " is too short."}
				})
			},
			breaks: []string{"EveryMethod/KeepsPasswordsOutOfErrors"},
		},
		{
			name:   "names users in errors",
			fault:  leak("user %s: %w", username),
			breaks: []string{"EveryMethod/KeepsPeopleOutOfErrors"},
		},
		{
			name:   "names addresses in errors",
			fault:  leak("address %s: %w", email),
			breaks: []string{"EveryMethod/KeepsPeopleOutOfErrors"},
		},
		{
			name: "names users in errors of assignments",
			fault: func(f *faulty) {
				f.assign = func(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
					missing, err := f.Provider.Assign(ctx, id, assignment)
					return missing, f.naming(id, err)
				}
			},
			breaks: []string{"EveryMethod/KeepsPeopleOutOfErrors"},
		},
		{
			name: "names users in errors of changes",
			fault: func(f *faulty) {
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					unstored, err := f.Provider.UpdateUser(ctx, id, change)
					return unstored, f.naming(id, err)
				}
			},
			breaks: []string{"EveryMethod/KeepsPeopleOutOfErrors"},
		},
		{
			name: "names a taken address in the error of a change",
			fault: func(f *faulty) {
				onUpdateError(f, domain.EmailConflict, func(_ domain.User, change domain.UserChange, err error) error {
					return fmt.Errorf("%s is taken: %w", change.Email, err)
				})
			},
			breaks: []string{"EveryMethod/KeepsPeopleOutOfErrors"},
		},
		{
			name: "names users in errors of their details",
			fault: func(f *faulty) {
				onDetailsError(f, domain.Unavailable, func(id domain.UserID, err error) (domain.AccountDetails, error) {
					return domain.AccountDetails{}, f.naming(id, err)
				})
			},
			breaks: []string{"EveryMethod/KeepsPeopleOutOfErrors"},
		},
		{
			name: "names users in errors of what is taken from them",
			fault: func(f *faulty) {
				f.unassign = func(ctx context.Context, id domain.UserID, assignment domain.Assignment) error {
					return f.naming(id, f.Provider.Unassign(ctx, id, assignment))
				}
			},
			breaks: []string{"EveryMethod/KeepsPeopleOutOfErrors"},
		},
		{
			name: "leaks passwords in details",
			fault: func(f *faulty) {
				last := lastPassword[string](f)
				alterDetails(f, func(_ domain.User, d *domain.AccountDetails) { d.SecondFactors = append(d.SecondFactors, last()...) })
			},
			breaks: []string{"EveryMethod/KeepsPasswordsOutOfResults", "Details/FindsNoSecondFactorOfANewUser"},
		},
		{
			name: "leaks passwords in answers to changes",
			fault: func(f *faulty) {
				last := lastPassword[domain.Attribute](f)
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					unstored, err := f.Provider.UpdateUser(ctx, id, change)
					if len(unstored) > 0 {
						unstored = append(unstored, last()...)
					}
					return unstored, err
				}
			},
			breaks: []string{"EveryMethod/KeepsPasswordsOutOfResults"},
		},
		{
			name: "leaks passwords in results",
			fault: func(f *faulty) {
				last := lastPassword[domain.RealmRole](f)
				alterMemberships(f, func(m *domain.Memberships) { m.Roles = append(m.Roles, last()...) })
			},
			breaks: []string{"EveryMethod/KeepsPasswordsOutOfResults"},
		},
	}
}
