package porttest_test

import (
	"context"
	"errors"

	"user-sync-service/internal/domain"
)

// shortPassword is the password that the suite wants refused.
const shortPassword = "zQ9!"

// onRefusal makes CreateUser do something about a refusal of the kind.
func onRefusal(f *faulty, kind domain.Kind, react func(user domain.NewUser, refusal error) (domain.CreatedUser, error)) {
	f.createUser = func(ctx context.Context, user domain.NewUser) (domain.CreatedUser, error) {
		created, err := f.Provider.CreateUser(ctx, user)
		if errors.Is(err, kind) {
			return react(user, err)
		}
		return created, err
	}
}

// leaveBehind puts the user into the realm under its username, or its address, or
// both: whatever is free.
func (f *faulty) leaveBehind(user domain.NewUser) {
	rest := domain.User{Username: user.Username.String(), Email: user.Email.String()}
	_, err := f.AddUser(rest, "")
	switch {
	case errors.Is(err, domain.EmailConflict):
		rest.Email = ""
	case errors.Is(err, domain.UsernameConflict):
		rest.Username = "rest-of-" + user.Email.String()
	}
	if err != nil {
		f.AddUser(rest, "")
	}
}

// leavesBehind makes CreateUser leave something of the user behind after a refusal.
func leavesBehind(kind domain.Kind) func(*faulty) {
	return func(f *faulty) {
		onRefusal(f, kind, func(user domain.NewUser, refusal error) (domain.CreatedUser, error) {
			f.leaveBehind(user)
			return domain.CreatedUser{}, refusal
		})
	}
}

// turns makes CreateUser return another kind than it should.
func turns(from, into domain.Kind) func(*faulty) {
	return func(f *faulty) {
		onRefusal(f, from, func(domain.NewUser, error) (domain.CreatedUser, error) {
			return domain.CreatedUser{}, &domain.Error{Kind: into}
		})
	}
}

func brokenRefusals() []brokenProvider {
	return []brokenProvider{
		{
			name:   "leaves a user without a role behind",
			fault:  leavesBehind(domain.UnknownRole),
			breaks: []string{"CreateUser/LeavesNothingBehindForAnUnknownRole"},
		},
		{
			name:   "leaves a user without a password behind",
			fault:  leavesBehind(domain.PasswordRefused),
			breaks: []string{"CreateUser/LeavesNothingBehindForARefusedPassword"},
		},
		{
			name:  "leaves a user with refused names behind",
			fault: leavesBehind(domain.InvalidField),
			breaks: []string{
				"CreateUser/LeavesNothingBehindForARefusedField",
				"CreateUser/NamesTheRefusedAttribute",
			},
		},
		{
			name:   "leaves a user without an address behind",
			fault:  leavesBehind(domain.EmailConflict),
			breaks: []string{"CreateUser/LeavesNothingBehindForATakenEmail", "CreateUser/GivesAnEmailToOneOfMany"},
		},
		{
			name: "creates users without an unknown role",
			fault: func(f *faulty) {
				onRefusal(f, domain.UnknownRole, func(user domain.NewUser, _ error) (domain.CreatedUser, error) {
					user.Assignment.Role = otherRole
					return f.Provider.CreateUser(context.Background(), user)
				})
			},
			breaks: []string{
				"CreateUser/RefusesAnUnknownRole",
				"CreateUser/LeavesNothingBehindForAnUnknownRole",
			},
		},
		{
			name:   "takes an unknown role for a missing user",
			fault:  turns(domain.UnknownRole, domain.NotFound),
			breaks: []string{"CreateUser/RefusesAnUnknownRole"},
		},
		{
			name: "returns a user together with a refusal",
			fault: func(f *faulty) {
				onRefusal(f, domain.UnknownRole, func(_ domain.NewUser, refusal error) (domain.CreatedUser, error) {
					return domain.CreatedUser{ID: "half-made"}, refusal
				})
			},
			breaks: []string{"CreateUser/RefusesAnUnknownRole"},
		},
		{
			name:  "takes a refused password for an invalid field",
			fault: turns(domain.PasswordRefused, domain.InvalidField),
			breaks: []string{
				"CreateUser/RefusesAPasswordAgainstThePolicy",
				"PasswordPolicy/IsCurrentAfterARefusedPassword",
			},
		},
		{
			name: "wraps the kind into another one",
			fault: func(f *faulty) {
				onRefusal(f, domain.PasswordRefused, func(_ domain.NewUser, refusal error) (domain.CreatedUser, error) {
					return domain.CreatedUser{}, &domain.Error{Kind: domain.Internal, Err: refusal}
				})
			},
			breaks: []string{
				"CreateUser/RefusesAPasswordAgainstThePolicy",
				"PasswordPolicy/IsCurrentAfterARefusedPassword",
			},
		},
		{
			name:  "does not say which field is invalid",
			fault: turns(domain.InvalidField, domain.InvalidField),
			breaks: []string{
				"CreateUser/NamesTheRefusedField",
				"CreateUser/NamesTheRefusedAttribute",
			},
		},
		{
			name:  "takes an invalid field for a failure",
			fault: turns(domain.InvalidField, domain.Internal),
			breaks: []string{
				"CreateUser/NamesTheRefusedField",
				"CreateUser/NamesTheRefusedAttribute",
			},
		},
		{
			name:  "takes every conflict for one of the address",
			fault: turns(domain.UsernameConflict, domain.EmailConflict),
			breaks: []string{
				"CreateUser/RefusesATakenUsername",
				"CreateUser/GivesAUsernameToOneOfMany",
			},
		},
		{
			name:  "takes every conflict for one of the username",
			fault: turns(domain.EmailConflict, domain.UsernameConflict),
			breaks: []string{
				"CreateUser/RefusesATakenEmail",
				"CreateUser/GivesAnEmailToOneOfMany",
				"UpdateUser/FreesTheOldEmail",
			},
		},
		{
			name: "compares taken usernames by letter case",
			fault: func(f *faulty) {
				onRefusal(f, domain.UsernameConflict, func(user domain.NewUser, refusal error) (domain.CreatedUser, error) {
					for _, existing := range f.Users() {
						if existing.Username == user.Username.String() {
							return domain.CreatedUser{}, refusal
						}
					}
					return domain.CreatedUser{ID: "second-spelling"}, nil
				})
			},
			breaks: []string{"CreateUser/RefusesATakenUsername"},
		},
		{
			name: "compares taken addresses by letter case",
			fault: func(f *faulty) {
				onRefusal(f, domain.EmailConflict, func(user domain.NewUser, refusal error) (domain.CreatedUser, error) {
					for _, existing := range f.Users() {
						if existing.Email == user.Email.String() {
							return domain.CreatedUser{}, refusal
						}
					}
					return domain.CreatedUser{ID: "second-spelling"}, nil
				})
			},
			breaks: []string{"CreateUser/RefusesATakenEmail"},
		},
		{
			name: "fails when username and address are taken",
			fault: func(f *faulty) {
				onRefusal(f, domain.EmailConflict, func(user domain.NewUser, refusal error) (domain.CreatedUser, error) {
					if _, err := f.Provider.FindUser(context.Background(), user.Username.Username); err == nil {
						return domain.CreatedUser{}, &domain.Error{Kind: domain.BadAnswer}
					}
					return domain.CreatedUser{}, refusal
				})
			},
			breaks: []string{"CreateUser/RefusesWhenBothAreTaken"},
		},
		{
			name: "updates the user who stands in the way",
			fault: func(f *faulty) {
				onRefusal(f, domain.UsernameConflict, func(user domain.NewUser, refusal error) (domain.CreatedUser, error) {
					existing, err := f.Provider.FindUser(context.Background(), user.Username.Username)
					if err == nil {
						err = f.Provider.SetRequiredActions(context.Background(), existing.ID, user.RequiredActions)
					}
					return domain.CreatedUser{}, errors.Join(refusal, err)
				})
			},
			breaks: []string{"CreateUser/LeavesTheExistingUserAlone"},
		},
	}
}
