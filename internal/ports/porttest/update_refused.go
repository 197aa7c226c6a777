package porttest

import (
	"strings"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

func updateRefusedClauses() []Clause {
	return []Clause{
		{
			Name:  "UpdateUser/RefusesATakenEmail",
			Why:   "Two accounts with one address receive each other's reset mails.",
			Check: updateUserRefusesATakenEmail,
		},
		{
			Name:  "UpdateUser/TakesTheUsersOwnEmail",
			Why:   "The web app sends the whole form back, the address as it is.",
			Check: updateUserTakesTheUsersOwnEmail,
		},
		{
			Name:  "UpdateUser/NamesTheRefusedField",
			Why:   "The administrator can only correct the field that is named, and has been told that nothing was changed.",
			Check: updateUserNamesTheRefusedField,
		},
		{
			Name:  "UpdateUser/NamesTheRefusedAttribute",
			Why:   "The administrator can only correct the attribute that is named, and has been told that nothing was changed.",
			Check: updateUserNamesTheRefusedAttribute,
		},
		{
			Name:  "UpdateUser/NamesARefusedFieldThatStays",
			Why:   "Nothing of the user can be changed before that field is, and only its name tells so.",
			Check: updateUserNamesARefusedFieldThatStays,
		},
		{
			Name:  "UpdateUser/CorrectsARefusedField",
			Why:   "It is the only way out for a user whom the realm's rules refuse.",
			Check: updateUserCorrectsARefusedField,
		},
	}
}

// tryUpdate makes a change that must fail, and returns why it did. It checks that
// nothing has changed.
func (s Subject) tryUpdate(t T, id domain.UserID, name string, change domain.UserChange) error {
	t.Helper()
	before := s.state(t, name)
	unstored, err := s.Provider.UpdateUser(t.Context(), id, change)
	assert.Zero(t, unstored, "an error comes without attributes")
	assert.Equal(t, before, s.state(t, name), "a refused change changes nothing")
	return err
}

func updateUserRefusesATakenEmail(t T, s Subject) {
	holder := uniqueName()
	s.add(t, s.busyUser(holder))
	others := s.state(t, holder)
	withoutEmail := userWithoutEmail()
	for _, user := range []domain.User{s.busyUser(uniqueName()), withoutEmail} {
		id := s.add(t, user)
		for _, spelling := range []string{emailOf(holder), strings.ToUpper(emailOf(holder))} {
			email := parseEmail(t, spelling)
			err := s.tryUpdate(t, id, user.Username, domain.UserChange{Email: &email})
			assertKind(t, domain.EmailConflict, err, "the e-mail address %q is taken", spelling)

			change := s.everything(t)
			change.Email = &email
			err = s.tryUpdate(t, id, user.Username, change)
			assertKind(t, domain.EmailConflict, err, "the e-mail address %q is taken, the rest is sound", spelling)
		}
	}
	assert.Equal(t, others, s.state(t, holder), "nothing changes of the other user")
}

func updateUserTakesTheUsersOwnEmail(t T, s Subject) {
	user := s.busyUser(uniqueName())
	id := s.add(t, user)
	for _, spelling := range []string{user.Email, strings.ToUpper(user.Email)} {
		email := parseEmail(t, spelling)
		before := s.state(t, user.Username)
		s.updateUser(t, id, domain.UserChange{Email: &email})
		s.assertEmailAside(t, before, user.Username, "the address is the user's own")

		change := s.everything(t)
		change.Email = &email
		s.updateUser(t, id, change)
		s.assertEmailAside(t, before.changed(change), user.Username, "the address is the user's own, the rest is new")
	}
}

// assertEmailAside compares a user's state, the address without regard to letter case.
func (s Subject) assertEmailAside(t T, want state, name, message string) {
	t.Helper()
	got := s.state(t, name)
	assert.True(t, strings.EqualFold(want.User.Email, got.User.Email), "the e-mail address is %q", got.User.Email)
	want.User.Email = got.User.Email
	assert.Equal(t, want, got, message)
}

func updateUserNamesTheRefusedField(t T, s Subject) {
	s.requireRefusedName(t)
	user := s.busyUser(uniqueName())
	id := s.add(t, user)
	assertNamesField(t, s.tryUpdate(t, id, user.Username, domain.UserChange{FirstName: &s.RefusedName}))

	change := s.everything(t)
	change.FirstName = &s.RefusedName
	assertNamesField(t, s.tryUpdate(t, id, user.Username, change))
}

func updateUserNamesTheRefusedAttribute(t T, s Subject) {
	s.requireRefusedAttribute(t)
	user := s.busyUser(uniqueName())
	id := s.add(t, user)
	refused := domain.Attributes{s.RefusedAttribute: s.RefusedValue}
	s.assertNamesAttribute(t, s.tryUpdate(t, id, user.Username, domain.UserChange{Attributes: refused}))

	change := s.everything(t)
	change.Attributes = merged(change.Attributes, refused)
	s.assertNamesAttribute(t, s.tryUpdate(t, id, user.Username, change))
}

func updateUserNamesARefusedFieldThatStays(t T, s Subject) {
	misfit := s.misfit(t)
	id := s.add(t, misfit)
	for _, change := range []domain.UserChange{newEmail(t), {LastName: new("Jones")}, {Attributes: valuesOf(domain.OfficeID)}} {
		if len(change.Attributes) > 0 && !s.keeps(domain.OfficeID) {
			continue // There would be nothing to write.
		}
		assertNamesField(t, s.tryUpdate(t, id, misfit.Username, change))
	}
}

func updateUserCorrectsARefusedField(t T, s Subject) {
	misfit := s.misfit(t)
	id := s.add(t, misfit)
	s.assertChanges(t, id, misfit.Username, domain.UserChange{FirstName: new("Anna")}, "the refused name")
	s.assertChanges(t, id, misfit.Username, s.everything(t), "everything")
}
