package e2e

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// illness makes a realm ill, or well again.
type illness func(t *testing.T, realm *keycloaktest.Realm)

// calling is an illness by one call to the realm's admin API.
func calling(method, path string, body any) illness {
	return func(t *testing.T, realm *keycloaktest.Realm) {
		t.Helper()
		require.NoError(t, realm.Call(t.Context(), method, path, body, nil))
	}
}

func setting(settings map[string]any) illness { return calling(http.MethodPut, "", settings) }

func settingClient(settings map[string]any) illness {
	return func(t *testing.T, realm *keycloaktest.Realm) {
		t.Helper()
		require.NoError(t, realm.UpdateClient(t.Context(), realm.ClientID, settings))
	}
}

// declaring changes the declarations of the user profile.
func declaring(change func(attributes []any) []any) illness {
	return func(t *testing.T, realm *keycloaktest.Realm) {
		t.Helper()
		require.NoError(t, realm.ChangeProfile(t.Context(), func(profile map[string]any) {
			attributes, _ := profile["attributes"].([]any)
			profile["attributes"] = change(attributes)
		}))
	}
}

// permitting sets who may see and edit the attribute office_id.
func permitting(roles ...string) illness {
	return declaring(func(attributes []any) []any {
		for _, attribute := range attributes {
			if attribute := attribute.(map[string]any); attribute["name"] == "office_id" {
				attribute["permissions"] = map[string]any{"view": roles, "edit": roles}
			}
		}
		return attributes
	})
}

// accountPath returns the path of the service's own user.
func accountPath(t *testing.T, realm *keycloaktest.Realm) string {
	t.Helper()
	user, found, err := realm.User(t.Context(), "service-account-"+realm.ClientID)
	require.NoError(t, err)
	require.True(t, found)
	return "users/" + user["id"].(string)
}

func withoutRight(right string) illness {
	return func(t *testing.T, realm *keycloaktest.Realm) {
		t.Helper()
		path := "/" + accountPath(t, realm) + "/role-mappings/clients/" + clientUUID(t, realm, "realm-management")
		require.NoError(t, realm.Call(t.Context(), http.MethodDelete, path, []any{administrationRole(t, realm, right)}, nil))
	}
}

func ailmentsOfTheAccount() []ailment {
	return []ailment{
		{name: "secret refused", plant: settingClient(map[string]any{"secret": "another"}), finding: "secret-refused"},
		{name: "client disabled", plant: settingClient(map[string]any{"enabled": false}), finding: "client-unknown"},
		{name: "client public", plant: settingClient(map[string]any{"publicClient": true}), finding: "client-public"},
		{name: "no service account", plant: settingClient(map[string]any{"serviceAccountsEnabled": false}), finding: "service-account-off"},
		{name: "service account disabled", plant: func(t *testing.T, realm *keycloaktest.Realm) {
			t.Helper()
			calling(http.MethodPut, "/"+accountPath(t, realm), map[string]any{"enabled": false})(t, realm)
		}, finding: "service-account-disabled"},
		{name: "no full scope", plant: settingClient(map[string]any{"fullScopeAllowed": false}), finding: "no-full-scope"},
		{name: "no manage-users", plant: withoutRight("manage-users"), finding: "right-missing"},
		{name: "no view-realm", plant: withoutRight("view-realm"), finding: "right-missing"},
		{name: "realm-admin", plant: func(t *testing.T, realm *keycloaktest.Realm) {
			t.Helper()
			administer(t, realm, accountPath(t, realm), "realm-admin")
		}, finding: "rights-beyond-need"},
		{name: "no view-clients", since26_7: true, plant: withoutRight("view-clients"), finding: "view-clients-missing"},
		{name: "client gone", plant: func(t *testing.T, realm *keycloaktest.Realm) {
			t.Helper()
			calling(http.MethodDelete, "/clients/"+clientUUID(t, realm, realm.ClientID), nil)(t, realm)
		}, finding: "client-unknown"},
		{name: "realm disabled", plant: setting(map[string]any{"enabled": false}), finding: "realm-disabled"},
		{name: "https required", plant: setting(map[string]any{"sslRequired": "all"}), finding: "https-required", mend: setting(map[string]any{"sslRequired": "external"})},
	}
}

func ailmentsOfTheRealm() []ailment {
	const action = "/authentication/required-actions/VERIFY_EMAIL"
	elsewhere := setting(map[string]any{"smtpServer": map[string]any{"host": "mailpit", "from": "a@bank.example"}})
	return []ailment{
		{name: "policy", plant: setting(map[string]any{"passwordPolicy": "length(12) and maxLength(14) and digits(2)"}), finding: "password-policy"},
		{name: "policy of a pattern", plant: setting(map[string]any{"passwordPolicy": "regexPattern(x)"}), finding: "password-policy", mend: setting(map[string]any{"passwordPolicy": "length(12)"})},
		{name: "e-mail as username", plant: setting(map[string]any{"registrationEmailAsUsername": true}), finding: "email-as-username"},
		{name: "duplicate addresses", plant: setting(map[string]any{"loginWithEmailAllowed": false, "duplicateEmailsAllowed": true}), finding: "duplicate-emails"},
		{name: "self-registration", plant: setting(map[string]any{"registrationAllowed": true}), finding: "self-registration"},
		{name: "no mail server", plant: setting(map[string]any{"smtpServer": map[string]any{}}), finding: "smtp-missing", mend: elsewhere},
		{name: "mail server silent", plant: setting(map[string]any{"smtpServer": map[string]any{"host": "127.0.0.1", "port": "1", "from": "a@bank.example"}}), finding: "smtp-no-answer", mend: elsewhere},
		{name: "action off", plant: calling(http.MethodPut, action, map[string]any{"alias": "VERIFY_EMAIL", "providerId": "VERIFY_EMAIL", "name": "Verify Email", "enabled": false, "priority": 50}), finding: "required-action-off"},
		{name: "action missing", plant: calling(http.MethodDelete, action, nil), finding: "required-action-missing"},
		{name: "action unknown", environment: map[string]string{"REQUIRED_ACTIONS": "UPDATE_PASSWORD,dance"}, finding: "required-action-missing"},
		{name: "attributes not declared", plant: declaring(func(attributes []any) []any {
			return slices.DeleteFunc(attributes, func(attribute any) bool {
				return slices.Contains([]any{"office_id", "managed_by"}, attribute.(map[string]any)["name"])
			})
		}), finding: "attributes-not-kept"},
		{name: "attribute not for administrators", plant: permitting("user"), finding: "attributes-not-kept"},
		{name: "attribute open to users", plant: permitting("admin", "user"), finding: "attributes-open"},
		{name: "field required", plant: declaring(func(attributes []any) []any {
			return append(attributes, map[string]any{"name": "birthday", "required": map[string]any{}, "permissions": map[string]any{"view": []string{"admin"}, "edit": []string{"admin"}}})
		}), finding: "field-required"},
		{name: "hostname", plant: setting(map[string]any{"attributes": map[string]any{"frontendUrl": ""}}), finding: "hostname-not-fixed", issuer: "https://login.bank.example"},
	}
}

func ailmentsOfRights() []ailment {
	return []ailment{
		{name: "role", plant: calling(http.MethodDelete, "/roles/Supervisor%20Accountant", nil), finding: "role-missing"},
		{name: "audience", since26_7: true, plant: func(t *testing.T, realm *keycloaktest.Realm) {
			t.Helper()
			client := clientUUID(t, realm, keycloaktest.LoginClientID)
			var mappers []struct{ ID string }
			require.NoError(t, realm.Call(t.Context(), http.MethodGet, "/clients/"+client+"/protocol-mappers/models", nil, &mappers))
			for _, mapper := range mappers {
				calling(http.MethodDelete, "/clients/"+client+"/protocol-mappers/models/"+mapper.ID, nil)(t, realm)
			}
		}, environment: map[string]string{"AUTH_CLIENTS": keycloaktest.LoginClientID}, finding: "audience-missing"},
		{name: "caller's role of a client", since26_7: true, environment: map[string]string{"AUTH_READ_ROLES": "admin,login-check:auditor"}, finding: "role-missing"},
		{name: "group", plant: func(t *testing.T, realm *keycloaktest.Realm) {
			t.Helper()
			require.NoError(t, realm.DeleteGroup(t.Context(), "loan-officers"))
		}, finding: "group-missing"},
		{name: "caller's role", environment: map[string]string{"AUTH_READ_ROLES": "admin,it's an auditor"}, finding: "role-missing"},
		{name: "privileged role", environment: map[string]string{"PRIVILEGED_ROLES": "admin,Super User,Treasurer"}, finding: "role-missing"},
		{name: "protected role", environment: map[string]string{"PROTECTED_ROLES": "CEO"}, finding: "role-missing"},
		{name: "protected group", environment: map[string]string{"PROTECTED_GROUPS": "board/of directors"}, finding: "protected-group-missing"},
		{name: "protected user", environment: map[string]string{"PROTECTED_USERS": "nobody.at.all"}, finding: "protected-user-missing"},
		{name: "group carries a role", plant: func(t *testing.T, realm *keycloaktest.Realm) {
			t.Helper()
			carry(t, realm, "groups/"+groupID(t, realm, "tellers"), "admin")
		}, finding: "group-escalates"},
		{name: "group carries a right", plant: func(t *testing.T, realm *keycloaktest.Realm) {
			t.Helper()
			administer(t, realm, "groups/"+groupID(t, realm, "tellers"), "realm-admin")
		}, finding: "group-escalates"},
		{name: "composite role", plant: func(t *testing.T, realm *keycloaktest.Realm) {
			t.Helper()
			makeComposite(t, realm, "teller", realmRole(t, realm, "Super User"))
		}, finding: "role-escalates"},
		{name: "default role", plant: func(t *testing.T, realm *keycloaktest.Realm) {
			t.Helper()
			makeComposite(t, realm, "default-roles-"+realm.Name, realmRole(t, realm, "admin"))
		}, finding: "default-role-escalates"},
		{name: "default group", plant: func(t *testing.T, realm *keycloaktest.Realm) {
			t.Helper()
			calling(http.MethodPut, "/default-groups/"+groupID(t, realm, "head-office"), nil)(t, realm)
		}, finding: "default-group-escalates"},
	}
}

// with is the environment for the realm with some variables of the ailment.
func (a ailment) with(environment map[string]string) map[string]string {
	maps.Copy(environment, a.environment)
	if a.issuer != "" {
		environment["AUTH_ISSUERS"] = a.issuer + "/realms/" + environment["KEYCLOAK_REALM"]
	}
	return environment
}
