// Package image holds the Dockerfile to its promises without a Docker: it does what the
// build stage says, step by step, and looks at the binary that comes out.
package image

import (
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	// inImage is the binary's path in both stages.
	inImage = "/user-sync-service"
	// certificates are in the base image of the build stage, and where Go looks for them.
	certificates = "/etc/ssl/certs/ca-certificates.crt"
	// licences are those of what is in the binary; .ci/run sees that they are all there.
	licences = "docs/third-party-licences.txt"
	// maxSize is more than the binary needs, and less than it grows to by an accident.
	maxSize = 30_000_000
	// someRevision is given to the build as the commit.
	someRevision = "0123456789abcdef0123456789abcdef01234567"
)

func TestBuildStage_MakesOneSmallStaticBinary(t *testing.T) {
	build, final := stages(t)
	source, binary := filepath.Join(t.TempDir(), "src"), filepath.Join(t.TempDir(), "binary")
	follow(t, build, source, binary)

	info, err := os.Stat(binary)
	require.NoError(t, err)
	t.Logf("%d bytes", info.Size())
	assert.LessOrEqual(t, info.Size(), int64(maxSize))
	assertStatic(t, binary)

	data, err := os.ReadFile(binary)
	require.NoError(t, err)
	assert.False(t, strings.Contains(string(data), source), "the binary tells where it was built")

	code, output := run(t, binary, "version")
	assert.Zero(t, code, output)
	assert.Contains(t, output, someRevision)

	// Nothing listens on that port, so the answer is no; 2 would be a wrong command line.
	code, output = run(t, binary, execForm(t, final.the(t, "HEALTHCHECK"))[1:]...)
	assert.Equal(t, 1, code, output)
}

// follow does what the stage says, in the folder source, which holds nothing but what the
// stage copies. The binary is written to the given path.
func follow(t *testing.T, build stage, source, binary string) {
	t.Helper()
	require.NoError(t, os.Mkdir(source, 0o755))
	// As in the base image, whatever is set here. The command itself must see to static linking.
	environment := append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local")
	builds := 0
	for _, step := range build.steps {
		switch step.instruction {
		case "WORKDIR":
			assert.Equal(t, "/src", step.arguments)
		case "ARG":
			assert.Equal(t, "REVISION=", step.arguments)
			environment = append(environment, "REVISION="+someRevision)
		case "COPY":
			copyInto(t, source, strings.Fields(step.arguments))
		case "RUN":
			command := strings.Replace(step.arguments, " -o "+inImage+" ", " -o '"+binary+"' ", 1)
			if command != step.arguments {
				builds++
			}
			shell := exec.CommandContext(t.Context(), "sh", "-c", command)
			shell.Dir, shell.Env = source, environment
			output, err := shell.CombinedOutput()
			require.NoError(t, err, "%s\n%s", step.arguments, output)
		default:
			require.FailNow(t, "this test does not know the instruction", "%s in the build stage", step.instruction)
		}
	}
	require.Equal(t, 1, builds, "one command writes "+inImage)
}

// copyInto does a COPY from the build context.
func copyInto(t *testing.T, folder string, paths []string) {
	t.Helper()
	require.GreaterOrEqual(t, len(paths), 2)
	sources, destination := paths[:len(paths)-1], paths[len(paths)-1]
	for _, source := range sources {
		for _, path := range ignored(t) {
			require.False(t, within(path, source) || within(source, path), "%s is copied, and %s is in .dockerignore", source, path)
		}
		from, to := filepath.Join(buildContext, source), filepath.Join(folder, destination)
		info, err := os.Stat(from)
		require.NoError(t, err, "COPY names what is not there")
		if info.IsDir() {
			require.NoError(t, os.CopyFS(to, os.DirFS(from)))
			continue
		}
		if strings.HasSuffix(destination, "/") {
			to = filepath.Join(to, filepath.Base(source))
		}
		data, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, data, 0o644))
	}
}

// within reports whether path is folder or in it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// An empty image has no loader and no libraries.
func assertStatic(t *testing.T, binary string) {
	t.Helper()
	file, err := elf.Open(binary)
	require.NoError(t, err)
	defer file.Close()
	for _, program := range file.Progs {
		assert.NotEqual(t, elf.PT_INTERP, program.Type, "it asks for a loader")
		assert.NotEqual(t, elf.PT_DYNAMIC, program.Type, "it is linked dynamically")
	}
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	assert.Empty(t, libraries)
}

// run runs the binary with nothing around it.
func run(t *testing.T, binary string, arguments ...string) (exitCode int, output string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary, arguments...)
	command.Dir, command.Env = t.TempDir(), []string{"PORT=1"}
	combined, _ := command.CombinedOutput() // A failure shows in the exit code.
	return command.ProcessState.ExitCode(), string(combined)
}

func TestBuildStage_HasTheGoOfTheModule(t *testing.T) {
	build, _ := stages(t)
	module, err := os.ReadFile(filepath.Join(buildContext, "go.mod"))
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	require.NotNil(t, version)
	assert.Equal(t, "golang:"+string(version[1]), build.base)
}

func TestFinalStage_HoldsTheBinaryTheCertificatesAndTheLicencesAlone(t *testing.T) {
	build, final := stages(t)
	assert.Equal(t, "scratch", final.base)
	assert.Equal(t, []string{
		"--from=" + build.name + " " + certificates + " " + certificates,
		"--from=" + build.name + " " + inImage + " " + inImage,
		licences + " /third-party-licences.txt",
	}, final.all("COPY"))
	assert.FileExists(t, filepath.Join(buildContext, licences))
	for _, path := range ignored(t) {
		assert.False(t, within(licences, path), "%s is in .dockerignore", path)
	}
	for _, step := range final.steps {
		known := []string{"COPY", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"}
		assert.True(t, slices.Contains(known, step.instruction), "%s %s", step.instruction, step.arguments)
	}
}

// There is no shell, so commands are lists; a name instead of a number would need a file
// of users.
func TestFinalStage_RunsTheBinaryAsAnOrdinaryUser(t *testing.T) {
	_, final := stages(t)
	assert.Equal(t, "1000:1000", final.the(t, "USER"))
	assert.Equal(t, "5000", final.the(t, "EXPOSE"))
	assert.Equal(t, []string{inImage}, execForm(t, final.the(t, "ENTRYPOINT")))

	healthcheck := final.the(t, "HEALTHCHECK")
	assert.Equal(t, []string{inImage, "healthcheck"}, execForm(t, healthcheck))
	for _, option := range []string{"--interval=", "--timeout=", "--start-period="} {
		assert.Contains(t, healthcheck, option)
	}
}

// execForm returns the command of an ENTRYPOINT or HEALTHCHECK, which must be a list.
func execForm(t *testing.T, arguments string) []string {
	t.Helper()
	_, list, found := strings.Cut(arguments, "[")
	require.True(t, found, "no list: %s", arguments)
	var command []string
	require.NoError(t, json.Unmarshal([]byte("["+list), &command), arguments)
	require.NotEmpty(t, command)
	return command
}
