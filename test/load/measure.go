package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// report is all that was measured.
type report struct {
	Work   string   `json:"work"`
	Runs   []result `json:"runs"`
	Ratios []ratio  `json:"ratios,omitempty"`
}

// result is one run of one side. Times are in milliseconds.
type result struct {
	Side        string  `json:"side"`
	Concurrency int     `json:"concurrency"`
	Requests    int     `json:"requests"` // that succeeded
	Errors      int     `json:"errors"`
	FirstError  string  `json:"first_error,omitempty"`
	PerSecond   float64 `json:"requests_per_second"`
	P50         float64 `json:"p50_ms"`
	P95         float64 `json:"p95_ms"`
	P99         float64 `json:"p99_ms"`
	Max         float64 `json:"max_ms"`
	// KeycloakCalls is -1 where nobody counts them.
	KeycloakCalls int `json:"keycloak_calls"`
}

// ratio compares the two runs of a pair.
type ratio struct {
	Concurrency int     `json:"concurrency"`
	Throughput  float64 `json:"throughput"`   // of the service, by that of the direct calls
	AddedMedian float64 `json:"added_p50_ms"` // by the service
}

// measure runs the sides in turn, at each concurrency.
func (o options) measure(ctx context.Context, sides []side, out io.Writer) (report, error) {
	report := report{Work: o.Work}
	pairs := 1
	if len(sides) > 1 {
		pairs = o.Pairs
	}
	number := new(atomic.Int64)
	for _, concurrency := range o.Concurrency {
		for _, side := range sides {
			o.warmUp(ctx, side, concurrency, number)
		}
		var ratios []float64
		for range pairs {
			var pair []result
			for _, side := range sides {
				made, err := o.runSide(ctx, side, concurrency, number)
				if err != nil {
					return report, err
				}
				fmt.Fprintln(out, made)
				pair = append(pair, made)
			}
			report.Runs = append(report.Runs, pair...)
			if len(pair) == 2 {
				r := ratio{concurrency, pair[0].PerSecond / pair[1].PerSecond, pair[0].P50 - pair[1].P50}
				fmt.Fprintf(out, "  service/direct: throughput %.3f, added median %.2f ms\n", r.Throughput, r.AddedMedian)
				report.Ratios = append(report.Ratios, r)
				ratios = append(ratios, r.Throughput)
			}
		}
		if len(ratios) > 0 {
			slices.Sort(ratios)
			fmt.Fprintf(out, "median of %d pairs at concurrency %d: throughput %.3f of direct\n", len(ratios), concurrency, ratios[len(ratios)/2])
		}
	}
	return report, ctx.Err()
}

// warmUp opens the connections, so that no run has to.
func (o options) warmUp(ctx context.Context, s side, concurrency int, number *atomic.Int64) {
	var all sync.WaitGroup
	for range concurrency {
		all.Go(func() { _ = s.work(ctx, int(number.Add(1))) }) // What fails here fails in the run too.
	}
	all.Wait()
}

// runSide is one run.
func (o options) runSide(ctx context.Context, s side, concurrency int, number *atomic.Int64) (result, error) {
	before, countErr := s.calls(ctx)
	var mu sync.Mutex
	var took []time.Duration
	made := result{Side: s.name, Concurrency: concurrency, KeycloakCalls: -1}
	do := func() {
		began := time.Now()
		err := s.work(ctx, int(number.Add(1)))
		duration := time.Since(began)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			made.Errors++
			if made.FirstError == "" {
				made.FirstError = err.Error()
			}
			return
		}
		took = append(took, duration)
	}
	began := time.Now()
	if o.Rate > 0 {
		made.Errors += o.openLoop(ctx, concurrency, do)
	} else {
		o.closedLoop(ctx, concurrency, do)
	}
	elapsed := time.Since(began)
	if err := ctx.Err(); err != nil {
		return made, err
	}
	if after, err := s.calls(ctx); err == nil && countErr == nil {
		made.KeycloakCalls = after - before
	}
	made.summarize(took, elapsed)
	return made, nil
}

// closedLoop has so many clients who each wait for an answer before they ask again.
func (o options) closedLoop(ctx context.Context, concurrency int, do func()) {
	var left atomic.Int64
	left.Store(int64(o.Count))
	end := time.Now().Add(o.Duration)
	more := func() bool {
		if o.Count > 0 {
			return left.Add(-1) >= 0
		}
		return time.Now().Before(end)
	}
	var clients sync.WaitGroup
	for range concurrency {
		clients.Go(func() {
			for ctx.Err() == nil && more() {
				do()
			}
		})
	}
	clients.Wait()
}

// openLoop begins requests at a rate, as people do who do not know of each other, and
// returns how many could not be begun because all places were taken.
func (o options) openLoop(ctx context.Context, concurrency int, do func()) (dropped int) {
	places := make(chan struct{}, concurrency)
	pace := time.NewTicker(time.Duration(float64(time.Second) / o.Rate))
	defer pace.Stop()
	end := time.Now().Add(o.Duration)
	var under sync.WaitGroup
	for begun := 0; ctx.Err() == nil && (o.Count > 0 && begun < o.Count || o.Count == 0 && time.Now().Before(end)); begun++ {
		<-pace.C
		select {
		case places <- struct{}{}:
			under.Go(func() {
				do()
				<-places
			})
		default:
			dropped++
		}
	}
	under.Wait()
	return dropped
}

// summarize fills in what follows from the durations.
func (r *result) summarize(took []time.Duration, elapsed time.Duration) {
	slices.Sort(took)
	r.Requests = len(took)
	r.PerSecond = float64(len(took)) / elapsed.Seconds()
	at := func(share float64) float64 {
		if len(took) == 0 {
			return 0
		}
		return took[min(len(took)-1, int(share*float64(len(took))))].Seconds() * 1000
	}
	r.P50, r.P95, r.P99, r.Max = at(.5), at(.95), at(.99), at(1)
}

func (r result) String() string {
	text := fmt.Sprintf("%-8s concurrency %3d: %8.1f requests/s, p50 %6.2f ms, p95 %6.2f, p99 %6.2f, max %6.2f, %d errors",
		r.Side, r.Concurrency, r.PerSecond, r.P50, r.P95, r.P99, r.Max, r.Errors)
	if r.FirstError != "" {
		text += " (" + r.FirstError + ")"
	}
	if r.KeycloakCalls >= 0 {
		text += fmt.Sprintf(", %d Keycloak calls", r.KeycloakCalls)
	}
	return text
}
