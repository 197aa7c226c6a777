package auditlog

import (
	"fmt"
	"os"
)

// entry is a line on its way into the log.
type entry struct {
	text []byte // the line but for its head, which says its place in the log
	// reserved: room was set aside for it.
	reserved bool
	// stranger: it is not worth a sync of its own, nor the last room on the disk.
	stranger bool

	done chan struct{} // closed once err is known
	err  error
}

// keep puts the entry into the log and returns once it is there. Whoever gets the turn
// writes the lines of all who wait, and syncs once for all of them: a disk makes some
// hundred syncs a second, and there may be more callers than that.
func (l *Log) keep(e *entry) error {
	e.done = make(chan struct{})
	l.mu.Lock()
	l.waiting = append(l.waiting, e)
	l.mu.Unlock()
	select {
	case l.turn <- struct{}{}:
		l.commit()
		l.release()
	case <-e.done:
	}
	return unavailable(e.err)
}

// commit writes what waits. It is called with the turn.
func (l *Log) commit() {
	l.mu.Lock()
	batch := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	if len(batch) == 0 {
		return // Another's turn included it.
	}
	lost := l.follow()
	// After a failure only a sync proves that the log works again.
	sync := l.broken != nil
	for _, e := range batch {
		e.err = l.append(e, lost)
		sync = sync || !e.stranger || l.broken != nil
	}
	if sync {
		if err := l.sink.sync(); err != nil {
			l.broken = err
			for _, e := range batch {
				if e.err == nil {
					e.err = err
				}
			}
		}
	}
	for _, e := range batch {
		close(e.done)
	}
}

// append writes the entry's line if there is room for it. Lost is why the log at the path
// cannot be had.
func (l *Log) append(e *entry, lost error) error {
	if e.reserved {
		l.reserved--
	}
	switch {
	case lost == nil:
	case e.reserved && l.sink.hasName():
		// Better in the file that was renamed, where its room is, than nowhere.
	default:
		l.broken = lost
		return lost
	}
	if !e.reserved {
		need := l.reserved*longestLine + int64(longestHead+len(e.text))
		if e.stranger {
			need += room / 2 // The last room is for those who may be here.
		}
		// A lack of room is no fault: Reserve looks for itself.
		if err := l.sink.hold(need); err != nil && (e.stranger || l.reserved > 0) {
			return err
		}
	}
	line := append(fmt.Appendf(nil, head, l.instance, l.sequence+1), e.text...)
	kept, err := l.sink.write(line)
	if kept {
		l.sequence++
	}
	l.broken = err
	return err
}

// follow reopens the path if it no longer leads to the open file: events in a log that was
// renamed or removed would not be found. The room of those under way moves along.
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
	if err = next.restrict(); err == nil && l.reserved > 0 {
		err = next.hold(l.reserved * longestLine)
	}
	if err != nil {
		_ = next.file.Close() // Nothing was written.
		return err
	}
	// What strangers left is not on the disk yet; losing it is no reason to stop.
	_ = l.sink.sync()
	_ = l.sink.file.Close()
	l.sink = next
	return nil
}
