package porttest

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// clockSlack is how far the provider's clock may be from this machine's.
const clockSlack = 5 * time.Minute

// secondFactor stands for a required action that this program does not know.
const secondFactor domain.RequiredAction = "CONFIGURE_TOTP"

// uniqueName returns a username that nobody has and that occurs in no other text.
func uniqueName() string { return "u" + strings.ToLower(rand.Text()[:14]) }

// strongPassword returns a password that any sane policy accepts and that occurs in no
// other text.
func strongPassword() string { return "aA1!bB2?" + rand.Text()[:16] }

// emailOf returns the address that belongs to a name.
func emailOf(name string) string { return name + "@example.com" }

func parseUsername(t T, name string) domain.Username {
	t.Helper()
	username, err := domain.ParseUsername(name)
	require.NoError(t, err)
	return username
}

func parseNewUsername(t T, name string) domain.NewUsername {
	t.Helper()
	username, err := domain.ParseNewUsername(name)
	require.NoError(t, err)
	return username
}

func parseEmail(t T, address string) domain.Email {
	t.Helper()
	email, err := domain.ParseEmail(address)
	require.NoError(t, err)
	return email
}

// newUser returns a user to create, with everything a user can have.
func (s Subject) newUser(t T, name string) domain.NewUser {
	t.Helper()
	return domain.NewUser{
		Username:        parseNewUsername(t, name),
		Email:           parseEmail(t, emailOf(name)),
		FirstName:       "Anna",
		LastName:        "O'Neil-Müller",
		EmailVerified:   true,
		Assignment:      domain.Assignment{Role: s.Role, Group: s.Group},
		Attributes:      valuesOf(s.kept()...),
		Password:        domain.NewSecret(strongPassword()),
		RequiredActions: []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail},
	}
}

// create creates the user, whom the provider must accept.
func (s Subject) create(t T, user domain.NewUser) domain.CreatedUser {
	t.Helper()
	created, err := s.Provider.CreateUser(t.Context(), user)
	require.NoError(t, err, "CreateUser refuses a sound user")
	return created
}

// plainUser returns an enabled user who can sign in.
func plainUser(name string) domain.User {
	return domain.User{
		Username:      name,
		Email:         emailOf(name),
		FirstName:     "Anna",
		LastName:      "Smith",
		Enabled:       true,
		EmailVerified: true,
	}
}

// busyUser returns an enabled user who has every attribute that the realm keeps, and
// things to do at the next sign-in, one of which this program does not know.
func (s Subject) busyUser(name string) domain.User {
	user := plainUser(name)
	user.Attributes = valuesOf(s.kept()...)
	user.RequiredActions = []domain.RequiredAction{domain.VerifyEmail, secondFactor}
	return user
}

// add puts a user with the realm's role and group into the realm and returns the id.
func (s Subject) add(t T, user domain.User) domain.UserID {
	t.Helper()
	return s.addWithPassword(t, user, "")
}

func (s Subject) addWithPassword(t T, user domain.User, password string) domain.UserID {
	t.Helper()
	id, err := s.AddUser(user, password, domain.Assignment{Role: s.Role, Group: s.Group})
	require.NoError(t, err, "the hook AddUser failed")
	return id
}

// deletedUser returns the id of a user who exists no more: well-formed, but nobody's.
func (s Subject) deletedUser(t T) domain.UserID {
	t.Helper()
	id := s.add(t, plainUser(uniqueName()))
	require.NoError(t, s.DeleteUser(id), "the hook DeleteUser failed")
	return id
}

// find returns the user, who must exist.
func (s Subject) find(t T, name string) domain.User {
	t.Helper()
	user, err := s.Provider.FindUser(t.Context(), parseUsername(t, name))
	require.NoError(t, err, "FindUser does not find a user who exists")
	return user
}

// assertAbsent checks that nobody has the username.
func (s Subject) assertAbsent(t T, name string) {
	t.Helper()
	_, err := s.Provider.FindUser(t.Context(), parseUsername(t, name))
	assertKind(t, domain.NotFound, err, "nobody must have the username %q", name)
}

// memberships returns the memberships of a user who exists.
func (s Subject) memberships(t T, id domain.UserID) domain.Memberships {
	t.Helper()
	memberships, err := s.Provider.Memberships(t.Context(), id)
	require.NoError(t, err, "Memberships fails for a user who exists")
	return memberships
}

// groups returns the groups of a user who exists.
func (s Subject) groups(t T, id domain.UserID) []domain.Group {
	t.Helper()
	groups, err := s.Provider.Groups(t.Context(), id)
	require.NoError(t, err, "Groups fails for a user who exists")
	return groups
}

// privileges returns which of the roles a user who exists holds, and the user's rights
// to administer the provider.
func (s Subject) privileges(t T, id domain.UserID, roles ...domain.RealmRole) []domain.RealmRole {
	t.Helper()
	privileges, err := s.Provider.Privileges(t.Context(), id, roles)
	require.NoError(t, err, "Privileges fails for a user who exists")
	assert.False(t, privileges.Hidden, "the suite's realm shows who administers it")
	return privileges.Roles
}

// rightsOf returns what comes with an assignment of a role that exists.
func (s Subject) rightsOf(t T, assignment domain.Assignment) domain.Rights {
	t.Helper()
	rights, err := s.Provider.RightsOf(t.Context(), assignment)
	require.NoError(t, err, "RightsOf fails for a role that exists")
	return rights
}

// addWith puts a plain user with this role and group into the realm.
func (s Subject) addWith(t T, role domain.RealmRole, group domain.Group) domain.UserID {
	t.Helper()
	id, err := s.AddUser(plainUser(uniqueName()), "", domain.Assignment{Role: role, Group: group})
	require.NoError(t, err, "the hook AddUser failed")
	return id
}

// carryingParent returns the parent of CarryingGroup, which carries CarriedRole itself.
func (s Subject) carryingParent() domain.Group {
	return s.CarryingGroup.Parents()[0]
}

// requireAdministratorRole skips the check when the provider shows no rights to
// administer it.
func (s Subject) requireAdministratorRole(t T) {
	t.Helper()
	if s.AdministratorRole == "" {
		t.Skipf("the subject has no AdministratorRole")
	}
}

// state is all that the port shows of a user, in an order of its own, for comparison.
type state struct {
	User        domain.User
	Memberships domain.Memberships
	Groups      []domain.Group
	Privileges  []domain.RealmRole
	Details     domain.AccountDetails
}

func (s Subject) state(t T, name string) state {
	t.Helper()
	user := s.find(t, name)
	memberships := s.memberships(t, user.ID)
	user.RequiredActions = sorted(user.RequiredActions)
	user.Attributes = present(user.Attributes)
	memberships.Roles = sorted(memberships.Roles)
	memberships.Groups = sorted(memberships.Groups)
	groups := sorted(s.groups(t, user.ID))
	privileges := sorted(s.privileges(t, user.ID, s.Role, s.CarriedRole, s.CompositeRole))
	details := s.details(t, user.ID)
	details.EffectiveRoles = sorted(details.EffectiveRoles)
	details.SecondFactors = sorted(details.SecondFactors)
	return state{user, memberships, groups, privileges, details}
}

// sorted returns a sorted copy, never nil, so that order and nil do not count.
func sorted[E ~string](list []E) []E {
	list = append([]E{}, list...)
	slices.Sort(list)
	return list
}

// assertKind checks that an error is of the kind for every way of asking.
func assertKind(t T, want domain.Kind, err error, message string, args ...any) {
	t.Helper()
	says := append([]any{message}, args...)
	if assert.ErrorIs(t, err, want, says...) {
		assert.Equal(t, want, domain.AsError(err).Kind, says...)
	}
}

// assertRefusal is assertKind for a CreateUser that must have been refused.
func (s Subject) assertRefusal(t T, want domain.Kind, user domain.NewUser, message string) {
	t.Helper()
	created, err := s.Provider.CreateUser(t.Context(), user)
	assertKind(t, want, err, message)
	assert.Zero(t, created, "a refused CreateUser returns no user")
}

// requireSignIn skips the check when there is no hook to sign in with.
func (s Subject) requireSignIn(t T) {
	t.Helper()
	if s.SignIn == nil {
		t.Skipf("the subject has no hook SignIn")
	}
}

// openSession signs the user in, which must succeed.
func (s Subject) openSession(t T, name, password string) (alive func() bool) {
	t.Helper()
	outcome, alive := s.SignIn(name, password)
	require.Equal(t, SignedIn, outcome, "a user with a permanent password can sign in")
	require.True(t, alive(), "a new session is alive")
	return alive
}

// assertNotFound checks the answer to an id that nobody has.
func assertNotFound(t T, err error) {
	t.Helper()
	assertKind(t, domain.NotFound, err, "there is no user with the id")
}
