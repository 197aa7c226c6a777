package adminapi

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// These tests run in a synctest bubble: time passes only when nobody has anything to
// do, so that they neither wait nor depend on the speed of the machine.

// loads counts how often a cache loads, each time for a second, and gives out the
// number of the load.
type loads struct {
	mu    sync.Mutex
	count int
	fail  error
}

func (l *loads) load(context.Context, string) (int, time.Duration, error) {
	l.mu.Lock()
	l.count++
	number, err := l.count, l.fail
	l.mu.Unlock()
	time.Sleep(time.Second)
	return number, time.Minute, err
}

// getMany gets the value for many callers at once.
func getMany(t *testing.T, c *Cache[int], callers int) (values []int, errs []error) {
	t.Helper()
	values, errs = make([]int, callers), make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { values[i], errs[i] = c.Get(t.Context(), "key") })
	}
	all.Wait()
	return values, errs
}

func TestCache_LoadsOnceForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l loads
		c := NewCache(time.Now, l.load)
		values, errs := getMany(t, c, 100)
		for i := range values {
			require.NoError(t, errs[i])
			assert.Equal(t, 1, values[i])
		}
		assert.Equal(t, 1, l.count)
	})
}

func TestCache_SharesAFailureAndForgetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loads{fail: errors.New("no answer")}
		c := NewCache(time.Now, l.load)
		_, errs := getMany(t, c, 100)
		for _, err := range errs {
			require.ErrorIs(t, err, l.fail)
		}
		assert.Equal(t, 1, l.count, "the failure is shared")

		l.fail = nil
		value, err := c.Get(t.Context(), "key")
		require.NoError(t, err, "the failure is not kept")
		assert.Equal(t, 2, value)
	})
}

func TestCache_KeepsAValueUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l loads
		c := NewCache(time.Now, l.load)
		get := func() int {
			value, err := c.Get(t.Context(), "key")
			require.NoError(t, err)
			return value
		}
		assert.Equal(t, 1, get())
		time.Sleep(time.Minute - time.Nanosecond)
		assert.Equal(t, 1, get(), "before it expires")
		time.Sleep(time.Nanosecond)
		assert.Equal(t, 2, get(), "when it expires")
	})
}

// The load goes on for those who still wait, also when the caller who started it leaves.
func TestCache_LoadOutlivesTheCallerWhoStartedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l loads
		c := NewCache(time.Now, func(ctx context.Context, key string) (int, time.Duration, error) {
			value, lifetime, err := l.load(ctx, key)
			return value, lifetime, errors.Join(err, ctx.Err())
		})
		leaving, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := c.Get(leaving, "key")
			assert.ErrorIs(t, err, domain.Unavailable)
		})
		synctest.Wait()
		all.Go(func() {
			value, err := c.Get(t.Context(), "key")
			assert.NoError(t, err)
			assert.Equal(t, 1, value)
		})
		synctest.Wait()
		leave()
		all.Wait()
		assert.Equal(t, 1, l.count)
	})
}

func TestCache_EndedCallerStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l loads
		c := NewCache(time.Now, l.load)
		ended, end := context.WithCancel(t.Context())
		end()
		_, err := c.Get(ended, "key")
		require.ErrorIs(t, err, domain.Unavailable)
		_, err = c.Refresh(ended, "key")
		require.ErrorIs(t, err, domain.Unavailable)
		c.Close()
		assert.Zero(t, l.count)
	})
}

// Late news about an old value must not cost its successor.
func TestCache_ForgetsTheStaleValueOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l loads
		c := NewCache(time.Now, l.load)
		first, err := c.Get(t.Context(), "key")
		require.NoError(t, err)
		c.Forget("key", first)
		second, err := c.Get(t.Context(), "key")
		require.NoError(t, err)
		c.Forget("key", first)
		again, err := c.Get(t.Context(), "key")
		require.NoError(t, err)
		assert.Equal(t, second, again)
		assert.Equal(t, 2, l.count)
	})
}

func TestCache_RefreshLoadsWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l loads
		c := NewCache(time.Now, l.load)
		_, err := c.Get(t.Context(), "key")
		require.NoError(t, err)
		value, err := c.Refresh(t.Context(), "key")
		require.NoError(t, err)
		assert.Equal(t, 2, value)
		value, err = c.Get(t.Context(), "key")
		require.NoError(t, err)
		assert.Equal(t, 2, value, "what was refreshed is kept")
	})
}

func TestCache_CloseWaitsForTheLoadUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loaded := false
		c := NewCache(time.Now, func(context.Context, string) (int, time.Duration, error) {
			time.Sleep(time.Hour)
			loaded = true
			return 0, 0, nil
		})
		leaving, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		_, err := c.Get(leaving, "key")
		require.ErrorIs(t, err, domain.Unavailable)
		c.Close()
		assert.True(t, loaded)
	})
}
