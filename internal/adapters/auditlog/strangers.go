package auditlog

import (
	"context"
	"time"

	"user-sync-service/internal/domain"
)

// wholePerSecond is how many refusals of strangers are kept whole in a second. Before there
// was a limit, a hundred connections wrote 300 GB a day.
const wholePerSecond = 10

// tally counts the refusals of strangers in the second that begins with start.
type tally struct {
	start time.Time
	whole int
	// more are those that were not kept, since the second began or since they could last be
	// told.
	more  suppressed
	since time.Time
	// timer tells of them when the second is over; nil while there are none.
	timer  *time.Timer
	closed bool
	total  uint64 // of those that were ever not kept
}

// suppressed counts refusals by their reason and by what was attempted.
type suppressed struct {
	Reasons map[domain.Kind]uint64   `json:"suppressed"`
	Actions map[domain.Action]uint64 `json:"suppressed_actions"`
}

// add adds up. Nothing has made the maps before.
func (s *suppressed) add(other suppressed) {
	if s.Reasons == nil {
		s.Reasons, s.Actions = make(map[domain.Kind]uint64), make(map[domain.Action]uint64)
	}
	for reason, count := range other.Reasons {
		s.Reasons[reason] += count
	}
	for action, count := range other.Actions {
		s.Actions[action] += count
	}
}

// summary is the line that stands for many. It has no actor: nobody knows who they were.
type summary struct {
	Time    string         `json:"time"`
	Outcome domain.Outcome `json:"outcome"`
	Since   string         `json:"since"` // Time is when the last one was counted, or later
	suppressed
}

// RecordStranger implements [ports.AuditLog].
func (l *Log) RecordStranger(_ context.Context, event domain.AuditEvent) error {
	if l.countOnly(event) {
		return nil
	}
	return l.keep(&entry{text: encode(event), stranger: true})
}

// Suppressed returns how many events were only counted.
func (l *Log) Suppressed() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.strangers.total
}

// countOnly reports whether the event is one too many for its second, and counts it then.
func (l *Log) countOnly(event domain.AuditEvent) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, now := &l.strangers, time.Now()
	if now.Sub(s.start) >= time.Second {
		s.start, s.whole = now, 0
	}
	if s.whole < wholePerSecond || s.closed {
		s.whole++
		return false
	}
	if len(s.more.Reasons) == 0 {
		s.since = now
	}
	s.more.add(suppressed{map[domain.Kind]uint64{event.Reason: 1}, map[domain.Action]uint64{event.Action: 1}})
	s.total++
	if s.timer == nil {
		s.timer = time.AfterFunc(s.start.Add(time.Second).Sub(now), func() { _ = l.tellMore() })
	}
	return true
}

// tellMore writes how many were only counted. What could not be written is told a second
// later with the next ones.
func (l *Log) tellMore() error {
	l.telling.Lock()
	defer l.telling.Unlock()
	l.mu.Lock()
	s := &l.strangers
	more, since := s.more, s.since
	s.more, s.timer = suppressed{}, nil
	l.mu.Unlock()
	if len(more.Reasons) == 0 {
		return nil
	}
	err := l.keep(&entry{text: encodeSummary(since, time.Now(), more), stranger: true})
	if err == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.more.add(more)
	s.since = since
	if s.timer == nil && !s.closed {
		s.timer = time.AfterFunc(time.Second, func() { _ = l.tellMore() })
	}
	return err
}

// tellRest is the last tellMore.
func (l *Log) tellRest() error {
	l.mu.Lock()
	l.strangers.closed = true
	if l.strangers.timer != nil {
		l.strangers.timer.Stop()
	}
	l.mu.Unlock()
	return l.tellMore()
}
