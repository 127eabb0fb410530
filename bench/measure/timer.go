// Package measure times work: two or more ways to do it in turn, on processors of their own, while it watches
// whether something else uses the machine.
package measure

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"
)

// A B runs one measurement of one way to do the work, as a testing.B does: the function that it is given to does the
// work N times. The clock runs from the beginning; StopTimer and StartTimer leave out what doesn't belong to the work.
//
// It is no testing.B since that runs on a thread of its own each time, which can't be pinned to a processor, and
// finds out anew for each measurement how often to do the work.
type B struct {
	N       int
	elapsed time.Duration
	begun   time.Time
	running bool
	counts  *counts // Nil where nothing is counted.
}

// StartTimer has the clock run on.
func (b *B) StartTimer() {
	if b.running {
		return
	}
	b.running = true
	b.counts.begin()
	b.begun = time.Now()
}

// StopTimer stops the clock.
func (b *B) StopTimer() {
	if !b.running {
		return
	}
	b.elapsed += time.Since(b.begun)
	b.counts.end()
	b.running = false
}

// Took replaces what the clock shows by a time that the work has measured itself.
func (b *B) Took(elapsed time.Duration) {
	b.StopTimer()
	b.elapsed = elapsed
}

// A failure ends a measurement.
type failure struct{ error }

// Fatal ends the measurement, which fails.
func (b *B) Fatal(values ...any) { panic(failure{errors.New(fmt.Sprint(values...))}) }

// Fatalf does the same.
func (b *B) Fatalf(format string, values ...any) { panic(failure{fmt.Errorf(format, values...)}) }

// nanoseconds is what one operation took.
func (b *B) nanoseconds() float64 { return float64(b.elapsed.Nanoseconds()) / float64(b.N) }

// once runs the work n times.
func once(work func(*B), n int, c *counts) (b *B, err error) {
	b = &B{N: n, counts: c}
	defer func() {
		if reason := recover(); reason != nil {
			failed, ours := reason.(failure)
			if !ours {
				panic(reason)
			}
			err = failed.error
		}
	}()
	b.StartTimer()
	work(b)
	b.StopTimer()
	return b, nil
}

// times returns how often the work is to be done for it to take about that long. What takes long enough is done twice:
// where something else ran meanwhile, it says too little.
func times(work func(*B), long time.Duration) (int, error) {
	const most = 1_000_000_000
	for n := 1; ; {
		least := time.Duration(math.MaxInt64)
		for range 2 {
			b, err := once(work, n, nil)
			if err != nil {
				return 0, err
			}
			if least = min(least, b.elapsed); least < long/2 {
				break
			}
		}
		if least >= long/2 || n == most {
			return max(1, int(float64(n)*float64(long)/float64(least))), nil
		}
		n = min(most, n*int(min(100, max(2, long/max(1, least)))))
	}
}

// allocated returns how many objects were ever allocated.
func allocated() uint64 {
	var all runtime.MemStats
	runtime.ReadMemStats(&all)
	return all.Mallocs
}

// Once does the work n times without the clock.
func Once(work func(*B), n int) error {
	_, err := once(work, n, nil)
	return err
}
