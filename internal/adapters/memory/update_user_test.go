package memory_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// newNumberedProvider returns a provider whose realm wants office ids to be numbers.
func newNumberedProvider() *memory.Provider {
	return memory.New(memory.Realm{
		Roles:             []domain.RealmRole{"teller"},
		LacksAttributes:   []domain.Attribute{domain.MobileNumber},
		AttributePatterns: map[domain.Attribute]*regexp.Regexp{domain.OfficeID: regexp.MustCompile(`^[0-9]+$`)},
	})
}

// toEmail returns a change of the e-mail address.
func toEmail(t *testing.T, address string) domain.UserChange {
	t.Helper()
	email, err := domain.ParseEmail(address)
	require.NoError(t, err)
	return domain.UserChange{Email: &email}
}

// As when a user is created: users sign in by either, so one user's address is not the
// other's username.
func TestUpdateUser_TellsNoUsernameFromAnEmail(t *testing.T) {
	p := newProvider()
	id := add(t, p, anna(), "")
	add(t, p, domain.User{Username: "carl@example.com"}, "")
	own := add(t, p, domain.User{Username: "dora@example.com"}, "")

	_, err := p.UpdateUser(t.Context(), id, toEmail(t, "Carl@example.com"))
	require.ErrorIs(t, err, domain.EmailConflict)
	_, err = p.UpdateUser(t.Context(), own, toEmail(t, "dora@example.com"))
	require.NoError(t, err, "one's own username may be the address")
}

func TestUpdateUser_KeepsAddressesInLowerCase(t *testing.T) {
	p := newProvider()
	id := add(t, p, anna(), "")
	_, err := p.UpdateUser(t.Context(), id, toEmail(t, "A.Smith@Example.com"))
	require.NoError(t, err)
	assert.Equal(t, "a.smith@example.com", p.Users()[0].Email)
	_, err = p.CreateUser(t.Context(), newUser(t, "bert", "a.smith@example.com"))
	require.ErrorIs(t, err, domain.EmailConflict)
}

// The contract leaves the choice; Keycloak looks at the address first.
func TestUpdateUser_NamesTheConflictBeforeARefusedField(t *testing.T) {
	p := newProvider()
	id := add(t, p, anna(), "")
	add(t, p, domain.User{Username: "bert", Email: "bert@example.com"}, "")
	change := toEmail(t, "bert@example.com")
	change.FirstName = new("<b>")
	_, err := p.UpdateUser(t.Context(), id, change)
	require.ErrorIs(t, err, domain.EmailConflict)
}

func TestUpdateUser_NamesEveryRefusedFieldAndAttribute(t *testing.T) {
	p := newNumberedProvider()
	id := add(t, p, anna(), "")
	change := toEmail(t, "müller@example.com")
	change.FirstName, change.LastName = new("<b>"), new(strings.Repeat("x", 256))
	change.Attributes = domain.Attributes{domain.OfficeID: "7b", domain.OfficeName: strings.Repeat("x", 2049)}
	_, err := p.UpdateUser(t.Context(), id, change)
	require.ErrorIs(t, err, domain.InvalidField)
	fields := domain.AsError(err).Fields
	for _, field := range []string{"email", "firstName", "lastName", "office_id", "office_name"} {
		assert.NotEmpty(t, fields[field], field)
	}
	assert.Len(t, fields, 5)
}

// Keycloak does not look at a username that stays as it is.
func TestUpdateUser_PassesOverARefusedUsername(t *testing.T) {
	p := newProvider()
	id := add(t, p, domain.User{Username: "q!"}, "")
	_, err := p.UpdateUser(t.Context(), id, domain.UserChange{FirstName: new("Quentin")})
	require.NoError(t, err)
}

func TestUpdateUser_TakesBlanksForNothingAndKeepsThoseAroundText(t *testing.T) {
	p := newProvider()
	user := anna()
	user.Attributes = domain.Attributes{domain.OfficeName: "West"}
	id := add(t, p, user, "")

	_, err := p.UpdateUser(t.Context(), id, domain.UserChange{
		FirstName: new("  "), LastName: new(" Smith "), Attributes: domain.Attributes{domain.OfficeName: " ", domain.EmployeeID: " 7 "},
	})
	require.NoError(t, err)
	got := p.Users()[0]
	assert.Empty(t, got.FirstName)
	assert.Equal(t, " Smith ", got.LastName)
	assert.Equal(t, domain.Attributes{domain.EmployeeID: " 7 "}, got.Attributes)
}

// A pattern is asked about blanks, but not about nothing.
func TestCreateUser_AsksThePatternAboutBlanks(t *testing.T) {
	p := newNumberedProvider()
	user := newUser(t, "anna", "anna@example.com")
	user.Attributes = domain.Attributes{domain.OfficeID: " "}
	_, err := p.CreateUser(t.Context(), user)
	require.ErrorIs(t, err, domain.InvalidField)
	assert.Contains(t, domain.AsError(err).Fields, "office_id")

	user.Attributes[domain.OfficeID] = ""
	_, err = p.CreateUser(t.Context(), user)
	require.NoError(t, err)
}

func TestCreateUser_TakesAttributesOf2048Characters(t *testing.T) {
	p := newProvider()
	user := newUser(t, "anna", "anna@example.com")
	user.Attributes = domain.Attributes{domain.OfficeName: strings.Repeat("ü", 2048)}
	_, err := p.CreateUser(t.Context(), user)
	require.NoError(t, err)
}

// A pattern that came later refuses users who are there, whatever changes of them.
func TestProvider_RefusesToChangeAUserWithARefusedAttribute(t *testing.T) {
	p := newNumberedProvider()
	user := anna()
	user.Attributes = domain.Attributes{domain.OfficeID: "west"}
	id := add(t, p, user, "")

	_, updateErr := p.UpdateUser(t.Context(), id, domain.UserChange{FirstName: new("Anne")})
	for name, err := range map[string]error{
		"SetEnabled":         p.SetEnabled(t.Context(), id, false),
		"SetRequiredActions": p.SetRequiredActions(t.Context(), id, nil),
		"UpdateUser":         updateErr,
	} {
		require.ErrorIs(t, err, domain.InvalidField, name)
		assert.Contains(t, domain.AsError(err).Fields, "office_id", name)
	}
	_, err := p.UpdateUser(t.Context(), id, domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "9"}})
	require.NoError(t, err)
}

// What is declared no more is in Keycloak's database, but nobody sees it.
func TestAddUser_LosesAttributesThatTheRealmDoesNotKeep(t *testing.T) {
	p := newNumberedProvider()
	user := anna()
	user.Attributes = domain.Attributes{domain.MobileNumber: "+49 1", domain.OfficeID: "9", domain.OfficeName: ""}
	add(t, p, user, "")
	assert.Equal(t, domain.Attributes{domain.OfficeID: "9"}, p.Users()[0].Attributes)
	user.Attributes[domain.OfficeID] = "spoilt"
	assert.Equal(t, "9", p.Users()[0].Attributes[domain.OfficeID])
}
