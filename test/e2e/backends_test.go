package e2e

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/httpapi"
	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/test/keycloaktest"
)

// The contract realm lacks one role and one group of the role map.
const (
	absentRole  = "Viewer"
	absentGroup = "branch-managers"
)

// account is a user as the identity provider has it, asked behind the service's back.
type account struct {
	ID, Username, Email, FirstName, LastName string
	Enabled, EmailVerified                   bool
	RequiredActions, Roles, Groups           []string // sorted
}

// backend is an identity provider with the service in front of it.
type backend struct {
	url string // of the service

	// addUser puts a user into the realm, with the role teller and the group tellers.
	addUser func(t *testing.T, user domain.User)
	// account returns the user with exactly this username, letter case aside.
	account func(t *testing.T, username string) (account, bool)
	// signIn tries a password and says what came of it.
	signIn func(t *testing.T, username, password string) signInOutcome
	// mails counts the reset mails to an address.
	mails func(address string) int
	// failMails makes mails fail, or work again.
	failMails func(fail bool)
}

type signInOutcome string

const (
	notFullySetUp signInOutcome = "not fully set up" // the password is right
	wrongPassword signInOutcome = "wrong password"
	signedIn      signInOutcome = "signed in"
)

// memoryBackend is the service on the in-memory provider, in this process.
func memoryBackend(t *testing.T) backend {
	t.Helper()
	realm := memory.Realm{Policy: domain.PasswordPolicy{MinLength: 12, MinLower: 1, MinUpper: 1, MinDigits: 2, MinSpecial: 1}}
	for _, assignment := range domain.DefaultRoleMap().Assignments() {
		if assignment.Role != absentRole {
			realm.Roles = append(realm.Roles, assignment.Role)
		}
		if assignment.Group != "" && assignment.Group != absentGroup {
			realm.Groups = append(realm.Groups, assignment.Group)
		}
	}
	provider := memory.New(realm)
	log := slog.New(slog.DiscardHandler)
	server := httptest.NewServer(httpapi.New(httpapi.Config{
		Service: app.New(provider, domain.DefaultRoleMap(), rand.Reader, log),
		Health:  func() error { return nil },
		Ready:   func() bool { return true },
		Realm:   "memory",
		Log:     log,
		Metrics: http.NotFoundHandler(),
		Observe: func(string, string, int, time.Duration) {},
	}))
	t.Cleanup(server.Close)

	return backend{
		url: server.URL,
		addUser: func(t *testing.T, user domain.User) {
			t.Helper()
			_, err := provider.AddUser(user, "", domain.Assignment{Role: "teller", Group: "tellers"})
			require.NoError(t, err)
		},
		account: func(t *testing.T, username string) (account, bool) {
			t.Helper()
			for _, user := range provider.Users() {
				if strings.EqualFold(user.Username, username) {
					memberships, err := provider.Memberships(t.Context(), user.ID)
					require.NoError(t, err)
					return account{
						string(user.ID), user.Username, user.Email, user.FirstName, user.LastName, user.Enabled, user.EmailVerified,
						sortedText(user.RequiredActions), sortedText(memberships.Roles), sortedText(memberships.Groups),
					}, true
				}
			}
			return account{}, false
		},
		signIn: func(_ *testing.T, username, password string) signInOutcome {
			_, err := provider.SignIn(username, password)
			switch {
			case err == nil:
				return signedIn
			case errors.Is(err, memory.NotSetUp):
				return notFullySetUp
			default:
				return wrongPassword
			}
		},
		mails: func(address string) int {
			count := 0
			for _, to := range provider.Mails() {
				if strings.EqualFold(to, address) {
					count++
				}
			}
			return count
		},
		failMails: provider.FailMails,
	}
}

// keycloakBackend is the binary on a realm of a real Keycloak.
func keycloakBackend(t *testing.T) backend {
	t.Helper()
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "contract", SMTPPort: sink.Port()})
	require.NoError(t, realm.DeleteRole(t.Context(), absentRole))
	require.NoError(t, realm.DeleteGroup(t.Context(), absentGroup))
	p := serveRealm(t, realm, realm.URL)

	return backend{
		url:     p.URL,
		addUser: func(t *testing.T, user domain.User) { t.Helper(); addRealmUser(t, realm, user) },
		account: func(t *testing.T, username string) (account, bool) {
			t.Helper()
			return realmAccount(t, realm, username)
		},
		signIn: func(t *testing.T, username, password string) signInOutcome {
			t.Helper()
			grant, err := realm.Login(t.Context(), username, password)
			require.NoError(t, err)
			switch {
			case grant.Status == http.StatusOK:
				return signedIn
			case grant.Description == "Account is not fully set up":
				return notFullySetUp
			default:
				return wrongPassword
			}
		},
		mails:     func(address string) int { return len(sink.MailsTo(address)) },
		failMails: sink.Reject,
	}
}

// addRealmUser puts a user into the realm with the role teller and the group tellers.
func addRealmUser(t *testing.T, realm *keycloaktest.Realm, user domain.User) string {
	t.Helper()
	representation := map[string]any{
		"username": user.Username, "enabled": user.Enabled, "emailVerified": user.EmailVerified,
		"requiredActions": user.RequiredActions, "groups": []string{"/tellers"},
	}
	for member, value := range map[string]string{"email": user.Email, "firstName": user.FirstName, "lastName": user.LastName} {
		if value != "" {
			representation[member] = value
		}
	}
	id, err := realm.CreateUser(t.Context(), representation)
	require.NoError(t, err)
	require.NoError(t, realm.GrantRealmRole(t.Context(), id, "teller"))
	return id
}

// realmAccount asks Keycloak for a user. The role that every user of a realm has
// is left out.
func realmAccount(t *testing.T, realm *keycloaktest.Realm, username string) (account, bool) {
	t.Helper()
	user, found, err := realm.User(t.Context(), username)
	require.NoError(t, err)
	if !found {
		return account{}, false
	}
	text := func(member string) string { s, _ := user[member].(string); return s }
	a := account{
		ID: text("id"), Username: text("username"), Email: text("email"), FirstName: text("firstName"), LastName: text("lastName"),
		Enabled: user["enabled"] == true, EmailVerified: user["emailVerified"] == true,
		RequiredActions: []string{},
	}
	actions, _ := user["requiredActions"].([]any)
	for _, action := range actions {
		a.RequiredActions = append(a.RequiredActions, action.(string))
	}
	slices.Sort(a.RequiredActions)
	roles, err := realm.RealmRoles(t.Context(), a.ID)
	require.NoError(t, err)
	a.Roles = slices.DeleteFunc(roles, func(role string) bool { return role == "default-roles-"+realm.Name })
	a.Groups, err = realm.Groups(t.Context(), a.ID)
	require.NoError(t, err)
	return a, true
}

func sortedText[T ~string](list []T) []string {
	texts := make([]string, 0, len(list))
	for _, item := range list {
		texts = append(texts, string(item))
	}
	slices.Sort(texts)
	return texts
}
