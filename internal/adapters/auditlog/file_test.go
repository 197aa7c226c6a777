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
				assert.NoError(t, log.Reserve(t.Context()))
				event := fullEvent()
				event.RequestID = fmt.Sprintf("%d-%d", writer, i)
				assert.NoError(t, log.Record(t.Context(), event))
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
	err := log.Reserve(ctx)
	requireUnavailable(t, err)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestReserve_WritesNothing(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	for range 3 {
		require.NoError(t, log.Reserve(t.Context()))
	}
	assert.Empty(t, read(t, path))
	record(t, log, "1")
	require.NoError(t, log.Reserve(t.Context()))
	assert.Equal(t, lineOf(t, request("1")), read(t, path))
}

func TestLog_FollowsARotationByRename(t *testing.T) {
	for name, reserve := range map[string]bool{"a write": true, "a read, which reserves nothing": false} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			log := open(t, path)
			record(t, log, "1")
			require.NoError(t, os.Rename(path, path+".1"))
			if reserve {
				require.NoError(t, log.Reserve(t.Context()))
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
	record(t, log, "2")
	assert.Equal(t, []string{"2"}, requestIDs(t, read(t, path)))
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
	require.NoError(t, log.Reserve(t.Context()))
	record(t, log, "1")
	require.NoError(t, os.Truncate(path, 0))
	require.NoError(t, log.Reserve(t.Context()))
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
	err := log.Reserve(t.Context())
	requireUnavailable(t, err)
	assert.Contains(t, err.Error(), path)
	requireUnavailable(t, log.Record(t.Context(), fullEvent()))

	require.NoError(t, os.Mkdir(dir, 0o700))
	record(t, log, "1")
	assert.NoError(t, log.Reserve(t.Context()))
	assert.Equal(t, []string{"1"}, requestIDs(t, read(t, path)))
}

func TestLog_TakesNothingOnceClosed(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	record(t, log, "1")
	require.NoError(t, log.Close())
	requireUnavailable(t, log.Reserve(t.Context()))
	requireUnavailable(t, log.Record(t.Context(), fullEvent()))
	assert.Equal(t, []string{"1"}, requestIDs(t, read(t, path)))
}

func BenchmarkRecord(b *testing.B) {
	log, err := Open(filepath.Join(b.TempDir(), "audit.log"))
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	event := fullEvent()
	b.ReportAllocs()
	for b.Loop() {
		if err := log.Reserve(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := log.Record(b.Context(), event); err != nil {
			b.Fatal(err)
		}
	}
}

// What goes to a stream shows the cost without the disk.
func BenchmarkRecord_Stream(b *testing.B) {
	file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	log, event := New(file), fullEvent()
	b.ReportAllocs()
	for b.Loop() {
		if err := log.Record(b.Context(), event); err != nil {
			b.Fatal(err)
		}
	}
}
