package keycloak_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// The result says which actions the user has then, whatever was asked for.
func TestCreateUser_SaysWhichActionsTheUserHas(t *testing.T) {
	const factor, terms, otp = domain.RegisterSecondFactor, domain.RequiredAction("TERMS_AND_CONDITIONS"), domain.RequiredAction("CONFIGURE_TOTP")
	asked := []domain.RequiredAction{domain.VerifyEmail, domain.UpdatePassword, factor, domain.VerifyEmail, terms, "no-such-action", "verify_email"}
	for name, c := range map[string]struct {
		realm      func(*stub)
		noPassword bool
		asked      []domain.RequiredAction
		has        []domain.RequiredAction
	}{
		"none are asked for": {nil, false, nil, []domain.RequiredAction{domain.UpdatePassword}},
		"none at all":        {nil, true, nil, nil},
		"those switched on":  {nil, false, asked, []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, factor}},
		"no password":        {nil, true, asked, []domain.RequiredAction{domain.VerifyEmail, domain.UpdatePassword, factor}},
		"one is off": {func(s *stub) { s.action("VERIFY_EMAIL", func(a *stubAction) { a.Enabled = false }) }, false, asked,
			[]domain.RequiredAction{domain.UpdatePassword, factor}},
		"one is not registered": {func(s *stub) { s.action("webauthn-register", func(a *stubAction) { a.unregistered = true }) }, false, asked,
			[]domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail}},
		"a new password is off": {func(s *stub) { s.action("UPDATE_PASSWORD", func(a *stubAction) { a.Enabled = false }) }, false, asked,
			[]domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, factor}},
		"it is off, no password": {func(s *stub) { s.action("UPDATE_PASSWORD", func(a *stubAction) { a.Enabled = false }) }, true, asked,
			[]domain.RequiredAction{domain.VerifyEmail, factor}},
		"one of the realm's own": {func(s *stub) {
			s.action("CONFIGURE_TOTP", func(a *stubAction) { a.DefaultAction = true })
			s.action("VERIFY_EMAIL", func(a *stubAction) { a.DefaultAction = true })
			s.action("TERMS_AND_CONDITIONS", func(a *stubAction) { a.DefaultAction = true })
		}, false, []domain.RequiredAction{factor}, []domain.RequiredAction{domain.UpdatePassword, factor, otp, domain.VerifyEmail}},
		"the realm has none": {func(s *stub) { s.change(func() { s.actions = []stubAction{} }) }, true, asked, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			if c.realm != nil {
				c.realm(s)
			}
			p := s.provider(t)
			user := newcomer(t, "anna")
			user.RequiredActions = c.asked
			if c.noPassword {
				user.Password = domain.Secret{}
			}
			created, err := p.CreateUser(t.Context(), user)
			require.NoError(t, err)
			assert.Equal(t, c.has, created.RequiredActions)
			found, err := p.FindUser(t.Context(), user.Username.Username)
			require.NoError(t, err)
			assert.ElementsMatch(t, c.has, found.RequiredActions)
			details, err := p.Details(t.Context(), created.ID)
			require.NoError(t, err)
			assert.Equal(t, !c.noPassword, details.HasPassword)
		})
	}
}

// What the realm has switched on may be a minute old, not more.
func TestCreateUser_LearnsWhatTheRealmHasSwitchedOff(t *testing.T) {
	s, c := newStub(t), newClock()
	p := s.provider(t, c.set)
	user := newcomer(t, "anna")
	user.RequiredActions = []domain.RequiredAction{domain.VerifyEmail}
	user.Attributes = domain.Attributes{domain.OfficeID: "7"}
	created, err := p.CreateUser(t.Context(), user)
	require.NoError(t, err)
	assert.Contains(t, created.RequiredActions, domain.VerifyEmail)
	assert.Empty(t, created.Unstored)

	s.action("VERIFY_EMAIL", func(a *stubAction) { a.Enabled = false })
	s.change(func() { s.profile = markless })
	c.pass(time.Minute)
	user.Username, user.Email = domain.NewUsername{Username: username(t, "berta")}, *emailOf(t, "berta@bank.example")
	created, err = p.CreateUser(t.Context(), user)
	require.NoError(t, err)
	assert.NotContains(t, created.RequiredActions, domain.VerifyEmail)
	assert.Equal(t, []domain.Attribute{domain.OfficeID}, created.Unstored)
}

// Attributes are stored beside the marks, and those that the realm does not keep are
// named. They are not even sent: before 26.7 Keycloak stores some of them all the same.
func TestCreateUser_StoresWhatTheRealmKeeps(t *testing.T) {
	all := domain.Attributes{
		domain.FineractUserID: "42", domain.OfficeID: "7", domain.OfficeName: "North", domain.EmployeeID: "E-1",
		domain.MobileNumber: "", domain.FineractRoleName: "Cashier",
	}
	kept := domain.Attributes{domain.FineractUserID: "42", domain.OfficeID: "7", domain.OfficeName: "North", domain.EmployeeID: "E-1", domain.FineractRoleName: "Cashier"}
	each := []domain.Attribute{domain.EmployeeID, domain.FineractRoleName, domain.FineractUserID, domain.OfficeID, domain.OfficeName}
	others := []domain.Attribute{domain.EmployeeID, domain.FineractRoleName, domain.FineractUserID, domain.OfficeName}
	for name, c := range map[string]struct {
		profile  string
		asked    domain.Attributes
		want     domain.Attributes
		unstored []domain.Attribute
		managed  bool
	}{
		"everything":    {`{"unmanagedAttributePolicy":"ENABLED"}`, all, kept, nil, false},
		"admin's edits": {`{"unmanagedAttributePolicy":"ADMIN_EDIT"}`, all, kept, nil, true},
		"admin's views": {`{"unmanagedAttributePolicy":"ADMIN_VIEW"}`, all, nil, each, false},
		"what is declared": {`{"attributes":[{"name":"office_id","permissions":{"view":["admin"],"edit":["admin"]}},{"name":"employee_id","permissions":{"view":["admin","user"],"edit":["user"]}}]}`,
			all, domain.Attributes{domain.OfficeID: "7"}, others, false},
		"nothing":       {markless, all, nil, each, false},
		"none are sent": {markless, nil, nil, nil, false},
		"only empty":    {markless, domain.Attributes{domain.MobileNumber: ""}, nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			s.profile = c.profile
			p := s.provider(t)
			user := newcomer(t, "anna")
			user.Attributes = c.asked
			created, err := p.CreateUser(t.Context(), user)
			require.NoError(t, err)
			assert.Equal(t, c.unstored, created.Unstored)
			found, err := p.FindUser(t.Context(), user.Username.Username)
			require.NoError(t, err)
			assert.Equal(t, c.want, found.Attributes)
			assert.Equal(t, c.managed, found.Managed)
			assert.Equal(t, c.asked, user.Attributes, "what was asked for stays the caller's")
		})
	}
}

// Names are attributes, too: they are declared or not. What the realm requires of users, and
// users can give, the sign-in asks for, unless that is switched off.
func TestCreateUser_SaysWhatOfTheProfileIsNotStoredOrAskedFor(t *testing.T) {
	const profile = `{"attributes":[{"name":"username"},
		{"name":"phone","permissions":{"edit":["admin","user"]},"required":{"roles":["user"]}},
		{"name":"town","permissions":{"edit":["user"]},"required":{"scopes":["address"]}},
		{"name":"office_id","permissions":{"edit":["admin","user"]},"required":{"roles":["user"]}},
		{"name":"badge","permissions":{"edit":["admin"]},"required":{"roles":["user"]}},
		{"name":"floor","permissions":{"edit":["admin","user"]},"required":{"roles":["admin"]}},
		{"name":"desk","permissions":{"edit":["admin","user"]}}]}`
	for _, verifies := range []bool{true, false} {
		s := newStub(t)
		s.profile, s.undeclared = profile, "lastName"
		s.actions = append(s.actions, stubAction{Alias: "VERIFY_PROFILE", Enabled: verifies})
		user := newcomer(t, "anna")
		user.FirstName, user.LastName = "Anna", "Berg"
		user.Attributes = domain.Attributes{domain.OfficeID: "7", domain.EmployeeID: "E-1"}
		created, err := s.provider(t).CreateUser(t.Context(), user)
		require.NoError(t, err)
		assert.Equal(t, []domain.Attribute{domain.EmployeeID, domain.LastName}, created.Unstored)
		assert.Equal(t, "Anna", s.users[s.onlyID(t)].FirstName)
		assert.Empty(t, s.users[s.onlyID(t)].LastName, "it is not sent")
		if verifies {
			assert.Equal(t, []domain.Attribute{"phone", "town"}, created.AskedFor)
		} else {
			assert.Empty(t, created.AskedFor)
		}
	}
}

// The field goes by the name of the attribute.
func TestCreateUser_NamesTheAttributeThatIsRefused(t *testing.T) {
	s := newStub(t)
	s.answers("POST users", 1, saying(400, "application/json",
		`{"errors":[{"field":"employee_id","errorMessage":"wrong format","params":["employee_id","^[0-9]+$"]},{"field":"office_id","errorMessage":"error-invalid-length","params":["office_id",0,2048]}]}`))
	user := newcomer(t, "anna")
	user.Attributes = domain.Attributes{domain.EmployeeID: "x", domain.OfficeID: "7"}
	_, err := s.provider(t).CreateUser(t.Context(), user)
	require.ErrorIs(t, err, domain.InvalidField)
	assert.Equal(t, map[string]string{"employee_id": "is not allowed by the rules of the realm", "office_id": "is too short or too long"}, domain.AsError(err).Fields)
}

// A creation whose answer was lost is told as much about as any other.
func TestCreateUser_SaysTheSameWhenTheAnswerIsLost(t *testing.T) {
	s := newStub(t)
	s.profile = `{"attributes":[]}`
	s.answers("POST users", 1, lost(carriedOutAtOnce)(s))
	user := newcomer(t, "anna")
	user.RequiredActions = []domain.RequiredAction{domain.VerifyEmail, "no-such-action"}
	user.Attributes = domain.Attributes{domain.OfficeID: "7"}
	created, err := s.provider(t).CreateUser(t.Context(), user)
	require.NoError(t, err)
	assert.Equal(t, domain.CreatedUser{
		ID: domain.UserID(s.onlyID(t)), RequiredActions: []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail}, Unstored: []domain.Attribute{domain.OfficeID},
	}, created)
}

// One call tells of both, for a minute, and only of attributes that are ours and have one value.
func TestFindUser_KnowsWhenTheUserWasMadeAndItsAttributes(t *testing.T) {
	s := newStub(t)
	user := employee()
	user.Attributes["mobile_number"], user.Attributes["office_name"] = []string{"1", "2"}, []string{""}
	s.plant(user)
	s.plant(stubUser{Username: "nobody"})
	p := s.provider(t)
	require.NoError(t, p.Check(t.Context()))
	s.taken()
	found, err := p.FindUser(t.Context(), username(t, "berta"))
	require.NoError(t, err)
	assert.Equal(t, time.Date(2026, time.November, 24, 15, 16, 32, 882e6, time.UTC), found.CreatedAt)
	assert.Equal(t, domain.Attributes{domain.OfficeID: "7", domain.EmployeeID: "E-1"}, found.Attributes)
	assert.Equal(t, []string{"GET users", profileRoute}, s.taken(), "the mark is looked at")
	_, err = p.FindUser(t.Context(), username(t, "berta"))
	require.NoError(t, err)
	assert.Equal(t, []string{"GET users"}, s.taken())

	found, err = p.FindUser(t.Context(), username(t, "nobody"))
	require.NoError(t, err)
	assert.True(t, found.CreatedAt.IsZero())
	assert.Empty(t, found.Attributes)
}
