package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The web app shows a message, and nothing else, in a small toast over its own buttons, to
// somebody who knows neither Keycloak nor the words of its designers. Whatever is written as
// a sentence in these packages is one.
func TestMessages_AreShortAndPlain(t *testing.T) {
	const longest = 90 // characters, with ordinary names
	sentence := regexp.MustCompile(`^['A-Z].* .*\.$`)
	ordinary := strings.NewReplacer("%s", "anna.moyo", "%d", "12")
	jargon := regexp.MustCompile(`(?i)keycloak|composite|privilege|escalation|mapping|attribute`)
	toOperators := regexp.MustCompile(`/(doctor|examine)`)
	found := 0
	for _, directory := range []string{"domain", "app", "adapters/httpapi", "adapters/keycloak", "adapters/keycloak/adminapi"} {
		files, err := filepath.Glob("../../internal/" + directory + "/*.go")
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || toOperators.MatchString(name) {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			ast.Inspect(file, func(node ast.Node) bool {
				literal, ok := node.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				if sentence.MatchString(text) {
					found++
					assert.LessOrEqual(t, utf8.RuneCountInString(ordinary.Replace(text)), longest, "%s: %s", name, text)
					assert.NotRegexp(t, jargon, text, name)
					assert.NotContains(t, text, "\n", name)
				}
				return true
			})
		}
	}
	assert.Greater(t, found, 50, "the messages are elsewhere")
}
