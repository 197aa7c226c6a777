package auditlog

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// fileMode lets nobody but the service's own user read who did what to whom.
const fileMode = 0o600

// defaultPatience is how long a stream whose reader lags behind is waited for. It is
// meant to outlast a hiccup, and to let go before a request has waited too long.
const defaultPatience = 5 * time.Second

// sink is what lines are written to: a regular file, or a stream, which is anything
// else.
type sink struct {
	w    io.Writer
	file *os.File    // nil: w is none, and cannot be asked about its state
	mode fs.FileMode // of file
	// torn tells that what was written last does not end with a newline.
	torn bool
	// reserved tells that room in this file was asked for before.
	reserved bool
	// patience is how long to wait for the reader of a stream, unless it has stalled
	// before: else all who wait for their turn would wait that long, one by one.
	patience time.Duration
	stalled  bool
}

func newSink(w io.Writer) *sink {
	s := &sink{w: w, patience: defaultPatience}
	if file, ok := w.(*os.File); ok {
		s.file, s.mode = file, fs.ModeIrregular
		if info, err := file.Stat(); err == nil {
			s.mode = info.Mode()
		}
	}
	return s
}

// openSink opens what is at path. Its errors name the path.
func openSink(path string) (*sink, error) {
	// Non-blocking: else opening a named pipe waits until somebody reads it.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, fileMode) //nolint:gosec // The operator chooses the path.
	if err != nil {
		return nil, err
	}
	syncDirectory(filepath.Dir(path))
	s := newSink(file)
	if s.isRegular() {
		if s.torn, err = endsTorn(path); err != nil {
			_ = file.Close() // Nothing was written.
			return nil, err
		}
	}
	return s, nil
}

// syncDirectory makes sure that a file, if it is new, outlives a power failure, where that takes
// more than the file's own fsync. Some file systems cannot do it for a directory, and
// some directories cannot be opened: neither is a reason not to start.
func syncDirectory(path string) {
	directory, err := os.Open(path) //nolint:gosec // The operator chooses the path.
	if err != nil {
		return
	}
	_ = directory.Sync()
	_ = directory.Close()
}

// endsTorn reports whether the file lacks its last newline, because a write was cut
// short by a crash or a full disk.
func endsTorn(path string) (bool, error) {
	file, err := os.Open(path) //nolint:gosec // The operator chooses the path.
	if err != nil {
		return false, err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if size == 0 || err != nil {
		return false, err
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], size-1); err != nil {
		return false, fmt.Errorf("%s: %w", path, err) // io.EOF names nothing.
	}
	return last[0] != '\n', nil
}

func (s *sink) isRegular() bool { return s.file != nil && s.mode.IsRegular() }

// isAt reports whether path leads to the open file. A closed file is an error.
func (s *sink) isAt(path string) (bool, error) {
	held, err := s.file.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(held, named), nil
}

// reserve makes sure, as far as can be known, that lines can be written.
func (s *sink) reserve() error {
	switch {
	case s.isRegular():
		return s.reserveRoom()
	case s.file != nil:
		return s.awaitReader()
	}
	return nil
}

func (s *sink) reserveRoom() error {
	if err := reserveRoom(s.file, s.reserved); err != nil {
		return fmt.Errorf("%s: %w", s.file.Name(), err)
	}
	s.reserved = true
	return nil
}

// awaitReader waits until the stream takes more.
func (s *sink) awaitReader() error {
	patience := s.patience
	if s.stalled {
		patience = 0
	}
	err := awaitReader(s.file, patience)
	s.stalled = err != nil
	if err != nil {
		return fmt.Errorf("%s: %w", s.file.Name(), err)
	}
	return nil
}

// write appends the line and returns once it is kept.
func (s *sink) write(line []byte) error {
	if s.file != nil && !s.isRegular() {
		// Else a reader that has stopped reading would stop every request for good.
		if err := s.awaitReader(); err != nil {
			return err
		}
	}
	if s.torn {
		line = append([]byte{'\n'}, line...)
	}
	// One call, so that those who write to the same file or stream do not come between.
	n, err := s.w.Write(line)
	if n > 0 {
		s.torn = line[n-1] != '\n'
	}
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	if err == nil && s.isRegular() {
		err = s.file.Sync()
	}
	return err
}
