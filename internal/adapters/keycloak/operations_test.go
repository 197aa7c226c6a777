package keycloak_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

const profileRoute = "GET users/profile"

// operation is one method of a port and a route that it asks.
type operation struct {
	name, route string
	call        func(ctx context.Context, t *testing.T, p *keycloak.Provider, id domain.UserID) error
	// ofUser says that the method takes the id of a user.
	ofUser bool
	// bears403 says that the method goes on after a 403 for the route.
	bears403 bool
	// once says that the method asks only once when Keycloak may have been reached.
	once bool
}

const (
	mailRoute = "PUT users/{id}/execute-actions-email"
	joinRoute = "PUT users/{id}/groups/{group}"
)

func (o operation) run(t *testing.T, p *keycloak.Provider, id domain.UserID) error {
	t.Helper()
	return o.call(t.Context(), t, p, id)
}

// unclear is the kind of the failure when nobody knows whether the operation was carried
// out: a creation may have left somebody.
func (o operation) unclear(kind domain.Kind) domain.Kind {
	if o.route == "POST users" {
		return domain.Partial
	}
	return kind
}

func operations() []operation {
	return []operation{
		{name: "Check", route: "GET realm", call: check},
		{name: "Check own user", route: "GET users", call: check},
		{name: "Check own roles", route: ownRoute, call: check},
		{name: "PasswordPolicy", route: "GET realm", call: policy},
		{name: "FindUser", route: "GET users", call: find},
		{name: "Memberships roles", route: rolesRoute, call: memberships, ofUser: true},
		{name: "Memberships groups", route: groupsRoute, call: memberships, ofUser: true},
		{name: "Groups", route: groupsRoute, call: groups, ofUser: true},
		{name: "Privileges existence", route: "GET roles/{role}", call: privileges},
		{name: "Privileges roles", route: userRealmRoute, call: privileges, ofUser: true},
		{name: "Privileges administration", route: userClientRoute, call: privileges, ofUser: true, bears403: true},
		{name: "RightsOf role", route: "GET roles/{role}", call: rights},
		{name: "RightsOf parts", route: partsRoute, call: rights, bears403: true},
		{name: "RightsOf group", route: groupRoute, call: rights},
		{name: "RightsOf group's realm roles", route: groupRealmRoute, call: rights},
		{name: "RightsOf group's administration", route: groupClientRoute, call: rights, bears403: true},
		{name: "RightsOf group's own roles", route: groupRolesRoute, call: rights},
		{name: "RightsOf parent group", route: groupByIDRoute, call: rights},
		{name: "DefaultRights realm", route: "GET realm", call: defaultRights},
		{name: "DefaultRights parts", route: partsRoute, call: defaultRights, bears403: true},
		{name: "DefaultRights groups", route: defaultsRoute, call: defaultRights},
		{name: "DefaultRights group", route: groupByIDRoute, call: defaultRights},
		{name: "TokenActive", route: introspectRoute, call: tokenActive},
		{name: "Details lock", route: lockRoute, call: details, ofUser: true},
		{name: "Details credentials", route: credentialsRoute, call: details, ofUser: true},
		{name: "Details roles", route: userRealmRoute, call: details, ofUser: true},
		{name: "CreateUser actions", route: actionsRoute, call: createAnna},
		{name: "CreateUser profile", route: profileRoute, call: createAnna},
		{name: "CreateUser", route: "POST users", call: createAnna, once: true},
		{name: "CreateUser role", route: assignRoute, call: createAnna},
		{name: "Assign role", route: assignRoute, call: assign(domain.Assignment{Role: "teller"}), ofUser: true},
		{name: "Assign group", route: joinRoute, call: assign(domain.Assignment{Role: "teller", Group: "tellers"}), ofUser: true},
		{name: "Assign group alone", route: groupsRoute, call: assign(domain.Assignment{Group: "tellers"}), ofUser: true},
		{name: "Unassign roles", route: rolesRoute, call: unassign, ofUser: true},
		{name: "Unassign groups", route: groupsRoute, call: unassign, ofUser: true},
		{name: "Unassign role", route: takeRoleRoute, call: unassign, ofUser: true},
		{name: "Unassign group", route: leaveRoute, call: unassign, ofUser: true},
		{name: "UpdateUser user", route: getUserRoute, call: updateUser, ofUser: true},
		{name: "UpdateUser realm", route: "GET realm", call: updateUser, ofUser: true},
		{name: "UpdateUser profile", route: profileRoute, call: updateUser, ofUser: true},
		{name: "UpdateUser", route: putUserRoute, call: updateUser, ofUser: true},
		{name: "SetEnabled", route: putUserRoute, call: disable, ofUser: true},
		{name: "SetRequiredActions", route: putUserRoute, call: clearActions, ofUser: true},
		{name: "EndSessions", route: "POST users/{id}/logout", call: endSessions, ofUser: true},
		{name: "SendActionsMail", route: mailRoute, call: sendMail, ofUser: true, once: true},
	}
}

// subject is a provider with the stub that it asks, where the user has the id.
type subject struct {
	*stub
	provider *keycloak.Provider
	id       domain.UserID
}

// newSubjects makes a subject for each of the operations, by their names. It may fail
// many times: failures are not kept. But too many faults open its circuit.
func newSubjects(t *testing.T, operations []operation) map[string]subject {
	t.Helper()
	subjects := make(map[string]subject)
	for _, op := range operations {
		s := newStub(t)
		subjects[op.name] = subject{s, s.provider(t), domain.UserID(s.plant(present()))}
	}
	return subjects
}

func check(ctx context.Context, _ *testing.T, p *keycloak.Provider, _ domain.UserID) error {
	return p.Check(ctx)
}

func policy(ctx context.Context, t *testing.T, p *keycloak.Provider, _ domain.UserID) error {
	t.Helper()
	read, err := p.PasswordPolicy(ctx)
	assert.True(t, err == nil || assert.ObjectsAreEqual(domain.PasswordPolicy{}, read), "a policy together with an error")
	return err
}

func find(ctx context.Context, t *testing.T, p *keycloak.Provider, _ domain.UserID) error {
	t.Helper()
	name, err := domain.ParseUsername("present")
	assert.NoError(t, err)
	user, err := p.FindUser(ctx, name)
	assert.True(t, err == nil || user.ID == "", "a user together with an error")
	return err
}

func memberships(ctx context.Context, t *testing.T, p *keycloak.Provider, id domain.UserID) error {
	t.Helper()
	found, err := p.Memberships(ctx, id)
	assert.True(t, err == nil || (found.Roles == nil && found.Groups == nil), "lists together with an error")
	return err
}

func groups(ctx context.Context, t *testing.T, p *keycloak.Provider, id domain.UserID) error {
	t.Helper()
	found, err := p.Groups(ctx, id)
	assert.True(t, err == nil || found == nil, "groups together with an error")
	return err
}

func privileges(ctx context.Context, t *testing.T, p *keycloak.Provider, id domain.UserID) error {
	t.Helper()
	found, err := p.Privileges(ctx, id, []domain.RealmRole{"teller"})
	assert.True(t, err == nil || found.Roles == nil, "privileges together with an error")
	return err
}

// rights asks for an assignment that takes every sort of call to gather.
func rights(ctx context.Context, t *testing.T, p *keycloak.Provider, _ domain.UserID) error {
	t.Helper()
	found, err := p.RightsOf(ctx, domain.Assignment{Role: "chief", Group: "head/board"})
	assert.True(t, err == nil || (found.Roles == nil && found.Administration == nil && found.Unseen == nil), "rights together with an error")
	return err
}

func defaultRights(ctx context.Context, t *testing.T, p *keycloak.Provider, _ domain.UserID) error {
	t.Helper()
	found, err := p.DefaultRights(ctx)
	assert.True(t, err == nil || assert.ObjectsAreEqual(domain.Rights{}, found), "rights together with an error")
	return err
}

func tokenActive(ctx context.Context, t *testing.T, p *keycloak.Provider, _ domain.UserID) error {
	t.Helper()
	_, active, err := p.TokenActive(ctx, callerToken)
	assert.True(t, err == nil || !active, "an active token together with an error")
	return err
}

func createAnna(ctx context.Context, t *testing.T, p *keycloak.Provider, _ domain.UserID) error {
	t.Helper()
	created, err := p.CreateUser(ctx, newcomer(t, "anna"))
	assert.True(t, err == nil || assert.ObjectsAreEqual(domain.CreatedUser{}, created), "a created user together with an error")
	return err
}

func assign(assignment domain.Assignment) func(context.Context, *testing.T, *keycloak.Provider, domain.UserID) error {
	return func(ctx context.Context, t *testing.T, p *keycloak.Provider, id domain.UserID) error {
		t.Helper()
		missing, err := p.Assign(ctx, id, assignment)
		assert.Empty(t, missing)
		return err
	}
}

func details(ctx context.Context, t *testing.T, p *keycloak.Provider, id domain.UserID) error {
	t.Helper()
	found, err := p.Details(ctx, id)
	assert.True(t, err == nil || assert.ObjectsAreEqual(domain.AccountDetails{}, found), "details together with an error")
	return err
}

func unassign(ctx context.Context, _ *testing.T, p *keycloak.Provider, id domain.UserID) error {
	return p.Unassign(ctx, id, domain.Assignment{Role: "teller", Group: "tellers"})
}

// updateUser changes an attribute and the address, to values that are new each time.
func updateUser(ctx context.Context, t *testing.T, p *keycloak.Provider, id domain.UserID) error {
	t.Helper()
	text := rand.Text()
	email, err := domain.ParseEmail(text + "@bank.example")
	assert.NoError(t, err)
	unstored, err := p.UpdateUser(ctx, id, domain.UserChange{Email: &email, Attributes: domain.Attributes{domain.OfficeID: text}})
	assert.True(t, err == nil || unstored == nil, "attributes together with an error")
	return err
}

func disable(ctx context.Context, _ *testing.T, p *keycloak.Provider, id domain.UserID) error {
	return p.SetEnabled(ctx, id, false)
}

func clearActions(ctx context.Context, _ *testing.T, p *keycloak.Provider, id domain.UserID) error {
	return p.SetRequiredActions(ctx, id, nil)
}

func endSessions(ctx context.Context, _ *testing.T, p *keycloak.Provider, id domain.UserID) error {
	return p.EndSessions(ctx, id)
}

func sendMail(ctx context.Context, _ *testing.T, p *keycloak.Provider, id domain.UserID) error {
	return p.SendActionsMail(ctx, id, []domain.RequiredAction{domain.UpdatePassword}, time.Hour)
}
