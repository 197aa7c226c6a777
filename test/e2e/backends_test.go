package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"user-sync-service/internal/adapters/auditlog"
	"user-sync-service/internal/adapters/httpapi"
	"user-sync-service/internal/adapters/memory"
	"user-sync-service/internal/adapters/rolemap"
	"user-sync-service/internal/adapters/telemetry"
	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
	"user-sync-service/test/keycloaktest"
)

// The contract realm lacks one role and one group of the role map.
const (
	absentRole  = "Viewer"
	absentGroup = "branch-managers"
)

// protectedName is a username that the service must leave alone.
const protectedName = "root.keeper"

// caller says whose access token comes with a request.
type caller string

const (
	theAdministrator caller = "" // may do everything
	aTeller          caller = "a teller"
	nobodyKnown      caller = "nobody known" // without a token
)

// administratorName is the username of theAdministrator.
const administratorName = "the.boss"

// account is a user as the identity provider has it, asked behind the service's back.
type account struct {
	ID, Username, Email, FirstName, LastName string
	Enabled, EmailVerified                   bool
	RequiredActions, Roles, Groups           []string // sorted
}

// backend is an identity provider with the service in front of it.
type backend struct {
	url    string            // of the service
	tokens map[caller]string // access tokens

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
	for _, assignment := range rolemap.Default().Assignments() {
		if assignment.Role != absentRole {
			realm.Roles = append(realm.Roles, assignment.Role)
		}
		if assignment.Group != "" && assignment.Group != absentGroup {
			realm.Groups = append(realm.Groups, assignment.Group)
		}
	}
	realm.Carries = map[domain.Group][]domain.RealmRole{"head-office": {"admin", "Super User"}}
	provider := memory.New(realm)
	id, err := provider.AddUser(domain.User{Username: administratorName, Email: administratorName + "@bank.example", Enabled: true}, "", domain.Assignment{Role: "admin"})
	require.NoError(t, err)
	tokens := map[caller]string{theAdministrator: rand.Text(), aTeller: rand.Text()}

	log := slog.New(slog.DiscardHandler)
	metrics := telemetry.NewMetrics(telemetry.Build{})
	guard := domain.DefaultGuard()
	guard.ProtectedUsers = []string{protectedName}
	server := httptest.NewServer(httpapi.New(httpapi.Config{
		RequestTimeout: time.Minute,
		Service: app.New(app.Config{
			Provider: provider,
			Roles:    rolemap.Default(),
			Guard:    guard,
			Access:   app.Access{Mode: app.Enforce, WriteRoles: []string{"admin"}, ReadRoles: []string{"admin"}},
			Verifier: knownTokens{
				tokens[theAdministrator]: {Subject: string(id), Username: administratorName, Roles: []string{"admin"}},
				tokens[aTeller]:          {Subject: "7", Username: "some.teller", Roles: []string{"teller"}},
			},
			Audit:           auditlog.New(io.Discard),
			RequiredActions: []domain.RequiredAction{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor},
			EmailVerified:   true,
			Random:          rand.Reader,
			Log:             log,
			Observer:        metrics,
		}),
		CrossOrigin: http.NewCrossOriginProtection(),
		Health:      func() error { return nil },
		Ready:       func() bool { return true },
		Realm:       "memory",
		Log:         log,
		Metrics:     metrics.Handler(),
		Observe:     metrics.ObserveRequest,
		Traces:      noop.NewTracerProvider(),
	}))
	t.Cleanup(server.Close)

	return backend{
		url:    server.URL,
		tokens: tokens,
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

// knownTokens are the tokens of the in-memory backend.
type knownTokens map[string]domain.Actor

// Verify implements ports.TokenVerifier.
func (k knownTokens) Verify(_ context.Context, token string) (domain.Actor, error) {
	actor, ok := k[token]
	if !ok {
		return domain.Actor{}, &domain.Error{Kind: domain.Unauthenticated}
	}
	return actor, nil
}

// keycloakBackend is the binary on a realm of a real Keycloak.
func keycloakBackend(t *testing.T) backend {
	t.Helper()
	sink := newSink(t)
	realm := newRealm(t, keycloaktest.RealmOptions{Name: "contract", SMTPPort: sink.Port()})
	keepAttributes(t, realm)
	require.NoError(t, realm.DeleteRole(t.Context(), absentRole))
	require.NoError(t, realm.DeleteGroup(t.Context(), absentGroup))
	environment := environmentFor(realm, realm.URL)
	environment["PROTECTED_USERS"] = protectedName
	p := serveWith(t, realm, environment)
	administrator, err := realm.NewActor(t.Context(), administratorName, "admin")
	require.NoError(t, err)
	teller, err := realm.NewActor(t.Context(), "some.teller", "teller")
	require.NoError(t, err)

	return backend{
		url:     p.URL,
		tokens:  map[caller]string{theAdministrator: administrator.AccessToken, aTeller: teller.AccessToken},
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
