package app

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"user-sync-service/internal/domain"
)

// lane is a way in for requests of one sort. Each has places of its own at the provider,
// so that no sort can take the places of another.
type lane int

const (
	reads lane = iota
	writes
	urgent // switching off and logging out: the calls that must live longest
	lanes  // how many there are
)

// String is the lane's name in metrics.
func (l lane) String() string { return [lanes]string{"reads", "writes", "urgent"}[l] }

// share is the lane's part of the calls that may be under way at once. What is left is for
// those that confirm callers and read the realm's settings.
func (l lane) share(calls int) int64 {
	return int64(calls) * [lanes]int64{4, 3, 1}[l] / 8
}

// The weight of a request is how many calls it makes at the same time.
const (
	usualWeight    = 2
	detailedWeight = 5 // a status read with details
)

// mostWaiting is how many requests wait in a lane. It is above what clients send who
// come back as soon as they are answered: each of those that is refused costs more than
// one that waits.
const mostWaiting = 512

// door admits requests once, before their first call about a user, so that what got in is
// not refused half-way. It counts in this process alone.
type door struct {
	lanes [lanes]struct {
		size                     int64
		places                   *semaphore.Weighted
		inside, waiting, refused atomic.Int64
	}
	// besideChanges is a quarter of the places for reads. Those that come while changes are
	// inside share it: many reads at once make the best use of a provider, and are what
	// makes changes slow.
	besideChanges *semaphore.Weighted
}

// newDoor makes the door to a provider that takes so many calls at once; zero: any number.
func newDoor(calls int) *door {
	if calls == 0 {
		return nil
	}
	var d door
	for l := range lanes {
		lane := &d.lanes[l]
		lane.size = max(l.share(calls), usualWeight)
		lane.places = semaphore.NewWeighted(lane.size)
	}
	d.besideChanges = semaphore.NewWeighted(max(d.lanes[reads].size/4, usualWeight))
	return &d
}

// enter waits for a place in the lane, for a small part of the time that is left. It
// returns Overloaded when there is none, at once when too many wait already.
func (d *door) enter(ctx context.Context, l lane, weight int64) (leave func(), err error) {
	if d == nil {
		return func() {}, nil
	}
	lane := &d.lanes[l]
	defer lane.waiting.Add(-1)
	if lane.waiting.Add(1) > mostWaiting {
		lane.refused.Add(1)
		return nil, &domain.Error{Kind: domain.Overloaded, Err: errors.New("too many requests wait: " + l.String())}
	}
	waitCtx, cancel := l.patience(ctx)
	defer cancel()
	release, err := d.acquire(waitCtx, l, weight)
	switch {
	case err == nil:
		lane.inside.Add(1)
		return func() { lane.inside.Add(-1); release() }, nil
	case ctx.Err() != nil:
		return nil, domain.AsError(ctx.Err()) // The caller has gone.
	default:
		lane.refused.Add(1)
		return nil, &domain.Error{Kind: domain.Overloaded, Err: errors.New("waited too long: " + l.String())}
	}
}

// acquire takes the places.
func (d *door) acquire(ctx context.Context, l lane, weight int64) (release func(), err error) {
	lane := &d.lanes[l]
	all := min(weight, lane.size)
	if err := lane.places.Acquire(ctx, all); err != nil {
		return nil, err
	}
	if l != reads || d.lanes[writes].inside.Load()+d.lanes[urgent].inside.Load() == 0 {
		return func() { lane.places.Release(all) }, nil
	}
	few := min(all, max(lane.size/4, usualWeight))
	if err := d.besideChanges.Acquire(ctx, few); err != nil {
		lane.places.Release(all)
		return nil, err
	}
	return func() { d.besideChanges.Release(few); lane.places.Release(all) }, nil
}

// patience returns a context for the part of the time that is left for waiting: who gets in
// must have enough for the work. A read is the sooner asked for again.
func (l lane) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Until(deadline)/[lanes]time.Duration{10, 5, 5}[l])
}

// goIn gives the attempt a place in the lane, if it has none yet. Finish gives it back.
func (s *Service) goIn(ctx context.Context, attempt *Attempt, l lane, weight int64) (err error) {
	if attempt.leave == nil {
		attempt.leave, err = s.door.enter(ctx, l, weight)
	}
	return err
}

// goOut gives the place back before the end.
func (a *Attempt) goOut() {
	if a.leave != nil {
		a.leave()
		a.leave = nil
	}
}

// LaneState is what a lane of the door can tell of itself at any time.
type LaneState struct {
	Name            string
	Inside, Waiting int // requests
	Refused         int // since the start
}

// Admission returns the state of each lane; none where requests are not counted.
func (s *Service) Admission() (states []LaneState) {
	for l := range lanes {
		if s.door != nil {
			lane := &s.door.lanes[l]
			states = append(states, LaneState{l.String(), int(lane.inside.Load()), int(lane.waiting.Load()), int(lane.refused.Load())})
		}
	}
	return states
}
