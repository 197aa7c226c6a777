// Package auditlog keeps the audit log: one JSON object a line for each event, in a file or
// on standard output. Each line begins with {"type":"audit", which tells it from the lines
// of the ordinary log.
//
// It promises that a recorded event is on the disk, or taken by the reader of the stream;
// that lines of one Log never mix, and that a torn line never runs into the next; and that
// Reserve refuses while an event might be lost. It never changes what the log already
// holds. A file may be rotated by renaming or truncating it. Only main needs this package:
// it hands the log to the use cases as their [ports.AuditLog].
package auditlog

import (
	"context"
	"fmt"
	"io"
	"os"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// Log is an audit log.
type Log struct {
	// turn is a lock, held while it has an element. A mutex would make Reserve wait beyond
	// its context for a write that hangs.
	turn chan struct{}
	path string // of what Open opened; empty for New
	sink *sink
	// broken is why the latest event was not recorded; nil: it was.
	broken error
}

var _ ports.AuditLog = (*Log)(nil)

// Open opens the audit log at path: a regular file, a device or a named pipe that has a
// reader. It creates a missing file, which only the service's own user can read.
func Open(path string) (*Log, error) {
	sink, err := openSink(path)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return &Log{turn: make(chan struct{}, 1), path: path, sink: sink}, nil
}

// New makes an audit log of an open stream, usually standard output. Reserve can look ahead
// only if w is an [os.File]. Other writers to w must write whole lines and, unless w is an
// os.File, not at the same time.
func New(w io.Writer) *Log {
	return &Log{turn: make(chan struct{}, 1), sink: newSink(w)}
}

// Close closes what Open opened.
func (l *Log) Close() error {
	if l.path == "" {
		return nil
	}
	l.turn <- struct{}{}
	defer l.release()
	return l.sink.file.Close()
}

// Reserve implements [ports.AuditLog]. After an event that could not be recorded, it
// refuses until one is: nothing less proves that the log works again. The attempts refused
// meanwhile are events too, so no restart is needed.
func (l *Log) Reserve(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	defer l.release()
	if l.broken != nil {
		return unavailable(fmt.Errorf("nothing was recorded since: %w", l.broken))
	}
	err := l.follow()
	if err == nil {
		err = l.sink.reserve()
	}
	return unavailable(err)
}

// Record implements [ports.AuditLog].
func (l *Log) Record(_ context.Context, event domain.AuditEvent) error {
	line, err := encode(event)
	if err != nil {
		return unavailable(err)
	}
	l.turn <- struct{}{}
	defer l.release()
	if l.broken = l.follow(); l.broken == nil {
		l.broken = l.sink.write(line)
	}
	return unavailable(l.broken)
}

// follow reopens the path if it no longer leads to the open file: events in a log that was
// renamed or removed would not be found.
func (l *Log) follow() error {
	if l.path == "" {
		return nil
	}
	held, err := l.sink.file.Stat()
	if err != nil { // The log was closed.
		return err
	}
	if named, err := os.Stat(l.path); err == nil && os.SameFile(held, named) {
		return nil
	}
	next, err := openSink(l.path)
	if err != nil {
		return err
	}
	_ = l.sink.file.Close() // What was recorded is on the disk already.
	l.sink = next
	return nil
}

func (l *Log) release() { <-l.turn }

// unavailable returns nil for nil.
func unavailable(cause error) error {
	if cause == nil {
		return nil
	}
	return &domain.Error{Kind: domain.AuditUnavailable, Err: fmt.Errorf("audit log: %w", cause)}
}
