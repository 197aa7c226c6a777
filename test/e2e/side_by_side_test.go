package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
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

// side is one of the two providers, with what others do than the port's callers.
type side struct {
	ports.IdentityProvider
	delete func(ctx context.Context, id domain.UserID) error
	lock   func(ctx context.Context, username string) error // of an enabled user
}

// unkeptBySides is the attribute that the realm of both does not keep.
const unkeptBySides = domain.MobileNumber

// The in-memory provider says and does what Keycloak does, whatever comes after
// whatever: the same kinds of error, the same answers, and the same users after each
// step.
func TestSideBySide_RandomOperationsAgree(t *testing.T) {
	const operations, seed = 600, 20261124
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "sides", SMTPPort: sink.Port(), CheapHash: true, Mutate: withRightsAndLocks})
	keepAttributes(t, realm, unkeptBySides)
	switchActionOff(t, realm, "UPDATE_PROFILE")
	onKeycloak := side{
		newProvider(t, realm),
		func(ctx context.Context, id domain.UserID) error { return realm.DeleteUser(ctx, string(id)) },
		func(ctx context.Context, username string) error { return lockOut(ctx, realm, username) },
	}
	fake := memory.New(sameRealm())
	inMemory := side{
		fake,
		func(_ context.Context, id domain.UserID) error { return fake.DeleteUser(id) },
		func(_ context.Context, username string) error { return fake.Lock(username) },
	}
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
	require.Greater(t, len(kinds), 25, "the sequence is not varied enough to tell anything")
}

// sameRealm is in memory what the test realm with hidden rights is on Keycloak. The role
// watcher is left out, since Keycloak does not show the service what its right contains.
func sameRealm() memory.Realm {
	numbers := regexp.MustCompile(`^[0-9]{1,19}$`)
	return memory.Realm{
		Roles:          []domain.RealmRole{"teller", "staff", "auditor", "chief", "historian"},
		Groups:         []domain.Group{"tellers", "head", "head/board"},
		Policy:         domain.PasswordPolicy{MinLength: 12, MinUpper: 1, MinLower: 1, MinDigits: 2, MinSpecial: 1, NotUsername: true},
		Contains:       map[domain.RealmRole][]domain.RealmRole{"chief": {"auditor"}, "historian": {"view-events"}},
		Carries:        map[domain.Group][]domain.RealmRole{"tellers": {"teller"}, "head": {"auditor"}},
		Administration: []domain.RealmRole{"view-events"},

		LacksActions:    []domain.RequiredAction{"UPDATE_PROFILE", "no-such-action"},
		LacksAttributes: []domain.Attribute{unkeptBySides},
		AsksFor:         []domain.Attribute{domain.FirstName, domain.LastName},
		AttributePatterns: map[domain.Attribute]*regexp.Regexp{
			domain.FineractUserID: numbers, domain.OfficeID: numbers, domain.EmployeeID: numbers,
		},
	}
}

// lockOut makes Keycloak lock a user of a realm withRightsAndLocks. Two wrong passwords are enough, but some versions
// do not count one that comes while the last one is still being counted.
func lockOut(ctx context.Context, realm *keycloaktest.Realm, username string) error {
	user, _, err := realm.User(ctx, username)
	if err != nil {
		return err
	}
	for range 20 {
		if _, err := realm.Login(ctx, username, "wrong"); err != nil {
			return err
		}
		var lock struct{ Disabled bool }
		err := realm.Call(ctx, http.MethodGet, fmt.Sprint("/attack-detection/brute-force/users/", user["id"]), nil, &lock)
		if err != nil || lock.Disabled {
			return err
		}
	}
	return errors.New("the user is not locked")
}

func kindOf(err error) string {
	if err == nil {
		return "ok"
	}
	return domain.AsError(err).Kind.Error()
}

// userState is all that a provider tells of a user, without what cannot be equal.
type userState struct {
	User        domain.User
	Memberships domain.Memberships
	Details     domain.AccountDetails
}

// stateOf returns the state of a user, or the zero state of nobody.
func stateOf(t *testing.T, provider ports.IdentityProvider, name string) userState {
	t.Helper()
	user, err := provider.FindUser(t.Context(), mustUsername(name))
	if domain.AsError(err).Kind == domain.NotFound {
		return userState{}
	}
	require.NoError(t, err)
	memberships, err := provider.Memberships(t.Context(), user.ID)
	require.NoError(t, err)
	details, err := provider.Details(t.Context(), user.ID)
	require.NoError(t, err)

	require.WithinDuration(t, time.Now(), user.CreatedAt, time.Hour)
	user.ID, user.CreatedAt, user.RequiredActions = "", time.Time{}, sorted(user.RequiredActions)
	if len(user.Attributes) == 0 {
		user.Attributes = nil
	}
	memberships.Roles, memberships.Groups = withoutKeycloaksOwn(memberships.Roles), sorted(memberships.Groups)
	require.True(t, slices.IsSorted(details.EffectiveRoles), details.EffectiveRoles)
	details.EffectiveRoles = withoutKeycloaksOwn(details.EffectiveRoles)
	details.LockedUntil = time.Time{} // Keycloak's locks end, those in memory do not.
	details.SecondFactors = sorted(details.SecondFactors)
	return userState{user, memberships, details}
}

// withoutKeycloaksOwn leaves out the roles that Keycloak gives to every user of a realm.
func withoutKeycloaksOwn(roles []domain.RealmRole) []domain.RealmRole {
	return slices.DeleteFunc(sorted(roles), func(role domain.RealmRole) bool {
		return strings.HasPrefix(string(role), "default-roles-") || role == "offline_access" || role == "uma_authorization"
	})
}

// sorted returns a sorted copy, never nil, so that order and nil do not count.
func sorted[E ~string](list []E) []E {
	list = append([]E{}, list...)
	slices.Sort(list)
	return list
}
