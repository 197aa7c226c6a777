package porttest

import (
	"errors"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func findUserClauses() []Clause {
	return []Clause{
		{
			Name:  "FindUser/ReturnsEveryField",
			Why:   "The state of a user is shown to administrators, and use cases decide by it.",
			Check: findUserReturnsEveryField,
		},
		{
			Name:  "FindUser/ReturnsNotFoundForAMissingUser",
			Why:   "A zero user without an error would be taken for a person.",
			Check: findUserReturnsNotFound,
		},
		{
			Name:  "FindUser/IgnoresLetterCase",
			Why:   "The provider tells no usernames apart by letter case, so a search that does misses a user who exists.",
			Check: findUserIgnoresLetterCase,
		},
		{
			Name:  "FindUser/FindsNoPartOfAName",
			Why:   "With a search by parts a request for \"ann\" disables \"annabel\".",
			Check: findUserFindsNoPartOfAName,
		},
		{
			Name:  "FindUser/ReadsNoPatterns",
			Why:   "Providers search with wildcards; a name that happens to be one must not find another person.",
			Check: findUserReadsNoPatterns,
		},
		{
			Name:  "FindUser/FindsNoEmailAddress",
			Why:   "Usernames identify employees; an address may belong to somebody else's account.",
			Check: findUserFindsNoEmailAddress,
		},
		{
			Name:  "FindUser/FindsUsersFromBeforeAddressesWereUsernames",
			Why:   "They sign in by their earlier name and by the address; whoever is not found cannot be switched off.",
			Check: findUserFindsUsersFromBefore,
		},
		{
			Name:  "FindUser/TakesNamesLiterally",
			Why:   "A name that is read as a path or as a query asks the provider for something else.",
			Check: findUserTakesNamesLiterally,
		},
		{
			Name:  "FindUser/ReturnsTheAttributes",
			Why:   "Administrators compare them with Fineract, and see there which office an employee belongs to.",
			Check: findUserReturnsTheAttributes,
		},
		{
			Name:  "FindUser/KnowsWhenAUserWasCreated",
			Why:   "Administrators look for accounts that nobody has used for a long time.",
			Check: findUserKnowsWhenAUserWasCreated,
		},
		{
			Name:  "FindUser/KnowsTheUsersItHasCreated",
			Why:   "Only users of its own are repaired; one who is not known any more stays without a role.",
			Check: findUserKnowsTheUsersItHasCreated,
		},
		{
			Name:  "FindUser/TakesNobodyElsesUserForItsOwn",
			Why:   "The service would change an account that somebody else looks after.",
			Check: findUserTakesNobodyElsesUserForItsOwn,
		},
	}
}

func findUserReturnsEveryField(t T, s Subject) {
	full := s.busyUser(uniqueName())
	bare := domain.User{Username: uniqueName()} // disabled, no address, no names
	for _, want := range []domain.User{full, bare} {
		want.ID = s.add(t, want)
		got := s.find(t, want.Username)

		assert.ElementsMatch(t, want.RequiredActions, got.RequiredActions)
		want.RequiredActions, got.RequiredActions = nil, nil
		// Other clauses look at these.
		want.Attributes, got.Attributes, got.CreatedAt = nil, nil, time.Time{}
		assert.Equal(t, want, got)
	}
}

func findUserReturnsNotFound(t T, s Subject) {
	user, err := s.Provider.FindUser(t.Context(), parseUsername(t, uniqueName()))
	assertKind(t, domain.NotFound, err, "nobody has the username")
	assert.Zero(t, user, "an error comes without a user")
}

func findUserIgnoresLetterCase(t T, s Subject) {
	name := uniqueName()
	id := s.add(t, plainUser(name))
	for _, spelling := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:3]) + name[3:]} {
		user, err := s.Provider.FindUser(t.Context(), parseUsername(t, spelling))
		if assert.NoError(t, err, "spelling %q", spelling) {
			assert.Equal(t, id, user.ID, "spelling %q", spelling)
		}
	}
}

func findUserFindsNoPartOfAName(t T, s Subject) {
	name := uniqueName()
	s.add(t, plainUser("before-"+name))
	s.add(t, plainUser(name+"-after"))
	s.add(t, plainUser("before-"+name+"-after"))
	s.assertAbsent(t, name)

	id := s.add(t, plainUser(name))
	assert.Equal(t, id, s.find(t, name).ID, "the exact name goes before longer ones")
}

func findUserReadsNoPatterns(t T, s Subject) {
	name := uniqueName()
	s.add(t, plainUser(name))
	most := name[:len(name)-1]
	for _, pattern := range []string{most + "_", most + "%", most + "*", most + "?", most + ".", most + ".*", "%" + name[1:], `"` + name + `"`} {
		s.assertAbsent(t, pattern)
	}
}

func findUserFindsNoEmailAddress(t T, s Subject) {
	name := uniqueName()
	s.add(t, plainUser(name))
	s.assertAbsent(t, emailOf(name))
}

func findUserFindsUsersFromBefore(t T, s Subject) {
	if s.NameByAddress == nil {
		t.Skipf("the subject has no hook NameByAddress")
	}
	name, moved, other := uniqueName(), uniqueName(), uniqueName()
	id := s.add(t, plainUser(name))
	mover := plainUser(emailOf(moved)) // under another address than today's
	mover.Email = "new." + emailOf(moved)
	moverID := s.add(t, mover)
	s.add(t, plainUser(other))
	require.NoError(t, s.NameByAddress(), "the hook NameByAddress failed")

	for _, spelling := range []string{name, strings.ToUpper(name), emailOf(name), strings.ToUpper(emailOf(name))} {
		assert.Equal(t, id, s.find(t, spelling).ID, "spelling %q", spelling)
	}
	for _, spelling := range []string{emailOf(moved), mover.Email} {
		assert.Equal(t, moverID, s.find(t, spelling).ID, "spelling %q", spelling)
	}
	for _, nobody := range []string{name[:len(name)-1], moved, emailOf(name)[1:], emailOf(name) + "x", emailOf(uniqueName())} {
		s.assertAbsent(t, nobody)
	}
	s.setEnabled(t, id, false)
	assert.False(t, s.find(t, emailOf(name)).Enabled, "the write reaches the user")
	assert.True(t, s.find(t, other).Enabled, "and nobody else")
}

func findUserTakesNamesLiterally(t T, s Subject) {
	name := uniqueName()
	s.add(t, plainUser(name))
	hostile := []string{
		"..", "../" + name, "./" + name, name + "/", name + "/..", "/" + name, name + "%2F",
		"?username=" + name, name + "?", name + "&enabled=true", name + "#", "x&username=" + name,
		name + "\\", name + ";", strings.Replace(name, "u", "%75", 1), strings.Repeat("x", 255),
	}
	for _, spelling := range hostile {
		s.assertAbsent(t, spelling)
	}

	for _, odd := range []string{name + "+b@c.de", name + ".-_", "ü" + name} {
		user := s.newUser(t, uniqueName())
		user.Username = parseNewUsername(t, odd)
		created, err := s.Provider.CreateUser(t.Context(), user)
		if errors.Is(err, domain.InvalidField) {
			continue // A realm may refuse such names.
		}
		require.NoError(t, err, "username %q", odd)
		assert.Equal(t, created.ID, s.find(t, odd).ID, "username %q", odd)
	}
}

func findUserReturnsTheAttributes(t T, s Subject) {
	s.requireKept(t)
	for _, names := range [][]domain.Attribute{s.kept(), nil, s.kept()[:1]} {
		user := plainUser(uniqueName())
		user.Attributes = valuesOf(names...)
		s.add(t, user)
		s.assertAttributes(t, user.Attributes, user.Username, "the attributes are those of the user")
	}
}

func findUserKnowsWhenAUserWasCreated(t T, s Subject) {
	name := uniqueName()
	before := time.Now()
	created := s.create(t, s.newUser(t, name))
	after := time.Now()
	at := s.find(t, name).CreatedAt
	assert.WithinRange(t, at, before.Add(-clockSlack), after.Add(clockSlack), "it was during CreateUser")

	s.setEnabled(t, created.ID, false)
	assert.Equal(t, at, s.find(t, name).CreatedAt, "a write does not make the user a new one")
}

func findUserKnowsTheUsersItHasCreated(t T, s Subject) {
	if !s.KeepsMarks {
		t.Skipf("the subject has no KeepsMarks")
	}
	name := uniqueName()
	created := s.create(t, s.newUser(t, name))
	assert.True(t, s.find(t, name).Managed, "a user who was just created")

	// Whatever is written to the user later, by whom it was created stays.
	s.assign(t, created.ID, domain.Assignment{Role: s.CarriedRole, Group: s.CarryingGroup})
	assert.True(t, s.find(t, name).Managed, "after Assign")
	s.setEnabled(t, created.ID, false)
	s.setEnabled(t, created.ID, true)
	assert.True(t, s.find(t, name).Managed, "after SetEnabled")
	s.setRequiredActions(t, created.ID, secondFactor)
	assert.True(t, s.find(t, name).Managed, "after SetRequiredActions")
	s.unassign(t, created.ID, domain.Assignment{Role: s.Role, Group: s.Group})
	assert.True(t, s.find(t, name).Managed, "after Unassign")
	s.updateUser(t, created.ID, s.everything(t))
	assert.True(t, s.find(t, name).Managed, "after UpdateUser")
	require.NoError(t, s.Provider.EndSessions(t.Context(), created.ID))
	assert.True(t, s.find(t, name).Managed, "after EndSessions")
}

func findUserTakesNobodyElsesUserForItsOwn(t T, s Subject) {
	name := uniqueName()
	id := s.add(t, s.busyUser(name))
	assert.False(t, s.find(t, name).Managed, "a user whom somebody else has added")

	s.assign(t, id, domain.Assignment{Role: s.CarriedRole, Group: s.CarryingGroup})
	s.setEnabled(t, id, false)
	s.setRequiredActions(t, id, domain.UpdatePassword)
	s.unassign(t, id, domain.Assignment{Role: s.CarriedRole, Group: s.CarryingGroup})
	s.updateUser(t, id, s.everything(t))
	assert.False(t, s.find(t, name).Managed, "a write does not make the user its own")
}
