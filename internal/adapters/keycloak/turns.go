package keycloak

import (
	"context"
	"sync"

	"user-sync-service/internal/domain"
)

// turns lets those who change the same user do so one after the other. The zero value
// is ready.
type turns struct {
	mu    sync.Mutex
	taken map[domain.UserID]chan struct{} // closed when the turn is over
}

// take waits for a turn, or for the end of ctx.
func (t *turns) take(ctx context.Context, id domain.UserID) (done func(), err error) {
	for {
		before, mine := t.tryTake(id)
		if before == nil {
			return func() { t.giveBack(id, mine) }, nil
		}
		select {
		case <-before:
		case <-ctx.Done():
			return nil, domain.AsError(ctx.Err())
		}
	}
}

// tryTake takes the turn, or returns the one that is under way.
func (t *turns) tryTake(id domain.UserID) (before, mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, ok := t.taken[id]; ok {
		return before, nil
	}
	if t.taken == nil {
		t.taken = make(map[domain.UserID]chan struct{})
	}
	mine = make(chan struct{})
	t.taken[id] = mine
	return nil, mine
}

func (t *turns) giveBack(id domain.UserID, mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taken, id)
	close(mine)
}
