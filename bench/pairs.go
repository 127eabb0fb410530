package main

import (
	"flag"
	"fmt"
	"slices"
	"testing"
)

// A pair is two ways to do the same work. They are measured in turn, A B A B, in one process, and
// only their ratio is reported: machines differ and are noisy, ratios less so.
type pair struct {
	work    string
	against string
	asked   float64 // how many times as fast ours has to be
	ours    func(*testing.B)
	theirs  func(*testing.B)
	// benchtime of one measurement, as `go test -benchtime` has it; "" is 50ms.
	benchtime string
}

const rounds = 11

// A row is what came out: nanoseconds and allocations of one operation, and how many times as fast
// ours is, with the quartiles of the rounds.
type row struct {
	pair
	oursNs, theirsNs         float64
	oursAllocs, theirsAllocs int64
	ratio, low, high         float64
}

func (p pair) measure() (row, error) {
	benchtime := p.benchtime
	if benchtime == "" {
		benchtime = "50ms"
	}
	if err := flag.Set("test.benchtime", benchtime); err != nil {
		return row{}, err
	}
	var ours, theirs, ratios []float64
	r := row{pair: p}
	for range rounds {
		a, b := testing.Benchmark(p.ours), testing.Benchmark(p.theirs)
		if a.N == 0 || b.N == 0 {
			return row{}, fmt.Errorf("%s: failed", p.work)
		}
		ours = append(ours, nanoseconds(a))
		theirs = append(theirs, nanoseconds(b))
		ratios = append(ratios, nanoseconds(b)/nanoseconds(a))
		r.oursAllocs, r.theirsAllocs = a.AllocsPerOp(), b.AllocsPerOp()
	}
	r.oursNs, r.theirsNs = quantile(ours, 0.5), quantile(theirs, 0.5)
	r.low, r.ratio, r.high = quantile(ratios, 0.25), quantile(ratios, 0.5), quantile(ratios, 0.75)
	return r, nil
}

func nanoseconds(r testing.BenchmarkResult) float64 {
	return float64(r.T.Nanoseconds()) / float64(r.N)
}

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

const format = "%-44s %-34s %10s %10s %7s %-13s %6s  %s\n"

func printHead() {
	fmt.Printf(format, "work", "against", "ours", "theirs", "ratio", "(quartiles)", "asked", "allocations")
}

func (r row) print() {
	verdict := ""
	if r.ratio < r.asked {
		verdict = "  MISSED"
	}
	fmt.Printf(format, r.work, r.against, duration(r.oursNs), duration(r.theirsNs),
		fmt.Sprintf("%.2f", r.ratio), fmt.Sprintf("(%.2f-%.2f)", r.low, r.high),
		fmt.Sprintf("%.2f", r.asked), fmt.Sprintf("%d : %d%s", r.oursAllocs, r.theirsAllocs, verdict))
}

func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.1f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.2f us", ns/1e3)
	default:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	}
}
