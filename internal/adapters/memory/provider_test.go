package memory_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func anna() domain.User {
	return domain.User{Username: "Anna", Email: "Anna@Example.com", FirstName: "Anna", LastName: "Smith", Enabled: true}
}

func northTeller() domain.Assignment {
	return domain.Assignment{Role: "teller", Group: "branches/north"}
}

func newProvider() *memory.Provider {
	return memory.New(memory.Realm{
		Roles:  []domain.RealmRole{"teller", "staff"},
		Groups: []domain.Group{"branches/north", "tellers"},
	})
}

// add puts the user into the realm.
func add(t *testing.T, p *memory.Provider, user domain.User, password string, in ...domain.Assignment) domain.UserID {
	t.Helper()
	id, err := p.AddUser(user, password, in...)
	require.NoError(t, err)
	return id
}

// newUser returns a user that every realm of these tests accepts.
func newUser(t *testing.T, username, email string) domain.NewUser {
	t.Helper()
	name, err := domain.ParseNewUsername(username)
	require.NoError(t, err)
	address, err := domain.ParseEmail(email)
	require.NoError(t, err)
	return domain.NewUser{
		Username:   name,
		Email:      address,
		Assignment: domain.Assignment{Role: "teller"},
		Password:   domain.NewSecret("Secret-123456"),
	}
}

func TestAddUser_KeepsNamesInLowerCaseAndMembershipsOnce(t *testing.T) {
	p := newProvider()
	id := add(t, p, anna(), "", northTeller(), domain.Assignment{Role: "teller"}, domain.Assignment{Role: "staff", Group: "tellers"})

	users := p.Users()
	require.Len(t, users, 1)
	assert.Equal(t, "anna", users[0].Username)
	assert.Equal(t, "anna@example.com", users[0].Email)
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)

	memberships, err := p.Memberships(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, []domain.RealmRole{"teller", "staff"}, memberships.Roles)
	assert.Equal(t, []domain.Group{"branches/north", "tellers"}, memberships.Groups)
}

func TestAddUser_RefusesWhatTheRealmCannotHold(t *testing.T) {
	p := newProvider()
	add(t, p, anna(), "")

	_, err := p.AddUser(domain.User{Username: "ANNA"}, "")
	require.ErrorIs(t, err, domain.UsernameConflict)
	_, err = p.AddUser(domain.User{Username: "bert", Email: "ANNA@example.com"}, "")
	require.ErrorIs(t, err, domain.EmailConflict)
	_, err = p.AddUser(domain.User{Username: "bert"}, "", domain.Assignment{Role: "astronaut"})
	require.ErrorIs(t, err, domain.UnknownRole)
	_, err = p.AddUser(domain.User{Username: "bert"}, "", domain.Assignment{Group: "astronauts"})
	require.Error(t, err)
	assert.Len(t, p.Users(), 1)
}

// Any number of users may have no address; those do not conflict.
func TestAddUser_TakesManyUsersWithoutEmail(t *testing.T) {
	p := newProvider()
	add(t, p, domain.User{Username: "bert"}, "")
	add(t, p, domain.User{Username: "carl"}, "")
	assert.Len(t, p.Users(), 2)
}

func TestDeleteUser_FreesTheNamesAndEndsTheSessions(t *testing.T) {
	p := newProvider()
	id := add(t, p, anna(), "secret")
	session, err := p.SignIn("anna", "secret")
	require.NoError(t, err)

	require.NoError(t, p.DeleteUser(id))
	assert.False(t, p.SessionActive(session))
	assert.Empty(t, p.Users())
	add(t, p, anna(), "")
	require.ErrorIs(t, p.DeleteUser(id), domain.NotFound)
}

// In Keycloak users sign in by username or address, so one user's must not be the
// other's.
func TestCreateUser_TellsNoUsernameFromAnEmail(t *testing.T) {
	p := newProvider()
	add(t, p, anna(), "")
	add(t, p, domain.User{Username: "carl@example.com"}, "")

	_, err := p.CreateUser(t.Context(), newUser(t, "anna@example.com", "dora@example.com"))
	require.ErrorIs(t, err, domain.UsernameConflict)
	_, err = p.CreateUser(t.Context(), newUser(t, "dora", "Carl@example.com"))
	require.ErrorIs(t, err, domain.EmailConflict)
	_, err = p.CreateUser(t.Context(), newUser(t, "dora@example.com", "dora@example.com"))
	require.NoError(t, err, "one's own address may be the username")
}

// The contract leaves the choice; Keycloak names the address.
func TestCreateUser_NamesTheEmailWhenBothAreTaken(t *testing.T) {
	p := newProvider()
	add(t, p, anna(), "")
	_, err := p.CreateUser(t.Context(), newUser(t, "anna", "anna@example.com"))
	require.ErrorIs(t, err, domain.EmailConflict)
}

func TestCreateUser_PutsTheUserIntoANestedGroup(t *testing.T) {
	p := newProvider()
	user := newUser(t, "anna", "anna@example.com")
	user.Assignment = northTeller()
	created, err := p.CreateUser(t.Context(), user)
	require.NoError(t, err)
	assert.Empty(t, created.MissingGroup)

	memberships, err := p.Memberships(t.Context(), created.ID)
	require.NoError(t, err)
	assert.Equal(t, []domain.Group{"branches/north"}, memberships.Groups)
}

// The password is temporary even when the caller does not ask for its change.
func TestCreateUser_AddsTheActionToUpdateThePassword(t *testing.T) {
	p := newProvider()
	user := newUser(t, "anna", "anna@example.com")
	user.RequiredActions = []domain.RequiredAction{domain.VerifyEmail, domain.VerifyEmail}
	_, err := p.CreateUser(t.Context(), user)
	require.NoError(t, err)
	assert.ElementsMatch(t, []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail}, p.Users()[0].RequiredActions)
}

func TestUsers_AreOrderedCopies(t *testing.T) {
	p := newProvider()
	for _, name := range []string{"carl", "anna", "bert"} {
		add(t, p, domain.User{Username: name, RequiredActions: []domain.RequiredAction{domain.VerifyEmail}}, "")
	}
	p.Users()[0].RequiredActions[0] = "spoilt"

	users := p.Users()
	require.Len(t, users, 3)
	assert.Equal(t, "anna", users[0].Username)
	assert.Equal(t, "bert", users[1].Username)
	assert.Equal(t, "carl", users[2].Username)
	assert.Equal(t, []domain.RequiredAction{domain.VerifyEmail}, users[0].RequiredActions)
}

// The conformance suite gives each caller a user of its own; here they share one, for
// the race detector.
func TestProvider_LetsManyCallersUseOneUser(t *testing.T) {
	p := newProvider()
	id := add(t, p, anna(), "secret", northTeller())
	name, err := domain.ParseUsername("anna")
	require.NoError(t, err)
	ctx := t.Context()

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := p.FindUser(ctx, name)
			assert.NoError(t, err)
			_, err = p.Memberships(ctx, id)
			assert.NoError(t, err)
			_, err = p.Groups(ctx, id)
			assert.NoError(t, err)
			_, err = p.Privileges(ctx, id, []domain.RealmRole{"teller"})
			assert.NoError(t, err)
			_, err = p.RightsOf(ctx, northTeller())
			assert.NoError(t, err)
			_, err = p.Assign(ctx, id, northTeller())
			assert.NoError(t, err)
			assert.NoError(t, p.Unassign(ctx, id, domain.Assignment{Role: "staff", Group: "tellers"}))
			_, err = p.UpdateUser(ctx, id, domain.UserChange{FirstName: new("Anne"), Attributes: domain.Attributes{domain.OfficeID: "9"}})
			assert.NoError(t, err)
			_, err = p.Details(ctx, id)
			assert.NoError(t, err)
			assert.NoError(t, p.SetEnabled(ctx, id, false))
			assert.NoError(t, p.SetEnabled(ctx, id, true))
			assert.NoError(t, p.SetRequiredActions(ctx, id, nil))
			assert.NoError(t, p.EndSessions(ctx, id))
			assert.NoError(t, p.Lock("anna"))
			assert.NoError(t, p.AddSecondFactor(id, "otp"))
			assert.NoError(t, p.SendActionsMail(ctx, id, nil, 0))
			session, _ := p.SignIn("anna", "secret")
			p.SessionActive(session)
			p.Users()
			p.ActionsMails()
		})
	}
	wg.Wait()
}

// A provider may be printed by whoever looks for a fault.
func TestProvider_PrintsNoPasswords(t *testing.T) {
	p := newProvider()
	add(t, p, anna(), "Hidden-Password-1")
	user := newUser(t, "bert", "bert@example.com")
	_, err := p.CreateUser(context.Background(), user)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		assert.NotContains(t, fmt.Sprintf(verb, p), "Hidden-Password-1")
		assert.NotContains(t, fmt.Sprintf(verb, p), user.Password.Reveal())
	}
}
