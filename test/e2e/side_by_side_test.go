package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
	"user-sync-service/test/keycloaktest"
)

// side is one of the two providers, with the one thing that a realm's owner does.
type side struct {
	ports.IdentityProvider
	delete func(ctx context.Context, id domain.UserID) error
}

// operation is one call of the port, the same for both providers, about the user called
// name. Users are named, not identified: ids differ.
type operation struct {
	name, text string
	run        func(ctx context.Context, s side) (answer any, err error) // what a read says, without order
}

// The in-memory provider says and does what Keycloak does, whatever comes after
// whatever: the same kinds of error, the same answers, and the same users after each
// step.
func TestSideBySide_RandomOperationsAgree(t *testing.T) {
	const operations, seed = 400, 20261124
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "sides", SMTPPort: sink.Port(), CheapHash: true, Mutate: withHiddenRights})
	onKeycloak := side{newProvider(t, realm), func(ctx context.Context, id domain.UserID) error {
		return realm.DeleteUser(ctx, string(id))
	}}
	fake := memory.New(sameRealm())
	inMemory := side{fake, func(_ context.Context, id domain.UserID) error { return fake.DeleteUser(id) }}
	random := rand.New(rand.NewPCG(seed, 0))

	kinds := make(map[string]int)
	for i := range operations {
		op := randomOperation(random)
		answerKeycloak, errKeycloak := op.run(t.Context(), onKeycloak)
		answerMemory, errMemory := op.run(t.Context(), inMemory)
		kinds[strings.Fields(op.text)[0]+" "+kindOf(errKeycloak)]++
		require.Equal(t, kindOf(errKeycloak), kindOf(errMemory), "operation %d: %s %s (Keycloak, memory)", i, op.text, op.name)
		require.Equal(t, answerKeycloak, answerMemory, "the answer to operation %d: %s %s (Keycloak, memory)", i, op.text, op.name)
		affected := []string{op.name}
		if i%50 == 0 || i == operations-1 {
			affected = names()
		}
		for _, name := range affected {
			require.Equal(t, stateOf(t, onKeycloak, name), stateOf(t, inMemory, name), "%s after operation %d: %s %s (Keycloak, memory)", name, i, op.text, op.name)
		}
	}
	t.Logf("operations and outcomes: %v", kinds)
	require.Greater(t, len(kinds), 15, "the sequence is not varied enough to tell anything")
}

// sameRealm is in memory what the test realm with hidden rights is on Keycloak. The role
// watcher is left out, since Keycloak does not show the service what its right contains.
func sameRealm() memory.Realm {
	return memory.Realm{
		Roles:          []domain.RealmRole{"teller", "staff", "auditor", "chief", "historian"},
		Groups:         []domain.Group{"tellers", "head", "head/board"},
		Policy:         domain.PasswordPolicy{MinLength: 12, MinUpper: 1, MinLower: 1, MinDigits: 2, MinSpecial: 1, NotUsername: true},
		Contains:       map[domain.RealmRole][]domain.RealmRole{"chief": {"auditor"}, "historian": {"view-events"}},
		Carries:        map[domain.Group][]domain.RealmRole{"tellers": {"teller"}, "head": {"auditor"}},
		Administration: []domain.RealmRole{"view-events"},
	}
}

// names are few, so that operations meet.
func names() []string {
	return []string{"anna", "bert", "clara", "dora", "emil", "fritz", "gerda", "hans"}
}

func randomOperation(random *rand.Rand) operation {
	name := names()[random.IntN(len(names()))]
	asked := name
	if random.IntN(3) == 0 {
		asked = strings.ToUpper(name)
	}
	onUser := func(text string, do func(ctx context.Context, s side, id domain.UserID) (any, error)) operation {
		return operation{name, text, func(ctx context.Context, s side) (any, error) {
			user, err := s.FindUser(ctx, mustUsername(asked))
			if err != nil {
				return nil, err
			}
			return do(ctx, s, user.ID)
		}}
	}
	switch random.IntN(12) {
	case 0, 1, 2:
		return randomCreate(random, name, asked)
	case 3:
		enabled := random.IntN(2) == 0
		return onUser(fmt.Sprintf("enabled=%t", enabled), func(ctx context.Context, s side, id domain.UserID) (any, error) {
			return nil, s.SetEnabled(ctx, id, enabled)
		})
	case 4:
		actions := randomActions(random)
		return onUser("actions", func(ctx context.Context, s side, id domain.UserID) (any, error) {
			return nil, s.SetRequiredActions(ctx, id, actions)
		})
	case 5:
		return onUser("end-sessions", func(ctx context.Context, s side, id domain.UserID) (any, error) {
			return nil, s.EndSessions(ctx, id)
		})
	case 6:
		return onUser("reset", func(ctx context.Context, s side, id domain.UserID) (any, error) {
			return nil, s.SendPasswordReset(ctx, id, time.Hour)
		})
	case 7:
		return onUser("delete", func(ctx context.Context, s side, id domain.UserID) (any, error) {
			return nil, s.delete(ctx, id)
		})
	case 8:
		return onUser("groups", func(ctx context.Context, s side, id domain.UserID) (any, error) {
			groups, err := s.Groups(ctx, id)
			return sortedText(groups), err
		})
	case 9:
		roles := randomRoles(random)
		return onUser(fmt.Sprintf("privileges %q", roles), func(ctx context.Context, s side, id domain.UserID) (any, error) {
			privileges, err := s.Privileges(ctx, id, roles)
			return sortedText(privileges), err
		})
	case 10:
		assignment := randomAssignment(random)
		return operation{name, fmt.Sprintf("rights of %+v", assignment), func(ctx context.Context, s side) (any, error) {
			rights, err := s.RightsOf(ctx, assignment)
			return [][]string{sortedText(rights.Roles), sortedText(rights.Administration), sortedText(rights.Unseen)}, err
		}}
	default:
		// What it says is compared after every operation.
		return onUser("memberships", func(ctx context.Context, s side, id domain.UserID) (any, error) {
			_, err := s.Memberships(ctx, id)
			return nil, err
		})
	}
}

func randomCreate(random *rand.Rand, name, asked string) operation {
	pick := func(choices ...string) string { return choices[random.IntN(len(choices))] }
	user := domain.NewUser{
		Username:        mustUsername(pick(asked, asked, asked, asked, "ab", "o'neil")),
		Email:           mustEmail(pick(name, name, pick(names()...)) + pick("@bank.example", "@BANK.example")),
		FirstName:       pick("", "Anna"),
		LastName:        pick("", "Müller"),
		EmailVerified:   random.IntN(2) == 0,
		Assignment:      randomAssignment(random),
		Password:        domain.NewSecret(pick("G00d-Passw0rd!", "G00d-Passw0rd!", "G00d-Passw0rd!", "short")),
		RequiredActions: randomActions(random),
	}
	text := fmt.Sprintf("create %s %s %v %d", user.Username, user.Email, user.Assignment, len(user.Password.Reveal()))
	return operation{name, text, func(ctx context.Context, s side) (any, error) {
		created, err := s.CreateUser(ctx, user)
		return created.MissingGroup, err
	}}
}

func randomAssignment(random *rand.Rand) domain.Assignment {
	roles := []domain.RealmRole{"teller", "teller", "staff", "chief", "historian", "auditor", "no-such-role"}
	groups := []domain.Group{"", "", "tellers", "head", "head/board", "no-such-group", "head/no-such-group"}
	return domain.Assignment{Role: roles[random.IntN(len(roles))], Group: groups[random.IntN(len(groups))]}
}

// randomRoles returns some roles to ask for, of which one does not exist.
func randomRoles(random *rand.Rand) []domain.RealmRole {
	roles := []domain.RealmRole{"teller", "staff", "chief", "auditor", "Auditor"}
	random.Shuffle(len(roles), func(i, j int) { roles[i], roles[j] = roles[j], roles[i] })
	return roles[:random.IntN(len(roles)+1)]
}

func randomActions(random *rand.Rand) []domain.RequiredAction {
	actions := []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor, "CONFIGURE_TOTP"}
	random.Shuffle(len(actions), func(i, j int) { actions[i], actions[j] = actions[j], actions[i] })
	return actions[:random.IntN(len(actions)+1)]
}

func kindOf(err error) string {
	if err == nil {
		return "ok"
	}
	return domain.AsError(err).Kind.Error()
}

// stateOf returns what a provider tells of a user, without what cannot be equal.
func stateOf(t *testing.T, provider ports.IdentityProvider, name string) account {
	t.Helper()
	user, err := provider.FindUser(t.Context(), mustUsername(name))
	if domain.AsError(err).Kind == domain.NotFound {
		return account{}
	}
	require.NoError(t, err)
	memberships, err := provider.Memberships(t.Context(), user.ID)
	require.NoError(t, err)
	roles := slices.DeleteFunc(sortedText(memberships.Roles), func(role string) bool { return strings.HasPrefix(role, "default-roles-") })
	return account{
		"", user.Username, user.Email, user.FirstName, user.LastName, user.Enabled, user.EmailVerified,
		sortedText(user.RequiredActions), roles, sortedText(memberships.Groups),
	}
}

func mustUsername(text string) domain.Username {
	username, err := domain.ParseUsername(text)
	if err != nil {
		panic(err)
	}
	return username
}

func mustEmail(text string) domain.Email {
	email, err := domain.ParseEmail(text)
	if err != nil {
		panic(err)
	}
	return email
}
