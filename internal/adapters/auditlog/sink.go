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
const (
	fileMode  = 0o600
	othersMay = 0o066 // the bits of a mode that let others read or write
)

// defaultPatience outlasts a hiccup of a stream's reader, but does not hold up a request
// for too long.
const defaultPatience = 5 * time.Second

// sink is what lines are written to: a regular file, or a stream, which is anything else.
type sink struct {
	w       io.Writer
	file    *os.File // w, if it is one; only a file can be asked about its state
	regular bool
	syncs   interface{ Sync() error } // nil for a stream
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
	s.syncs, _ = w.(interface{ Sync() error })
	if file, ok := w.(*os.File); ok {
		info, err := file.Stat()
		s.file, s.regular = file, err == nil && info.Mode().IsRegular()
		if !s.regular {
			s.syncs = nil
		}
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

// checkAccess refuses a file that others can read or write: who did what to whom is nobody
// else's business, and what others can write proves nothing.
func (s *sink) checkAccess() error {
	if s.file == nil {
		return nil
	}
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	mode, name := info.Mode(), s.file.Name()
	if (s.regular || mode&os.ModeNamedPipe != 0) && mode.Perm()&othersMay != 0 {
		return fmt.Errorf("others can read or write %s, whose mode is %04o: chmod 600 %s", name, mode.Perm(), name)
	}
	if owner := ownerOf(info); s.regular && owner != os.Geteuid() {
		return fmt.Errorf("%s belongs to the user %d, who can change it, and not to the user %d of this process: chown it", name, owner, os.Geteuid())
	}
	return nil
}

// restrict closes a file to others that a rotation has made. A service at work does not stop
// for that.
func (s *sink) restrict() error {
	info, err := s.file.Stat()
	if err == nil && s.regular && info.Mode().Perm()&othersMay != 0 {
		err = s.file.Chmod(fileMode)
	}
	return err
}

// hasName reports whether the file can still be found under some name.
func (s *sink) hasName() bool {
	info, err := s.file.Stat()
	return err == nil && s.regular && namesOf(info) > 0
}

// reserve makes sure, as far as it can tell, that so many bytes can be written. It waits for
// a stream's reader.
func (s *sink) reserve(bytes int64) error {
	if s.file == nil || s.regular {
		return s.hold(bytes)
	}
	patience := s.patience
	if s.stalled {
		patience = 0
	}
	err := awaitReader(s.file, patience)
	s.stalled = err != nil
	return s.named(err)
}

// hold makes sure that a file has room for so many bytes.
func (s *sink) hold(bytes int64) error {
	if !s.regular {
		return nil
	}
	err := reserveRoom(s.file, bytes, s.reserved)
	s.reserved = s.reserved || err == nil
	return s.named(err)
}

func (s *sink) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", s.file.Name(), err)
}

// write appends the line. It reports whether a reader finds the line as a whole, which can
// be so in spite of an error.
func (s *sink) write(line []byte) (whole bool, err error) {
	if !s.regular {
		// Else a reader that has stopped reading would block every request for good.
		if err := s.reserve(0); err != nil {
			return false, err
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
	return n >= len(line)-1, err // The next line will bring a missing newline.
}

// sync returns once a file's lines are on the disk. Streams have no such thing.
func (s *sink) sync() error {
	if s.syncs == nil {
		return nil
	}
	return s.syncs.Sync()
}
