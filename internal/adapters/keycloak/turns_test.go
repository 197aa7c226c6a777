package keycloak

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func TestTurns_OneAtATimeForEachUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all turns
		began := time.Now()
		var wait sync.WaitGroup
		for _, id := range []domain.UserID{"a", "b"} {
			for range 5 {
				wait.Go(func() {
					done, err := all.take(t.Context(), id)
					assert.NoError(t, err)
					time.Sleep(time.Second)
					done()
				})
			}
		}
		wait.Wait()
		assert.Equal(t, 5*time.Second, time.Since(began), "two users at the same time")
		assert.Empty(t, all.taken, "nothing is kept")
	})
}

func TestTurns_WaitingEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all turns
		done, err := all.take(t.Context(), "a")
		require.NoError(t, err)
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		_, err = all.take(ctx, "a")
		require.ErrorIs(t, err, domain.Unavailable)
		done()
		done, err = all.take(t.Context(), "a")
		require.NoError(t, err, "whoever left has taken nothing")
		done()
	})
}
