package main

import (
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// plotLatency draws the median and the 99th percentile of each side against the
// concurrency; of several runs at one concurrency, their median.
func plotLatency(report report, file string) error {
	p := plot.New()
	p.Title.Text = "Latency of " + report.Work
	p.X.Label.Text, p.Y.Label.Text = "requests under way at once", "milliseconds"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left = true, true
	var lines []any
	for _, side := range []string{"service", "direct"} {
		for _, quantile := range []struct {
			name string
			of   func(result) float64
		}{{"p50", func(r result) float64 { return r.P50 }}, {"p99", func(r result) float64 { return r.P99 }}} {
			if points := pointsOf(report.Runs, side, quantile.of); len(points) > 0 {
				lines = append(lines, side+" "+quantile.name, points)
			}
		}
	}
	if err := plotutil.AddLinePoints(p, lines...); err != nil {
		return err
	}
	return p.Save(18*vg.Centimeter, 11*vg.Centimeter, file)
}

// pointsOf returns a point for each concurrency.
func pointsOf(runs []result, side string, quantile func(result) float64) plotter.XYs {
	values := make(map[int][]float64)
	for _, run := range runs {
		if run.Side == side && run.Requests > 0 {
			values[run.Concurrency] = append(values[run.Concurrency], quantile(run))
		}
	}
	var points plotter.XYs
	for concurrency, of := range values {
		slices.Sort(of)
		points = append(points, plotter.XY{X: float64(concurrency), Y: of[len(of)/2]})
	}
	slices.SortFunc(points, func(a, b plotter.XY) int { return int(a.X - b.X) })
	return points
}
