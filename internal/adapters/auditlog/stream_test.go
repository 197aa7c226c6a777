package auditlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pipe returns a log on a pipe and the end to read.
func pipe(t *testing.T) (*Log, *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { reader.Close(); writer.Close() })
	return New(writer), reader
}

func TestStream_GoesToWhoeverReads(t *testing.T) {
	log, reader := pipe(t)
	require.NoError(t, reserve(t, log))
	record(t, log, "1", "2")
	require.NoError(t, reserve(t, log))
	require.NoError(t, log.Close())
	record(t, log, "3") // Close is for what Open opened.
	content := make([]byte, 4096)
	n, err := reader.Read(content)
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2", "3"}, requestIDs(t, string(content[:n])))
}

func TestStream_RefusesWhenTheReaderHasGone(t *testing.T) {
	log, reader := pipe(t)
	require.NoError(t, reader.Close())
	err := reserve(t, log)
	requireUnavailable(t, err)
	assert.Contains(t, err.Error(), "its reader is gone")
	requireUnavailable(t, log.Record(t.Context(), fullEvent()))
}

// A reader that hangs must not make every request hang with it.
func TestStream_RefusesWhileTheReaderHangs(t *testing.T) {
	log, reader := pipe(t)
	log.sink.patience = 300 * time.Millisecond
	var err error
	start := time.Now()
	for sent := 0; err == nil && sent < 10_000; sent++ {
		start = time.Now()
		err = log.Record(t.Context(), fullEvent())
	}
	requireUnavailable(t, err)
	assert.Greater(t, time.Since(start), 250*time.Millisecond, "a hiccup is waited out")

	log.sink.patience = time.Hour // Only the first one waits.
	requireUnavailable(t, log.Record(t.Context(), fullEvent()))
	requireUnavailable(t, reserve(t, log))

	go func() { _, _ = io.Copy(io.Discard, reader) }() // Until the test closes the pipe.
	assert.Eventually(t, func() bool { return log.Record(t.Context(), fullEvent()) == nil }, 10*time.Second, time.Millisecond)
	assert.NoError(t, reserve(t, log))
	assert.False(t, log.sink.stalled, "the next hiccup is waited out again")
}

func TestStream_WaitsForAReaderThatLagsBehind(t *testing.T) {
	log, reader := pipe(t)
	log.sink.patience = time.Millisecond
	for reserve(t, log) == nil {
		_ = log.Record(t.Context(), fullEvent()) // Until the pipe is full.
	}
	log.sink.patience, log.sink.stalled, log.broken = time.Minute, false, nil
	read := make(chan error)
	go func() {
		time.Sleep(50 * time.Millisecond)
		_, err := reader.Read(make([]byte, 1<<20))
		read <- err
	}()
	assert.NoError(t, reserve(t, log))
	require.NoError(t, <-read)
}

// /dev/full always claims to be ready, and takes nothing.
func TestStream_RefusesOnAFullDevice(t *testing.T) {
	file, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer file.Close()
	for name, log := range map[string]*Log{"New": New(file), "Open": open(t, "/dev/full")} {
		t.Run(name, func(t *testing.T) {
			err := reserve(t, log)
			requireUnavailable(t, err)
			assert.ErrorIs(t, err, unix.ENOSPC)
			err = log.Record(t.Context(), fullEvent())
			requireUnavailable(t, err)
			assert.ErrorIs(t, err, unix.ENOSPC)
		})
	}
}

func TestStream_RefusesWhenItIsClosed(t *testing.T) {
	file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	log := New(file)
	require.NoError(t, reserve(t, log))
	record(t, log, "1")
	require.NoError(t, file.Close())
	requireUnavailable(t, reserve(t, log))
	requireUnavailable(t, log.Record(t.Context(), fullEvent()))
	requireUnavailable(t, reserve(t, New(file)))
}

func TestOpen_TakesANamedPipeThatIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, unix.Mkfifo(path, 0o600))
	reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	log := open(t, path)
	require.NoError(t, reserve(t, log))
	record(t, log, "1")
	content := make([]byte, 4096)
	n, err := reader.Read(content)
	require.NoError(t, err)
	assert.Equal(t, []string{"1"}, requestIDs(t, string(content[:n])))
	require.NoError(t, reader.Close())
	requireUnavailable(t, reserve(t, log))
}

// Standard output may be a file: "user-sync-service > log".
func TestNew_ReservesRoomInAFile(t *testing.T) {
	path := newPath(t)
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	log := New(file)
	require.NoError(t, reserve(t, log))
	info, err := file.Stat()
	require.NoError(t, err)
	if left := roomLeft(info); left < room {
		require.NoError(t, checkFreeSpace(file, 0), "nothing is reserved here, and nothing checked")
	}
	record(t, log, "1")
	assert.Equal(t, []string{"1"}, requestIDs(t, read(t, path)))
}

// takes is a writer that takes so many bytes of the next call and then fails.
type takes struct {
	bytes.Buffer
	limit int // negative: everything
	err   error
}

func (w *takes) Write(p []byte) (int, error) {
	if w.limit < 0 || w.limit >= len(p) {
		return w.Buffer.Write(p)
	}
	n, _ := w.Buffer.Write(p[:w.limit])
	return n, w.err
}

func TestRecord_StartsANewLineAfterATornOne(t *testing.T) {
	whole := lineOf(t, fullEvent())
	for name, failure := range map[string]error{"an error": unix.ENOSPC, "a short write without one": nil} {
		for _, limit := range []int{0, 1, 10, len(whole) - 1} {
			t.Run(fmt.Sprintf("%s after %d bytes", name, limit), func(t *testing.T) {
				w := &takes{limit: -1, err: failure}
				log := New(w)
				record(t, log, "1")
				before := w.Len()

				w.limit = limit
				requireUnavailable(t, log.Record(t.Context(), fullEvent()))
				w.limit = 0
				requireUnavailable(t, log.Record(t.Context(), fullEvent()))
				w.limit = -1
				record(t, log, "2", "3")

				assert.Equal(t, []string{"1"}, requestIDs(t, w.String()[:before]))
				rest := w.String()[before+limit:]
				if limit > 0 {
					require.Equal(t, byte('\n'), rest[0])
					rest = rest[1:]
				}
				assert.Equal(t, []string{"2", "3"}, requestIDs(t, rest))
			})
		}
	}
}

// The newline itself may be all that is taken: then the torn line is over.
func TestRecord_LeavesNoEmptyLines(t *testing.T) {
	w := &takes{limit: 10, err: unix.ENOSPC}
	log := New(w)
	log.instance = inTests
	requireUnavailable(t, log.Record(t.Context(), fullEvent()))
	w.limit = 1
	requireUnavailable(t, log.Record(t.Context(), fullEvent()))
	w.limit = -1
	record(t, log, "1")
	assert.Equal(t, lineOf(t, fullEvent())[:10]+"\n"+lineOf(t, request("1")), w.String())
}

// Nothing can be asked of this writer beforehand, so only an event that it took shows
// that it works again. No restart is needed.
func TestReserve_RefusesFromAFailedEventToTheNextThatIsRecorded(t *testing.T) {
	cause := errors.New("out of order")
	w := &takes{limit: -1, err: cause}
	log := New(w)
	require.NoError(t, reserve(t, log))
	w.limit = 0
	requireUnavailable(t, log.Record(t.Context(), fullEvent()))
	w.limit = -1
	for range 2 {
		err := reserve(t, log)
		requireUnavailable(t, err)
		require.ErrorIs(t, err, cause)
	}
	record(t, log, "1")
	assert.NoError(t, reserve(t, log))
}
