package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// An administrator who switches the own account off may be the last one who could have
// undone it.
func TestSelf_ActorsCannotLockThemselvesOut(t *testing.T) {
	provider := newGuardedRealm(t)
	var annasID domain.UserID
	for _, user := range provider.Users() {
		if user.Username == "anna" {
			annasID = user.ID
		}
	}
	for name, actor := range map[string]domain.Actor{
		"subject is the id":                 {Subject: string(annasID), Roles: []string{"admin"}},
		"subject is the username":           {Subject: "anna", Roles: []string{"admin"}},
		"subject in other letter case":      {Subject: "Anna", Roles: []string{"admin"}},
		"username":                          {Subject: "mapped-otherwise", Username: "anna", Roles: []string{"admin"}},
		"username in other letter case":     {Subject: "mapped-otherwise", Username: "ANNA", Roles: []string{"admin"}},
		"username, and no subject is known": {Username: "anna", Roles: []string{"admin"}},
	} {
		for _, target := range []string{"anna", "aNNa"} {
			for _, do := range targeting() {
				b := newBench(provider, checking(actor))
				same := unchanged(t, provider)

				err := b.attempt(t, app.Caller{Token: goodToken}, do, target)

				switch do.name {
				case "enable", "edit", "log out", "reset", "force":
					require.NoError(t, err, name)
					continue
				}
				require.ErrorIs(t, err, domain.ProtectedUser, "%s: %s", do.name, name)
				assert.Equal(t, "You cannot do this to your own account.", domain.AsError(err).Message)
				same("%s: %s", do.name, name)
			}
		}
	}
}

func TestSelf_ActorsMaySyncAndReadThemselves(t *testing.T) {
	for _, do := range []useCase{syncing(), reading()} {
		b := newBench(newGuardedRealm(t), checking(domain.Actor{Username: "anna", Roles: []string{"admin"}}))
		require.NoError(t, b.attempt(t, app.Caller{Token: goodToken}, do, "anna"), do.name)
	}
}

func TestSelf_OthersMayBeChanged(t *testing.T) {
	for _, do := range targeting() {
		b := newBench(newGuardedRealm(t), checking(domain.Actor{Subject: "ann", Username: "annabel", Roles: []string{"admin"}}))
		require.NoError(t, b.attempt(t, app.Caller{Token: goodToken}, do, "anna"), do.name)
	}
}
