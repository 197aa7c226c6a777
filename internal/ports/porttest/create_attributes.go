package porttest

import (
	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

func createAttributesClauses() []Clause {
	return []Clause{
		{
			Name:  "CreateUser/KeepsTheAttributes",
			Why:   "Fineract finds the employee and the office by what the access token carries, and that comes from here.",
			Check: createUserKeepsTheAttributes,
		},
		{
			Name:  "CreateUser/NamesAttributesThatTheRealmDoesNotKeep",
			Why:   "Providers drop them in silence; the administrator would never learn why tokens lack them.",
			Check: createUserNamesUnkeptAttributes,
		},
		{
			Name:  "CreateUser/NamesTheRefusedAttribute",
			Why:   "The administrator can only correct what is named, and a half-made user would block the second try.",
			Check: createUserNamesTheRefusedAttribute,
		},
	}
}

func createUserKeepsTheAttributes(t T, s Subject) {
	s.requireKept(t)
	kept := s.kept()
	for _, names := range [][]domain.Attribute{kept, kept[:1], nil} {
		name := uniqueName()
		user := s.newUser(t, name)
		user.Attributes = valuesOf(names...)
		created := s.create(t, user)
		assert.Empty(t, created.Unstored, "the realm keeps every one of them")
		s.assertAttributes(t, user.Attributes, name, "the attributes are those that were given")
	}

	name := uniqueName()
	user := s.newUser(t, name)
	user.Attributes = valuesOf(kept...)
	user.Attributes[kept[0]] = ""
	created := s.create(t, user)
	assert.Empty(t, created.Unstored, "there was nothing to store")
	s.assertAttributes(t, valuesWithout(user.Attributes, kept[0]), name, "an empty attribute is none")
}

// valuesWithout returns the attributes but for some.
func valuesWithout(attributes domain.Attributes, names ...domain.Attribute) domain.Attributes {
	rest := present(attributes)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

func createUserNamesUnkeptAttributes(t T, s Subject) {
	s.requireUnkept(t)
	name := uniqueName()
	user := s.newUser(t, name)
	user.Attributes = valuesOf(domain.AllAttributes()...)
	created := s.create(t, user)
	assert.Equal(t, sorted(s.UnkeptAttributes), created.Unstored)
	s.assertAttributes(t, valuesWithout(user.Attributes, s.UnkeptAttributes...), name, "the others are kept")
	assert.Contains(t, s.memberships(t, created.ID).Roles, s.Role, "the rest of the user is made")

	name = uniqueName()
	user = s.newUser(t, name)
	user.Attributes = valuesOf(s.UnkeptAttributes[0])
	created = s.create(t, user)
	assert.Equal(t, s.UnkeptAttributes[:1], created.Unstored, "only what was given is named")
	s.assertAttributes(t, nil, name, "nothing is kept")

	user = s.newUser(t, uniqueName())
	user.Attributes = domain.Attributes{s.UnkeptAttributes[0]: ""}
	assert.Empty(t, s.create(t, user).Unstored, "there was nothing to store")
}

func createUserNamesTheRefusedAttribute(t T, s Subject) {
	s.requireRefusedAttribute(t)
	sound := s.newUser(t, uniqueName())
	flawed := sound
	flawed.Attributes = merged(sound.Attributes, domain.Attributes{s.RefusedAttribute: s.RefusedValue})
	created, err := s.Provider.CreateUser(t.Context(), flawed)
	s.assertNamesAttribute(t, err)
	assert.Zero(t, created, "a refused CreateUser returns no user")
	s.assertNothingLeft(t, flawed, sound)
}
