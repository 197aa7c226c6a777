// Package architecture is the authority on who may import whom.
package architecture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "user-sync-service/"

// layer says what the packages below a path may import, beside the standard library.
type layer struct {
	// path is a package of this module, or with a trailing "/..." all below.
	path string
	// allows are packages, or with a trailing "/..." all below; of this module without
	// its name, of others whole.
	allows []string
	// noStandard are packages of the standard library that are out of bounds.
	noStandard []string
}

// layers is the dependency rule: cmd -> adapters -> app -> ports -> domain. An adapter
// does not import another one, and each technology has one adapter that knows it.
func layers() []layer {
	core := []string{"net/http", "encoding/json", "os", "database/sql", "net"}
	return []layer{
		{path: "internal/domain", noStandard: core},
		{path: "internal/ports", allows: []string{"internal/domain"}, noStandard: core},
		{path: "internal/ports/porttest", allows: []string{"internal/domain", "internal/ports", "github.com/stretchr/testify/..."}, noStandard: core},
		{path: "internal/ports/portmock", allows: []string{"internal/domain", "go.uber.org/mock/gomock"}, noStandard: core},
		{path: "internal/app", allows: []string{
			"internal/domain", "internal/ports", "golang.org/x/net/idna", "golang.org/x/text/unicode/norm", // What a new name may be.
			"golang.org/x/sync/semaphore", "github.com/hashicorp/golang-lru/v2",
		}, noStandard: core},
		{path: "internal/adapters/memory", allows: []string{
			"internal/domain", "internal/ports", "golang.org/x/text/cases", "golang.org/x/text/language",
		}, noStandard: core},
		{path: "internal/adapters/keycloak", allows: []string{
			"internal/domain", "internal/ports", "internal/adapters/keycloak/adminapi", "github.com/Nerzal/gocloak/v13", "golang.org/x/sync/errgroup",
			"github.com/failsafe-go/failsafe-go", "github.com/failsafe-go/failsafe-go/retrypolicy", "github.com/dlclark/regexp2/v2",
		}, noStandard: []string{"net/http"}},
		// How to speak to Keycloak, below what it means: package keycloak alone may use it.
		{path: "internal/adapters/keycloak/adminapi", allows: []string{
			"internal/domain", "github.com/Nerzal/gocloak/v13", "github.com/go-resty/resty/v2",
			"github.com/failsafe-go/failsafe-go/...", "go.opentelemetry.io/otel/...",
		}},
		{path: "internal/adapters/accesstoken", allows: []string{
			"internal/domain", "internal/ports", "github.com/coreos/go-oidc/v3/oidc", "github.com/go-jose/go-jose/v4/...",
			"github.com/hashicorp/golang-lru/v2", "go.opentelemetry.io/otel/...",
		}},
		{path: "internal/adapters/auditlog", allows: []string{"internal/domain", "internal/ports", "golang.org/x/sys/unix"}},
		{path: "internal/adapters/httpapi", allows: []string{
			"internal/domain", "internal/app", "github.com/go-chi/chi/v5/...", "go.opentelemetry.io/otel/...",
			"github.com/swaggest/swgui/...", "golang.org/x/time/rate",
		}},
		{path: "internal/adapters/rolemap", allows: []string{"internal/domain", "github.com/goccy/go-yaml/..."}},
		{path: "internal/adapters/telemetry", allows: []string{"internal/domain", "github.com/prometheus/client_golang/...", "go.opentelemetry.io/otel/...",
			"github.com/go-logr/logr", // OpenTelemetry's own log is set in its words.
		}},
		{path: "cmd/...", allows: []string{
			"internal/...", "github.com/alecthomas/kong", "github.com/kelseyhightower/envconfig", "github.com/joho/godotenv",
			"go.opentelemetry.io/otel/trace/...", "golang.org/x/net/netutil", "github.com/agnivade/levenshtein",
		}},
		{path: "test/keycloaktest", allows: []string{"github.com/emersion/go-smtp", "golang.org/x/net/html"}},
		{path: "test/keycloaktest/serve", allows: []string{"test/keycloaktest"}},
	}
}

// goPackage is what the go command tells of a package.
type goPackage struct {
	ImportPath string
	Standard   bool
	Imports    []string
	GoFiles    []string
}

func TestLayers_ImportWhatTheyMay(t *testing.T) {
	packages := listPackages(t)
	standard := make(map[string]bool)
	for _, p := range packages {
		standard[p.ImportPath] = p.Standard
	}
	violations := check(layers(), packages, standard)
	assert.Empty(t, violations, strings.Join(violations, "\n"))
}

// A rule that guards nothing, and a package that no rule guards, are mistakes too.
func TestLayers_CoverTheProgram(t *testing.T) {
	packages := listPackages(t)
	for _, rule := range layers() {
		assert.True(t, slices.ContainsFunc(packages, func(p goPackage) bool { return matches(rule.path, local(p)) }), "no package below %s", rule.path)
	}
	for _, p := range packages {
		if !isOurs(p) || len(p.GoFiles) == 0 {
			continue
		}
		guarded := slices.ContainsFunc(layers(), func(rule layer) bool { return matches(rule.path, local(p)) })
		assert.True(t, guarded, "no rule for %s", p.ImportPath)
	}
}

// The check itself is seen to fail, on a violation of each sort.
func TestCheck_FindsPlantedViolations(t *testing.T) {
	standard := map[string]bool{"net/http": true, "strings": true}
	for name, planted := range map[string]goPackage{
		"domain imports ports":            {ImportPath: module + "internal/domain", Imports: []string{module + "internal/ports"}},
		"domain imports net/http":         {ImportPath: module + "internal/domain", Imports: []string{"net/http"}},
		"app imports an adapter":          {ImportPath: module + "internal/app", Imports: []string{module + "internal/adapters/keycloak"}},
		"an adapter imports another":      {ImportPath: module + "internal/adapters/httpapi", Imports: []string{module + "internal/adapters/memory"}},
		"YAML outside of its adapter":     {ImportPath: module + "cmd/user-sync-service", Imports: []string{"github.com/goccy/go-yaml"}},
		"gocloak outside of its adapter":  {ImportPath: module + "internal/adapters/httpapi", Imports: []string{"github.com/Nerzal/gocloak/v13"}},
		"chi outside of its adapter":      {ImportPath: module + "internal/app", Imports: []string{"github.com/go-chi/chi/v5"}},
		"ports import a test library":     {ImportPath: module + "internal/ports", Imports: []string{"github.com/stretchr/testify/assert"}},
		"the program imports a test part": {ImportPath: module + "cmd/user-sync-service", Imports: []string{module + "test/keycloaktest"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Len(t, check(layers(), []goPackage{planted}, standard), 1)
		})
	}
	assert.Empty(t, check(layers(), []goPackage{{ImportPath: module + "internal/domain", Imports: []string{"strings"}}}, standard))
}

// check returns a sentence for each import that no rule allows.
func check(rules []layer, packages []goPackage, standard map[string]bool) []string {
	var violations []string
	for _, p := range packages {
		for _, rule := range rules {
			if !isOurs(p) || !matches(rule.path, local(p)) {
				continue
			}
			for _, imported := range p.Imports {
				if !rule.permits(imported, standard[imported]) {
					violations = append(violations, fmt.Sprintf("%s must not import %s", p.ImportPath, imported))
				}
			}
		}
	}
	return violations
}

func (l layer) permits(imported string, standard bool) bool {
	if standard {
		return !slices.Contains(l.noStandard, imported)
	}
	name := strings.TrimPrefix(imported, module)
	return slices.ContainsFunc(l.allows, func(allowed string) bool { return matches(allowed, name) })
}

// matches reports whether name is what pattern names: one package or, with "/...", all
// at and below it.
func matches(pattern, name string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == root || strings.HasPrefix(name, root+"/")
	}
	return name == pattern
}

func isOurs(p goPackage) bool  { return strings.HasPrefix(p.ImportPath, module) }
func local(p goPackage) string { return strings.TrimPrefix(p.ImportPath, module) }

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	// Looked at, so that the go command does not serve an old result of this test when
	// sources change: it cannot know what the command below reads.
	err := filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			_, err = os.Stat(path)
		}
		return err
	})
	require.NoError(t, err)
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports,GoFiles", module+"...").Output()
	require.NoError(t, err)
	var packages []goPackage
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	for {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}
