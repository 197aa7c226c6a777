package memory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
)

// The doctor finds in a realm in memory what it finds in a real one, as far as there can be such a
// thing here.
func TestExamine(t *testing.T) {
	needs := domain.RealmNeeds{
		Assignments: []domain.Assignment{{Role: "teller", Group: "tellers"}, {Role: "teller", Group: "tellers"}},
		Guard:       domain.DefaultGuard(), RequiredActions: []domain.RequiredAction{domain.VerifyEmail},
	}
	sound := memory.Realm{Roles: []domain.RealmRole{"teller"}, Groups: []domain.Group{"tellers"}}
	for finding, change := range map[string]func(*memory.Realm){
		"":                        func(*memory.Realm) {},
		"role-missing":            func(r *memory.Realm) { r.Roles = nil },
		"group-missing":           func(r *memory.Realm) { r.Groups = nil },
		"group-escalates":         func(r *memory.Realm) { r.Carries = map[domain.Group][]domain.RealmRole{"tellers": {"admin"}} },
		"default-role-escalates":  func(r *memory.Realm) { r.Default.Role = "admin" },
		"password-policy":         func(r *memory.Realm) { r.Policy.MaxLength = 8 },
		"required-action-missing": func(r *memory.Realm) { r.LacksActions = []domain.RequiredAction{domain.VerifyEmail} },
		"attributes-not-kept":     func(r *memory.Realm) { r.LacksAttributes = []domain.Attribute{domain.OfficeID} },
	} {
		t.Run(finding, func(t *testing.T) {
			realm := sound
			change(&realm)
			ids := ""
			for _, found := range memory.New(realm).Examine(t.Context(), needs) {
				ids += found.ID
				assert.False(t, found.Remedy.IsEmpty())
			}
			assert.Equal(t, finding, ids)
		})
	}
}
