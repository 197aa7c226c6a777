package auditlog

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// slow is a file whose syncs wait for the test.
type slow struct {
	takes
	syncing, synced chan struct{}
	syncs           int
	atSync          int // how many bytes were there
}

func newSlow() *slow {
	return &slow{takes: takes{limit: -1}, syncing: make(chan struct{}), synced: make(chan struct{})}
}

func (s *slow) Sync() error {
	s.syncs++
	s.atSync = s.Len()
	s.syncing <- struct{}{}
	<-s.synced
	return s.err
}

// Callers who come while the disk is busy share the next sync, and none is told before it
// is over.
func TestRecord_SharesASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newSlow()
		log := New(disk)
		var told []string
		var mu sync.Mutex
		var all sync.WaitGroup
		send := func(id string) {
			all.Go(func() {
				assert.NoError(t, log.Record(t.Context(), request(id)))
				mu.Lock()
				defer mu.Unlock()
				told = append(told, id)
			})
		}
		send("first")
		<-disk.syncing
		var later []string
		for i := range 50 {
			later = append(later, fmt.Sprint(i))
			send(later[i])
			synctest.Wait()
		}
		assert.Empty(t, told)
		disk.synced <- struct{}{}
		<-disk.syncing
		synctest.Wait()
		assert.Equal(t, []string{"first"}, told)
		assert.Equal(t, disk.Len(), disk.atSync)
		disk.synced <- struct{}{}
		all.Wait()
		assert.Equal(t, 2, disk.syncs)
		assert.ElementsMatch(t, append(later, "first"), told)
		assert.Equal(t, append([]string{"first"}, later...), requestIDs(t, disk.String()))
	})
}

// A sync that fails fails for all who shared it, and Reserve refuses until one succeeds.
func TestRecord_FailsWithItsSync(t *testing.T) {
	disk := newSlow()
	log := New(disk)
	go func() {
		for range disk.syncing {
			disk.synced <- struct{}{}
		}
	}()
	disk.err = fmt.Errorf("the disk is gone")
	requireUnavailable(t, log.Record(t.Context(), fullEvent()))
	requireUnavailable(t, reserve(t, log))
	requireUnavailable(t, log.RecordStranger(t.Context(), fullEvent()), "only a sync proves that it works again")
	disk.err = nil
	require.NoError(t, log.RecordStranger(t.Context(), fullEvent()))
	require.NoError(t, reserve(t, log))
	syncs := disk.syncs
	require.NoError(t, log.RecordStranger(t.Context(), fullEvent()))
	assert.Equal(t, syncs, disk.syncs, "strangers' refusals are not synced one by one")
	close(disk.syncing)
}

// stranger is the refusal of a caller of whom nothing is known.
func stranger(action domain.Action, reason domain.Kind) domain.AuditEvent {
	return domain.AuditEvent{Action: action, Outcome: domain.Refused, Reason: reason}
}

func TestRecordStranger_KeepsTheFirstOfEachSecondAndCountsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &takes{limit: -1}
		log := New(disk)
		for range 2 {
			for i := range 100 {
				reason, action := domain.Unauthenticated, domain.ActionGetStatus
				if i%10 == 9 {
					reason, action = domain.Unavailable, domain.ActionSyncUser
				}
				require.NoError(t, log.RecordStranger(t.Context(), stranger(action, reason)))
			}
			record(t, log, "admitted") // Never left out.
			time.Sleep(1500 * time.Millisecond)
		}
		require.NoError(t, log.Close())
		lines := summaries(t, disk.String())
		assert.Len(t, lines, 2*(10+1+1))
		for _, last := range []summary{lines[11], lines[23]} {
			assert.Equal(t, suppressed{
				map[domain.Kind]uint64{domain.Unauthenticated: 81, domain.Unavailable: 9}, map[domain.Action]uint64{domain.ActionGetStatus: 81, domain.ActionSyncUser: 9},
			}, last.suppressed)
			assert.Equal(t, domain.Refused, last.Outcome)
			assert.Less(t, last.Since, last.Time)
		}
		assert.EqualValues(t, 180, log.Suppressed())
	})
}

func TestRecordStranger_LosesNoCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &takes{limit: -1, err: fmt.Errorf("full")}
		log := New(disk)
		flood := func(times int) {
			for range times {
				_ = log.RecordStranger(t.Context(), stranger(domain.ActionGetStatus, domain.Unauthenticated))
			}
		}
		takes := func(limit int) {
			log.turn <- struct{}{}
			defer log.release()
			disk.limit = limit
		}
		flood(15)
		takes(0)
		time.Sleep(2500 * time.Millisecond) // It is tried again each second.
		flood(15)
		takes(-1)
		time.Sleep(2 * time.Second)
		flood(15)
		require.NoError(t, log.Close(), "the rest is told at the end")
		var counts []uint64
		for _, line := range summaries(t, disk.String()) {
			if count := line.Reasons[domain.Unauthenticated]; count > 0 {
				counts = append(counts, count)
			}
		}
		assert.Equal(t, []uint64{10, 5}, counts)

		flood(11)
		assert.Len(t, summaries(t, disk.String()), 10+1+10+1+11, "nobody would tell of them later")
		takes(0)
		requireUnavailable(t, log.RecordStranger(t.Context(), stranger(domain.ActionGetStatus, domain.Unauthenticated)))
	})
}

// BenchmarkWrite_AmongStrangers reports how long the record of a write takes, alone and
// with a hundred connections of strangers.
func BenchmarkWrite_AmongStrangers(b *testing.B) {
	for _, connections := range []int{0, 100} {
		b.Run(fmt.Sprint(connections), func(b *testing.B) {
			log, err := Open(filepath.Join(b.TempDir(), "audit.log"))
			require.NoError(b, err)
			defer log.Close()
			var strangers sync.WaitGroup
			end := make(chan struct{})
			for range connections {
				strangers.Go(func() {
					for {
						select {
						case <-end:
							return
						case <-time.After(time.Millisecond): // until the next request
							_ = log.RecordStranger(b.Context(), stranger(domain.ActionGetStatus, domain.Unauthenticated))
						}
					}
				})
			}
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				require.NoError(b, reserved(b, log, fullEvent()))
				took = append(took, time.Since(start))
			}
			close(end)
			strangers.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
