package porttest

import (
	"slices"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func detailsClauses() []Clause {
	return []Clause{
		{
			Name:  "Details/TellsThatAUserIsLocked",
			Why:   "A locked user reads as enabled, so nothing else tells the administrator why the password is refused.",
			Check: detailsTellsThatAUserIsLocked,
		},
		{
			Name:  "Details/TakesADisabledUserForUnlocked",
			Why:   "The administrator would wait for the end of a lock that there is none of.",
			Check: detailsTakesADisabledUserForUnlocked,
		},
		{
			Name:  "Details/ContainsEveryEffectiveRole",
			Why:   "What a user may do is mostly not what was given to the user directly.",
			Check: detailsContainsEveryEffectiveRole,
		},
		{
			Name:  "Details/HoldsNoRolesOfOthers",
			Why:   "A right that the user lacks is no better than one that is missing.",
			Check: detailsHoldsNoRolesOfOthers,
		},
		{
			Name:  "Details/OrdersTheRoles",
			Why:   "Answers that change their order cannot be compared by eye.",
			Check: detailsOrdersTheRoles,
		},
		{
			Name:  "Details/ContainsRealmRolesOnly",
			Why:   "A right of an application among the realm's roles would be taken for one that the realm gives.",
			Check: detailsContainsRealmRolesOnly,
		},
		{
			Name:  "Details/TellsWhetherThereIsAPassword",
			Why:   "An employee who never followed the link of the mail has none, and needs another mail.",
			Check: detailsTellsWhetherThereIsAPassword,
		},
		{
			Name:  "Details/FindsNoSecondFactorOfANewUser",
			Why:   "Otherwise nobody notices who has yet to set one up.",
			Check: detailsFindsNoSecondFactorOfANewUser,
		},
		{
			Name:  "Details/NamesTheSecondFactors",
			Why:   "An employee with a new phone is told which factor has to be set up again.",
			Check: detailsNamesTheSecondFactors,
		},
		{
			Name:  "Details/ReturnsNotFoundForAnUnknownUser",
			Why:   "Empty details would say that the user has no password, where nothing was read at all.",
			Check: detailsReturnsNotFound,
		},
	}
}

// details returns the details of a user who exists.
func (s Subject) details(t T, id domain.UserID) domain.AccountDetails {
	t.Helper()
	details, err := s.Provider.Details(t.Context(), id)
	require.NoError(t, err, "Details fails for a user who exists")
	return details
}

// assertUnlocked checks that no lock is reported.
func (s Subject) assertUnlocked(t T, id domain.UserID, message string) {
	t.Helper()
	details := s.details(t, id)
	assert.False(t, details.Locked, message)
	assert.Zero(t, details.LockedUntil, message)
}

func (s Subject) requireLock(t T) {
	t.Helper()
	if s.Lock == nil {
		t.Skipf("the subject has no hook Lock")
	}
}

func detailsTellsThatAUserIsLocked(t T, s Subject) {
	s.requireLock(t)
	name, other := uniqueName(), uniqueName()
	id := s.addWithPassword(t, plainUser(name), strongPassword())
	bystander := s.addWithPassword(t, plainUser(other), strongPassword())
	s.assertUnlocked(t, id, "nothing has happened yet")

	require.NoError(t, s.Lock(name), "the hook Lock failed")
	details := s.details(t, id)
	assert.True(t, details.Locked)
	if !details.LockedUntil.IsZero() {
		assert.WithinRange(t, details.LockedUntil, time.Now().Add(-clockSlack), time.Now().AddDate(1, 0, 0), "the end of the lock")
	}
	s.assertUnlocked(t, bystander, "somebody else is locked")

	s.setEnabled(t, id, true)
	s.assertUnlocked(t, id, "the lock was lifted")
}

func detailsTakesADisabledUserForUnlocked(t T, s Subject) {
	disabled := plainUser(uniqueName())
	disabled.Enabled = false
	s.assertUnlocked(t, s.addWithPassword(t, disabled, strongPassword()), "the user was added as a disabled one")

	id := s.addWithPassword(t, plainUser(uniqueName()), strongPassword())
	s.setEnabled(t, id, false)
	s.assertUnlocked(t, id, "the user was disabled")
}

func detailsContainsEveryEffectiveRole(t T, s Subject) {
	for _, held := range []struct {
		by    string
		in    domain.Assignment
		roles []domain.RealmRole
	}{
		{"directly", domain.Assignment{Role: s.Role}, []domain.RealmRole{s.Role}},
		{"within a role", domain.Assignment{Role: s.CompositeRole}, []domain.RealmRole{s.CompositeRole, s.CarriedRole}},
		{"by a group", domain.Assignment{Role: s.Role, Group: s.carryingParent()}, []domain.RealmRole{s.Role, s.CarriedRole}},
		{"by the parent of a group", domain.Assignment{Role: s.Role, Group: s.CarryingGroup}, []domain.RealmRole{s.Role, s.CarriedRole}},
	} {
		id := s.addWith(t, held.in.Role, held.in.Group)
		assert.Subset(t, s.details(t, id).EffectiveRoles, held.roles, "held %s", held.by)
	}
}

func detailsHoldsNoRolesOfOthers(t T, s Subject) {
	s.addWith(t, s.CompositeRole, s.CarryingGroup)
	roles := s.details(t, s.addWith(t, s.Role, s.Group)).EffectiveRoles
	assert.NotContains(t, roles, s.CarriedRole)
	assert.NotContains(t, roles, s.CompositeRole)

	bare := s.details(t, s.addBare(t, plainUser(uniqueName()), "")).EffectiveRoles
	assert.NotContains(t, bare, s.Role)
}

func detailsOrdersTheRoles(t T, s Subject) {
	// Whatever the names are, one of the two orders of giving is not the alphabetical one.
	for _, in := range [][]domain.Assignment{{{Role: s.Role}, {Role: s.CompositeRole}}, {{Role: s.CompositeRole}, {Role: s.Role}}} {
		id, err := s.AddUser(plainUser(uniqueName()), "", in...)
		require.NoError(t, err, "the hook AddUser failed")
		roles := s.details(t, id).EffectiveRoles
		assert.Equal(t, sorted(roles), roles, "the roles are in alphabetical order")
		assert.Equal(t, slices.Compact(sorted(roles)), roles, "each role is there once")
	}
}

func detailsContainsRealmRolesOnly(t T, s Subject) {
	s.requireAdministratorRole(t)
	id := s.addWith(t, s.AdministratorRole, s.Group)
	roles := s.details(t, id).EffectiveRoles
	assert.Contains(t, roles, s.AdministratorRole, "the role itself is a role like others")
	for _, right := range s.privileges(t, id) {
		assert.NotContains(t, roles, right, "a right to administer is no role of the realm")
	}
}

func detailsTellsWhetherThereIsAPassword(t T, s Subject) {
	assert.True(t, s.details(t, s.addWithPassword(t, plainUser(uniqueName()), strongPassword())).HasPassword, "a user with a password")
	assert.False(t, s.details(t, s.add(t, plainUser(uniqueName()))).HasPassword, "a user without one")
	assert.True(t, s.details(t, s.create(t, s.newUser(t, uniqueName())).ID).HasPassword, "a user with a temporary one")
}

func detailsFindsNoSecondFactorOfANewUser(t T, s Subject) {
	user := s.newUser(t, uniqueName())
	user.RequiredActions = []domain.RequiredAction{domain.RegisterSecondFactor}
	assert.Empty(t, s.details(t, s.create(t, user).ID).SecondFactors, "a user who has yet to set one up")
	assert.Empty(t, s.details(t, s.addWithPassword(t, plainUser(uniqueName()), strongPassword())).SecondFactors, "a user with a password")
	assert.Empty(t, s.details(t, s.add(t, plainUser(uniqueName()))).SecondFactors, "a user without one")
}

func detailsNamesTheSecondFactors(t T, s Subject) {
	if s.AddSecondFactor == nil {
		t.Skipf("the subject has no hook AddSecondFactor")
	}
	for _, password := range []string{"", strongPassword()} {
		id := s.addWithPassword(t, plainUser(uniqueName()), password)
		for range 2 { // The second is a second device.
			kind, err := s.AddSecondFactor(id)
			require.NoError(t, err, "the hook AddSecondFactor failed")
			details := s.details(t, id)
			assert.Equal(t, []string{kind}, details.SecondFactors)
			assert.Equal(t, password != "", details.HasPassword, "a second factor is no password")
		}
	}
}

// addSecondFactor gives the user a second factor, where the subject can do so.
func (s Subject) addSecondFactor(t T, id domain.UserID) {
	t.Helper()
	if s.AddSecondFactor != nil {
		_, err := s.AddSecondFactor(id)
		require.NoError(t, err, "the hook AddSecondFactor failed")
	}
}

func detailsReturnsNotFound(t T, s Subject) {
	details, err := s.Provider.Details(t.Context(), s.deletedUser(t))
	assertNotFound(t, err)
	assert.Zero(t, details, "an error comes without details")
}
