package porttest

import (
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func assignClauses() []Clause {
	return []Clause{
		{
			Name:  "Assign/GivesTheRoleAndTheGroup",
			Why:   "A user who is reported as repaired must have what was missing.",
			Check: assignGivesTheRoleAndTheGroup,
		},
		{
			Name:  "Assign/GivesEitherAlone",
			Why:   "A user who lacks one of the two must get that one, and no right beside it.",
			Check: assignGivesEitherAlone,
		},
		{
			Name:  "Assign/ChangesNothingForAUserWhoHasIt",
			Why:   "Two administrators may repair a user at once, and what failed on the way is tried again.",
			Check: assignChangesNothingForAUserWhoHasIt,
		},
		{
			Name:  "Assign/LeavesTheRestAlone",
			Why:   "A repair takes nothing away: neither rights that somebody else gave, nor the password, nor what the user has yet to do.",
			Check: assignLeavesTheRestAlone,
		},
		{
			Name:  "Assign/NamesAMissingGroupAndGoesOnWithoutIt",
			Why:   "The administrator must learn what is missing, and the role helps the employee all the same.",
			Check: assignNamesAMissingGroup,
		},
		{
			Name:  "Assign/GivesNothingForAnUnknownRole",
			Why:   "An assignment that the role map does not mean as it is must not be given by half.",
			Check: assignGivesNothingForAnUnknownRole,
		},
		{
			Name:  "Assign/ReturnsNotFoundForAnUnknownUser",
			Why:   "Nobody was repaired, so nobody must be reported as repaired.",
			Check: assignReturnsNotFound,
		},
		{
			Name:  "Assign/KeepsWhatIsGivenAtTheSameTime",
			Why:   "A provider that writes all of a user's rights back drops what somebody else has just given.",
			Check: assignKeepsWhatIsGivenAtTheSameTime,
		},
	}
}

// assign gives a user who exists a role and a group that the realm has.
func (s Subject) assign(t T, id domain.UserID, assignment domain.Assignment) {
	t.Helper()
	missing, err := s.Provider.Assign(t.Context(), id, assignment)
	require.NoError(t, err, "Assign fails for a user who exists")
	assert.Empty(t, missing, "the group is not missing")
}

// addBare puts a user without a role and a group into the realm.
func (s Subject) addBare(t T, user domain.User, password string) domain.UserID {
	t.Helper()
	id, err := s.AddUser(user, password)
	require.NoError(t, err, "the hook AddUser failed")
	return id
}

func assignGivesTheRoleAndTheGroup(t T, s Subject) {
	id := s.addBare(t, plainUser(uniqueName()), "")
	s.assign(t, id, domain.Assignment{Role: s.Role, Group: s.Group})
	assert.Contains(t, s.memberships(t, id).Roles, s.Role)
	assert.Equal(t, []domain.Group{s.Group}, s.groups(t, id))

	nested := s.addBare(t, plainUser(uniqueName()), "")
	s.assign(t, nested, domain.Assignment{Role: s.CompositeRole, Group: s.CarryingGroup})
	assert.Contains(t, s.memberships(t, nested).Roles, s.CompositeRole)
	assert.Equal(t, []domain.Group{s.CarryingGroup}, s.groups(t, nested))
}

func assignGivesEitherAlone(t T, s Subject) {
	id := s.addBare(t, plainUser(uniqueName()), "")
	s.assign(t, id, domain.Assignment{Role: s.Role})
	assert.Contains(t, s.memberships(t, id).Roles, s.Role)
	assert.Empty(t, s.groups(t, id), "no group was asked for")

	id = s.addBare(t, plainUser(uniqueName()), "")
	s.assign(t, id, domain.Assignment{Group: s.Group})
	assert.Equal(t, []domain.Group{s.Group}, s.groups(t, id))
	assert.NotContains(t, s.memberships(t, id).Roles, s.Role, "no role was asked for")
}

func assignChangesNothingForAUserWhoHasIt(t T, s Subject) {
	user := s.busyUser(uniqueName())
	id := s.add(t, user)
	before := s.state(t, user.Username)
	for _, again := range []domain.Assignment{{Role: s.Role, Group: s.Group}, {Role: s.Role}, {Group: s.Group}} {
		s.assign(t, id, again)
		assert.Equal(t, before, s.state(t, user.Username))
	}
}

func assignLeavesTheRestAlone(t T, s Subject) {
	disabled := s.busyUser(uniqueName())
	disabled.Enabled = false
	bare := domain.User{Username: uniqueName(), Enabled: true}
	for _, user := range []domain.User{s.busyUser(uniqueName()), disabled, bare} {
		id, err := s.AddUser(user, "", domain.Assignment{Role: s.CarriedRole, Group: s.CarryingGroup})
		require.NoError(t, err, "the hook AddUser failed")
		want := s.state(t, user.Username)
		want.Memberships.Roles = sorted(append(want.Memberships.Roles, s.Role))
		want.Memberships.Groups = sorted(append(want.Memberships.Groups, s.Group))
		want.Groups = sorted(append(want.Groups, s.Group))
		want.Privileges = sorted(append(want.Privileges, s.Role))

		s.assign(t, id, domain.Assignment{Role: s.Role, Group: s.Group})
		got := s.state(t, user.Username)
		// Which roles come with the group is the realm's matter.
		assert.Subset(t, got.Details.EffectiveRoles, append(want.Details.EffectiveRoles, s.Role))
		want.Details.EffectiveRoles = got.Details.EffectiveRoles
		assert.Equal(t, want, got)
	}
	s.assignLeavesSignInsAlone(t)
}

// assignLeavesSignInsAlone is the same for the password and for sessions, where the
// subject can look at them.
func (s Subject) assignLeavesSignInsAlone(t T) {
	t.Helper()
	if s.SignIn == nil {
		return
	}
	name, password := uniqueName(), strongPassword()
	id := s.addBare(t, plainUser(name), password)
	alive := s.openSession(t, name, password)
	s.assign(t, id, domain.Assignment{Role: s.Role, Group: s.Group})
	assert.True(t, alive(), "the session goes on")
	outcome, _ := s.SignIn(name, password)
	assert.Equal(t, SignedIn, outcome, "the password is the same and lasts")
}

func assignNamesAMissingGroup(t T, s Subject) {
	for _, role := range []domain.RealmRole{s.Role, ""} {
		name := uniqueName()
		id := s.addBare(t, s.busyUser(name), "")
		want := s.state(t, name)
		if role != "" {
			want.Memberships.Roles = sorted(append(want.Memberships.Roles, role))
			want.Privileges = sorted(append(want.Privileges, role))
			want.Details.EffectiveRoles = sorted(append(want.Details.EffectiveRoles, role))
		}

		missing, err := s.Provider.Assign(t.Context(), id, domain.Assignment{Role: role, Group: s.MissingGroup})
		assert.NoError(t, err, "a missing group is no failure")
		assert.Equal(t, s.MissingGroup, missing)
		assert.Equal(t, want, s.state(t, name))
	}
}

func assignGivesNothingForAnUnknownRole(t T, s Subject) {
	for _, group := range []domain.Group{"", s.Group, s.MissingGroup} {
		name := uniqueName()
		id := s.addBare(t, s.busyUser(name), "")
		before := s.state(t, name)

		missing, err := s.Provider.Assign(t.Context(), id, domain.Assignment{Role: s.MissingRole, Group: group})
		assertKind(t, domain.UnknownRole, err, "the realm lacks the role")
		assert.Zero(t, missing, "an error comes without a group")
		assert.Equal(t, before, s.state(t, name))
	}
}

func assignReturnsNotFound(t T, s Subject) {
	id := s.deletedUser(t)
	for _, assignment := range []domain.Assignment{{Role: s.Role, Group: s.Group}, {Role: s.Role}, {Group: s.Group}} {
		missing, err := s.Provider.Assign(t.Context(), id, assignment)
		assertNotFound(t, err)
		assert.Zero(t, missing, "an error comes without a group")
	}
}

func assignKeepsWhatIsGivenAtTheSameTime(t T, s Subject) {
	id := s.addBare(t, plainUser(uniqueName()), "")
	given := []domain.Assignment{
		{Role: s.Role, Group: s.Group}, {Role: s.Role, Group: s.Group}, {Role: s.CarriedRole}, {Role: s.CompositeRole}, {Group: s.CarryingGroup},
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for _, assignment := range given {
		wg.Go(func() {
			<-start
			_, err := s.Provider.Assign(t.Context(), id, assignment)
			assert.NoError(t, err)
		})
	}
	close(start)
	wg.Wait()
	assert.Subset(t, s.memberships(t, id).Roles, []domain.RealmRole{s.Role, s.CarriedRole, s.CompositeRole})
	assert.ElementsMatch(t, []domain.Group{s.Group, s.CarryingGroup}, s.groups(t, id))
}
