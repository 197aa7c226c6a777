package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"user-sync-service/internal/adapters/keycloak"
	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports/porttest"
	"user-sync-service/test/keycloaktest"
)

// newProvider returns the Keycloak adapter on a real realm.
func newProvider(t *testing.T, realm *keycloaktest.Realm) *keycloak.Provider {
	t.Helper()
	provider := keycloak.New(keycloak.Config{
		URL: realm.URL, Realm: realm.Name, ClientID: realm.ClientID, ClientSecret: func() (domain.Secret, error) { return domain.NewSecret(realm.ClientSecret), nil },
		CallTimeout: 10 * time.Second,
	})
	t.Cleanup(provider.Close)
	return provider
}

// The adapter keeps the contract of the port on a real server.
func TestConformance_KeycloakAdapter(t *testing.T) {
	sink := newSink(t)
	const policy = "length(8) and upperCase(1) and lowerCase(1) and digits(1) and notUsername"
	realm := newRealm(t, keycloaktest.RealmOptions{
		Name: "conformance", SMTPPort: sink.Port(), PasswordPolicy: policy, CheapHash: true, Mutate: withRightsAndLocks,
	})
	const disabledAction domain.RequiredAction = "UPDATE_PROFILE"
	unkept := []domain.Attribute{domain.EmployeeID, domain.MobileNumber}
	keepAttributes(t, realm, unkept...)
	switchActionOff(t, realm, disabledAction)
	provider := newProvider(t, realm)

	porttest.Run(t, func(t *testing.T) porttest.Subject {
		return porttest.Subject{
			Provider:          provider,
			Role:              "teller",
			Group:             "loan-officers",
			MissingRole:       "no-such-role",
			MissingGroup:      "no-such-group",
			CarriedRole:       "auditor",
			CompositeRole:     "chief",
			CarryingGroup:     "head/board",
			AdministratorRole: "watcher",
			LackedAction:      "no-such-action",
			DisabledAction:    disabledAction,
			UnkeptAttributes:  unkept,
			RefusedAttribute:  domain.FineractUserID,
			RefusedValue:      "42nd",
			KeepsMarks:        true,
			RefusedUsername:   "ab",
			RefusedName:       "<b>",

			AddUser: func(user domain.User, password string, in ...domain.Assignment) (domain.UserID, error) {
				return plantUser(t, realm, user, password, in)
			},
			DeleteUser: func(id domain.UserID) error { return realm.DeleteUser(t.Context(), string(id)) },
			Mails: func() []string {
				var addresses []string
				for _, mail := range sink.Mails() {
					addresses = append(addresses, mail.To...)
				}
				return addresses
			},
			MailedActions: func(address string) []domain.RequiredAction {
				mails := sink.MailsTo(address)
				require.NotEmpty(t, mails)
				return actionsIn(t, mails[len(mails)-1])
			},
			FailMails: func() error {
				sink.Reject(true)
				t.Cleanup(func() { sink.Reject(false) })
				return nil
			},
			SignIn: func(username, password string) (porttest.Outcome, func() bool) {
				return signIn(t, realm, username, password)
			},
			Lock:            func(username string) error { return lockOut(t.Context(), realm, username) },
			AddSecondFactor: func(id domain.UserID) (string, error) { return addOTP(t, realm, id) },
			RequireLength: func(characters int) error {
				t.Cleanup(func() { // The test's own context has ended by then.
					require.NoError(t, realm.UpdateRealm(context.Background(), map[string]any{"passwordPolicy": policy + " and hashIterations(1)"}))
				})
				return realm.UpdateRealm(t.Context(), map[string]any{"passwordPolicy": fmt.Sprintf("length(%d)", characters)})
			},
			NameByAddress: func() error {
				name := func(ctx context.Context, byAddress bool) error {
					return errors.Join(realm.UpdateRealm(ctx, map[string]any{"registrationEmailAsUsername": byAddress}), provider.Check(ctx))
				}
				t.Cleanup(func() { require.NoError(t, name(context.Background(), false)) })
				return name(t.Context(), true)
			},
		}
	})
}

// withRightsAndLocks adds roles and groups to a realm that give more than they say: the
// role chief contains auditor, watcher and historian contain rights to administer the
// realm, and the members of head/board get auditor from the group above. The right of
// watcher contains others, the right of historian does not. Two wrong passwords lock users
// also on a slow machine, and no lock ends while the test runs.
func withRightsAndLocks(realm map[string]any) {
	realm["quickLoginCheckMilliSeconds"] = 60_000
	realm["waitIncrementSeconds"], realm["minimumQuickLoginWaitSeconds"], realm["maxFailureWaitSeconds"] = 3600, 3600, 3600
	composite := func(name string, composites map[string]any) map[string]any {
		return map[string]any{"name": name, "composite": true, "composites": composites}
	}
	roles := realm["roles"].(map[string]any)
	roles["realm"] = append(roles["realm"].([]any),
		map[string]any{"name": "auditor"},
		composite("chief", map[string]any{"realm": []string{"auditor"}}),
		composite("watcher", map[string]any{"client": map[string]any{"realm-management": []string{"view-users"}}}),
		composite("historian", map[string]any{"client": map[string]any{"realm-management": []string{"view-events"}}}),
	)
	realm["groups"] = append(realm["groups"].([]any), map[string]any{
		"name": "head", "realmRoles": []string{"auditor"}, "subGroups": []any{map[string]any{"name": "board"}},
	})
}

// plantUser makes a user by way of the admin API. A name that the realm's rules refuse
// gets in by relaxing them for a moment.
func plantUser(t *testing.T, realm *keycloaktest.Realm, user domain.User, password string, in []domain.Assignment) (domain.UserID, error) {
	t.Helper()
	representation := map[string]any{
		"username": user.Username, "enabled": user.Enabled, "emailVerified": user.EmailVerified, "requiredActions": user.RequiredActions,
		"email": user.Email, "firstName": user.FirstName, "lastName": user.LastName,
	}
	var groups []string
	for _, assignment := range in {
		if assignment.Group != "" {
			groups = append(groups, "/"+string(assignment.Group))
		}
	}
	representation["groups"] = groups
	if len(user.Attributes) > 0 {
		attributes := map[string][]string{}
		for name, value := range user.Attributes {
			attributes[string(name)] = []string{value}
		}
		representation["attributes"] = attributes
	}
	if password != "" {
		representation["credentials"] = []any{map[string]any{"type": "password", "value": password, "temporary": false}}
	}
	if user.FirstName == "<b>" {
		restore, err := withoutNameRules(t, realm)
		if err != nil {
			return "", err
		}
		defer restore()
	}
	id, err := realm.CreateUser(t.Context(), representation)
	if err != nil {
		return "", err
	}
	for _, assignment := range in {
		if assignment.Role == "" {
			continue
		}
		if err := realm.GrantRealmRole(t.Context(), id, string(assignment.Role)); err != nil {
			return "", err
		}
	}
	return domain.UserID(id), nil
}

// withoutNameRules takes the rules for first names out of the realm's user profile.
func withoutNameRules(t *testing.T, realm *keycloaktest.Realm) (restore func(), err error) {
	t.Helper()
	var strict any
	exchange := func(rules any) error {
		return realm.ChangeProfile(t.Context(), func(profile map[string]any) {
			for _, attribute := range profile["attributes"].([]any) {
				if attribute := attribute.(map[string]any); attribute["name"] == "firstName" {
					strict, attribute["validations"] = attribute["validations"], rules
				}
			}
		})
	}
	err = exchange(map[string]any{})
	return func() { require.NoError(t, exchange(strict)) }, err
}

// addOTP gives the user a one-time password, as users do themselves at the sign-in page.
func addOTP(t *testing.T, realm *keycloaktest.Realm, id domain.UserID) (kind string, err error) {
	t.Helper()
	const otp = "otp"
	return otp, realm.UpdateUser(t.Context(), string(id), map[string]any{"credentials": []any{map[string]any{
		"type":           otp,
		"secretData":     fmt.Sprintf(`{"value":%q}`, rand.Text()),
		"credentialData": `{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}`,
	}}})
}

// actionsIn reads off a mail through which actions its link leads: they are in the token
// that the link carries.
func actionsIn(t *testing.T, mail keycloaktest.Mail) []domain.RequiredAction {
	t.Helper()
	link, err := url.Parse(mail.Link())
	require.NoError(t, err)
	parts := strings.Split(link.Query().Get("key"), ".")
	require.Len(t, parts, 3, "the link of %s carries no token", mail.Subject())
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims struct {
		Actions []domain.RequiredAction `json:"rqac"`
	}
	require.NoError(t, json.Unmarshal(payload, &claims))
	return claims.Actions
}

// signIn signs in by a direct grant. The session lives as long as its refresh token.
func signIn(t *testing.T, realm *keycloaktest.Realm, username, password string) (porttest.Outcome, func() bool) {
	t.Helper()
	grant, err := realm.Login(t.Context(), username, password)
	require.NoError(t, err)
	switch {
	case grant.Description == "Account is not fully set up":
		return porttest.NotSetUp, nil
	case grant.Status != http.StatusOK:
		return porttest.Refused, nil
	}
	return porttest.SignedIn, func() bool {
		refreshed, err := realm.Refresh(t.Context(), grant.RefreshToken)
		require.NoError(t, err)
		if refreshed.Status != http.StatusOK {
			return false
		}
		grant = refreshed
		return true
	}
}
