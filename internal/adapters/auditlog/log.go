// Package auditlog keeps the audit log: one JSON object a line for each event, in a file or
// on standard output. Each line begins with {"type":"audit", which tells it from the lines
// of the ordinary log.
//
// It promises that a recorded event is on the disk, or taken by the reader of the stream;
// that lines of one Log never mix, and that a torn line never runs into the next; that a
// reserved event has its room; and that Reserve refuses while an event might be lost. It
// never changes what the log already holds. A file may be rotated by renaming or truncating
// it. Only main needs this package: it hands the log to the use cases as their
// [ports.AuditLog].
//
// The lines of a Log carry its instance, which is random, and a sequence, which counts them
// from 1 in the order of the file. A line that could not be written leaves its number to the
// next. So a number that is missing means that a line was removed, or that a crash took it
// after the disk had refused to keep it, which Record has then told.
package auditlog

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"sync"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// Log is an audit log.
type Log struct {
	// turn is a lock, held while it has an element. A mutex would make Reserve wait beyond
	// its context for a write that hangs. It guards what follows.
	turn chan struct{}
	path string // of what Open opened; empty for New
	sink *sink
	// broken is why the latest event was not recorded; nil: it was.
	broken error
	// reserved is how many reservations are not used yet.
	reserved int64
	instance string
	sequence uint64 // of the latest line

	mu        sync.Mutex // guards what follows; never held while something is written
	waiting   []*entry   // in the order of their lines
	strangers tally

	telling sync.Mutex // held while strangers are told of: Close waits for it
}

var _ ports.AuditLog = (*Log)(nil)

// Open opens the audit log at path: a regular file, a device or a named pipe that has a
// reader. It creates a missing file, which only the service's own user can read. It refuses
// a file or pipe that others can read or write.
func Open(path string) (*Log, error) {
	sink, err := openSink(path)
	if err == nil {
		if err = sink.checkAccess(); err != nil {
			_ = sink.file.Close() // Nothing was written.
		}
	}
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return newLog(path, sink), nil
}

// New makes an audit log of an open stream, usually standard output. Reserve can look ahead
// only if w is an [os.File]. Other writers to w must write whole lines and, unless w is an
// os.File, not at the same time.
func New(w io.Writer) *Log { return newLog("", newSink(w)) }

func newLog(path string, sink *sink) *Log {
	return &Log{turn: make(chan struct{}, 1), path: path, sink: sink, instance: rand.Text()}
}

// Close writes what is still to be told of strangers, and closes what Open opened.
func (l *Log) Close() error {
	err := l.tellRest()
	if l.path == "" {
		return err
	}
	l.turn <- struct{}{}
	defer l.release()
	if syncErr := l.sink.sync(); err == nil {
		err = syncErr
	}
	if closeErr := l.sink.file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Reserve implements [ports.AuditLog]. After an event that could not be recorded, it
// refuses until one is: nothing less proves that the log works again. The attempts refused
// meanwhile are events too, so no restart is needed.
func (l *Log) Reserve(ctx context.Context) (ports.AuditReservation, error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
	defer l.release()
	if l.broken != nil {
		return nil, unavailable(fmt.Errorf("nothing was recorded since: %w", l.broken))
	}
	err := l.follow()
	if err == nil {
		err = l.sink.reserve((l.reserved + 1) * longestLine)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	l.reserved++
	return &reservation{log: l}, nil
}

// reservation is room for one line, whatever its event will be.
type reservation struct {
	log  *Log
	used sync.Once
}

// Record implements [ports.AuditReservation].
func (r *reservation) Record(_ context.Context, event domain.AuditEvent) error {
	e := &entry{text: encode(event)}
	r.used.Do(func() { e.reserved = true })
	return r.log.keep(e)
}

// Record implements [ports.AuditLog].
func (l *Log) Record(_ context.Context, event domain.AuditEvent) error {
	return l.keep(&entry{text: encode(event)})
}

func (l *Log) release() { <-l.turn }

// unavailable returns nil for nil.
func unavailable(cause error) error {
	if cause == nil {
		return nil
	}
	return &domain.Error{Kind: domain.AuditUnavailable, Err: fmt.Errorf("audit log: %w", cause)}
}
