package e2e

import (
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/test/keycloaktest"
)

// ailment is one fault of a set-up.
type ailment struct {
	name string
	// plant makes a sound realm ill; nil: the environment is at fault.
	plant       illness
	environment map[string]string
	issuer      string // of the callers' tokens, but for the realm; empty: the realm's own
	since26_7   bool   // It cannot be there before, or not be told.
	// finding is what the doctor must say, and nothing else.
	finding string
	// mend does what the remedy says where that is no command.
	mend illness
}

// diagnosis is what the doctor prints for machines.
type diagnosis struct {
	code     int
	text     string
	Findings []finding
	Token    []struct {
		Name, Has, Wanted string
		OK                bool
	}
}

type finding struct{ ID, Severity, Subject, Problem, Breaks, Command, Step string }

func (d diagnosis) ids() []string {
	ids := []string{}
	for _, finding := range d.Findings {
		ids = append(ids, finding.ID)
	}
	return ids
}

// examine runs the doctor, again if Keycloak was too busy for it.
func examine(t *testing.T, environment map[string]string, args ...string) (said diagnosis) {
	t.Helper()
	for range 3 {
		if said = examineOnce(t, environment, args...); !slices.Contains(said.ids(), "no-time") {
			break
		}
	}
	return said
}

func examineOnce(t *testing.T, environment map[string]string, args ...string) diagnosis {
	t.Helper()
	binary, err := shared.binary()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), binary, append([]string{"doctor", "--json"}, args...)...)
	command.Dir, command.Env = t.TempDir(), []string{}
	for name, value := range environment {
		command.Env = append(command.Env, name+"="+value)
	}
	output, err := command.Output()
	var exit *exec.ExitError
	require.True(t, err == nil || errors.As(err, &exit), "%v", err)
	said := diagnosis{code: command.ProcessState.ExitCode(), text: string(output)}
	require.NoError(t, json.Unmarshal(output, &said), "%s", output)
	if secret := environment["KEYCLOAK_CLIENT_SECRET"]; secret != "" {
		assert.NotContains(t, said.text, secret)
	}
	return said
}

// soundRealm is a realm with which nothing is wrong.
func soundRealm(t *testing.T, name string) *keycloaktest.Realm {
	t.Helper()
	realm := newRealm(t, keycloaktest.RealmOptions{Name: name, SMTPPort: newSink(t).Port()})
	keepAttributes(t, realm)
	return realm
}

// Each fault that a set-up can have is found, named alone, and gone once its remedy was run
// as it is printed.
func TestDoctor_FindsAndMends(t *testing.T) {
	t.Run("groups", func(t *testing.T) { // They wait for commands most of the time.
		for group, ailments := range map[string][]ailment{"account": ailmentsOfTheAccount(), "realm": ailmentsOfTheRealm(), "rights": ailmentsOfRights()} {
			t.Run(group, func(t *testing.T) {
				t.Parallel()
				realm := soundRealm(t, "doctor-"+group)
				shell, err := keycloakServer(t).NewShell(t.Context(), t.TempDir(), "KEYCLOAK_CLIENT_SECRET="+realm.ClientSecret)
				require.NoError(t, err)
				said := examine(t, environmentFor(realm, realm.URL))
				require.Empty(t, said.Findings, said.text)
				require.Zero(t, said.code)
				for _, ailment := range ailments {
					t.Run(ailment.name, func(t *testing.T) { testAilment(t, realm, shell, ailment) })
				}
			})
		}
	})
}

func testAilment(t *testing.T, realm *keycloaktest.Realm, shell *keycloaktest.Shell, ailment ailment) {
	t.Helper()
	if ailment.since26_7 && !keycloakServer(t).AtLeast(26, 7) {
		t.Skip("not on this version")
	}
	environment := ailment.with(environmentFor(realm, realm.URL))
	if ailment.plant != nil {
		ailment.plant(t, realm)
	}
	said := examine(t, environment)
	told := slices.DeleteFunc(said.Findings, func(f finding) bool { return f.ID == "not-shown" }) // It follows from a right that is missing.
	require.Len(t, told, 1, said.text)
	finding := told[0]
	require.Equal(t, ailment.finding, finding.ID, said.text)
	assert.Equal(t, map[string]int{"fault": 2, "warning": 1, "unknown": 0}[finding.Severity], said.code)
	for _, text := range []string{finding.Subject, finding.Problem, finding.Breaks, finding.Command + finding.Step} {
		assert.NotEmpty(t, text, said.text)
	}
	t.Logf("%s: %s\n  %s\n  %s %s", finding.ID, finding.Problem, finding.Breaks, finding.Command, finding.Step)
	switch {
	case finding.Command != "":
		assert.Nil(t, ailment.mend, "there is a command")
		_, err := shell.Run(t.Context(), finding.Command)
		require.NoError(t, err)
	case ailment.mend != nil:
		ailment.mend(t, realm)
	default:
		return // The environment is mended by hand.
	}
	said = examine(t, environment)
	require.NotContains(t, said.ids(), finding.ID, said.text)
	for _, next := range said.Findings { // From 26.7 on a new client needs one right more, which only its log-in can tell.
		require.NotEmpty(t, next.Command, said.text)
		_, err := shell.Run(t.Context(), next.Command)
		require.NoError(t, err)
	}
	if len(said.Findings) > 0 {
		said = examine(t, environment)
	}
	require.Empty(t, said.ids(), said.text)
}
