package app

import (
	"slices"
	"strings"
	"sync"
	"time"

	"user-sync-service/internal/domain"
)

// limit lets something happen a number of times within a span of time, for each name by
// itself, without regard to letter case. It counts in this process alone: two replicas
// let through twice as much.
type limit struct {
	times int
	span  time.Duration
	now   func() time.Time

	mu    sync.Mutex
	taken map[string][]time.Time // oldest first
}

func newLimit(times int, span time.Duration, now func() time.Time) *limit {
	return &limit{times: times, span: span, now: now, taken: map[string][]time.Time{}}
}

// take counts one for the name, or returns how long to wait for it. The caller tells by
// giveBack that it did not happen.
func (l *limit) take(name string) (giveBack func(), wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for name, taken := range l.taken {
		recent := slices.IndexFunc(taken, func(t time.Time) bool { return now.Sub(t) < l.span })
		if recent < 0 {
			delete(l.taken, name)
		} else {
			l.taken[name] = taken[recent:]
		}
	}
	name = strings.ToLower(name)
	taken := l.taken[name]
	if len(taken) >= l.times {
		return nil, l.span - now.Sub(taken[0])
	}
	l.taken[name] = append(taken, now)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.taken[name] = slices.DeleteFunc(l.taken[name], now.Equal) // None, when it is over.
	}, 0
}

// limitWrites counts a write of the actor. It returns RateLimited. Unknown actors, who
// get in only where callers are not checked, are not counted: nothing tells them apart.
func (s *Service) limitWrites(actor domain.Actor) error {
	if s.WritesPerMinute == 0 || actor.Name() == "" {
		return nil
	}
	if _, wait := s.writes.take(actor.Name()); wait > 0 {
		return &domain.Error{Kind: domain.RateLimited, Message: "Too many changes in a short time. Please wait a minute.", RetryAfter: time.Minute}
	}
	return nil
}
