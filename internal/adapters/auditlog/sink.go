package auditlog

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// fileMode lets only the service's own user read who did what to whom.
const fileMode = 0o600

// defaultPatience outlasts a hiccup of a stream's reader, but does not hold up a request
// for too long.
const defaultPatience = 5 * time.Second

// sink is what lines are written to: a regular file, or a stream, which is anything else.
type sink struct {
	w       io.Writer
	file    *os.File // w, if it is one; only a file can be asked about its state
	regular bool
	// torn: the latest write did not end with a newline.
	torn bool
	// reserved: room in this file was set aside before.
	reserved bool
	// patience is how long to wait for a stream's reader. One that has stalled is not waited
	// for: the delays would add up for the writers in the queue.
	patience time.Duration
	stalled  bool
}

func newSink(w io.Writer) *sink {
	s := &sink{w: w, patience: defaultPatience}
	if file, ok := w.(*os.File); ok {
		info, err := file.Stat()
		s.file, s.regular = file, err == nil && info.Mode().IsRegular()
	}
	return s
}

// openSink opens what is at path. Its errors name the path.
func openSink(path string) (*sink, error) {
	// Non-blocking: else opening a named pipe waits for a reader.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, fileMode) //nolint:gosec // The operator chooses the path.
	if err != nil {
		return nil, err
	}
	syncDirectory(filepath.Dir(path))
	s := newSink(file)
	if s.regular {
		if s.torn, err = endsTorn(path); err != nil {
			_ = file.Close() // Nothing was written.
			return nil, err
		}
	}
	return s, nil
}

// syncDirectory makes a new file survive a power failure, which may take more than its own
// fsync. That some file systems cannot sync a directory, and that some directories cannot
// be opened, is no reason not to start.
func syncDirectory(path string) {
	directory, err := os.Open(path) //nolint:gosec // The operator chooses the path.
	if err != nil {
		return
	}
	_ = directory.Sync()
	_ = directory.Close()
}

// endsTorn reports whether the file lacks its last newline, because a crash or a full disk
// cut a write short.
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

// reserve makes sure, as far as it can tell, that lines can be written. It waits for a
// stream's reader.
func (s *sink) reserve() error {
	var err error
	switch {
	case s.file == nil:
		return nil
	case s.regular:
		err = reserveRoom(s.file, s.reserved)
		s.reserved = s.reserved || err == nil
	default:
		patience := s.patience
		if s.stalled {
			patience = 0
		}
		err = awaitReader(s.file, patience)
		s.stalled = err != nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.file.Name(), err)
	}
	return nil
}

// write appends the line and returns once it is kept.
func (s *sink) write(line []byte) error {
	if !s.regular {
		// Else a reader that has stopped reading would block every request for good.
		if err := s.reserve(); err != nil {
			return err
		}
	}
	if s.torn {
		line = append([]byte{'\n'}, line...)
	}
	// One call, so that other writers to the same file or stream do not come between.
	n, err := s.w.Write(line)
	if n > 0 {
		s.torn = line[n-1] != '\n'
	}
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	if err == nil && s.regular {
		err = s.file.Sync()
	}
	return err
}
