package keycloak

import (
	"context"
	"sync"
	"time"

	"user-sync-service/internal/domain"
)

// cache keeps values that are costly to read until they expire. However many callers
// want a missing value, it is loaded once at a time; failures are not kept. A load is
// not tied to the caller who happened to start it: when that caller goes away, the
// others still get the value.
type cache[V comparable] struct {
	now  func() time.Time
	load loadFunc[V]

	mu      sync.Mutex
	kept    map[string]entry[V]
	loading map[string]*pending[V]
	loads   sync.WaitGroup
}

// loadFunc reads the value of key and says how long it may be kept. It must end by
// itself: its context is never cancelled.
type loadFunc[V comparable] func(ctx context.Context, key string) (value V, lifetime time.Duration, err error)

type entry[V comparable] struct {
	value   V
	expires time.Time
}

// pending is a load under way; value and err may be read once done is closed.
type pending[V comparable] struct {
	done  chan struct{}
	value V
	err   error
}

func newCache[V comparable](now func() time.Time, load loadFunc[V]) *cache[V] {
	return &cache[V]{now: now, load: load, kept: make(map[string]entry[V]), loading: make(map[string]*pending[V])}
}

// get returns the value kept for key, or loads it. When ctx has ended it returns
// Unavailable in either case.
func (c *cache[V]) get(ctx context.Context, key string) (V, error) {
	if err := ctx.Err(); err != nil {
		var none V
		return none, domain.AsError(err)
	}
	c.mu.Lock()
	if e, ok := c.kept[key]; ok && c.now().Before(e.expires) {
		c.mu.Unlock()
		return e.value, nil
	}
	p := c.start(ctx, key)
	c.mu.Unlock()
	return p.wait(ctx)
}

// refresh loads the value for key even if one is kept.
func (c *cache[V]) refresh(ctx context.Context, key string) (V, error) {
	if err := ctx.Err(); err != nil {
		var none V
		return none, domain.AsError(err)
	}
	c.mu.Lock()
	p := c.start(ctx, key)
	c.mu.Unlock()
	return p.wait(ctx)
}

// forget drops the value kept for key if it is still the one that proved stale, so that
// late news about an old value does not drop its successor.
func (c *cache[V]) forget(key string, stale V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept[key].value == stale {
		delete(c.kept, key)
	}
}

// close waits for the loads under way.
func (c *cache[V]) close() { c.loads.Wait() }

// start joins the load under way for key or starts one. The caller holds mu.
func (c *cache[V]) start(ctx context.Context, key string) *pending[V] {
	if p, ok := c.loading[key]; ok {
		return p
	}
	p := &pending[V]{done: make(chan struct{})}
	c.loading[key] = p
	c.loads.Go(func() {
		value, lifetime, err := c.load(context.WithoutCancel(ctx), key)
		c.mu.Lock()
		defer c.mu.Unlock()
		p.value, p.err = value, err
		if err == nil {
			c.kept[key] = entry[V]{value: value, expires: c.now().Add(lifetime)}
		}
		delete(c.loading, key)
		close(p.done)
	})
	return p
}

func (p *pending[V]) wait(ctx context.Context) (V, error) {
	select {
	case <-p.done:
		return p.value, p.err
	case <-ctx.Done():
		var none V
		return none, domain.AsError(ctx.Err())
	}
}
