package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// fill takes all places of the lane.
func fill(t *testing.T, d *door, l lane) (leave func()) {
	t.Helper()
	var leaves []func()
	for d.lanes[l].places.TryAcquire(usualWeight) {
		leaves = append(leaves, func() { d.lanes[l].places.Release(usualWeight) })
	}
	require.NotEmpty(t, leaves)
	return func() {
		for _, leave := range leaves {
			leave()
		}
	}
}

func TestDoor_NoLaneTakesThePlacesOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for full := range lanes {
			d := newDoor(64)
			fill(t, d, full)
			for l := range lanes {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				leave, err := d.enter(ctx, l, usualWeight)
				cancel()
				if l == full {
					require.Error(t, err)
					continue
				}
				require.NoError(t, err, "%s while %s is full", l, full)
				leave()
			}
		}
	})
}

func TestDoor_LetsFewerReadsInBesideChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(64)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		// letIn enters until it has to wait too long.
		letIn := func() (leaves []func()) {
			for {
				leave, err := d.enter(ctx, reads, usualWeight)
				if err != nil {
					return leaves
				}
				leaves = append(leaves, leave)
			}
		}
		leaveAll := func(leaves []func()) {
			for _, leave := range leaves {
				leave()
			}
		}
		alone := letIn()
		leaveAll(alone)
		change, err := d.enter(ctx, urgent, usualWeight)
		require.NoError(t, err)
		beside := letIn()
		assert.Len(t, beside, len(alone)/4)
		leaveAll(beside)
		change()
		assert.Len(t, letIn(), len(alone), "a place was not given back")
	})
}

func TestDoor_WaitsForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(64)
		leave := fill(t, d, writes)
		time.AfterFunc(time.Second, leave)
		leaveToo, err := d.enter(t.Context(), writes, usualWeight)
		require.NoError(t, err)
		assert.EqualValues(t, 1, d.lanes[writes].inside.Load())
		leaveToo()
		assert.Zero(t, d.lanes[writes].inside.Load())
		assert.True(t, d.lanes[writes].places.TryAcquire(d.lanes[writes].size), "a place was not given back")
	})
}

func TestDoor_RefusesWhoWaitsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(64)
		fill(t, d, reads)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin := time.Now()
		_, err := d.enter(ctx, reads, usualWeight)
		require.ErrorIs(t, err, domain.Overloaded)
		assert.Equal(t, time.Second, time.Since(begin), "the rest of the time is for the work")
		assert.Zero(t, d.lanes[reads].waiting.Load())
		assert.EqualValues(t, 1, d.lanes[reads].refused.Load())
	})
}

func TestDoor_RefusesAtOnceWhenTooManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(64)
		fill(t, d, reads)
		ctx, cancel := context.WithCancel(t.Context())
		for range mostWaiting {
			go func() { _, _ = d.enter(ctx, reads, usualWeight) }()
		}
		synctest.Wait()
		_, err := d.enter(ctx, reads, usualWeight)
		require.ErrorIs(t, err, domain.Overloaded)
		cancel()
		synctest.Wait()
		assert.Zero(t, d.lanes[reads].waiting.Load(), "callers who have gone still wait")
	})
}

// However few calls the provider takes, each lane has a way in.
func TestDoor_AlwaysLetsSomebodyIn(t *testing.T) {
	for _, calls := range []int{0, 1, 7} {
		d := newDoor(calls)
		for l := range lanes {
			_, err := d.enter(t.Context(), l, detailedWeight)
			assert.NoError(t, err, "%d calls, %s", calls, l)
		}
	}
}
