package porttest

import (
	"slices"
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func unassignClauses() []Clause {
	return []Clause{
		{
			Name:  "Unassign/TakesTheRoleAndTheGroup",
			Why:   "Whoever has changed the job keeps the rights of the old one otherwise.",
			Check: unassignTakesTheRoleAndTheGroup,
		},
		{
			Name:  "Unassign/TakesEitherAlone",
			Why:   "The old and the new job may have the role or the group in common.",
			Check: unassignTakesEitherAlone,
		},
		{
			Name:  "Unassign/LeavesTheRestAlone",
			Why:   "Rights that somebody else gave are none of the program's business, nor is the password.",
			Check: unassignLeavesTheRestAlone,
		},
		{
			Name:  "Unassign/PassesOverWhatTheUserLacks",
			Why:   "Every right that any job can give is taken away, of which the user has few.",
			Check: unassignPassesOverWhatTheUserLacks,
		},
		{
			Name:  "Unassign/PassesOverWhatTheRealmLacks",
			Why:   "One role map serves every realm, and a role that a realm lacks nobody can hold.",
			Check: unassignPassesOverWhatTheRealmLacks,
		},
		{
			Name:  "Unassign/LeavesARoleOfAGroup",
			Why:   "Whoever takes the group away for the sake of its role takes what else the group gives.",
			Check: unassignLeavesARoleOfAGroup,
		},
		{
			Name:  "Unassign/LeavesARoleWithinARole",
			Why:   "Whoever takes the outer role away for the sake of the inner one takes what else it gives.",
			Check: unassignLeavesARoleWithinARole,
		},
		{
			Name:  "Unassign/ReturnsNotFoundForAnUnknownUser",
			Why:   "Nothing was taken from anybody, so nothing must be reported as taken.",
			Check: unassignReturnsNotFound,
		},
		{
			Name:  "Unassign/TakesWhatIsTakenAtTheSameTime",
			Why:   "Two administrators may change a user at once, and the second one has got what was asked for.",
			Check: unassignTakesWhatIsTakenAtTheSameTime,
		},
	}
}

// unassign takes a role and a group away from a user who exists.
func (s Subject) unassign(t T, id domain.UserID, assignment domain.Assignment) {
	t.Helper()
	require.NoError(t, s.Provider.Unassign(t.Context(), id, assignment), "Unassign fails for a user who exists")
}

// addRich puts a user with two roles and two groups into the realm.
func (s Subject) addRich(t T, user domain.User, password string) domain.UserID {
	t.Helper()
	id, err := s.AddUser(user, password, domain.Assignment{Role: s.Role, Group: s.Group}, domain.Assignment{Role: s.CarriedRole, Group: s.CarryingGroup})
	require.NoError(t, err, "the hook AddUser failed")
	return id
}

// assertHolds checks the roles given directly, of those that the suite gives, and the
// groups.
func (s Subject) assertHolds(t T, id domain.UserID, roles []domain.RealmRole, groups []domain.Group) {
	t.Helper()
	held := s.memberships(t, id).Roles
	for _, role := range []domain.RealmRole{s.Role, s.CarriedRole, s.CompositeRole} {
		if slices.Contains(roles, role) {
			assert.Contains(t, held, role)
		} else {
			assert.NotContains(t, held, role)
		}
	}
	assert.ElementsMatch(t, groups, s.groups(t, id))
}

func unassignTakesTheRoleAndTheGroup(t T, s Subject) {
	id := s.addRich(t, plainUser(uniqueName()), "")
	s.unassign(t, id, domain.Assignment{Role: s.Role, Group: s.Group})
	s.assertHolds(t, id, []domain.RealmRole{s.CarriedRole}, []domain.Group{s.CarryingGroup})
	s.unassign(t, id, domain.Assignment{Role: s.CarriedRole, Group: s.CarryingGroup})
	s.assertHolds(t, id, nil, nil)
	assert.Empty(t, s.privileges(t, id, s.Role, s.CarriedRole), "no right is left")
}

func unassignTakesEitherAlone(t T, s Subject) {
	id := s.addRich(t, plainUser(uniqueName()), "")
	s.unassign(t, id, domain.Assignment{Role: s.CarriedRole})
	s.assertHolds(t, id, []domain.RealmRole{s.Role}, []domain.Group{s.Group, s.CarryingGroup})

	id = s.addRich(t, plainUser(uniqueName()), "")
	s.unassign(t, id, domain.Assignment{Group: s.CarryingGroup})
	s.assertHolds(t, id, []domain.RealmRole{s.Role, s.CarriedRole}, []domain.Group{s.Group})
}

func unassignLeavesTheRestAlone(t T, s Subject) {
	bystander := uniqueName()
	s.addRich(t, plainUser(bystander), "")
	others := s.state(t, bystander)
	disabled := s.busyUser(uniqueName())
	disabled.Enabled = false
	bare := domain.User{Username: uniqueName(), Enabled: true}
	for _, user := range []domain.User{s.busyUser(uniqueName()), disabled, bare} {
		id := s.addRich(t, user, "")
		want := s.state(t, user.Username)
		s.unassign(t, id, domain.Assignment{Role: s.Role, Group: s.Group})
		got := s.state(t, user.Username)
		want.Memberships.Roles = without(want.Memberships.Roles, s.Role)
		want.Memberships.Groups = without(want.Memberships.Groups, s.Group)
		want.Groups = without(want.Groups, s.Group)
		want.Privileges = without(want.Privileges, s.Role)
		// Which roles the group gave beside the role is the realm's matter.
		assert.Subset(t, want.Details.EffectiveRoles, got.Details.EffectiveRoles)
		assert.Contains(t, got.Details.EffectiveRoles, s.CarriedRole)
		want.Details.EffectiveRoles = got.Details.EffectiveRoles
		assert.Equal(t, want, got)
	}
	assert.Equal(t, others, s.state(t, bystander), "nothing is taken from anybody else")
	s.unassignLeavesSignInsAlone(t)
}

// unassignLeavesSignInsAlone is the same for the password and for sessions, where the
// subject can look at them.
func (s Subject) unassignLeavesSignInsAlone(t T) {
	t.Helper()
	if s.SignIn == nil {
		return
	}
	name, password := uniqueName(), strongPassword()
	id := s.addRich(t, plainUser(name), password)
	alive := s.openSession(t, name, password)
	s.unassign(t, id, domain.Assignment{Role: s.Role, Group: s.Group})
	assert.True(t, alive(), "the session goes on")
	outcome, _ := s.SignIn(name, password)
	assert.Equal(t, SignedIn, outcome, "the password is the same and lasts")
}

// without returns the list but for one entry.
func without[E comparable](list []E, entry E) []E {
	return slices.DeleteFunc(slices.Clone(list), func(e E) bool { return e == entry })
}

func unassignPassesOverWhatTheUserLacks(t T, s Subject) {
	name := uniqueName()
	id := s.add(t, s.busyUser(name))
	before := s.state(t, name)
	for _, lacked := range []domain.Assignment{
		{},
		{Role: s.CarriedRole, Group: s.CarryingGroup},
		{Role: s.CompositeRole},
		{Group: s.CarryingGroup},
		{Group: s.carryingParent()},
	} {
		s.unassign(t, id, lacked)
		assert.Equal(t, before, s.state(t, name), "role %q, group %q", lacked.Role, lacked.Group)
	}

	// Half of it.
	s.unassign(t, id, domain.Assignment{Role: s.Role, Group: s.CarryingGroup})
	s.assertHolds(t, id, nil, []domain.Group{s.Group})
	id = s.add(t, plainUser(uniqueName()))
	s.unassign(t, id, domain.Assignment{Role: s.CarriedRole, Group: s.Group})
	s.assertHolds(t, id, []domain.RealmRole{s.Role}, nil)
}

func unassignPassesOverWhatTheRealmLacks(t T, s Subject) {
	name := uniqueName()
	id := s.add(t, s.busyUser(name))
	before := s.state(t, name)
	for _, lacked := range []domain.Assignment{
		{Role: s.MissingRole, Group: s.MissingGroup},
		{Role: s.MissingRole},
		{Group: s.MissingGroup},
		{Group: s.CarryingGroup + "/" + s.MissingGroup},
	} {
		s.unassign(t, id, lacked)
		assert.Equal(t, before, s.state(t, name), "role %q, group %q", lacked.Role, lacked.Group)
	}

	// Half of it.
	s.unassign(t, id, domain.Assignment{Role: s.Role, Group: s.MissingGroup})
	s.assertHolds(t, id, nil, []domain.Group{s.Group})
	id = s.add(t, plainUser(uniqueName()))
	s.unassign(t, id, domain.Assignment{Role: s.MissingRole, Group: s.Group})
	s.assertHolds(t, id, []domain.RealmRole{s.Role}, nil)
}

func unassignLeavesARoleOfAGroup(t T, s Subject) {
	for _, group := range []domain.Group{s.CarryingGroup, s.carryingParent()} {
		// Once the role comes by the group alone, once it was given as well.
		for _, role := range []domain.RealmRole{s.Role, s.CarriedRole} {
			id := s.addWith(t, role, group)
			s.unassign(t, id, domain.Assignment{Role: s.CarriedRole})
			assert.Equal(t, []domain.RealmRole{s.CarriedRole}, s.privileges(t, id, s.CarriedRole), "the group still gives it")
			s.assertHolds(t, id, without([]domain.RealmRole{role}, s.CarriedRole), []domain.Group{group})
		}
	}

	// The groups above are not the user's, so they cannot be left.
	id := s.addWith(t, s.Role, s.CarryingGroup)
	s.unassign(t, id, domain.Assignment{Group: s.carryingParent()})
	s.assertHolds(t, id, []domain.RealmRole{s.Role}, []domain.Group{s.CarryingGroup})
}

func unassignLeavesARoleWithinARole(t T, s Subject) {
	id := s.addWith(t, s.CompositeRole, s.Group)
	s.unassign(t, id, domain.Assignment{Role: s.CarriedRole})
	assert.Equal(t, []domain.RealmRole{s.CarriedRole}, s.privileges(t, id, s.CarriedRole), "the other role still gives it")
	s.assertHolds(t, id, []domain.RealmRole{s.CompositeRole}, []domain.Group{s.Group})
}

func unassignReturnsNotFound(t T, s Subject) {
	id := s.deletedUser(t)
	for _, assignment := range []domain.Assignment{
		{Role: s.Role, Group: s.Group}, {Role: s.Role}, {Group: s.Group},
		{Role: s.MissingRole, Group: s.MissingGroup}, {Role: s.MissingRole}, {Group: s.MissingGroup}, {},
	} {
		err := s.Provider.Unassign(t.Context(), id, assignment)
		assertKind(t, domain.NotFound, err, "there is no user with the id; role %q, group %q", assignment.Role, assignment.Group)
	}
}

func unassignTakesWhatIsTakenAtTheSameTime(t T, s Subject) {
	const callers = 4
	id := s.addRich(t, plainUser(uniqueName()), "")
	start := make(chan struct{})
	var wg sync.WaitGroup
	for range callers {
		for _, assignment := range []domain.Assignment{{Role: s.Role, Group: s.Group}, {Role: s.CarriedRole, Group: s.CarryingGroup}} {
			wg.Go(func() {
				<-start
				assert.NoError(t, s.Provider.Unassign(t.Context(), id, assignment))
			})
		}
	}
	close(start)
	wg.Wait()
	s.assertHolds(t, id, nil, nil)
}
