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
	// rounds is how often the two take turns, 0 for 11. Many short ones tell small differences apart.
	rounds int
	// missing is why there is nothing to compare with; "" if there is.
	missing string
	// why is what stands in the way of more, for where that is less than asked.
	why string
	// done, if there is one, cleans up.
	done func()
}

// missing is a pair of which one can't be had on this machine: it is named, not left out.
func missing(work, reason string) pair { return pair{work: work, missing: reason} }

// A row is what came out: nanoseconds and allocations of one operation, and how many times as fast
// ours is, with the quartiles of the rounds.
type row struct {
	pair
	oursNs, theirsNs         float64
	oursAllocs, theirsAllocs int64
	ratio, low, high         float64
}

func (p pair) measure() (row, error) {
	if p.done != nil {
		defer p.done()
	}
	if p.missing != "" {
		return row{pair: p}, nil
	}
	if p.rounds == 0 {
		p.rounds = 11
	}
	benchtime := p.benchtime
	if benchtime == "" {
		benchtime = "50ms"
	}
	if err := flag.Set("test.benchtime", benchtime); err != nil {
		return row{}, err
	}
	var ours, theirs, ratios []float64
	r := row{pair: p}
	for range p.rounds {
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
