package keycloak

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// together makes the reads side by side and returns the first error, which ends the
// others. One is made here: a goroutine less is worth having.
func together(ctx context.Context, reads ...func(context.Context) error) error {
	if len(reads) == 0 {
		return nil
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, read := range reads[1:] {
		all.Go(func() error { return read(ctx) })
	}
	if err := reads[0](ctx); err != nil {
		all.Go(func() error { return err })
	}
	return all.Wait()
}

// into makes a read that puts what get returns into the target.
func into[T any](target *T, get func(context.Context) (T, error)) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		*target, err = get(ctx)
		return err
	}
}
