package deploy

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// compose loads the compose file as Docker does, by the schema of the specification.
func compose(t *testing.T) *types.Project {
	t.Helper()
	folder, err := filepath.Abs(deployFolder)
	require.NoError(t, err)
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  folder,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(folder, "compose.yaml")}},
		Environment: types.Mapping{}, // It needs nothing that has to be set first.
	})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"keycloak", "mailpit", name}, project.ServiceNames())
	return project
}

// settings are a service's variables; a variable without a value would be taken from
// whoever starts it.
func settings(t *testing.T, service types.ServiceConfig) map[string]string {
	t.Helper()
	set := make(map[string]string)
	for variable, value := range service.Environment {
		require.NotNil(t, value, variable)
		set[variable] = *value
	}
	return set
}

// realm is the part of the realm file that others go by.
type realm struct {
	Realm      string
	SMTPServer struct{ Host, Port string }
	Roles      struct{ Realm []struct{ Name string } }
	Groups     []struct {
		Name       string
		RealmRoles []string
	}
	Clients []struct {
		ClientID               string
		Enabled, PublicClient  bool
		ServiceAccountsEnabled bool
		Secret                 string
	}
	Users []struct {
		Username               string
		ServiceAccountClientID string
		ClientRoles            map[string][]string
		Credentials            []struct{ Value string }
	}
	Components map[string][]struct{ Config map[string][]string }
}

func readRealm(t *testing.T) realm {
	t.Helper()
	text, err := os.ReadFile(deployFolder + "/keycloak-realm.json")
	require.NoError(t, err)
	var r realm
	require.NoError(t, json.Unmarshal(text, &r))
	return r
}

func TestCompose_IsThereForThisMachineOnly(t *testing.T) {
	for _, service := range compose(t).Services {
		require.NotEmpty(t, service.Ports, service.Name)
		for _, port := range service.Ports {
			assert.Equal(t, "127.0.0.1", port.HostIP, service.Name)
		}
		for _, volume := range service.Volumes {
			assert.True(t, exists(volume.Source), "%s is not there", volume.Source)
			assert.True(t, volume.ReadOnly, volume.Source)
		}
		if service.Build == nil {
			assert.Regexp(t, `:v?\d+\.\d+`, service.Image, "any other version may be the next one")
		}
	}
}

// The container has the rights that it has in production, so that what needs more shows.
func TestCompose_RunsTheServiceAsTheManifestsDo(t *testing.T) {
	project := compose(t)
	service := project.Services[name]
	require.NotNil(t, service.Build)
	assert.True(t, exists(filepath.Join(service.Build.Context, service.Build.Dockerfile)))
	assert.True(t, service.ReadOnly)
	assert.Equal(t, []string{"ALL"}, service.CapDrop)
	assert.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt)
	limits := build(t).container(t).Resources.Limits
	assert.Equal(t, limits.Memory().Value(), int64(service.MemLimit))
	require.NotNil(t, service.StopGracePeriod)
	assert.Greater(t, time.Duration(*service.StopGracePeriod), seconds(t, variables(t)["SHUTDOWN_TIMEOUT"]))

	known := variables(t)
	for variable := range settings(t, service) {
		assert.Contains(t, known, variable)
	}
}

func TestCompose_AndItsRealmAgree(t *testing.T) {
	project, realm := compose(t), readRealm(t)
	environment := settings(t, project.Services[name])
	keycloak := project.Services["keycloak"]

	assert.Equal(t, "http://keycloak:8080", environment["KEYCLOAK_URL"])
	assert.Equal(t, realm.Realm, environment["KEYCLOAK_REALM"])
	assert.Equal(t, "mailpit", realm.SMTPServer.Host)
	assert.Equal(t, "1025", realm.SMTPServer.Port)
	require.Len(t, keycloak.Volumes, 1)
	assert.Equal(t, "/opt/keycloak/data/import/"+realm.Realm+"-realm.json", keycloak.Volumes[0].Target, "Keycloak wants the realm's name in the file's name")
	assert.Contains(t, []string(keycloak.Command), "--import-realm")
	assert.Contains(t, strings.Join(keycloak.HealthCheck.Test, " "), "/realms/"+realm.Realm+" ")
	// The one of the browser's address, or tokens would have two issuers.
	assert.Equal(t, "http://localhost:"+keycloak.Ports[0].Published, settings(t, keycloak)["KC_HOSTNAME"])

	var matching int
	for _, client := range realm.Clients {
		if client.ClientID == environment["KEYCLOAK_CLIENT_ID"] {
			matching++
			assert.True(t, client.Enabled && client.ServiceAccountsEnabled && !client.PublicClient)
			assert.Equal(t, environment["KEYCLOAK_CLIENT_SECRET"], client.Secret)
		}
	}
	assert.Equal(t, 1, matching, "clients for the service")
}

// Secrets in a repository must not look like ones that somebody uses.
func TestCompose_HasObviouslyFalseSecretsOnly(t *testing.T) {
	for _, service := range compose(t).Services {
		for variable, value := range settings(t, service) {
			if strings.Contains(variable, "SECRET") || strings.Contains(variable, "PASSWORD") {
				assert.Equal(t, "change-me", value, variable)
			}
		}
	}
	realm := readRealm(t)
	for _, client := range realm.Clients {
		assert.Contains(t, []string{"", "change-me"}, client.Secret)
	}
	for _, user := range realm.Users {
		for _, credential := range user.Credentials {
			assert.Equal(t, "Change-me-12", credential.Value, "the realm's password policy wants this much")
		}
	}
}

func TestRealm_GivesTheServiceTheRightsItNeedsAndNoMore(t *testing.T) {
	var accounts int
	for _, user := range readRealm(t).Users {
		if user.ServiceAccountClientID == name {
			accounts++
			assert.Equal(t, map[string][]string{"realm-management": {"manage-users", "view-realm", "view-clients"}}, user.ClientRoles)
		}
	}
	assert.Equal(t, 1, accounts)
}

// The README's table is what administrators read, so it is what the realm must hold.
func TestRealm_HasTheRolesAndGroupsOfTheRoleMap(t *testing.T) {
	text, err := os.ReadFile(root + "/README.md")
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "\n## Role map\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	roles, groups := make(map[string]bool), make(map[string]bool)
	for _, row := range regexp.MustCompile(`(?m)^\|(.+)\|(.+)\|(.+)\|$`).FindAllStringSubmatch(section, -1)[2:] {
		roles[strings.TrimSpace(row[2])] = true
		if group := strings.TrimSpace(row[3]); group != "none" {
			groups[group] = true
		}
	}
	require.Len(t, roles, 13)
	require.Len(t, groups, 5)

	realm := readRealm(t)
	var present []string
	for _, role := range realm.Roles.Realm {
		present = append(present, role.Name)
	}
	for role := range roles {
		assert.Contains(t, present, role)
	}
	present = nil
	for _, group := range realm.Groups {
		present = append(present, group.Name)
		if group.Name == "head-office" {
			assert.Contains(t, group.RealmRoles, "admin", "as in production, which is what the service guards against")
		}
	}
	for group := range groups {
		assert.Contains(t, present, group)
	}
}

// Keycloak drops attributes in silence that the profile does not declare, and whoever may
// edit a mark may pass for one of the service's users.
func TestRealm_KeepsAttributesAndLetsAdministratorsAloneEditThem(t *testing.T) {
	components := readRealm(t).Components["org.keycloak.userprofile.UserProfileProvider"]
	require.Len(t, components, 1)
	require.Len(t, components[0].Config["kc.user.profile.config"], 1)
	var profile struct {
		Attributes []struct {
			Name        string
			Annotations map[string]any
			Permissions struct{ View, Edit []string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(components[0].Config["kc.user.profile.config"][0]), &profile))
	editors := make(map[string][]string)
	for _, attribute := range profile.Attributes {
		editors[attribute.Name] = attribute.Permissions.Edit
		assert.NotNil(t, attribute.Annotations, "%s: without annotations Keycloak's SCIM fails", attribute.Name)
	}
	for _, own := range []string{"username", "email", "firstName", "lastName"} {
		assert.Equal(t, []string{"admin", "user"}, editors[own], own)
		delete(editors, own)
	}
	for _, attribute := range []string{
		"fineract_user_id", "office_id", "office_name", "employee_id", "mobile_number", "fineract_role", "managed_by",
	} {
		assert.Equal(t, []string{"admin"}, editors[attribute], attribute)
		delete(editors, attribute)
	}
	assert.Empty(t, editors)
}

func TestCompose_StartsTheProgram(t *testing.T) {
	environment := settings(t, compose(t).Services[name])
	environment["KEYCLOAK_URL"] = failingKeycloak(t)
	program := start(t, environment)
	status, err := get(t.Context(), program.url+"/livez")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status)
}
