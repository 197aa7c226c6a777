package app_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/app"
	"user-sync-service/internal/domain"
)

// checker is a provider that is asked for nothing but its health.
type checker struct {
	mu     sync.Mutex
	err    error
	checks int
}

func (c *checker) Check(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checks++
	return c.err
}

func (c *checker) become(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func TestHealth_FollowsTheProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		provider := &checker{}
		health := app.NewHealth(provider.Check, slog.New(slog.NewTextHandler(&log, nil)))
		require.ErrorIs(t, health.Err(), domain.Unavailable, "unhealthy until the first answer")
		assert.Zero(t, provider.checks, "asking does not check")

		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { health.Run(ctx) })
		synctest.Wait()
		require.NoError(t, health.Err(), "checked at once")

		down := &domain.Error{Kind: domain.Timeout, Err: errors.New("no answer")}
		provider.become(down)
		time.Sleep(time.Minute)
		require.ErrorIs(t, health.Err(), domain.Timeout)
		for _, fault := range []error{domain.SetupFault("first"), domain.Unavailable, domain.SetupFault("second")} {
			provider.become(&domain.Error{Kind: domain.Internal, Err: fault})
			time.Sleep(time.Minute)
		}
		provider.become(nil)
		time.Sleep(time.Minute)
		require.NoError(t, health.Err())

		stop()
		running.Wait()
		assert.Equal(t, 3, strings.Count(log.String(), "is not usable"), "an outage is one line, and so is each fault of the set-up")
		assert.Equal(t, 2, strings.Count(log.String(), "is usable"), "so is its end, and the first answer")
	})
}

func TestHealth_LogsAProviderThatIsDownFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		health := app.NewHealth((&checker{err: &domain.Error{Kind: domain.Internal}}).Check, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { health.Run(ctx) })
		synctest.Wait()
		require.ErrorIs(t, health.Err(), domain.Internal)
		stop()
		running.Wait()
		assert.Equal(t, 1, strings.Count(log.String(), "is not usable"))
	})
}
