package porttest

import (
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func updateUserClauses() []Clause {
	return []Clause{
		{
			Name:  "UpdateUser/ChangesEachFieldAlone",
			Why:   "A provider that reads what is not named as empty takes the names away when the address changes.",
			Check: updateUserChangesEachFieldAlone,
		},
		{
			Name:  "UpdateUser/ChangesEverythingAtOnce",
			Why:   "A change that is reported as made must have been made as a whole.",
			Check: updateUserChangesEverythingAtOnce,
		},
		{
			Name:  "UpdateUser/ChangesNothingUnnamed",
			Why:   "The program asks for what was sent, which may be nothing that an account has.",
			Check: updateUserChangesNothingUnnamed,
		},
		{
			Name:  "UpdateUser/MakesANewEmailUnverified",
			Why:   "An address that somebody else has chosen would prove who the user is; that of everybody else, sent back as it is, must not stop to.",
			Check: updateUserMakesANewEmailUnverified,
		},
		{
			Name:  "UpdateUser/TakesNamesAway",
			Why:   "A name that cannot be taken away stays wrong for ever.",
			Check: updateUserTakesNamesAway,
		},
		{
			Name:  "UpdateUser/TakesAttributesAway",
			Why:   "Tokens go on carrying what the employee has no more.",
			Check: updateUserTakesAttributesAway,
		},
		{
			Name:  "UpdateUser/NamesAttributesThatTheRealmDoesNotKeep",
			Why:   "Providers drop them in silence; the administrator would never learn why tokens lack them.",
			Check: updateUserNamesUnkeptAttributes,
		},
		{
			Name:  "UpdateUser/LeavesTheRestAlone",
			Why:   "A correction of a name gives and takes no rights, lets nobody in and keeps nobody out.",
			Check: updateUserLeavesTheRestAlone,
		},
		{
			Name:  "UpdateUser/LeavesSignInsAlone",
			Why:   "Nobody is thrown out, nor gets another password, for a new name.",
			Check: updateUserLeavesSignInsAlone,
		},
		{
			Name:  "UpdateUser/LeavesALock",
			Why:   "A provider that writes the whole user back enables the user, which lifts the lock that keeps a guesser out.",
			Check: updateUserLeavesALock,
		},
		{
			Name:  "UpdateUser/FreesTheOldEmail",
			Why:   "The address of somebody who has married must be free for the next employee of that name, and the new one taken.",
			Check: updateUserFreesTheOldEmail,
		},
		{
			Name:  "UpdateUser/ReturnsNotFoundForAnUnknownUser",
			Why:   "A change that was made to nobody must not be reported as made.",
			Check: updateUserReturnsNotFound,
		},
	}
}

// updateUser changes a user who exists as the realm allows.
func (s Subject) updateUser(t T, id domain.UserID, change domain.UserChange) (unstored []domain.Attribute) {
	t.Helper()
	unstored, err := s.Provider.UpdateUser(t.Context(), id, change)
	require.NoError(t, err, "UpdateUser refuses a sound change")
	return unstored
}

// newEmail returns a change of the e-mail address to one that nobody has.
func newEmail(t T) domain.UserChange {
	t.Helper()
	return domain.UserChange{Email: new(parseEmail(t, emailOf(uniqueName())))}
}

// everything returns a change of all that can be changed and that the realm keeps.
func (s Subject) everything(t T) domain.UserChange {
	t.Helper()
	change := newEmail(t)
	change.FirstName, change.LastName = new("Änne"+uniqueName()), new("d'Arc-"+uniqueName())
	change.Attributes = valuesOf(s.kept()...)
	return change
}

// changed returns the state after the change.
func (st state) changed(change domain.UserChange) state {
	if change.Email != nil {
		st.User.Email = change.Email.String()
	}
	if change.FirstName != nil {
		st.User.FirstName = *change.FirstName
	}
	if change.LastName != nil {
		st.User.LastName = *change.LastName
	}
	st.User.Attributes = merged(st.User.Attributes, change.Attributes)
	return st
}

// assertChanges makes the change and checks that it is made, and nothing else.
func (s Subject) assertChanges(t T, id domain.UserID, name string, change domain.UserChange, message string) {
	t.Helper()
	before := s.state(t, name)
	assert.Empty(t, s.updateUser(t, id, change), "the realm keeps everything: %s", message)
	assert.Equal(t, before.changed(change), s.state(t, name), message)
}

func updateUserChangesEachFieldAlone(t T, s Subject) {
	for _, verified := range []bool{true, false} {
		user := s.busyUser(uniqueName())
		user.EmailVerified = verified
		id := s.add(t, user)
		all := s.everything(t)
		s.assertChanges(t, id, user.Username, domain.UserChange{Email: all.Email}, "the e-mail address")
		s.assertChanges(t, id, user.Username, domain.UserChange{FirstName: all.FirstName}, "the first name")
		s.assertChanges(t, id, user.Username, domain.UserChange{LastName: all.LastName}, "the last name")
		for name, value := range all.Attributes {
			s.assertChanges(t, id, user.Username, domain.UserChange{Attributes: domain.Attributes{name: value}}, string(name))
		}
	}
}

func updateUserMakesANewEmailUnverified(t T, s Subject) {
	for _, verified := range []bool{true, false} {
		user := s.busyUser(uniqueName())
		user.EmailVerified = verified
		id := s.add(t, user)
		for _, same := range []string{user.Email, strings.ToUpper(user.Email)} {
			s.updateUser(t, id, domain.UserChange{Email: new(parseEmail(t, same)), Unverified: true})
			assert.Equal(t, verified, s.find(t, user.Username).EmailVerified, "the user has the address already")
		}
		s.updateUser(t, id, domain.UserChange{Email: newEmail(t).Email, Unverified: true})
		assert.False(t, s.find(t, user.Username).EmailVerified, "the address is new")
	}
}

func updateUserChangesEverythingAtOnce(t T, s Subject) {
	bare := domain.User{Username: uniqueName(), Enabled: true}
	for _, user := range []domain.User{s.busyUser(uniqueName()), bare} {
		id := s.add(t, user)
		s.assertChanges(t, id, user.Username, s.everything(t), "everything")
		s.assertChanges(t, id, user.Username, s.everything(t), "everything again")
	}
}

func updateUserChangesNothingUnnamed(t T, s Subject) {
	bare := domain.User{Username: uniqueName(), Enabled: true}
	for _, user := range []domain.User{s.busyUser(uniqueName()), bare} {
		id := s.add(t, user)
		s.assertChanges(t, id, user.Username, domain.UserChange{}, "nothing")
		s.assertChanges(t, id, user.Username, domain.UserChange{Attributes: domain.Attributes{}}, "no attributes")
	}
}

func updateUserTakesNamesAway(t T, s Subject) {
	first, last := domain.UserChange{FirstName: new("")}, domain.UserChange{LastName: new("")}
	both := domain.UserChange{FirstName: first.FirstName, LastName: last.LastName}
	for _, change := range []domain.UserChange{first, last, both} {
		user := s.busyUser(uniqueName())
		id := s.add(t, user)
		s.assertChanges(t, id, user.Username, change, "a name that was there")
		s.assertChanges(t, id, user.Username, change, "a name that was not")
	}
}

func updateUserTakesAttributesAway(t T, s Subject) {
	s.requireKept(t)
	user := s.busyUser(uniqueName())
	id := s.add(t, user)
	none := domain.Attributes{}
	for _, name := range domain.AllAttributes() { // Also those that the realm does not keep.
		none[name] = ""
	}
	first := s.kept()[0]
	for range 2 {
		s.assertChanges(t, id, user.Username, domain.UserChange{Attributes: domain.Attributes{first: ""}}, string(first))
	}
	s.assertChanges(t, id, user.Username, domain.UserChange{Attributes: none}, "all of them")
	s.assertAttributes(t, nil, user.Username, "there is none left")

	one := valuesOf(first)
	s.assertChanges(t, id, user.Username, domain.UserChange{Attributes: merged(none, one)}, "all but one that was not there")
}

func updateUserNamesUnkeptAttributes(t T, s Subject) {
	s.requireUnkept(t)
	user := s.busyUser(uniqueName())
	id := s.add(t, user)
	before := s.state(t, user.Username)

	all := valuesOf(domain.AllAttributes()...)
	change := domain.UserChange{LastName: new("Jones"), Attributes: all}
	assert.Equal(t, sorted(s.UnkeptAttributes), s.updateUser(t, id, change))
	change.Attributes = valuesWithout(all, s.UnkeptAttributes...)
	assert.Equal(t, before.changed(change), s.state(t, user.Username), "the others are kept")

	before = s.state(t, user.Username)
	unstored := s.updateUser(t, id, domain.UserChange{Attributes: valuesOf(s.UnkeptAttributes[0])})
	assert.Equal(t, s.UnkeptAttributes[:1], unstored, "only what was to be set is named")
	assert.Equal(t, before, s.state(t, user.Username), "nothing is kept")
}

func updateUserLeavesTheRestAlone(t T, s Subject) {
	disabled, able, bystander := s.busyUser(uniqueName()), s.busyUser(uniqueName()), s.busyUser(uniqueName())
	disabled.Enabled, disabled.EmailVerified = false, false
	idDisabled, idAble := s.addRich(t, disabled, ""), s.addRich(t, able, strongPassword())
	s.addSecondFactor(t, idAble)
	own := s.newUser(t, uniqueName())
	created := s.create(t, own)
	s.add(t, bystander)
	others := s.state(t, bystander.Username)

	s.assertChanges(t, idDisabled, disabled.Username, s.everything(t), "a disabled user")
	s.assertChanges(t, idAble, able.Username, s.everything(t), "a user with all credentials")
	s.assertChanges(t, created.ID, own.Username.String(), s.everything(t), "a user whom the provider has created")

	assert.Equal(t, others, s.state(t, bystander.Username), "nothing changes of anybody else")
}

func updateUserLeavesSignInsAlone(t T, s Subject) {
	s.requireSignIn(t)
	name, password := uniqueName(), strongPassword()
	id := s.addWithPassword(t, plainUser(name), password)
	alive := s.openSession(t, name, password)
	s.updateUser(t, id, s.everything(t))
	assert.True(t, alive(), "the session goes on")
	outcome, _ := s.SignIn(name, password)
	assert.Equal(t, SignedIn, outcome, "the password is the same and lasts")
}

func updateUserLeavesALock(t T, s Subject) {
	s.requireLock(t)
	name, password := uniqueName(), strongPassword()
	id := s.addWithPassword(t, s.busyUser(name), password)
	require.NoError(t, s.Lock(name), "the hook Lock failed")
	s.assertChanges(t, id, name, s.everything(t), "a locked user")
	assert.True(t, s.details(t, id).Locked, "the user is still locked")
	assert.True(t, s.find(t, name).Enabled, "a locked user is no disabled one")
	if s.SignIn != nil {
		outcome, _ := s.SignIn(name, password)
		assert.Equal(t, Refused, outcome, "the lock keeps the user out")
	}
}

func updateUserFreesTheOldEmail(t T, s Subject) {
	name := uniqueName()
	id := s.add(t, plainUser(name))
	change := newEmail(t)
	s.updateUser(t, id, change)

	late := s.newUser(t, uniqueName())
	late.Email = *change.Email
	s.assertRefusal(t, domain.EmailConflict, late, "the new address is taken")
	next := s.newUser(t, uniqueName())
	next.Email = parseEmail(t, emailOf(name))
	_, err := s.Provider.CreateUser(t.Context(), next)
	assert.NoError(t, err, "the old address is free")
}

func updateUserReturnsNotFound(t T, s Subject) {
	id := s.deletedUser(t)
	for _, change := range []domain.UserChange{s.everything(t), newEmail(t), {FirstName: new("Anna")}, {Attributes: valuesOf(domain.OfficeID)}, {}} {
		unstored, err := s.Provider.UpdateUser(t.Context(), id, change)
		assertNotFound(t, err)
		assert.Zero(t, unstored, "an error comes without attributes")
	}
}
