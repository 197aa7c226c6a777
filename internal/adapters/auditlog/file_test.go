package auditlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestOpen_CreatesAFileForTheServiceAlone(t *testing.T) {
	path := newPath(t)
	open(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	assert.Zero(t, info.Size())
}

func TestOpen_KeepsWhatIsThere(t *testing.T) {
	path := newPath(t)
	record(t, open(t, path), "1", "2")
	record(t, open(t, path), "3")
	assert.Equal(t, []string{"1", "2", "3"}, requestIDs(t, read(t, path)))
}

// A crash in the middle of a write must cost one event, not two.
func TestOpen_StartsANewLineAfterATornOne(t *testing.T) {
	path := newPath(t)
	torn := `{"type":"audit","time":"2026-`
	require.NoError(t, os.WriteFile(path, []byte(torn), 0o600))
	log := open(t, path)
	assert.Equal(t, torn, read(t, path), "opening writes nothing: the disk may be full")
	record(t, log, "1", "2")
	rest, found := strings.CutPrefix(read(t, path), torn+"\n")
	require.True(t, found)
	assert.Equal(t, []string{"1", "2"}, requestIDs(t, rest))
}

func TestOpen_NamesThePathThatItCannotOpen(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, unix.Mkfifo(pipe, 0o600))
	for path, cause := range map[string]error{
		dir:                                  unix.EISDIR,
		filepath.Join(dir, "none", "log"):    unix.ENOENT,
		pipe:                                 unix.ENXIO, // nobody reads it
		filepath.Join(dir, "pipe", "no-dir"): unix.ENOTDIR,
	} {
		_, err := Open(path)
		require.ErrorIs(t, err, cause)
		assert.Contains(t, err.Error(), "audit log: open "+path)
	}
}

func TestOpen_NamesThePathThatItMayNotOpen(t *testing.T) {
	path := newPath(t)
	// Neither may be written by others; the second may not be read by its owner.
	require.NoError(t, os.WriteFile(path, []byte("x\n"), 0o400))
	writeOnly := path + ".write-only"
	require.NoError(t, os.WriteFile(writeOnly, []byte("x\n"), 0o222))
	require.NoError(t, os.Chmod(writeOnly, 0o222))
	for _, path := range []string{path, writeOnly} {
		err := asNobody(func() error {
			_, err := Open(path)
			return err
		})
		require.ErrorIs(t, err, os.ErrPermission)
		assert.Contains(t, err.Error(), "audit log: open "+path)
	}
}

// Who did what to whom is for nobody else to read, and what others can write proves nothing.
func TestOpen_RefusesWhatOthersCanReadOrWrite(t *testing.T) {
	for _, mode := range []os.FileMode{0o640, 0o620, 0o604, 0o602, 0o644, 0o660, 0o666} {
		path := newPath(t)
		require.NoError(t, os.WriteFile(path, []byte("x\n"), 0o600))
		pipe := path + ".pipe"
		require.NoError(t, unix.Mkfifo(pipe, 0o600))
		reader, err := os.OpenFile(pipe, os.O_RDONLY|unix.O_NONBLOCK, 0)
		require.NoError(t, err)
		for _, path := range []string{path, pipe} {
			require.NoError(t, os.Chmod(path, mode))
			_, err := Open(path)
			require.ErrorContains(t, err, fmt.Sprintf("%04o: chmod 600 %s", mode, path))
			require.NoError(t, os.Chmod(path, 0o600))
			open(t, path)
		}
		require.NoError(t, reader.Close())
	}
	if os.Geteuid() == 0 {
		path := newPath(t)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Chown(path, 65534, -1))
		_, err := Open(path)
		require.ErrorContains(t, err, "belongs to the user 65534")
	}
}

// asNobody does work without root's right to open every file, which the system knows
// thread by thread.
func asNobody(work func() error) error {
	const nobody = 65534
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // Never unlocked: the thread ends with the goroutine.
		if os.Geteuid() == 0 {
			if err := unix.Setfsuid(nobody); err != nil {
				done <- err
				return
			}
		}
		done <- work()
	}()
	return <-done
}

// The log may serve every request at once.
func TestRecord_LosesAndMixesNothing(t *testing.T) {
	const writers, each = 20, 50
	path := newPath(t)
	log := open(t, path)
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for i := range each {
				event := fullEvent()
				event.RequestID = fmt.Sprintf("%d-%d", writer, i)
				assert.NoError(t, reserved(t, log, event))
			}
		})
	}
	all.Wait()
	seen := make(map[string]bool)
	for _, id := range requestIDs(t, read(t, path)) {
		assert.False(t, seen[id], "%s twice", id)
		seen[id] = true
	}
	assert.Len(t, seen, writers*each)
}

// Whoever does not wait for the answer any more has done it all the same.
func TestRecord_WorksAfterTheEndOfTheContext(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		require.NoError(t, log.Record(ctx, request("1")))
	}
	assert.Len(t, requestIDs(t, read(t, path)), 20)
}

func TestReserve_DoesNotOutwaitTheContext(t *testing.T) {
	log := open(t, newPath(t))
	log.turn <- struct{}{} // A write hangs.
	defer log.release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := log.Reserve(ctx)
	requireUnavailable(t, err)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestReserve_WritesNothing(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	for range 3 {
		require.NoError(t, reserve(t, log))
	}
	assert.Empty(t, read(t, path))
	record(t, log, "1")
	require.NoError(t, reserve(t, log))
	assert.Equal(t, []string{"1"}, requestIDs(t, read(t, path)))
}

func TestLog_FollowsARotationByRename(t *testing.T) {
	for name, writes := range map[string]bool{"a write": true, "a read, which reserves nothing": false} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			log := open(t, path)
			record(t, log, "1")
			require.NoError(t, os.Rename(path, path+".1"))
			if writes {
				require.NoError(t, reserve(t, log))
			}
			record(t, log, "2")
			assert.Equal(t, []string{"1"}, requestIDs(t, read(t, path+".1")))
			assert.Equal(t, []string{"2"}, requestIDs(t, read(t, path)))
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode())
		})
	}
}

func TestLog_FollowsARotationWithANewFileInPlace(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	record(t, log, "1")
	require.NoError(t, os.Rename(path, path+".1"))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Chmod(path, 0o644)) // logrotate's "create" has its own ideas.
	record(t, log, "2")
	assert.Equal(t, []string{"2"}, requestIDs(t, read(t, path)))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode(), "a service at work does not stop for that")
}

func TestLog_MakesARemovedFileAnew(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	record(t, log, "1")
	require.NoError(t, os.Remove(path))
	record(t, log, "2")
	assert.Equal(t, []string{"2"}, requestIDs(t, read(t, path)))
}

func TestLog_GoesOnInATruncatedFile(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	require.NoError(t, reserve(t, log))
	record(t, log, "1")
	require.NoError(t, os.Truncate(path, 0))
	require.NoError(t, reserve(t, log))
	record(t, log, "2")
	assert.Equal(t, []string{"2"}, requestIDs(t, read(t, path)))
}

// A log that was moved away with its directory takes no events that nobody would find.
func TestLog_RefusesWhileThePathLeadsNowhere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	require.NoError(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, "audit.log")
	log := open(t, path)
	require.NoError(t, os.Rename(dir, dir+".old"))
	err := reserve(t, log)
	requireUnavailable(t, err)
	assert.Contains(t, err.Error(), path)
	requireUnavailable(t, log.Record(t.Context(), fullEvent()))

	require.NoError(t, os.Mkdir(dir, 0o700))
	record(t, log, "1")
	assert.NoError(t, reserve(t, log))
	assert.Equal(t, []string{"1"}, requestIDs(t, read(t, path)))
}

func TestLog_TakesNothingOnceClosed(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	record(t, log, "1")
	require.NoError(t, log.Close())
	requireUnavailable(t, reserve(t, log))
	requireUnavailable(t, log.Record(t.Context(), fullEvent()))
	assert.Equal(t, []string{"1"}, requestIDs(t, read(t, path)))
}
