// Package auditlog keeps the audit log: one JSON object on one line for each event, in a
// file or on standard output, where each line begins with {"type":"audit", so that it
// can be told from the lines of the ordinary log.
//
// It promises that an event which Record took is on the disk, or was taken by whoever
// reads the stream; that a line is never mixed with another one of the same Log, and a
// torn one never with the next; and that Reserve says no while there is reason to think
// that an event would be lost. It never changes what the log holds already. A file may
// be rotated by renaming it or by truncating it. Main opens the log and hands it to the
// use cases as their [ports.AuditLog]; nobody else needs it.
package auditlog

import (
	"context"
	"fmt"
	"io"

	"user-sync-service/internal/domain"
	"user-sync-service/internal/ports"
)

// Log is an audit log.
type Log struct {
	// turn is a lock, held by whoever has put something in. It is no mutex, because
	// Reserve must not wait beyond the end of its context for a write that hangs.
	turn chan struct{}
	path string // of what Open opened; empty for New
	sink *sink
	// broken is why the last event was not recorded; nil: it was.
	broken error
}

var _ ports.AuditLog = (*Log)(nil)

// Open opens the audit log at path, which is a regular file, a device or a named pipe
// that somebody reads. A missing file is created for the service's own user alone.
func Open(path string) (*Log, error) {
	sink, err := openSink(path)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return &Log{turn: make(chan struct{}, 1), path: path, sink: sink}, nil
}

// New makes an audit log of what is open already, standard output as a rule. Reserve can
// look ahead only where w is an [os.File]. Others who write to w must do so line by line
// and, unless w is an os.File, not at the same time.
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

// Reserve implements [ports.AuditLog]. After an event that could not be recorded it
// says no until one has been: nothing less proves that the log works again. The attempts
// that are refused meanwhile are events too, so no restart is needed.
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
	if err := l.follow(); err != nil {
		return unavailable(err)
	}
	if err := l.sink.reserve(); err != nil {
		return unavailable(err)
	}
	return nil
}

// Record implements [ports.AuditLog].
func (l *Log) Record(_ context.Context, event domain.AuditEvent) error {
	line, err := encode(event)
	if err != nil {
		return unavailable(err)
	}
	l.turn <- struct{}{}
	defer l.release()
	if l.broken = l.write(line); l.broken != nil {
		return unavailable(l.broken)
	}
	return nil
}

func (l *Log) write(line []byte) error {
	if err := l.follow(); err != nil {
		return err
	}
	return l.sink.write(line)
}

// follow opens the log's path anew when it no longer leads to what is open: a log that
// was rotated by renaming it, or removed, would take events that nobody looks for.
func (l *Log) follow() error {
	if l.path == "" {
		return nil
	}
	same, err := l.sink.isAt(l.path)
	if same || err != nil {
		return err
	}
	next, err := openSink(l.path)
	if err != nil {
		return err
	}
	_ = l.sink.file.Close() // Whatever was recorded there has been on the disk before.
	l.sink = next
	return nil
}

func (l *Log) release() { <-l.turn }

func unavailable(cause error) error {
	return &domain.Error{Kind: domain.AuditUnavailable, Err: fmt.Errorf("audit log: %w", cause)}
}
