package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// buildContext is the folder that "docker build" is given.
const buildContext = "../.."

// stage is one of the Dockerfile's, from FROM to the next FROM.
type stage struct {
	base, name string
	steps      []step
}

// step is an instruction.
type step struct {
	instruction string // in capitals
	arguments   string
}

// readDockerfile returns the Dockerfile's stages.
func readDockerfile(t *testing.T) []stage {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(buildContext, "Dockerfile"))
	require.NoError(t, err)
	var stages []stage
	for line := range strings.Lines(strings.ReplaceAll(string(data), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		instruction, arguments, _ := strings.Cut(line, " ")
		instruction, arguments = strings.ToUpper(instruction), strings.TrimSpace(arguments)
		if instruction == "FROM" {
			base, name, _ := strings.Cut(arguments, " AS ")
			stages = append(stages, stage{base: base, name: name})
			continue
		}
		require.NotEmpty(t, stages, "%s comes before FROM", instruction)
		last := &stages[len(stages)-1]
		last.steps = append(last.steps, step{instruction, arguments})
	}
	return stages
}

// stages returns the two that there are.
func stages(t *testing.T) (build, final stage) {
	t.Helper()
	all := readDockerfile(t)
	require.Len(t, all, 2)
	return all[0], all[1]
}

// the returns the arguments of the only step with this instruction.
func (s stage) the(t *testing.T, instruction string) string {
	t.Helper()
	found := s.all(instruction)
	require.Len(t, found, 1, instruction)
	return found[0]
}

// all returns the arguments of each step with this instruction.
func (s stage) all(instruction string) []string {
	var found []string
	for _, step := range s.steps {
		if step.instruction == instruction {
			found = append(found, step.arguments)
		}
	}
	return found
}

// ignored returns what .dockerignore keeps out of the build, as paths.
func ignored(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(buildContext, ".dockerignore"))
	require.NoError(t, err)
	require.NotContains(t, string(data), "*", "this test knows only plain paths")
	require.NotContains(t, string(data), "!", "this test knows only plain paths")
	return strings.Fields(string(data))
}
