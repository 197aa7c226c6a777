package keycloak_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// employee has a bit of everything, also what belongs to others.
func employee() stubUser {
	return stubUser{
		Username: "berta", Email: "berta@bank.example", FirstName: "Berta", LastName: "Blum", Enabled: true, EmailVerified: true,
		RequiredActions: []string{"VERIFY_EMAIL"}, password: "secret", roles: []string{"teller"}, groups: []string{"tellers"}, Created: 1795533392882,
		Attributes: map[string][]string{
			"managed_by": {"user-sync-service"}, "office_id": {"7"}, "employee_id": {"E-1"},
			"languages": {"de", "fr"}, "floor": {"3"},
		},
	}
}

// copied returns a copy that shares nothing that an update changes.
func copied(user stubUser) stubUser {
	user.Attributes = maps.Clone(user.Attributes)
	return user
}

func emailOf(t *testing.T, text string) *domain.Email {
	t.Helper()
	email, err := domain.ParseEmail(text)
	require.NoError(t, err)
	return &email
}

// Only what is meant differs afterwards, in the whole of the representation.
func TestUpdateUser_ChangesOnlyWhatIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change domain.UserChange
		want   func(*stubUser)
	}{
		"nothing":                {domain.UserChange{}, func(*stubUser) {}},
		"the address":            {domain.UserChange{Email: emailOf(t, "B.Blum@bank.example")}, func(u *stubUser) { u.Email = "b.blum@bank.example" }},
		"an unverified address":  {domain.UserChange{Email: emailOf(t, "bb@bank.example"), Unverified: true}, func(u *stubUser) { u.Email, u.EmailVerified = "bb@bank.example", false }},
		"unverified, no address": {domain.UserChange{Email: emailOf(t, "BERTA@bank.example"), Unverified: true, FirstName: new("Bea")}, func(u *stubUser) { u.FirstName = "Bea" }},
		"the first name":         {domain.UserChange{FirstName: new("Bea")}, func(u *stubUser) { u.FirstName = "Bea" }},
		"the last name":          {domain.UserChange{LastName: new("Baum")}, func(u *stubUser) { u.LastName = "Baum" }},
		"no first name":          {domain.UserChange{FirstName: new("")}, func(u *stubUser) { u.FirstName = "" }},
		"no last name":           {domain.UserChange{LastName: new("")}, func(u *stubUser) { u.LastName = "" }},
		"an attribute":           {domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "8"}}, func(u *stubUser) { u.Attributes["office_id"] = []string{"8"} }},
		"a new attribute":        {domain.UserChange{Attributes: domain.Attributes{domain.MobileNumber: "+49 1"}}, func(u *stubUser) { u.Attributes["mobile_number"] = []string{"+49 1"} }},
		"an attribute less":      {domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: ""}}, func(u *stubUser) { delete(u.Attributes, "office_id") }},
		"one that is not there":  {domain.UserChange{Attributes: domain.Attributes{domain.OfficeName: ""}}, func(*stubUser) {}},
		"everything": {
			domain.UserChange{Email: emailOf(t, "bb@bank.example"), FirstName: new("Bea"), LastName: new(""), Attributes: domain.Attributes{domain.OfficeID: "8", domain.EmployeeID: "", domain.FineractRoleName: "Cashier"}},
			func(u *stubUser) {
				u.Email, u.FirstName, u.LastName = "bb@bank.example", "Bea", ""
				u.Attributes["office_id"], u.Attributes["fineract_role"] = []string{"8"}, []string{"Cashier"}
				delete(u.Attributes, "employee_id")
			},
		},
		"names beside an attribute": {
			domain.UserChange{FirstName: new(""), Attributes: domain.Attributes{domain.OfficeID: "8"}},
			func(u *stubUser) { u.FirstName, u.Attributes["office_id"] = "", []string{"8"} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			id := s.plant(employee())
			for range 2 { // The second time there is nothing left to change.
				unstored, err := s.provider(t).UpdateUser(t.Context(), domain.UserID(id), c.change)
				require.NoError(t, err)
				assert.Empty(t, unstored)
				want := copied(employee())
				want.ID = id
				c.want(&want)
				assert.Equal(t, want, *s.users[id])
			}
		})
	}
}

// A user may have neither an address nor names nor attributes.
func TestUpdateUser_OfAUserWithNothing(t *testing.T) {
	s := newStub(t)
	p := s.provider(t)
	for _, change := range []domain.UserChange{
		{Attributes: domain.Attributes{domain.OfficeID: "8"}}, {FirstName: new("Bea")}, {Email: emailOf(t, "bb@bank.example")},
	} {
		id := s.plant(stubUser{Username: "nobody", Enabled: true})
		_, err := p.UpdateUser(t.Context(), domain.UserID(id), change)
		require.NoError(t, err)
	}
	// Of attributes that are the last ones, none are left.
	id := s.plant(stubUser{Username: "somebody", Enabled: true, Attributes: map[string][]string{"office_id": {"7"}}})
	_, err := p.UpdateUser(t.Context(), domain.UserID(id), domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: ""}})
	require.NoError(t, err)
	assert.Empty(t, s.users[id].Attributes)
}

// What would change nothing is not written. But whether there is such a user is known.
func TestUpdateUser_WritesNothingThatIsSoAlready(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(employee()))
	p := s.provider(t)
	for _, change := range []domain.UserChange{
		{}, {FirstName: new("Berta")}, {Email: emailOf(t, "BERTA@bank.example"), LastName: new("Blum")},
		{Attributes: domain.Attributes{domain.OfficeID: "7", domain.OfficeName: ""}},
	} {
		s.taken()
		_, err := p.UpdateUser(t.Context(), id, change)
		require.NoError(t, err)
		assert.Equal(t, 1, s.count(getUserRoute))
		assert.Zero(t, s.count(putUserRoute), "%+v", change)
		_, err = p.UpdateUser(t.Context(), "user-unknown", change)
		require.ErrorIs(t, err, domain.NotFound)
	}
}

// The marks say who made the user whatever is written, and enabling is another matter: a
// locked user reads as disabled in some versions, and would be so for good.
func TestUpdateUser_LeavesMarksAndLockAlone(t *testing.T) {
	s := newStub(t)
	s.oldLocks = true
	locked := employee()
	locked.locked, locked.lockedUntil = true, 1795533487
	id := s.plant(locked)
	p := s.provider(t)
	_, err := p.UpdateUser(t.Context(), domain.UserID(id), domain.UserChange{
		Email: emailOf(t, "bb@bank.example"), Attributes: domain.Attributes{domain.OfficeID: "8"},
	})
	require.NoError(t, err)
	assert.True(t, s.users[id].Enabled)
	assert.True(t, s.users[id].locked)
	found, err := p.FindUser(t.Context(), username(t, "berta"))
	require.NoError(t, err)
	assert.True(t, found.Managed)
}

// ownProfile declares office_id for administrators, shows them floor and employee_id,
// and hides languages; it knows no other attributes.
const ownProfile = `{"attributes":[{"name":"username"},
	{"name":"office_id","permissions":{"view":["admin"],"edit":["admin"]}},
	{"name":"employee_id","permissions":{"view":["admin","user"],"edit":["user"]}},
	{"name":"floor","permissions":{"view":["admin"],"edit":[]}},
	{"name":"languages","permissions":{"view":["user"],"edit":["user"]}}]}`

// What the realm does not keep is named and left as it is; the rest is done.
func TestUpdateUser_NamesWhatTheRealmDoesNotKeep(t *testing.T) {
	for name, c := range map[string]struct {
		change   domain.UserChange
		unstored []domain.Attribute
		want     func(*stubUser)
		puts     int
	}{
		"some of it": {
			domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "8", domain.OfficeName: "North", domain.EmployeeID: "E-2"}},
			[]domain.Attribute{domain.EmployeeID, domain.OfficeName}, func(u *stubUser) { u.Attributes["office_id"] = []string{"8"} }, 1,
		},
		"all attributes": {
			domain.UserChange{FirstName: new("Bea"), Attributes: domain.Attributes{domain.OfficeName: "North"}},
			[]domain.Attribute{domain.OfficeName}, func(u *stubUser) { u.FirstName = "Bea" }, 1,
		},
		"all of it":     {domain.UserChange{Attributes: domain.Attributes{domain.OfficeName: "North"}}, []domain.Attribute{domain.OfficeName}, nil, 0},
		"what is so":    {domain.UserChange{Attributes: domain.Attributes{domain.EmployeeID: "E-1"}}, nil, nil, 0},
		"to take away":  {domain.UserChange{Attributes: domain.Attributes{domain.EmployeeID: ""}}, []domain.Attribute{domain.EmployeeID}, nil, 0},
		"what is not":   {domain.UserChange{Attributes: domain.Attributes{domain.OfficeName: ""}}, nil, nil, 0},
		"none of these": {domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "8"}}, nil, func(u *stubUser) { u.Attributes["office_id"] = []string{"8"} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			s.profile = ownProfile
			id := s.plant(employee())
			unstored, err := s.provider(t).UpdateUser(t.Context(), domain.UserID(id), c.change)
			require.NoError(t, err)
			assert.Equal(t, c.unstored, unstored)
			want := copied(employee())
			want.ID = id
			if c.want != nil {
				c.want(&want)
			}
			assert.Equal(t, want, *s.users[id])
			assert.Equal(t, c.puts, s.count(putUserRoute))
		})
	}
}

// Names are not kept where they are not declared, also when that is news.
func TestUpdateUser_NamesTheNameThatTheRealmDoesNotKeep(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(employee()))
	p := s.provider(t)
	_, err := p.UpdateUser(t.Context(), id, domain.UserChange{FirstName: new("Bea")})
	require.NoError(t, err)
	s.change(func() { s.undeclared = "lastName" })
	for range 2 {
		unstored, err := p.UpdateUser(t.Context(), id, domain.UserChange{FirstName: new("Cleo"), LastName: new("Baum")})
		require.NoError(t, err)
		assert.Equal(t, []domain.Attribute{domain.LastName}, unstored)
		assert.Equal(t, "Cleo", s.users[string(id)].FirstName)
	}
}

// A profile that is kept may be an old one. A refusal tells, and the next time it is new.
func TestUpdateUser_ReadsTheProfileAnewAfterARefusal(t *testing.T) {
	s := newStub(t)
	id := domain.UserID(s.plant(employee()))
	p := s.provider(t)
	change := domain.UserChange{Attributes: domain.Attributes{domain.EmployeeID: "E-2"}}
	_, err := p.UpdateUser(t.Context(), id, domain.UserChange{Attributes: domain.Attributes{domain.OfficeID: "8"}})
	require.NoError(t, err)
	s.change(func() { s.profile = ownProfile })
	_, err = p.UpdateUser(t.Context(), id, change)
	require.ErrorIs(t, err, domain.InvalidField)
	assert.Equal(t, map[string]string{"employee_id": "must not be changed"}, domain.AsError(err).Fields)
	unstored, err := p.UpdateUser(t.Context(), id, change)
	require.NoError(t, err)
	assert.Equal(t, []domain.Attribute{domain.EmployeeID}, unstored)
	assert.Equal(t, 2, s.count(profileRoute))
}

// A field that stays as it is may be refused, too.
func TestUpdateUser_NamesTheFieldsThatAreRefused(t *testing.T) {
	s := newStub(t)
	refused := employee()
	refused.FirstName = "<b>"
	id := domain.UserID(s.plant(refused))
	p := s.provider(t)
	for _, change := range []domain.UserChange{{LastName: new("Baum")}, {Attributes: domain.Attributes{domain.OfficeID: "8"}}} {
		_, err := p.UpdateUser(t.Context(), id, change)
		require.ErrorIs(t, err, domain.InvalidField)
		assert.Contains(t, domain.AsError(err).Fields, "firstName")
	}
	_, err := p.UpdateUser(t.Context(), id, domain.UserChange{FirstName: new("Bea")})
	require.NoError(t, err)
}
