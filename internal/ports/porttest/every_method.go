package porttest

import (
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func everyMethodClauses() []Clause {
	return []Clause{
		{
			Name:  "EveryMethod/ReturnsReadOnlyUser",
			Why:   "Administrators must learn that the account is managed elsewhere, and sessions end all the same.",
			Check: everyMethodReturnsReadOnlyUser,
		},
		{
			Name:  "Check/AcceptsAWorkingProvider",
			Why:   "The service reports itself as broken otherwise, while everything works.",
			Check: func(t T, s Subject) { assert.NoError(t, s.Provider.Check(t.Context())) },
		},
		{
			Name:  "EveryMethod/WorksForManyCallersAtOnce",
			Why:   "One provider serves all requests, and an answer must never reach the wrong one.",
			Check: everyMethodWorksForManyCallersAtOnce,
		},
	}
}

func everyMethodWorksForManyCallersAtOnce(t T, s Subject) {
	const callers = 8
	users := make([]domain.NewUser, callers)
	for i := range users {
		users[i] = s.newUser(t, uniqueName())
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for _, user := range users {
		wg.Go(func() {
			<-start
			s.useEveryMethod(t, user)
		})
	}
	close(start)
	wg.Wait()
	for _, user := range users {
		assert.Equal(t, 1, s.mailsTo(user.Username.String()))
	}
}

// useEveryMethod takes a user through the life of an account. It uses no require, which
// would end the goroutine of its caller only.
func (s Subject) useEveryMethod(t T, user domain.NewUser) {
	ctx := t.Context()
	assert.NoError(t, s.Provider.Check(ctx))
	_, err := s.Provider.PasswordPolicy(ctx)
	assert.NoError(t, err)
	available, err := s.Provider.ActionAvailable(ctx, domain.UpdatePassword)
	assert.NoError(t, err)
	assert.True(t, available)
	created, err := s.Provider.CreateUser(ctx, user)
	assert.NoError(t, err)
	missing, err := s.Provider.Assign(ctx, created.ID, domain.Assignment{Role: s.CarriedRole})
	assert.NoError(t, err)
	assert.Empty(t, missing)
	s.useEdits(t, created.ID, user.Username.Username)
	assert.NoError(t, s.Provider.SendActionsMail(ctx, created.ID, []domain.RequiredAction{domain.UpdatePassword}, linkLifespan))
	assert.NoError(t, s.Provider.SetRequiredActions(ctx, created.ID, []domain.RequiredAction{secondFactor}))
	assert.NoError(t, s.Provider.SetEnabled(ctx, created.ID, false))
	assert.NoError(t, s.Provider.EndSessions(ctx, created.ID))

	got, err := s.Provider.FindUser(ctx, user.Username.Username)
	assert.NoError(t, err)
	assert.Equal(t, created.ID, got.ID)
	assert.False(t, got.Enabled)
	assert.Equal(t, []domain.RequiredAction{secondFactor}, got.RequiredActions)
	memberships, err := s.Provider.Memberships(ctx, created.ID)
	assert.NoError(t, err)
	assert.Subset(t, memberships.Roles, []domain.RealmRole{s.Role, s.CarriedRole})
	assert.NotContains(t, memberships.Roles, s.CompositeRole)
	s.readRights(t, created.ID, user.Assignment)
}

// useEdits changes the user in the ways that an administrator does. As in useEveryMethod
// there is no require.
func (s Subject) useEdits(t T, id domain.UserID, username domain.Username) {
	ctx := t.Context()
	_, err := s.Provider.Assign(ctx, id, domain.Assignment{Role: s.CompositeRole})
	assert.NoError(t, err)
	assert.NoError(t, s.Provider.Unassign(ctx, id, domain.Assignment{Role: s.CompositeRole}))
	name := uniqueName()
	attributes := valuesOf(s.kept()...)
	unstored, err := s.Provider.UpdateUser(ctx, id, domain.UserChange{LastName: &name, Attributes: attributes})
	assert.NoError(t, err)
	assert.Empty(t, unstored)
	got, err := s.Provider.FindUser(ctx, username)
	assert.NoError(t, err)
	assert.Equal(t, name, got.LastName)
	assert.Equal(t, present(attributes), present(got.Attributes))
	details, err := s.Provider.Details(ctx, id)
	assert.NoError(t, err)
	assert.Contains(t, details.EffectiveRoles, s.Role)
}

// readRights reads what the user may do in every way there is. As in useEveryMethod
// there is no require.
func (s Subject) readRights(t T, id domain.UserID, assignment domain.Assignment) {
	groups, err := s.Provider.Groups(t.Context(), id)
	assert.NoError(t, err)
	assert.Contains(t, groups, assignment.Group)
	privileges, err := s.Provider.Privileges(t.Context(), id, []domain.RealmRole{assignment.Role})
	assert.NoError(t, err)
	assert.Contains(t, privileges.Roles, assignment.Role)
	rights, err := s.Provider.RightsOf(t.Context(), assignment)
	assert.NoError(t, err)
	assert.Contains(t, rights.Roles, assignment.Role)
	_, err = s.Provider.DefaultRights(t.Context())
	assert.NoError(t, err)
}

func everyMethodReturnsReadOnlyUser(t T, s Subject) {
	if s.HoldInDirectory == nil {
		t.Skipf("the provider has no such users here")
	}
	name := uniqueName()
	id := s.add(t, plainUser(name))
	require.NoError(t, s.HoldInDirectory(id))
	before := s.find(t, name)
	_, updateErr := s.Provider.UpdateUser(t.Context(), id, domain.UserChange{LastName: new("Edited")})
	_, assignErr := s.Provider.Assign(t.Context(), id, domain.Assignment{Role: s.CarriedRole})
	for method, err := range map[string]error{
		"UpdateUser":         updateErr,
		"Assign":             assignErr,
		"SetEnabled":         s.Provider.SetEnabled(t.Context(), id, false),
		"SetRequiredActions": s.Provider.SetRequiredActions(t.Context(), id, []domain.RequiredAction{domain.UpdatePassword}),
	} {
		assertKind(t, domain.ReadOnlyUser, err, method+" of a user of a directory")
	}
	assert.Equal(t, before, s.find(t, name), "nothing has changed")
	memberships, err := s.Provider.Memberships(t.Context(), id)
	require.NoError(t, err)
	assert.NotContains(t, memberships.Roles, s.CarriedRole)
	assert.NoError(t, s.Provider.EndSessions(t.Context(), id))
}
