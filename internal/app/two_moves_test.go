package app_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// contended is a provider on which another move, of another copy of the program, does its
// part after each of the first times that something was given.
type contended struct {
	ports.IdentityProvider
	times int
	other func(id domain.UserID)
	ended int // how often sessions were
}

func (c *contended) EndSessions(ctx context.Context, id domain.UserID) error {
	c.ended++
	return c.IdentityProvider.EndSessions(ctx, id)
}

func (c *contended) Assign(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
	missing, err := c.IdentityProvider.Assign(ctx, id, assignment)
	if c.times > 0 {
		c.times--
		c.other(id)
	}
	return missing, err
}

// Of two moves at the same moment, both roles would stay, or none.
func TestUpdateUser_EndsWithOneRoleBesideAnotherMove(t *testing.T) {
	before, after := domain.Assignment{Role: "admin", Group: "head-office"}, domain.Assignment{Role: "Viewer"}
	for name, test := range map[string]struct {
		in      domain.Assignment
		times   int
		other   domain.Assignment
		takesUs bool
		fails   bool
	}{
		"that stands before it in the role map": {in: both(), times: 1, other: before},
		"that stands after it":                  {in: both(), times: 1, other: after},
		"before which nothing was held":         {times: 1, other: after},
		"that takes the new role away":          {in: both(), times: 1, other: after, takesUs: true},
		"that does so twice":                    {in: both(), times: 2, other: before, takesUs: true},
		"that never ends":                       {in: both(), times: 1000, other: before, takesUs: true, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				provider := newMovingRealm()
				id, err := provider.AddUser(veronica(), "", test.in)
				require.NoError(t, err)
				to := domain.Assignment{Role: "loan-officer", Group: "loan-officers"}
				other := func(id domain.UserID) {
					_, err := provider.Assign(t.Context(), id, test.other)
					assert.NoError(t, err)
					_, err = provider.UpdateUser(t.Context(), id, domain.UserChange{Attributes: domain.Attributes{domain.FineractRoleName: "Other"}})
					assert.NoError(t, err)
					if test.takesUs {
						assert.NoError(t, provider.Unassign(t.Context(), id, to))
					}
				}
				beside := &contended{IdentityProvider: provider, times: test.times, other: other}
				_, err = newBench(beside).update(t, app.UpdateUserInput{FineractRole: "Loan Officer"})
				assert.Equal(t, 1, beside.ended, "something was taken away")
				if test.fails {
					require.ErrorIs(t, err, domain.Partial)
					assert.Equal(t, "The role change is incomplete, the user has: admin. Please send it again.", domain.AsError(err).Message)
					return
				}
				require.NoError(t, err)
				memberships, err := provider.Memberships(t.Context(), id)
				require.NoError(t, err)
				assert.Equal(t, domain.Memberships{Roles: []domain.RealmRole{to.Role}, Groups: []domain.Group{to.Group}}, memberships)
				found, err := provider.FindUser(t.Context(), username(t, "veronica"))
				require.NoError(t, err)
				assert.Equal(t, "Loan Officer", found.Attributes[domain.FineractRoleName])
			})
		})
	}
}
