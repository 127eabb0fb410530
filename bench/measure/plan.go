package measure

import (
	"runtime"
	"time"
)

// A Plan is what to measure together: ways to do the same work, which take turns, so that what slows the machine down
// for a moment slows down all of them.
type Plan struct {
	Ways []func(*B)
	// Long is how long one measurement of one way takes, about.
	Long time.Duration
	// Times, if it isn't 0, is how often one measurement does the work instead.
	Times int
	// Rounds is how often each way has its turn.
	Rounds int
	// Threads leaves the processors to the work, which pins its own threads; without it, the thread that measures is
	// pinned to one.
	Threads bool
}

// Results are what came of a plan, by way.
type Results struct {
	Nanoseconds [][]float64 // One operation, in each round.
	Counts      []Counts
	Condition   Condition
}

// Run measures. The thread must be locked (runtime.LockOSThread).
func (p Plan) Run(watch *Watch) (Results, error) {
	if p.Threads {
		Unpin()
	} else {
		Pin(0)
		defer Unpin()
	}
	r := Results{Nanoseconds: make([][]float64, len(p.Ways))}
	often := make([]int, len(p.Ways))
	for i, way := range p.Ways {
		if often[i] = p.Times; p.Times == 0 {
			n, err := times(way, p.Long)
			if err != nil {
				return r, err
			}
			often[i] = n
		}
		// The round that counts warms up the others.
		c := newCounts()
		_, err := once(way, often[i], c)
		r.Counts = append(r.Counts, c.of(often[i]))
		if err != nil {
			return r, err
		}
	}
	runtime.GC()
	watch.begin()
	for round := range p.Rounds {
		for turn := range p.Ways {
			i := turn
			if round%2 == 1 { // Nobody is always first.
				i = len(p.Ways) - 1 - turn
			}
			b, err := once(p.Ways[i], often[i], nil)
			if err != nil {
				return r, err
			}
			r.Nanoseconds[i] = append(r.Nanoseconds[i], b.nanoseconds())
		}
	}
	r.Condition = watch.end()
	return r, nil
}
