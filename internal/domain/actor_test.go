package domain_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

// Who the actor is decides whom the actor may not switch off: in some realms the
// token's subject is the user's id, in others the username.
func TestActor_IsTheUserOfItsSubjectOrUsername(t *testing.T) {
	user := domain.User{ID: "0b9f3c1e", Username: "anna"}
	for name, actor := range map[string]domain.Actor{
		"subject is the id":                        {Subject: "0b9f3c1e"},
		"subject is the id, username another":      {Subject: "0b9f3c1e", Username: "berta"},
		"subject is the username":                  {Subject: "anna"},
		"subject is the username in letter case":   {Subject: "ANNA"},
		"username":                                 {Subject: "another-id", Username: "anna"},
		"username in other letter case":            {Subject: "another-id", Username: "Anna"},
		"username, and the realm gives no subject": {Username: "anna"},
	} {
		assert.True(t, actor.Is(user), name)
	}
	for name, actor := range map[string]domain.Actor{
		"another user":                    {Subject: "1c8e", Username: "berta"},
		"a name that contains the user's": {Subject: "anna2", Username: "annabel"},
		"an id in other letter case":      {Subject: "0B9F3C1E"},
		"an id as username":               {Username: "0b9f3c1e"},
		"nobody":                          {},
	} {
		assert.False(t, actor.Is(user), name)
	}
}

// Where callers are not checked the actor is unknown, and is not everybody for that.
func TestActor_UnknownIsNobody(t *testing.T) {
	assert.False(t, domain.Actor{}.Is(domain.User{}))
	assert.False(t, domain.Actor{}.Is(domain.User{ID: "0b9f3c1e"}))
	assert.Empty(t, domain.Actor{}.Name())
	assert.False(t, domain.Actor{}.HasAnyRole([]string{"", "admin"}))
}

func TestActor_GoesByTheUsernameWhereThereIsOne(t *testing.T) {
	assert.Equal(t, "anna", domain.Actor{Subject: "0b9f3c1e", Username: "anna"}.Name())
	assert.Equal(t, "0b9f3c1e", domain.Actor{Subject: "0b9f3c1e"}.Name())
}

func TestActor_HasARoleByItsExactName(t *testing.T) {
	actor := domain.Actor{Roles: []string{"teller", "Super User", "web-app:admin"}}
	assert.True(t, actor.HasAnyRole([]string{"Super User"}))
	assert.True(t, actor.HasAnyRole([]string{"admin", "teller"}))
	assert.True(t, actor.HasAnyRole([]string{"web-app:admin"}))
	for _, role := range []string{"super user", "Super", "admin", "web-app", ":admin", "other-app:admin", "TELLER", "teller ", ""} {
		assert.False(t, actor.HasAnyRole([]string{role}), role)
	}
}

// A list that came out empty must close the door, not take it off its hinges.
func TestActor_NobodyHasOneOfNoRoles(t *testing.T) {
	actor := domain.Actor{Subject: "0b9f3c1e", Username: "anna", Roles: []string{"admin"}}
	assert.False(t, actor.HasAnyRole(nil))
	assert.False(t, actor.HasAnyRole([]string{}))
}
