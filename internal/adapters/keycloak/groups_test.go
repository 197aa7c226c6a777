package keycloak_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func TestGroups_AreTheirPaths(t *testing.T) {
	s := newStub(t)
	id := s.plant(stubUser{Username: "present", groups: []string{"tellers", "head/board", "100% & more/é"}})
	s.taken()
	groups, err := s.provider(t).Groups(t.Context(), domain.UserID(id))
	require.NoError(t, err)
	assert.Equal(t, []domain.Group{"tellers", "head/board", "100% & more/é"}, groups)
	assert.Equal(t, []string{"POST token", "GET users/{id}/groups"}, s.taken())
}

// Keycloak gives all groups to whoever does not ask for a page.
func TestGroups_AreAllOfThem(t *testing.T) {
	s := newStub(t)
	user := stubUser{Username: "present"}
	for i := range 150 {
		user.groups = append(user.groups, fmt.Sprintf("group %d", i))
	}
	id := domain.UserID(s.plant(user))
	p := s.provider(t)
	groups, err := p.Groups(t.Context(), id)
	require.NoError(t, err)
	assert.Len(t, groups, 150)
	found, err := p.Memberships(t.Context(), id)
	require.NoError(t, err)
	assert.Len(t, found.Groups, 150)
}

func TestGroups_WithoutAPathAreABadAnswer(t *testing.T) {
	for _, body := range []string{
		`[{"id":"1","name":"tellers"}]`, `[{"id":"1","name":"tellers","path":""}]`, `[{"id":"1","name":"tellers","path":"/"}]`,
		`[{"id":"1","name":"tellers","path":"tellers"}]`, `[{"id":"1","path":"/tellers"},null]`, `[{"path":7}]`,
	} {
		s := newStub(t)
		id := s.plant(present())
		s.answers("GET users/{id}/groups", 1, saying(200, "application/json", body))
		groups, err := s.provider(t).Groups(t.Context(), domain.UserID(id))
		require.ErrorIs(t, err, domain.BadAnswer, body)
		assert.Nil(t, groups, body)
	}
}
