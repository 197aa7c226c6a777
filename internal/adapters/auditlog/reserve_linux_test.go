package auditlog

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// recordUntilFull records events until that fails and returns how many there were.
func recordUntilFull(t *testing.T, log *Log) int {
	t.Helper()
	for count := 0; ; count++ {
		event := fullEvent()
		event.After = map[string]any{"note": strings.Repeat("x", 2000)}
		if err := log.Record(t.Context(), event); err != nil {
			requireUnavailable(t, err)
			assert.ErrorIs(t, err, unix.ENOSPC)
			return count
		}
	}
}

// wholeLines returns the ids of a log's events but for a torn line at its end.
func wholeLines(t *testing.T, path string) []string {
	t.Helper()
	content := read(t, path)
	return requestIDs(t, content[:strings.LastIndexByte(content, '\n')+1])
}

func TestReserve_RefusesOnASmallFileSystem(t *testing.T) {
	dir := mountTmpfs(t, "64k")
	path := filepath.Join(dir, "audit.log")
	log := open(t, path)
	err := log.Reserve(t.Context())
	requireUnavailable(t, err)
	assert.ErrorIs(t, err, unix.ENOSPC)
	assert.Contains(t, err.Error(), path)
	record(t, log, "1") // What was refused is put on record as long as that is possible.
	recorded := 1 + recordUntilFull(t, log)
	assert.Len(t, wholeLines(t, path), recorded)
}

// The promise of the whole package: whoever was allowed to write gets on record, however
// full the disk is meanwhile; and once that is not sure any more, nobody may write.
func TestReserve_HoldsRoomForTheAttemptsUnderWay(t *testing.T) {
	dir := mountTmpfs(t, "4m")
	path := filepath.Join(dir, "audit.log")
	log := open(t, path)
	require.NoError(t, log.Reserve(t.Context()))
	assert.Empty(t, read(t, path))
	filler := fill(t, dir)

	allowed := 0
	for ; log.Reserve(t.Context()) == nil; allowed++ {
		require.NoError(t, log.Record(t.Context(), fullEvent()), "allowed, but not on record")
	}
	assert.Greater(t, allowed, 100, "half of the room was there for attempts")
	underWay := recordUntilFull(t, log)
	assert.Greater(t, underWay, 100, "the other half for those under way")
	requireUnavailable(t, log.Reserve(t.Context()))
	assert.Len(t, wholeLines(t, path), allowed+underWay)

	require.NoError(t, os.Remove(filler))
	before := len(read(t, path))
	record(t, log, "1", "2")
	require.NoError(t, log.Reserve(t.Context()))
	rest := strings.TrimPrefix(read(t, path)[before:], "\n") // The last line may be torn.
	assert.Equal(t, []string{"1", "2"}, requestIDs(t, rest))
	assert.NotContains(t, read(t, path), "\n\n")
}

// Room made again is enough: nobody has to record something first, as long as no event
// was lost.
func TestReserve_SucceedsOnceThereIsRoomAgain(t *testing.T) {
	dir := mountTmpfs(t, "4m")
	log := open(t, filepath.Join(dir, "audit.log"))
	filler := fill(t, dir)
	requireUnavailable(t, log.Reserve(t.Context()))
	require.NoError(t, os.Remove(filler))
	assert.NoError(t, log.Reserve(t.Context()))
}

func TestReserve_NoticesThatTheRoomWasGivenBack(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"truncated": func(path string) error { return os.Truncate(path, 0) },
		"renamed":   func(path string) error { return os.Rename(path, path+".1") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := mountTmpfs(t, "4m")
			path := filepath.Join(dir, "audit.log")
			log := open(t, path)
			require.NoError(t, log.Reserve(t.Context()))
			record(t, log, "1")
			require.NoError(t, lose(path))
			filler := fill(t, dir)
			requireUnavailable(t, log.Reserve(t.Context()))
			require.NoError(t, os.Remove(filler))
			assert.NoError(t, log.Reserve(t.Context()))
		})
	}
}

// Asking anew for every write would be a change of the file system each time.
func TestReserve_AsksAgainOnlyWhenHalfIsUsed(t *testing.T) {
	dir := mountTmpfs(t, "4m")
	path := filepath.Join(dir, "audit.log")
	log := open(t, path)
	left := func() int64 {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return roomLeft(info)
	}
	require.NoError(t, log.Reserve(t.Context()))
	assert.Equal(t, int64(room), left())
	asked := 0
	for range 600 {
		record(t, log, strings.Repeat("x", 2000))
		before := left()
		require.NoError(t, log.Reserve(t.Context()))
		if left() > before {
			asked++
			assert.Less(t, before, int64(room/2))
		}
		require.GreaterOrEqual(t, left(), int64(room/2))
	}
	assert.Equal(t, 2, asked)
}

// Blocks that the file has beyond its end are no promise unless they were asked for.
func TestReserve_DoesNotTrustBlocksThatItDidNotAskFor(t *testing.T) {
	path := filepath.Join(mountTmpfs(t, "4m"), "audit.log")
	log := open(t, path)
	require.NoError(t, unix.Fallocate(descriptor(log), unix.FALLOC_FL_KEEP_SIZE, 0, room*3/4))
	require.NoError(t, log.Reserve(t.Context()))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, int64(room), roomLeft(info))
}

func descriptor(log *Log) int { return int(log.sink.file.Fd()) }

// ext2 cannot set room aside, so all that can be done is to look.
func TestReserve_LooksAtTheFreeSpaceWhereNothingCanBeSetAside(t *testing.T) {
	dir, _ := mountExt2(t)
	path := filepath.Join(dir, "audit.log")
	log := open(t, path)
	for range 2 {
		require.NoError(t, log.Reserve(t.Context()))
	}
	record(t, log, "1")
	filler := fill(t, dir)
	err := log.Reserve(t.Context())
	requireUnavailable(t, err)
	require.ErrorIs(t, err, unix.ENOSPC)
	require.NoError(t, os.Truncate(filler, 0))
	require.NoError(t, log.Reserve(t.Context()))
	assert.Equal(t, []string{"1"}, requestIDs(t, read(t, path)))
}

// What has reached the device is in its image; what has not would be lost with the power.
func TestRecord_ReturnsOnceTheEventIsOnTheDisk(t *testing.T) {
	dir, image := mountExt2(t)
	log := open(t, filepath.Join(dir, "the-name-of-the-log"))
	assert.Contains(t, read(t, image), "the-name-of-the-log")
	event := fullEvent()
	require.NoError(t, log.Record(t.Context(), event))
	assert.Contains(t, read(t, image), lineOf(t, event))
}

// mountExt2 makes a file system of 4 MiB that knows no fallocate. It returns where it is
// and the image of its device.
func mountExt2(t *testing.T) (dir, image string) {
	t.Helper()
	dir, image = t.TempDir(), filepath.Join(t.TempDir(), "image")
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, 4<<20))
	for _, command := range [][]string{{"mkfs.ext2", "-q", image}, {"mount", "-o", "loop", image, dir}} {
		if output, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skip("NOT TESTED: a file system that cannot set room aside, and what is on the disk.", command, err, string(output))
		}
	}
	t.Cleanup(func() { assert.NoError(t, unix.Unmount(dir, 0)) })
	return dir, image
}

func TestCheckFreeSpace(t *testing.T) {
	for size, enough := range map[string]bool{"1000k": false, "1100k": true} {
		file, err := os.Create(filepath.Join(mountTmpfs(t, size), "file"))
		require.NoError(t, err)
		defer file.Close()
		if enough {
			assert.NoError(t, checkFreeSpace(file))
		} else {
			assert.ErrorIs(t, checkFreeSpace(file), unix.ENOSPC)
		}
	}
}
