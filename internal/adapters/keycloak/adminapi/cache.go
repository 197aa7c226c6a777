package adminapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"user-sync-service/internal/domain"
)

// Cache keeps values that are costly to read until they expire. However many callers
// want a missing value, it is loaded once at a time; failures are not kept. A load is
// not tied to the caller who happened to start it: when that caller goes away, the
// others still get the value.
type Cache[V comparable] struct {
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

// NewCache makes an empty one.
func NewCache[V comparable](now func() time.Time, load loadFunc[V]) *Cache[V] {
	return &Cache[V]{now: now, load: load, kept: make(map[string]entry[V]), loading: make(map[string]*pending[V])}
}

// Get returns the value kept for key, or loads it. When ctx has ended it returns
// Unavailable in either case.
func (c *Cache[V]) Get(ctx context.Context, key string) (V, error) { return c.get(ctx, key, false) }

// Refresh loads the value for key even if one is kept.
func (c *Cache[V]) Refresh(ctx context.Context, key string) (V, error) { return c.get(ctx, key, true) }

func (c *Cache[V]) get(ctx context.Context, key string, fresh bool) (value V, err error) {
	if err := ctx.Err(); err != nil {
		return value, domain.AsError(err)
	}
	c.mu.Lock()
	if e, ok := c.kept[key]; ok && !fresh && c.now().Before(e.expires) {
		c.mu.Unlock()
		return e.value, nil
	}
	p := c.start(ctx, key)
	c.mu.Unlock()
	select {
	case <-p.done:
		return p.value, p.err
	case <-ctx.Done():
		return value, domain.AsError(ctx.Err())
	}
}

// Forget drops the value kept for key if it is still the one that proved stale, so that
// late news about an old value does not drop its successor.
func (c *Cache[V]) Forget(key string, stale V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept[key].value == stale {
		delete(c.kept, key)
	}
}

// Close waits for the loads under way.
func (c *Cache[V]) Close() { c.loads.Wait() }

// Use runs do with the value of key. When that fails for the reason stale, the value is
// forgotten, and do runs once more with a new one.
func (c *Cache[V]) Use(ctx context.Context, key string, stale Reason, do func(V) error) error {
	value, err := c.Get(ctx, key)
	if err != nil {
		return err
	}
	if err = do(value); !errors.Is(err, stale) {
		return err
	}
	c.Forget(key, value)
	if value, err = c.Get(ctx, key); err != nil {
		return err
	}
	return do(value)
}

// start joins the load under way for key or starts one. The caller holds mu.
func (c *Cache[V]) start(ctx context.Context, key string) *pending[V] {
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

// Value is a Cache of one value.
type Value[V comparable] struct{ cache *Cache[V] }

// NewValue makes an empty one. It loads as a Cache does.
func NewValue[V comparable](now func() time.Time, load func(ctx context.Context) (V, time.Duration, error)) *Value[V] {
	return &Value[V]{NewCache(now, func(ctx context.Context, _ string) (V, time.Duration, error) { return load(ctx) })}
}

// Get is that of Cache.
func (v *Value[V]) Get(ctx context.Context) (V, error) { return v.cache.Get(ctx, "") }

// Refresh is that of Cache.
func (v *Value[V]) Refresh(ctx context.Context) (V, error) { return v.cache.Refresh(ctx, "") }

// Forget is that of Cache.
func (v *Value[V]) Forget(stale V) { v.cache.Forget("", stale) }

// Use is that of Cache.
func (v *Value[V]) Use(ctx context.Context, stale Reason, do func(V) error) error {
	return v.cache.Use(ctx, "", stale, do)
}

// Close is that of Cache.
func (v *Value[V]) Close() { v.cache.Close() }
