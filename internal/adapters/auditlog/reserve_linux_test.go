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

	"user-sync-service/internal/ports"
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
	dir := mountTmpfs(t, "12k")
	path := filepath.Join(dir, "audit.log")
	log := open(t, path)
	err := reserve(t, log)
	requireUnavailable(t, err)
	assert.ErrorIs(t, err, unix.ENOSPC)
	assert.Contains(t, err.Error(), path)
	record(t, log, "1") // What was refused is put on record as long as that is possible.
	recorded := 1 + recordUntilFull(t, log)
	assert.Len(t, wholeLines(t, path), recorded)
}

// The promise of the whole package: whoever was allowed to write gets on record, however
// full the disk is meanwhile and whoever else would like to be; and once that is not sure
// any more, nobody may write.
func TestReserve_HoldsRoomForTheAttemptsUnderWay(t *testing.T) {
	dir := mountTmpfs(t, "4m")
	path := filepath.Join(dir, "audit.log")
	log := open(t, path)
	require.NoError(t, reserve(t, log))
	assert.Empty(t, read(t, path))
	filler := fill(t, dir)

	var underWay []ports.AuditReservation
	for {
		reservation, err := log.Reserve(t.Context())
		if err != nil {
			requireUnavailable(t, err)
			break
		}
		underWay = append(underWay, reservation)
	}
	assert.Greater(t, len(underWay), 60)
	others := recordUntilFull(t, log)
	stranger := log.RecordStranger(t.Context(), fullEvent())
	requireUnavailable(t, stranger)
	require.ErrorIs(t, stranger, unix.ENOSPC)
	longest := fullEvent()
	longest.Before = map[string]any{"a": strings.Split(strings.Repeat(strings.Repeat("\u200b", 256)+",", 20), ",")}
	require.Greater(t, len(lineOf(t, longest)), longestLine/2)
	for _, reservation := range underWay {
		require.NoError(t, reservation.Record(t.Context(), longest), "allowed, but not on record")
	}
	assert.Len(t, requestIDs(t, read(t, path)), len(underWay)+others, "and no torn line")
	require.NoError(t, reserve(t, log), "what was held and not needed is free")
	for _, reservation := range underWay[:2] {
		require.NoError(t, reservation.Record(t.Context(), fullEvent()), "it has no second room, but there is some")
	}
	assert.Zero(t, log.reserved)
	recordUntilFull(t, log)
	requireUnavailable(t, reserve(t, log))

	require.NoError(t, os.Remove(filler))
	before := len(read(t, path))
	record(t, log, "1", "2")
	require.NoError(t, reserve(t, log))
	rest := strings.TrimPrefix(read(t, path)[before:], "\n") // The last line may be torn.
	assert.Equal(t, []string{"1", "2"}, requestIDs(t, rest))
	assert.NotContains(t, read(t, path), "\n\n")
}

// The last room on a full disk is for those who may be here.
func TestRecordStranger_LeavesTheLastRoomToOthers(t *testing.T) {
	dir := mountTmpfs(t, "4m")
	log := open(t, filepath.Join(dir, "audit.log"))
	require.NoError(t, reserve(t, log))
	fill(t, dir)
	var err error
	for count := 0; err == nil && count < 10_000; count++ {
		log.strangers.whole = 0 // None of them is left out for being one of many.
		err = log.RecordStranger(t.Context(), fullEvent())
	}
	requireUnavailable(t, err)
	for range 100 {
		require.NoError(t, reserved(t, log, fullEvent()))
	}
}

// A rotation while the disk is full has no room for those under way in the new file.
func TestReservation_KeepsItsRoomThroughARotation(t *testing.T) {
	dir := mountTmpfs(t, "4m")
	path := filepath.Join(dir, "audit.log")
	log := open(t, path)
	reservation, err := log.Reserve(t.Context())
	require.NoError(t, err)
	filler := fill(t, dir)
	require.NoError(t, os.Rename(path, path+".1"))
	requireUnavailable(t, reserve(t, log))
	requireUnavailable(t, log.Record(t.Context(), request("1")))
	require.NoError(t, reservation.Record(t.Context(), request("2")))
	assert.Equal(t, []string{"2"}, requestIDs(t, read(t, path+".1")))
	require.NoError(t, os.Remove(filler))
	record(t, log, "3")
	assert.Equal(t, []string{"3"}, requestIDs(t, read(t, path)))
}

// Room made again is enough: nobody has to record something first, as long as no event
// was lost.
func TestReserve_SucceedsOnceThereIsRoomAgain(t *testing.T) {
	dir := mountTmpfs(t, "4m")
	log := open(t, filepath.Join(dir, "audit.log"))
	filler := fill(t, dir)
	requireUnavailable(t, reserve(t, log))
	require.NoError(t, os.Remove(filler))
	assert.NoError(t, reserve(t, log))
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
			require.NoError(t, reserve(t, log))
			record(t, log, "1")
			require.NoError(t, lose(path))
			filler := fill(t, dir)
			requireUnavailable(t, reserve(t, log))
			require.NoError(t, os.Remove(filler))
			assert.NoError(t, reserve(t, log))
		})
	}
}

// Asking anew for every write would be a change of the file system each time.
func TestReserve_AsksAgainOnlyWhenTheRoomIsUsed(t *testing.T) {
	path := filepath.Join(mountTmpfs(t, "8m"), "audit.log")
	log := open(t, path)
	left := func() int64 {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return roomLeft(info)
	}
	asked := 0
	for range 2000 {
		before := left()
		require.NoError(t, reserve(t, log))
		if left() > before {
			asked++
			assert.Less(t, before, int64(longestLine))
		}
		require.GreaterOrEqual(t, left(), int64(longestLine))
		require.NoError(t, log.Record(t.Context(), fullEvent()))
	}
	assert.Equal(t, 2, asked, "%d bytes", len(read(t, path)))
}

// Blocks that the file has beyond its end are no promise unless they were asked for.
func TestReserve_DoesNotTrustBlocksThatItDidNotAskFor(t *testing.T) {
	path := filepath.Join(mountTmpfs(t, "4m"), "audit.log")
	log := open(t, path)
	require.NoError(t, unix.Fallocate(descriptor(log), unix.FALLOC_FL_KEEP_SIZE, 0, room*3/4))
	require.NoError(t, reserve(t, log))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, roomLeft(info), int64(room+longestLine))
}

func descriptor(log *Log) int { return int(log.sink.file.Fd()) }

// ext2 cannot set room aside, so all that can be done is to look.
func TestReserve_LooksAtTheFreeSpaceWhereNothingCanBeSetAside(t *testing.T) {
	dir, _ := mountExt2(t)
	path := filepath.Join(dir, "audit.log")
	log := open(t, path)
	for range 2 {
		require.NoError(t, reserve(t, log))
	}
	record(t, log, "1")
	filler := fill(t, dir)
	err := reserve(t, log)
	requireUnavailable(t, err)
	require.ErrorIs(t, err, unix.ENOSPC)
	require.NoError(t, os.Truncate(filler, 0))
	require.NoError(t, reserve(t, log))
	assert.Equal(t, []string{"1"}, requestIDs(t, read(t, path)))
}

// What has reached the device is in its image; what has not would be lost with the power.
func TestRecord_ReturnsOnceTheEventIsOnTheDisk(t *testing.T) {
	dir, image := mountExt2(t)
	log := open(t, filepath.Join(dir, "the-name-of-the-log"))
	assert.Contains(t, read(t, image), "the-name-of-the-log")
	log.instance = inTests
	event := fullEvent()
	require.NoError(t, log.Record(t.Context(), event))
	assert.True(t, strings.Contains(read(t, image), lineOf(t, event)))
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
			assert.NoError(t, checkFreeSpace(file, 0))
		} else {
			assert.ErrorIs(t, checkFreeSpace(file, 0), unix.ENOSPC)
		}
	}
}
