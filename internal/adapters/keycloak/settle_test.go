package keycloak_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
)

// userWrites are the writes of a user's row that another write may undo.
func userWrites(t *testing.T) map[string]func(*keycloak.Provider, domain.UserID) error {
	change := domain.UserChange{LastName: new("Berg"), Email: emailOf(t, "bb@bank.example"), Attributes: domain.Attributes{domain.OfficeID: "8"}}
	return map[string]func(*keycloak.Provider, domain.UserID) error{
		"disable": func(p *keycloak.Provider, id domain.UserID) error { return p.SetEnabled(t.Context(), id, false) },
		"edit": func(p *keycloak.Provider, id domain.UserID) error {
			_, err := p.UpdateUser(t.Context(), id, change)
			return err
		},
		"actions": func(p *keycloak.Provider, id domain.UserID) error {
			return p.SetRequiredActions(t.Context(), id, []domain.RequiredAction{domain.UpdatePassword})
		},
	}
}

// A write that another one undoes at the same moment is made again, and what nobody can
// bring about is not called done.
func TestWrites_AreMadeAgainUntilTheyStand(t *testing.T) {
	for name, write := range userWrites(t) {
		for undone, kind := range map[int]domain.Kind{0: "", 1: "", 3: "", always: domain.Partial} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newStub(t)
				id := domain.UserID(s.plant(employee()))
				s.answers(putUserRoute, undone, func(w http.ResponseWriter, r *http.Request) {
					before := copied(*s.users[string(id)])
					s.asUsual(s.update)(w, r)
					s.change(func() { s.users[string(id)] = &before })
				})
				err := write(s.provider(t), id)
				if kind != "" {
					assertOnlyKind(t, kind, err)
					assert.Equal(t, "The change is incomplete. Please send it again.", domain.AsError(err).Message)
					assert.Less(t, s.count(putUserRoute), 12, "there is an end to it")
					return
				}
				require.NoError(t, err)
				assert.Equal(t, undone+1, s.count(putUserRoute))
			})
		}
	}
}

// A value that is stored twice keeps Keycloak from taking any change, until it is gone.
func TestWrites_MendValuesThatAreStoredTwice(t *testing.T) {
	for name, write := range userWrites(t) {
		for _, attribute := range []string{"office_id", "managed_by", "floor"} {
			t.Run(name+", "+attribute, func(t *testing.T) {
				t.Parallel()
				s := newStub(t)
				user := employee()
				user.Attributes[attribute] = append(user.Attributes[attribute], user.Attributes[attribute][0])
				id := s.plant(user)
				require.NoError(t, write(s.provider(t), domain.UserID(id)))
				want := employee().Attributes
				if name == "edit" {
					want["office_id"] = []string{"8"}
				}
				assert.Equal(t, want, s.users[id].Attributes)
				assert.Equal(t, name == "disable", !s.users[id].Enabled)
				assert.Equal(t, "Berta", s.users[id].FirstName)
			})
		}
	}
}

// A value that the realm asks for cannot be taken away to be mended.
func TestWrites_AreMadeBesideAValueThatHasToStayTwice(t *testing.T) {
	for name, write := range userWrites(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			s.wantsBadge = true
			user := employee()
			user.Attributes["badge"] = []string{"5", "5"}
			id := s.plant(user)
			require.NoError(t, write(s.provider(t), domain.UserID(id)))
			assert.Equal(t, []string{"5", "5"}, s.users[id].Attributes["badge"])
			assert.Equal(t, name == "disable", !s.users[id].Enabled)
		})
	}
}
