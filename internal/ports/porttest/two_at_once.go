package porttest

import (
	"context"
	"errors"
	"sync"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

// meetings is how often two calls meet: one meeting may go well by luck.
const meetings = 8

func twoAtOnceClauses() []Clause {
	return []Clause{
		{
			Name:  "SetEnabled/HoldsBesideOtherWrites",
			Why:   "The person has left the bank; a rename at the same moment must not let them in again, nor be lost.",
			Check: setEnabledHoldsBesideOtherWrites,
		},
		{
			Name:  "UpdateUser/HoldsBesideAnotherEdit",
			Why:   "Two administrators at work on one user have both been told that their change is made.",
			Check: updateUserHoldsBesideAnotherEdit,
		},
		{
			Name:  "UpdateUser/LeavesOneOfTwoValues",
			Why:   "An attribute with two values makes a token that nobody understands, and a user whom nobody can change or disable.",
			Check: updateUserLeavesOneOfTwoValues,
		},
		{
			Name:  "UpdateUser/HoldsBesideAnAssignment",
			Why:   "Rights and data are often changed by the same click, and a lost right is noticed by the employee only.",
			Check: updateUserHoldsBesideAnAssignment,
		},
		{
			Name:  "SetRequiredActions/HoldsBesideOtherWrites",
			Why:   "A password change that was forced and then forgotten leaves a known password good.",
			Check: setRequiredActionsHoldsBesideOtherWrites,
		},
	}
}

// write is one of two calls that meet, and what it makes of the user.
type write struct {
	name  string
	call  func(ctx context.Context, id domain.UserID) error
	makes func(user *domain.User)
}

func (s Subject) disabling() write {
	return write{
		"SetEnabled",
		func(ctx context.Context, id domain.UserID) error { return s.Provider.SetEnabled(ctx, id, false) },
		func(user *domain.User) { user.Enabled = false },
	}
}

func (s Subject) editing(change domain.UserChange) write {
	return write{
		"UpdateUser",
		func(ctx context.Context, id domain.UserID) error {
			_, err := s.Provider.UpdateUser(ctx, id, change)
			return err
		},
		func(user *domain.User) { *user = state{User: *user}.changed(change).User },
	}
}

func (s Subject) renaming() write {
	return s.editing(domain.UserChange{FirstName: new("Änne" + uniqueName())})
}

// meet makes two calls at the same moment. One that is incomplete after that is sent
// again, alone.
func (s Subject) meet(t T, id domain.UserID, one, other write) {
	t.Helper()
	both := []write{one, other}
	errs := make([]error, len(both))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, w := range both {
		wg.Go(func() {
			<-start
			errs[i] = w.call(t.Context(), id)
		})
	}
	close(start)
	wg.Wait()
	for i, err := range errs {
		if errors.Is(err, domain.Partial) {
			err = both[i].call(t.Context(), id)
		}
		assert.NoError(t, err, "%s, of %s and %s at the same moment", both[i].name, one.name, other.name)
	}
}

// assertBothHold lets two calls meet at a new user and checks that both are done: they
// would change nothing any more.
func (s Subject) assertBothHold(t T, one, other write) domain.UserID {
	t.Helper()
	user := s.busyUser(uniqueName())
	id := s.addRich(t, user, "")
	s.meet(t, id, one, other)
	got := s.find(t, user.Username)
	got.Attributes = present(got.Attributes)
	want := got
	one.makes(&want)
	other.makes(&want)
	assert.Equal(t, want, got, "%s and %s at the same moment", one.name, other.name)
	return id
}

func setEnabledHoldsBesideOtherWrites(t T, s Subject) {
	logOut := write{"EndSessions", s.Provider.EndSessions, func(*domain.User) {}}
	for range meetings {
		for _, other := range []write{s.renaming(), s.editing(newEmail(t)), logOut} {
			s.assertBothHold(t, s.disabling(), other)
		}
	}
}

func updateUserHoldsBesideAnotherEdit(t T, s Subject) {
	kept := s.kept()
	for range meetings {
		s.assertBothHold(t, s.renaming(), s.editing(domain.UserChange{LastName: new("d'Arc-" + uniqueName())}))
		if len(kept) > 1 {
			one, other := valuesOf(kept[0]), valuesOf(kept[1])
			s.assertBothHold(t, s.editing(domain.UserChange{Attributes: one}), s.editing(domain.UserChange{Attributes: other}))
		}
	}
}

func updateUserLeavesOneOfTwoValues(t T, s Subject) {
	s.requireKept(t)
	name := s.kept()[0]
	for i := range meetings {
		user := s.busyUser(uniqueName())
		id := s.add(t, user)
		one, other := valuesOf(name), valuesOf(name)
		if i%2 == 1 {
			other = one
		}
		s.meet(t, id, s.editing(domain.UserChange{Attributes: one}), s.editing(domain.UserChange{Attributes: other}))
		assert.Contains(t, []string{one[name], other[name]}, s.find(t, user.Username).Attributes[name])

		s.updateUser(t, id, domain.UserChange{FirstName: new("Joan")})
		s.setEnabled(t, id, false)
		got := s.find(t, user.Username)
		assert.Equal(t, "Joan", got.FirstName, "the user can still be changed")
		assert.False(t, got.Enabled, "the user can still be disabled")
	}
}

func updateUserHoldsBesideAnAssignment(t T, s Subject) {
	given := domain.Assignment{Role: s.CompositeRole, Group: s.Group}
	taken := domain.Assignment{Role: s.CarriedRole, Group: s.CarryingGroup}
	give := write{"Assign", func(ctx context.Context, id domain.UserID) error {
		_, err := s.Provider.Assign(ctx, id, given)
		return err
	}, func(*domain.User) {}}
	take := write{"Unassign", func(ctx context.Context, id domain.UserID) error {
		return s.Provider.Unassign(ctx, id, taken)
	}, func(*domain.User) {}}
	for range meetings {
		id := s.assertBothHold(t, s.renaming(), give)
		assert.Contains(t, s.memberships(t, id).Roles, s.CompositeRole, "given beside an edit")
		id = s.assertBothHold(t, s.renaming(), take)
		assert.NotContains(t, s.memberships(t, id).Roles, s.CarriedRole, "taken beside an edit")
	}
}

func setRequiredActionsHoldsBesideOtherWrites(t T, s Subject) {
	actions := []domain.RequiredAction{domain.UpdatePassword}
	force := write{
		"SetRequiredActions",
		func(ctx context.Context, id domain.UserID) error {
			return s.Provider.SetRequiredActions(ctx, id, actions)
		},
		func(user *domain.User) { user.RequiredActions = actions },
	}
	for range meetings {
		for _, other := range []write{s.renaming(), s.disabling()} {
			s.assertBothHold(t, force, other)
		}
	}
}
